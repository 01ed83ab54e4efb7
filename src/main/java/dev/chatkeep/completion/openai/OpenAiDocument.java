package dev.chatkeep.completion.openai;

import dev.chatkeep.completion.AnswerReader;
import dev.chatkeep.completion.CompletionFailure;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.LiveCompletion;
import dev.chatkeep.completion.PieceKind;
import dev.chatkeep.provider.ProviderFailure.Kind;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;

/** Sends an answer as OpenAI does when nobody asks for a stream: the provider's own document, word for word. */
final class OpenAiDocument implements AnswerReader {

    private String document;
    private CompletionResult result;
    private UniEmitter<? super String> client;

    /** The body of the response, when the answer is stored. */
    Uni<String> of(LiveCompletion live) {
        return Uni.createFrom().emitter(client -> {
            client.onTermination(() -> live.onContext(() -> live.detach(this)));
            live.onContext(() -> {
                this.client = client;
                send();
            });
        });
    }

    @Override
    public boolean isFollowing() {
        return client != null;
    }

    @Override
    public void received(String piece, PieceKind kind) {
        document = piece;
    }

    @Override
    public void finished(CompletionResult result) {
        this.result = result;
        send();
    }

    private void send() {
        if (client == null || result == null) {
            return;
        }
        if (result instanceof Failed failed) {
            client.fail(failed.failure());
        } else if (!document.stripLeading().startsWith("{")) {
            client.fail(CompletionFailure.of(Kind.FAILED)); // it sent a stream
        } else {
            client.complete(document);
        }
    }
}

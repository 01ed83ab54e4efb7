package dev.chatkeep.completion;

import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;

/** An answer as OpenAI writes it when nobody asks for a stream: the provider's own document, word for word. */
final class OpenAiDocument implements LiveCompletion.Reader {

    private String document;
    private CompletionResult outcome;
    private UniEmitter<? super String> client;

    /** The body of the response, when the answer is stored. */
    Uni<String> of(LiveCompletion live) {
        return Uni.createFrom().emitter(client -> {
            client.onTermination(() -> live.onContext(() -> live.detach(this)));
            live.onContext(() -> {
                this.client = client;
                answer();
            });
        });
    }

    @Override
    public boolean isFollowing() {
        return client != null;
    }

    @Override
    public void received(String piece, Transcript.Piece kind) {
        document = piece;
    }

    @Override
    public void finished(CompletionResult outcome) {
        this.outcome = outcome;
        answer();
    }

    private void answer() {
        if (client == null || outcome == null) {
            return;
        }
        if (outcome.problem() != null) {
            client.fail(outcome.problem());
        } else if (!document.stripLeading().startsWith("{")) {
            client.fail(ProviderFailure.of(Kind.FAILED).toProblem()); // it streamed all the same
        } else {
            client.complete(document);
        }
    }
}

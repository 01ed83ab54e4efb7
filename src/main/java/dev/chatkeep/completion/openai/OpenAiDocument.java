package dev.chatkeep.completion.openai;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.AnswerReader;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.LiveCompletion;
import dev.chatkeep.completion.PieceKind;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;

/**
 * Sends an answer as OpenAI does when nobody asks for a stream: the provider's own document, word for word, or what is put
 * together of the stream that the provider sent instead.
 */
final class OpenAiDocument implements AnswerReader {

    private final JoinedCompletion joined;
    private String document;
    private CompletionResult result;
    private UniEmitter<? super String> client;

    OpenAiDocument(ObjectMapper json) {
        this.joined = new JoinedCompletion(json);
    }

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
        switch (kind) {
            case WHOLE -> document = piece;
            case CHUNK, USAGE -> joined.add(piece);
            case LAST, ERROR, MALFORMED -> {
                // nothing of the answer
            }
        }
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
        } else {
            client.complete(document != null ? document : joined.document((Answered) result));
        }
    }
}

package dev.chatkeep.completion.chat;

import dev.chatkeep.completion.AnswerReader;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.LiveCompletion;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;

/** Waits for the end of an answer. */
final class AwaitedResult implements AnswerReader {

    private final UniEmitter<? super CompletionResult> client;

    private AwaitedResult(UniEmitter<? super CompletionResult> client) {
        this.client = client;
    }

    /** The complete answer; a failure if there is none. */
    static Uni<Answered> of(LiveCompletion live) {
        return Uni.createFrom().<CompletionResult> emitter(client -> {
            AwaitedResult reader = new AwaitedResult(client);
            client.onTermination(() -> live.onContext(() -> live.detach(reader)));
            live.onContext(() -> live.attach(reader));
        }).map(result -> {
            if (result instanceof Failed failed) {
                throw failed.failure();
            }
            return (Answered) result;
        });
    }

    @Override
    public void finished(CompletionResult result) {
        client.complete(result);
    }
}

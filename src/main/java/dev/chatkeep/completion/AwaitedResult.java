package dev.chatkeep.completion;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;

/** Waits for the end. */
final class AwaitedResult implements LiveCompletion.Reader {

    private final UniEmitter<? super CompletionResult> client;

    private AwaitedResult(UniEmitter<? super CompletionResult> client) {
        this.client = client;
    }

    /** The complete answer, or the problem that there is instead. */
    static Uni<AnswerView> of(LiveCompletion live) {
        return Uni.createFrom().<CompletionResult> emitter(client -> {
            AwaitedResult reader = new AwaitedResult(client);
            client.onTermination(() -> live.onContext(() -> live.detach(reader)));
            live.onContext(() -> live.attach(reader));
        }).map(outcome -> {
            if (outcome.problem() != null) {
                throw outcome.problem();
            }
            return outcome.answer();
        });
    }

    @Override
    public void finished(CompletionResult outcome) {
        client.complete(outcome);
    }
}

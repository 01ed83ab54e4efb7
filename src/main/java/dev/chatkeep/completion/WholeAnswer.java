package dev.chatkeep.completion;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;

/** Waits for the end. */
final class WholeAnswer implements LiveCompletion.Reader {

    private final UniEmitter<? super Outcome> client;

    private WholeAnswer(UniEmitter<? super Outcome> client) {
        this.client = client;
    }

    /** The complete answer, or the problem that there is instead. */
    static Uni<Answer> of(LiveCompletion live) {
        return Uni.createFrom().<Outcome> emitter(client -> {
            WholeAnswer reader = new WholeAnswer(client);
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
    public void over(Outcome outcome) {
        client.complete(outcome);
    }
}

package dev.chatkeep.completion;

import java.time.Duration;

import io.vertx.core.Vertx;

/** Runs work later, on the context that asks for it. */
interface Timers {

    /** For a timer that was not set; cancelling it does nothing. */
    long NONE = -1;

    long once(Duration delay, Runnable work);

    long periodically(Duration period, Runnable work);

    void cancel(long timer);

    static Timers of(Vertx vertx) {
        return new Timers() {

            @Override
            public long once(Duration delay, Runnable work) {
                return vertx.setTimer(delay.toMillis(), id -> work.run());
            }

            @Override
            public long periodically(Duration period, Runnable work) {
                return vertx.setPeriodic(period.toMillis(), id -> work.run());
            }

            @Override
            public void cancel(long timer) {
                vertx.cancelTimer(timer);
            }
        };
    }
}

package dev.chatkeep.database;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

import dev.chatkeep.problem.DatabaseProblems;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Vertx;

/**
 * Lets the writes of one user take turns before they take a connection. The database lets them take turns too, but there each
 * would hold a connection while it waits, and a single user could hold all of them.
 */
final class Turns {

    private final Vertx vertx;
    private final int maxWaiting;
    private final Duration patience;
    /** Users whose write runs, each with the turns that wait for it to end. */
    private final Map<UUID, Queue<Turn>> running = new ConcurrentHashMap<>();

    /**
     * @param maxWaiting of one user; further writes fail with 429 {@code too_many_writes}
     * @param patience how long a write waits before it fails with 503 {@code too_busy}
     */
    Turns(Vertx vertx, int maxWaiting, Duration patience) {
        this.vertx = vertx;
        this.maxWaiting = maxWaiting;
        this.patience = patience;
    }

    /** Runs the work once no other write of the user runs, on the context that this was subscribed to on. */
    <T> Uni<T> inTurn(UUID user, Supplier<Uni<T>> work) {
        return Uni.createFrom().deferred(() -> {
            Turn turn = new Turn(user, vertx.getOrCreateContext());
            return Uni.createFrom().<Void> emitter(turn::await).onCancellation().invoke(turn::giveUp)
                    .chain(() -> work.get().onTermination().invoke(turn::end));
        });
    }

    /** @return false if as many wait as may */
    private boolean enter(Turn turn) {
        boolean[] first = new boolean[1];
        boolean[] refused = new boolean[1];
        running.compute(turn.user, (user, waiting) -> {
            if (waiting == null) {
                first[0] = true;
                return new ArrayDeque<>();
            }
            refused[0] = waiting.size() >= maxWaiting;
            if (!refused[0]) {
                waiting.add(turn);
            }
            return waiting;
        });
        if (first[0]) {
            turn.begin();
        }
        return !refused[0];
    }

    private void leave(UUID user) {
        Turn[] next = new Turn[1];
        running.computeIfPresent(user, (key, waiting) -> {
            next[0] = waiting.poll();
            return next[0] == null ? null : waiting;
        });
        if (next[0] != null) {
            next[0].begin();
        }
    }

    private enum State {
        WAITING,
        RUNNING,
        OVER
    }

    private final class Turn {

        private final UUID user;
        private final Context context;
        private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
        private volatile UniEmitter<? super Void> waiter;
        private volatile long timer = -1;

        Turn(UUID user, Context context) {
            this.user = user;
            this.context = context;
        }

        void await(UniEmitter<? super Void> emitter) {
            waiter = emitter;
            if (!enter(this)) {
                state.set(State.OVER);
                emitter.fail(DatabaseProblems.tooManyWrites());
            } else if (state.get() == State.WAITING) {
                timer = vertx.setTimer(patience.toMillis(), ignored -> {
                    if (state.compareAndSet(State.WAITING, State.OVER)) {
                        emitter.fail(DatabaseProblems.tooBusy());
                    }
                });
            }
        }

        /** It is this one's turn. Whoever has given up meanwhile passes it on. */
        void begin() {
            if (!state.compareAndSet(State.WAITING, State.RUNNING)) {
                leave(user);
                return;
            }
            vertx.cancelTimer(timer);
            if (Vertx.currentContext() == context) {
                waiter.complete(null);
            } else {
                context.runOnContext(ignored -> waiter.complete(null));
            }
        }

        /** A turn that has begun before its work could start ends here. */
        void giveUp() {
            if (!state.compareAndSet(State.WAITING, State.OVER)) {
                end();
            }
        }

        void end() {
            if (state.compareAndSet(State.RUNNING, State.OVER)) {
                leave(user);
            }
        }
    }
}

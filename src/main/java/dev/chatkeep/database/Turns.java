package dev.chatkeep.database;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;

import dev.chatkeep.problem.DatabaseProblems;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Vertx;

/**
 * Lets writes take turns before they take a connection, those of one user or the large ones of all. The database lets the
 * writes of a user take turns too, but there each would hold a connection while it waits, and a single user could hold all of
 * them.
 *
 * @param <K> what the writes that take turns have in common
 */
final class Turns<K> {

    private final Vertx vertx;
    private final int atOnce;
    private final int maxWaiting;
    private final Supplier<HttpProblem> refusal;
    private final Duration patience;
    private final Map<K, Line> lines = new ConcurrentHashMap<>();

    /**
     * @param atOnce how many of a key run at the same time
     * @param maxWaiting of a key
     * @param refusal what those beyond fail with
     * @param patience how long a write waits before it fails with 503 {@code too_busy}
     */
    Turns(Vertx vertx, int atOnce, int maxWaiting, Supplier<HttpProblem> refusal, Duration patience) {
        this.vertx = vertx;
        this.atOnce = atOnce;
        this.maxWaiting = maxWaiting;
        this.refusal = refusal;
        this.patience = patience;
    }

    /** Runs the work once it is its turn, on the context that this was subscribed to on. */
    <T> Uni<T> inTurn(K key, Supplier<Uni<T>> work) {
        return inTurn(key, work, ignored -> {
        });
    }

    /**
     * As above.
     *
     * @param whenGone runs what it is given when nobody waits for the work any more: then it fails unless it has begun
     */
    <T> Uni<T> inTurn(K key, Supplier<Uni<T>> work, Consumer<Runnable> whenGone) {
        return Uni.createFrom().deferred(() -> {
            Turn turn = new Turn(key, vertx.getOrCreateContext(), whenGone);
            return Uni.createFrom().<Void> emitter(turn::await).onCancellation().invoke(turn::giveUp)
                    .chain(() -> Uni.createFrom().<T> deferred(work::get).onTermination().invoke(turn::end));
        });
    }

    /** How many wait, of all keys. */
    int waiting() {
        return lines.values().stream().mapToInt(line -> line.waiting.size()).sum();
    }

    /** @return false if as many wait as may */
    private boolean enter(Turn turn) {
        boolean[] free = new boolean[1];
        boolean[] refused = new boolean[1];
        lines.compute(turn.key, (key, known) -> {
            Line line = known == null ? new Line() : known;
            free[0] = line.running < atOnce;
            refused[0] = !free[0] && line.waiting.size() >= maxWaiting;
            if (free[0]) {
                line.running++;
            } else if (!refused[0]) {
                line.waiting.add(turn);
            }
            return line;
        });
        if (free[0]) {
            turn.begin();
        }
        return !refused[0];
    }

    /** The one that has waited longest takes the place over. */
    private void leave(K key) {
        List<Turn> next = new ArrayList<>(1);
        lines.computeIfPresent(key, (same, line) -> {
            if (line.waiting.isEmpty()) {
                line.running--;
                return line.running == 0 ? null : line;
            }
            next.add(line.waiting.poll());
            return line;
        });
        next.forEach(Turn::begin);
    }

    /** What waits no longer must not keep others from waiting, nor hold what it was to write. */
    private void forget(Turn turn) {
        lines.computeIfPresent(turn.key, (key, line) -> {
            line.waiting.remove(turn);
            return line;
        });
    }

    /** The writes of a key: how many run, and those that wait. */
    private final class Line {

        private int running;
        private final Queue<Turn> waiting = new ArrayDeque<>();
    }

    private enum State {
        WAITING,
        RUNNING,
        OVER
    }

    private final class Turn {

        private final K key;
        private final Context context;
        private final Consumer<Runnable> whenGone;
        private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
        private volatile UniEmitter<? super Void> waiter;
        private volatile long timer = -1;

        Turn(K key, Context context, Consumer<Runnable> whenGone) {
            this.key = key;
            this.context = context;
            this.whenGone = whenGone;
        }

        void await(UniEmitter<? super Void> emitter) {
            waiter = emitter;
            if (!enter(this)) {
                state.set(State.OVER);
                emitter.fail(refusal.get());
            } else if (state.get() == State.WAITING) {
                timer = vertx.setTimer(patience.toMillis(), ignored -> refuse());
                whenGone.accept(this::refuse);
            }
        }

        /** It is this one's turn. Whoever gives up at the same moment passes it on. */
        void begin() {
            if (!state.compareAndSet(State.WAITING, State.RUNNING)) {
                leave(key);
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
            if (!stopWaiting()) {
                end();
            }
        }

        private void refuse() {
            if (stopWaiting()) {
                waiter.fail(DatabaseProblems.tooBusy());
            }
        }

        /** @return false if it does not wait */
        private boolean stopWaiting() {
            if (!state.compareAndSet(State.WAITING, State.OVER)) {
                return false;
            }
            vertx.cancelTimer(timer);
            forget(this);
            return true;
        }

        void end() {
            if (state.compareAndSet(State.RUNNING, State.OVER)) {
                leave(key);
            }
        }
    }
}

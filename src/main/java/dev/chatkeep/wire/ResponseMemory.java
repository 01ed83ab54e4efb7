package dev.chatkeep.wire;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.ws.rs.core.Response.Status;

import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.problem.Problem;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/**
 * Bounds what large responses hold that their clients have not taken yet, in all and by user: a client that reads slowly, or
 * not at all, holds a whole part. Small responses do not come here.
 */
@ApplicationScoped
public class ResponseMemory {

    /** Up to so many bytes of content a response is not worth counting. */
    public static final long SMALL_BYTES = 256 << 10;
    /** The largest message. */
    private static final long LARGEST_BYTES = 16 << 20;
    /** What content takes while it is read and written as JSON, in multiples of its size: as it arrives, as text, as JSON. */
    private static final int EXPANSION = 4;
    private static final int SHARES = 4;
    private static final int LEAST_MESSAGES = 2;
    private static final int RETRY_AFTER_SECONDS = 2;

    private final long most;
    private final long mostOfUser;
    private final Duration patience;
    /** Null in tests. */
    private final CurrentVertxRequest request;
    private final Map<UUID, Long> heldByUser = new HashMap<>();
    private final Deque<Waiting> waiting = new ArrayDeque<>();
    private long held;

    private record Waiting(Held of, long bytes, UniEmitter<? super Void> emitter, Context context) {
    }

    @Inject
    public ResponseMemory(ResponseConfig config, CurrentVertxRequest request) {
        this(request, config.maxResponseMemory().map(MemorySize::asLongValue).orElse(Math.max(
                Runtime.getRuntime().maxMemory() / SHARES, LEAST_MESSAGES * expanded(LARGEST_BYTES))),
                expanded(LARGEST_BYTES), config.responseTimeout());
    }

    /** @param leastOfUser what one user may hold in any case, as far as there is so much */
    ResponseMemory(CurrentVertxRequest request, long most, long leastOfUser, Duration patience) {
        this.request = request;
        this.most = most;
        this.mostOfUser = Math.min(most, Math.max(most / SHARES, leastOfUser));
        this.patience = patience;
    }

    void register(@Observes Router router, MeterRegistry metrics) {
        metrics.gauge("chatkeep.http.response.memory", this, ResponseMemory::held);
    }

    /** What so much content takes while a part is made of it. */
    public static long expanded(long contentBytes) {
        return contentBytes * EXPANSION;
    }

    /** For the response to this request, which is a user's. */
    public PartMemory forUser(UUID user) {
        return new Held(user, request == null ? null : request.getCurrent());
    }

    /**
     * For the answer of a model, whose size nobody knows before it is there and which is sent then in any case, since it has
     * been
     * paid for: a problem (429, 503) if there is no room at all now.
     */
    public PartMemory forAnswer(UUID user) {
        PartMemory memory = forUser(user);
        memory.takeNow(1);
        return memory;
    }

    /** In bytes, by all responses. */
    synchronized long held() {
        return held;
    }

    synchronized int users() {
        return heldByUser.size();
    }

    private boolean isOverShare(UUID user, long more) {
        return heldByUser.getOrDefault(user, 0L) + more > mostOfUser;
    }

    private boolean fits(Waiting one) {
        long more = one.bytes() - one.of().bytes;
        return held + more <= most && !isOverShare(one.of().user, more);
    }

    /** For room that anybody may have, and not in the share of a user. */
    private boolean othersWait() {
        return waiting.stream().anyMatch(one -> !isOverShare(one.of().user, one.bytes() - one.of().bytes));
    }

    private void add(UUID user, long more) {
        held += more;
        heldByUser.merge(user, more, (before, change) -> before + change == 0 ? null : Long.valueOf(before + change));
    }

    /** Those who waited longest come first. Who waits for room in the share of a user keeps nobody else waiting. */
    private List<Waiting> admitted() {
        List<Waiting> admitted = new ArrayList<>();
        for (Iterator<Waiting> all = waiting.iterator(); all.hasNext();) {
            Waiting one = all.next();
            if (fits(one)) {
                one.of().change(one.bytes());
                all.remove();
                admitted.add(one);
            } else if (!isOverShare(one.of().user, one.bytes() - one.of().bytes)) {
                break;
            }
        }
        return admitted;
    }

    private static void go(Waiting one) {
        if (one.context() == null) {
            one.emitter().complete(null);
        } else {
            one.context().runOnContext(ignored -> one.emitter().complete(null));
        }
    }

    private final class Held implements PartMemory {

        private final UUID user;
        /** Null in tests. */
        private final RoutingContext exchange;
        private boolean endsWithTheResponse;
        private long bytes;
        private boolean ended;

        private Held(UUID user, RoutingContext exchange) {
            this.user = user;
            this.exchange = exchange;
        }

        /** However the response ends, also before it is written. */
        private void endWithTheResponse() {
            if (exchange != null && !endsWithTheResponse) {
                endsWithTheResponse = true;
                exchange.addEndHandler(ignored -> end());
                // A client that has gone in the meantime brings no end any more.
                if (exchange.response().closed() || exchange.response().ended()) {
                    end();
                }
            }
        }

        @Override
        public void takeNow(long wanted) {
            synchronized (ResponseMemory.this) {
                long goal = Math.min(wanted, mostOfUser);
                if (isOverShare(user, goal - bytes)) {
                    throw Problem.later(Status.TOO_MANY_REQUESTS, "too_many_downloads",
                            "You have not taken what you asked for before.", RETRY_AFTER_SECONDS);
                }
                // Who comes later must not have what others wait for.
                if (held + goal - bytes > most || othersWait()) {
                    throw DatabaseProblems.tooBusy();
                }
                change(goal);
            }
            endWithTheResponse();
        }

        @Override
        public Uni<Void> take(long wanted) {
            return Uni.createFrom().<Void> emitter(emitter -> {
                boolean now;
                synchronized (ResponseMemory.this) {
                    Waiting one = new Waiting(this, Math.min(wanted, mostOfUser), emitter, Vertx.currentContext());
                    now = one.bytes() <= bytes || !othersWait() && fits(one);
                    if (now) {
                        change(one.bytes());
                    } else {
                        waiting.add(one);
                        emitter.onTermination(() -> leave(one));
                    }
                }
                if (now) {
                    emitter.complete(null);
                }
            }).ifNoItem().after(patience).failWith(DatabaseProblems::tooBusy);
        }

        private void leave(Waiting one) {
            synchronized (ResponseMemory.this) {
                waiting.remove(one);
            }
        }

        /** Also beyond the budget: the part is there. */
        @Override
        public void hold(long actual) {
            List<Waiting> admitted;
            synchronized (ResponseMemory.this) {
                change(actual);
                admitted = admitted();
            }
            admitted.forEach(ResponseMemory::go);
        }

        @Override
        public void end() {
            List<Waiting> own = new ArrayList<>();
            List<Waiting> admitted;
            synchronized (ResponseMemory.this) {
                change(0);
                ended = true;
                waiting.stream().filter(one -> one.of() == this).forEach(own::add);
                waiting.removeAll(own);
                admitted = admitted();
            }
            own.forEach(one -> one.emitter().fail(DatabaseProblems.tooBusy()));
            admitted.forEach(ResponseMemory::go);
        }

        @Override
        public Duration patience() {
            return patience;
        }

        @Override
        public Multi<Buffer> sending(Multi<Buffer> body) {
            Multi<Buffer> slices = body.onItem().transformToMultiAndConcatenate(SlicedOutput::slices);
            if (exchange == null) {
                return slices.onTermination().invoke(this::end);
            }
            return Multi.createFrom().deferred(() -> {
                ClientPatience client = new ClientPatience(exchange, patience);
                return slices.onItem().invoke(client::begin).onRequest().invoke(client::pause)
                        .onTermination().invoke(() -> {
                            client.end();
                            end();
                        });
            });
        }

        private void change(long goal) {
            if (!ended && goal != bytes) {
                add(user, goal - bytes);
                bytes = goal;
            }
        }
    }
}

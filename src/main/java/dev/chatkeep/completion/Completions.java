package dev.chatkeep.completion;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.provider.ModelProvider;
import dev.chatkeep.provider.ProviderConfig;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.scheduler.Scheduled;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;

/** Makes calls, and knows those that run on this instance. The APIs make all their calls through it. */
@ApplicationScoped
public class Completions {

    private static final Logger LOG = Logger.getLogger(Completions.class);

    /** How long an answer that is stored nowhere can be asked for again. */
    private static final Duration KEPT = Duration.ofMinutes(1);
    private static final int KEPT_CHARACTERS = 1 << 20;
    /** After so many ticks the service looks again for calls whose instance is gone. */
    private static final int TICKS_BETWEEN_RECOVERIES = 5;
    /** The time that is left of a shutdown when requests have had theirs. */
    private static final Duration TO_SETTLE = Duration.ofSeconds(5);

    private record Key(UUID userId, String streamId) {
    }

    /** Calls that the database is asked to admit; done when they run, or are refused. */
    private final Map<Key, CompletableFuture<Void>> admitting = new ConcurrentHashMap<>();
    private final Map<Key, LiveCompletion> running = new ConcurrentHashMap<>();
    private final Map<Key, LiveCompletion> finished = new ConcurrentHashMap<>();
    private final Vertx vertx;
    private final ObjectMapper json;
    private final CompletionStore store;
    private final ProviderRequestWriter requests;
    private final ModelProvider provider;
    private final UserPlaces places;
    private final Checkpoints checkpoints;
    private final MeterRegistry metrics;
    private int ticks;

    Completions(Vertx vertx, ObjectMapper json, CompletionStore store, ProviderRequestWriter requests, ModelProvider provider,
            ProviderConfig config, MeterRegistry metrics) {
        this.vertx = vertx;
        this.json = json;
        this.store = store;
        this.requests = requests;
        this.provider = provider;
        this.places = new UserPlaces(config.maxConcurrentCallsPerUser());
        this.checkpoints = new Checkpoints(json, store::checkpoint);
        this.metrics = metrics;
        metrics.gaugeMapSize("chatkeep.completions.running", List.of(), running);
    }

    /** For the caller of this request. The request must not be over yet; the calls may outlive it. */
    public ForCaller forCaller() {
        return new ForCaller(store.forCaller());
    }

    /** Makes and finds the calls of one user. */
    public final class ForCaller {

        private final CompletionStore.ForCaller callerStore;

        private ForCaller(CompletionStore.ForCaller callerStore) {
            this.callerStore = callerStore;
        }

        /**
         * Has a call admitted and made. An item when the answer begins; {@link CompletionRefused} or
         * {@link CompletionFailure} if it does not. Cancelling it gives up the call.
         *
         * @param present follow the answer from its first piece
         */
        public Uni<LiveCompletion> start(CompletionCall call, AnswerReader... present) {
            UUID userId = callerStore.userId();
            Key key = new Key(userId, call.streamId());
            return Uni.createFrom().deferred(() -> {
                if (!places.take(userId)) {
                    return Uni.createFrom().failure(CompletionRefused.tooManyCalls());
                }
                CompletableFuture<Void> admitted = new CompletableFuture<>();
                admitting.putIfAbsent(key, admitted);
                return new LiveCompletion(vertx, json, callerStore, call, live -> {
                    enter(live);
                    decided(key, admitted);
                }, () -> {
                    places.giveBack(userId);
                    decided(key, admitted);
                }).start(requests, provider, present);
            });
        }

        public UUID userId() {
            return callerStore.userId();
        }

        /** A stream of the caller as the database holds it; null if there is none. */
        public Uni<StoredCompletion> stored(String streamId) {
            return callerStore.read(streamId);
        }

        /**
         * As {@link #find}, for a call that the database says has been admitted. Who is told so may be ahead of the one who
         * made the call, and waits for it to run.
         */
        public Uni<LiveCompletion> findAdmitted(String streamId) {
            CompletableFuture<Void> admitted = admitting.get(new Key(callerStore.userId(), streamId));
            if (admitted == null) {
                return Uni.createFrom().item(find(streamId));
            }
            Context context = vertx.getOrCreateContext();
            return Uni.createFrom().completionStage(admitted).emitOn(work -> context.runOnContext(ignored -> work.run()))
                    .map(ignored -> find(streamId));
        }

        /** A call that runs here, or has just ended; null if there is none. */
        public LiveCompletion find(String streamId) {
            Key key = new Key(callerStore.userId(), streamId);
            LiveCompletion live = running.get(key);
            return live != null ? live : finished.get(key);
        }
    }

    private void decided(Key key, CompletableFuture<Void> admitted) {
        admitting.remove(key, admitted);
        admitted.complete(null);
    }

    private void enter(LiveCompletion live) {
        Key key = new Key(live.userId(), live.streamId());
        running.put(key, live);
        live.settled().thenRun(() -> {
            if (live.isResumable() && !live.isStored() && live.text().length() <= KEPT_CHARACTERS) {
                finished.put(key, live);
                vertx.setTimer(KEPT.toMillis(), id -> finished.remove(key));
            }
            running.remove(key);
            metrics.counter("chatkeep.completions.ended", "state", live.ending().word()).increment();
            if (live.usage() != null) {
                metrics.counter("chatkeep.completions.tokens", "kind", "prompt").increment(live.usage().promptTokens());
                metrics.counter("chatkeep.completions.tokens", "kind", "completion").increment(live.usage().completionTokens());
            }
        });
    }

    @Scheduled(identity = "completions", every = "{chatkeep.completion.checkpoint-interval}", concurrentExecution = Scheduled.ConcurrentExecution.SKIP)
    Uni<Void> tick() {
        boolean recovers = ticks++ % TICKS_BETWEEN_RECOVERIES == 0;
        return checkpoint().chain(() -> recovers ? recover() : Uni.createFrom().voidItem())
                .onFailure().invoke(failure -> LOG.warnf("Running answers could not be kept: %s",
                        DatabaseProblems.describe(failure)))
                .onFailure().recoverWithNull();
    }

    private Uni<Void> recover() {
        return store.recover().invoke(count -> {
            if (count > 0) {
                LOG.infof("Settled %d answers whose instance was gone", count);
            }
        }).replaceWithVoid();
    }

    private Uni<Void> checkpoint() {
        List<Future<Checkpoints.Part>> parts = running.values().stream().map(Completions::part).toList();
        return Uni.createFrom().completionStage(() -> Future.join(parts).toCompletionStage())
                .chain(all -> checkpoints.keep(parts.stream().map(Future::result).filter(part -> part != null).toList()));
    }

    /** Null where there is nothing to keep. */
    private static Future<Checkpoints.Part> part(LiveCompletion live) {
        Promise<Checkpoints.Part> part = Promise.promise();
        live.onContext(() -> {
            try {
                ObjectNode entry = live.checkpoint();
                part.complete(entry == null ? null
                        : new Checkpoints.Part(entry, () -> live.onContext(live::checkpointed)));
            } finally {
                part.tryComplete(); // one call that goes wrong must not hold up all others
            }
        });
        return part.future();
    }

    /** Requests have had their time to end. Answers that still arrive are stored as far as they have come. */
    void stop(@Observes ShutdownEvent event) {
        Collection<LiveCompletion> live = running.values();
        if (live.isEmpty()) {
            return;
        }
        LOG.infof("Storing %d answers that are not complete", live.size());
        live.forEach(one -> one.onContext(one::interrupt));
        CompletableFuture<Void> settled = CompletableFuture
                .allOf(live.stream().map(LiveCompletion::settled).toArray(CompletableFuture[]::new));
        boolean inTime = settled.thenApply(all -> true).completeOnTimeout(false, TO_SETTLE.toMillis(), TimeUnit.MILLISECONDS)
                .exceptionally(failure -> false).join();
        if (!inTime) {
            LOG.warn("Not all answers could be stored; what was kept of them so far will be");
        }
    }
}

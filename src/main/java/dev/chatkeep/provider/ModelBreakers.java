package dev.chatkeep.provider;

import java.time.Duration;
import java.util.BitSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

import dev.chatkeep.provider.ProviderConfig.Breaker;
import dev.chatkeep.provider.ProviderFailure.Kind;
import io.smallrye.mutiny.Uni;

/**
 * One circuit breaker for each model: behind one provider, models fail independently of each other, and what is asked of one
 * must not keep users from the others. A model that too many attempts found down is spared for a while; then one attempt finds
 * out whether it is back.
 */
final class ModelBreakers {

    /** More models than a catalogue has. Beyond, the one that was not called for the longest time is forgotten. */
    static final int MOST_MODELS = 1_000;
    /** After so long without a call a model is forgotten. */
    static final Duration IDLE = Duration.ofMinutes(10);
    /** A trial that has no end by then may be a whole answer, which takes its time. The next one does not wait for it. */
    static final Duration TRIAL = Duration.ofMinutes(1);

    private final Breaker config;
    private final LongSupplier nanoTime;
    private final Runnable whenSpared;
    private final long idleNanos;
    /** By the time of the last call. */
    private final Map<String, ModelBreaker> models = new LinkedHashMap<>(16, 0.75f, true);

    /** @param whenSpared runs for every attempt that is not made */
    ModelBreakers(Breaker config, LongSupplier nanoTime, Runnable whenSpared) {
        this.config = config;
        this.nanoTime = nanoTime;
        this.whenSpared = whenSpared;
        this.idleNanos = Math.max(IDLE.toNanos(), config.delay().toNanos());
    }

    /** Makes the attempt unless the model is spared; then it fails with {@link Kind#SPARED}. */
    Uni<Void> guard(String model, Supplier<Uni<Void>> attempt) {
        return Uni.createFrom().deferred(() -> {
            ModelBreaker breaker = of(model);
            Pass pass = breaker.pass();
            if (pass == Pass.NONE) {
                whenSpared.run();
                return Uni.createFrom().failure(ProviderFailure.of(Kind.SPARED));
            }
            return attempt.get().onItemOrFailure().invoke((item, failure) -> breaker.ended(pass, failure))
                    .onCancellation().invoke(() -> breaker.givenUp(pass));
        });
    }

    /** How many models are known. */
    synchronized int size() {
        return models.size();
    }

    private synchronized ModelBreaker of(String model) {
        long now = nanoTime.getAsLong();
        Iterator<ModelBreaker> oldest = models.values().iterator();
        while (oldest.hasNext() && now - oldest.next().lastUsed > idleNanos) {
            oldest.remove();
        }
        ModelBreaker breaker = models.computeIfAbsent(model, name -> new ModelBreaker());
        breaker.lastUsed = now;
        if (models.size() > MOST_MODELS) {
            models.remove(models.keySet().iterator().next());
        }
        return breaker;
    }

    private enum Pass {
        USUAL,
        /** To find out whether the model is back. */
        TRIAL,
        NONE
    }

    private final class ModelBreaker {

        /** Of the last attempts those that found the model down; older ones are written over. */
        private final BitSet outages = new BitSet();
        private int known;
        private int next;
        private boolean open;
        private boolean trying;
        private long openedAt;
        private long triedAt;
        private long lastUsed;

        private synchronized Pass pass() {
            if (!open) {
                return Pass.USUAL;
            }
            long now = nanoTime.getAsLong();
            if (trying && now - triedAt < TRIAL.toNanos() || now - openedAt < config.delay().toNanos()) {
                return Pass.NONE;
            }
            trying = true;
            triedAt = now;
            return Pass.TRIAL;
        }

        /** @param failure null if the answer began */
        private synchronized void ended(Pass pass, Throwable failure) {
            ProviderFailure reason = failure == null ? null : ProviderFailure.of(failure);
            if (reason != null && reason.kind() == Kind.BROKEN_OFF) {
                givenUp(pass); // the caller has gone
                return;
            }
            boolean outage = reason != null && reason.isOutage();
            if (pass == Pass.TRIAL) {
                trying = false;
                reset(outage);
            } else if (!open) {
                outages.set(next, outage);
                next = (next + 1) % config.calls();
                known = Math.min(known + 1, config.calls());
                if (outage && known == config.calls()
                        && outages.cardinality() >= config.failureRatio() * config.calls()) {
                    reset(true);
                }
            }
        }

        /** The attempt says nothing about the model. */
        private synchronized void givenUp(Pass pass) {
            trying = trying && pass != Pass.TRIAL;
        }

        private void reset(boolean opens) {
            outages.clear();
            known = 0;
            next = 0;
            open = opens;
            openedAt = nanoTime.getAsLong();
        }
    }
}

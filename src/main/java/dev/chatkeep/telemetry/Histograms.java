package dev.chatkeep.telemetry;

import java.time.Duration;
import java.util.Arrays;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;

/**
 * Selects the durations that are recorded in histogram buckets, so that percentiles can be computed over all instances, and
 * defines the buckets.
 */
class Histograms {

    private static final double[] BOUNDARIES_NANOS = millis(2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
            30_000,
            60_000, 120_000);

    @Produces
    @Singleton
    MeterFilter buckets() {
        return new MeterFilter() {
            @Override
            public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
                boolean hasBuckets = switch (id.getName()) {
                    case "http.server.requests", "sql.pool.queue.delay", "chatkeep.provider.first.byte" -> true;
                    default -> false;
                };
                return hasBuckets
                        ? DistributionStatisticConfig.builder().serviceLevelObjectives(BOUNDARIES_NANOS).build().merge(config)
                        : config;
            }
        };
    }

    private static double[] millis(long... millis) {
        return Arrays.stream(millis).mapToDouble(each -> Duration.ofMillis(each).toNanos()).toArray();
    }
}

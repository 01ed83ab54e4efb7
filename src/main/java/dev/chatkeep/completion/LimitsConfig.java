package dev.chatkeep.completion;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;

import io.smallrye.config.ConfigMapping;

/** How many calls users of each tier may make. The limits of each model stand in model_access. */
@ConfigMapping(prefix = "chatkeep.limits")
public interface LimitsConfig {

    Limits free();

    Limits pro();

    Limits enterprise();

    Limits admin();

    /** The limits of one user. */
    interface Limits {

        /** Calls within any 60 seconds; unlimited if it is not set. */
        OptionalInt requestsPerMinute();
    }

    /** By tier, for those that are limited. */
    default Map<String, Integer> allRequestsPerMinute() {
        Map<String, Integer> limits = new LinkedHashMap<>();
        Map.of("free", free(), "pro", pro(), "enterprise", enterprise(), "admin", admin())
                .forEach((tier, limit) -> limit.requestsPerMinute().ifPresent(max -> limits.put(tier, max)));
        return limits;
    }
}

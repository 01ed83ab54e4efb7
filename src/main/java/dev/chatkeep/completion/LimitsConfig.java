package dev.chatkeep.completion;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;

import io.smallrye.config.ConfigMapping;

/** What users of each tier may ask for; how many answers of a model is said in model_access. */
@ConfigMapping(prefix = "chatkeep.limits")
public interface LimitsConfig {

    Limits free();

    Limits pro();

    Limits enterprise();

    Limits admin();

    /** Of one user. */
    interface Limits {

        /** Calls of models within any 60 seconds; unlimited if it is not set. */
        OptionalInt requestsPerMinute();
    }

    /** By tier, for those that are limited. */
    default Map<String, Integer> allRequestsPerMinute() {
        Map<String, Integer> limits = new LinkedHashMap<>();
        Map.of("free", free(), "pro", pro(), "enterprise", enterprise(), "admin", admin())
                .forEach((tier, limit) -> limit.requestsPerMinute().ifPresent(most -> limits.put(tier, most)));
        return limits;
    }
}

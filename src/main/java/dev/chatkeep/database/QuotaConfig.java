package dev.chatkeep.database;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;

/** How much users of each tier may store. Without a value there is no quota. */
@ConfigMapping(prefix = "chatkeep.quotas")
public interface QuotaConfig {

    /** Sessions of a user. */
    Counts sessions();

    /** Messages of a user, in all sessions. */
    Counts messages();

    /** Content of these messages together, and calls of tools in answers. */
    Sizes bytes();

    /** A number for each tier. */
    interface Counts {

        OptionalLong free();

        OptionalLong pro();

        OptionalLong enterprise();

        OptionalLong admin();

        default Map<String, Long> byTier() {
            Map<String, Long> counts = new LinkedHashMap<>();
            Map.of("free", free(), "pro", pro(), "enterprise", enterprise(), "admin", admin())
                    .forEach((tier, count) -> count.ifPresent(most -> counts.put(tier, most)));
            return counts;
        }
    }

    /** A size for each tier. */
    interface Sizes {

        Optional<MemorySize> free();

        Optional<MemorySize> pro();

        Optional<MemorySize> enterprise();

        Optional<MemorySize> admin();

        default Map<String, Long> byTier() {
            Map<String, Long> sizes = new LinkedHashMap<>();
            Map.of("free", free(), "pro", pro(), "enterprise", enterprise(), "admin", admin())
                    .forEach((tier, size) -> size.ifPresent(most -> sizes.put(tier, most.asLongValue())));
            return sizes;
        }
    }

    /** What functions of the schema read, {@code {"sessions": {tier: n}, …}}; empty where nothing is limited. */
    default String json() {
        Map<String, Map<String, Long>> quotas = new LinkedHashMap<>();
        quotas.put("sessions", sessions().byTier());
        quotas.put("messages", messages().byTier());
        quotas.put("bytes", bytes().byTier());
        if (quotas.values().stream().allMatch(Map::isEmpty)) {
            return "";
        }
        return quotas.entrySet().stream()
                .map(quota -> "\"" + quota.getKey() + "\": " + quota.getValue().entrySet().stream()
                        .map(tier -> "\"" + tier.getKey() + "\": " + tier.getValue())
                        .collect(Collectors.joining(", ", "{", "}")))
                .collect(Collectors.joining(", ", "{", "}"));
    }
}

package dev.chatkeep.completion.stream;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import dev.chatkeep.completion.RateLimit;

/** Limits as the fields {@code RateLimit-Policy} and {@code RateLimit} say them (draft-ietf-httpapi-ratelimit-headers-10). */
final class RateLimitHeaders {

    private static final String POLICY = "RateLimit-Policy";
    private static final String LIMIT = "RateLimit";

    private static final String OLDER = "X-RateLimit-";

    private RateLimitHeaders() {
    }

    /** By name; none where nothing is limited. */
    static Map<String, String> of(List<RateLimit> limits) {
        Map<String, String> headers = new LinkedHashMap<>();
        if (limits != null && !limits.isEmpty()) {
            headers.put(POLICY, limits.stream()
                    .map(limit -> "\"%s\";q=%d;w=%d".formatted(limit.name(), limit.quota(), limit.window()))
                    .collect(Collectors.joining(", ")));
            headers.put(LIMIT, limits.stream()
                    .map(limit -> "\"%s\";r=%d;t=%d".formatted(limit.name(), limit.remaining(), limit.reset()))
                    .collect(Collectors.joining(", ")));
        }
        return headers;
    }

    /** For front ends that know one limit alone: that which has nothing left, and of several the one that lasts longest. */
    static Map<String, String> ofRefusal(List<RateLimit> limits, Instant now) {
        Map<String, String> headers = new LinkedHashMap<>();
        if (limits != null) {
            limits.stream().min(Comparator.comparingLong(RateLimit::remaining)
                    .thenComparing(Comparator.comparingLong(RateLimit::reset).reversed())).ifPresent(limit -> {
                        headers.put(OLDER + "Limit", String.valueOf(limit.quota()));
                        headers.put(OLDER + "Remaining", String.valueOf(limit.remaining()));
                        headers.put(OLDER + "Reset", now.plusSeconds(limit.reset()).truncatedTo(ChronoUnit.SECONDS).toString());
                    });
        }
        return headers;
    }
}

package dev.chatkeep.completion;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import io.quarkus.runtime.annotations.RegisterForReflection;

/**
 * One limit and what is left of it, as the fields {@code RateLimit-Policy} and {@code RateLimit} say it
 * (draft-ietf-httpapi-ratelimit-headers-10).
 *
 * @param quota calls within the window
 * @param window seconds
 * @param remaining calls
 * @param reset seconds until there is something left again
 */
@RegisterForReflection // read from the answer of the database
record RateLimit(String name, long quota, long window, long remaining, long reset) {

    private static final String POLICY = "RateLimit-Policy";
    private static final String LIMIT = "RateLimit";

    /** By name; none where nothing is limited. */
    static Map<String, String> headers(List<RateLimit> limits) {
        Map<String, String> headers = new LinkedHashMap<>();
        if (limits != null && !limits.isEmpty()) {
            headers.put(POLICY,
                    limits.stream().map(limit -> "\"%s\";q=%d;w=%d".formatted(limit.name, limit.quota, limit.window))
                            .collect(Collectors.joining(", ")));
            headers.put(LIMIT,
                    limits.stream().map(limit -> "\"%s\";r=%d;t=%d".formatted(limit.name, limit.remaining, limit.reset))
                            .collect(Collectors.joining(", ")));
        }
        return headers;
    }
}

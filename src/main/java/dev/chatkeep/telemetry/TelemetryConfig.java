package dev.chatkeep.telemetry;

import java.util.Optional;

import io.smallrye.config.ConfigMapping;

/** Settings of telemetry. */
@ConfigMapping(prefix = "chatkeep.telemetry")
public interface TelemetryConfig {

    /**
     * The key of the hashes that stand for users in the log. If all instances share a key, a user has the same hash in every
     * log. Without a key, each start generates its own.
     */
    Optional<String> userKey();
}

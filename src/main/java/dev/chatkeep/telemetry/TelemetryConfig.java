package dev.chatkeep.telemetry;

import java.util.Optional;

import io.smallrye.config.ConfigMapping;

/** What the service tells its operators. */
@ConfigMapping(prefix = "chatkeep.telemetry")
public interface TelemetryConfig {

    /**
     * The key of the hashes that stand for users in the log. With the same key everywhere a user is the same in the log of
     * every instance; without one each start makes its own.
     */
    Optional<String> userKey();
}

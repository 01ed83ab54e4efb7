package dev.chatkeep.database;

import java.time.Duration;

import jakarta.validation.constraints.Min;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Limits for requests that wait because all connections are in use. */
@ConfigMapping(prefix = "chatkeep.database")
public interface DatabaseConfig {

    /** The maximum number of requests that wait for a connection. Further requests are refused at once. */
    @WithDefault("500")
    @Min(0)
    int maxWaiting();

    /** How long a request waits for a connection before it is refused. */
    @WithDefault("5S")
    Duration patience();
}

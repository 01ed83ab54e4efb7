package dev.chatkeep.database;

import java.time.Duration;

import jakarta.validation.constraints.Min;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** What happens where more requests come than there are connections. */
@ConfigMapping(prefix = "chatkeep.database")
public interface DatabaseConfig {

    /** How many requests wait for a connection at the most; those beyond are refused at once. */
    @WithDefault("500")
    @Min(0)
    int maxWaiting();

    /** How long a request waits for a connection before it is refused. */
    @WithDefault("5S")
    Duration patience();
}

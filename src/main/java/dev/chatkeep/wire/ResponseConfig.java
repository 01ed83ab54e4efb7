package dev.chatkeep.wire;

import java.time.Duration;
import java.util.Optional;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How much memory large responses may take, and how slowly they may be read. */
@ConfigMapping(prefix = "chatkeep.http")
public interface ResponseConfig {

    /**
     * How many bytes all responses together may hold that their clients have not taken yet. One user may have a quarter of it,
     * and at least one message of the largest size. Without the setting it is a quarter of the memory that the process may
     * use, and at least two messages of the largest size.
     */
    Optional<MemorySize> maxResponseMemory();

    /** How long a client may take nothing of a large response. Then the connection is closed. */
    @WithDefault("60S")
    Duration responseTimeout();
}

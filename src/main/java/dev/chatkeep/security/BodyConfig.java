package dev.chatkeep.security;

import java.time.Duration;
import java.util.Optional;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How much memory the bodies of requests may take. */
@ConfigMapping(prefix = "chatkeep.http")
public interface BodyConfig {

    /**
     * How many bytes the bodies of all requests that are being served may have together. One user may have a quarter of it, and
     * at least one body of the largest size. Without the setting it is a twelfth of the memory that the process may use,
     * because
     * a body takes several times its size while it is read, and at least four bodies of the largest size.
     */
    Optional<MemorySize> maxBodyMemory();

    /** How long a body may take to arrive. Then the connection is closed. */
    @WithDefault("60S")
    Duration bodyTimeout();
}

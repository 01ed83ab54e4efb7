package dev.chatkeep.command;

import java.time.Duration;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Settings of the migrations. */
@ConfigMapping(prefix = "chatkeep.migration")
public interface MigrationConfig {

    /** How long a migration waits for a lock. Requests that need the same table wait behind it for so long. */
    @WithDefault("2S")
    Duration lockTimeout();

    /** How often a migration that found no lock is tried. */
    @WithDefault("20")
    @Min(2)
    @Max(10_000)
    int attempts();

    /** The pause between two attempts, in which requests go on. */
    @WithDefault("3S")
    Duration pause();
}

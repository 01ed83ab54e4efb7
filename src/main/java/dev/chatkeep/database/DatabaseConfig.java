package dev.chatkeep.database;

import java.time.Duration;
import java.util.OptionalInt;

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

    /** How many writes of one user wait for each other at the most; those beyond are refused at once. */
    @WithDefault("64")
    @Min(0)
    int maxWaitingWritesPerUser();

    /**
     * How many uploads, whose bodies are large, use a connection at the same time. Without it half of the connections, so that
     * the others are free for what takes milliseconds.
     */
    @Min(1)
    OptionalInt maxUploads();

    /** How long one statement of a request may run. */
    @WithDefault("30S")
    Duration statementTimeout();

    /** How long one statement of a request waits for a lock. */
    @WithDefault("10S")
    Duration lockTimeout();

    /** How long one statement of a job may run: retention, recovery of answers, tasks. */
    @WithDefault("10M")
    Duration jobStatementTimeout();

    /** How long a transaction may wait for its next statement. */
    @WithDefault("30S")
    Duration idleTransactionTimeout();
}

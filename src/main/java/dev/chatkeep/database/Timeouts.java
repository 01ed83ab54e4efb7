package dev.chatkeep.database;

import java.time.Duration;

/** How long PostgreSQL lets a transaction take, as its settings want it: in milliseconds. */
record Timeouts(String statement, String lock, String idleTransaction) {

    Timeouts(Duration statement, Duration lock, Duration idleTransaction) {
        this(millis(statement), millis(lock), millis(idleTransaction));
    }

    private static String millis(Duration duration) {
        return Long.toString(duration.toMillis());
    }
}

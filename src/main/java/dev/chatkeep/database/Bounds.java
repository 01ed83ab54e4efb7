package dev.chatkeep.database;

import java.time.Duration;

/**
 * What bounds a transaction, as PostgreSQL's settings want it: how long it may take, in milliseconds, and how much its user may
 * store, {@code chatkeep.quotas}; empty without quotas.
 */
record Bounds(String statement, String lock, String idleTransaction, String quotas) {

    Bounds(Duration statement, Duration lock, Duration idleTransaction, String quotas) {
        this(millis(statement), millis(lock), millis(idleTransaction), quotas);
    }

    private static String millis(Duration duration) {
        return Long.toString(duration.toMillis());
    }
}

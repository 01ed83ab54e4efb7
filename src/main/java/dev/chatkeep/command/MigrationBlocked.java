package dev.chatkeep.command;

import org.flywaydb.core.api.FlywayException;

/**
 * Migrations that were not given a lock in any of their attempts, or that are not for this database. The message is one
 * sentence for the operator.
 */
public final class MigrationBlocked extends FlywayException {

    private static final long serialVersionUID = 1L;

    MigrationBlocked(String message) {
        super(message);
    }

    MigrationBlocked(String message, Throwable cause) {
        super(message, cause);
    }
}

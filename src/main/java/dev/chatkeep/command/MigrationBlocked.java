package dev.chatkeep.command;

import org.flywaydb.core.api.FlywayException;

/** A migration that was not given a lock in any of its attempts. The message is one sentence for the operator. */
public final class MigrationBlocked extends FlywayException {

    private static final long serialVersionUID = 1L;

    MigrationBlocked(String message, Throwable cause) {
        super(message, cause);
    }
}

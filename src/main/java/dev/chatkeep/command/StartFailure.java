package dev.chatkeep.command;

import java.util.Optional;

import org.flywaydb.core.api.exception.FlywayValidateException;
import org.jboss.logging.Logger;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Tells the operator why the program did not start. */
final class StartFailure {

    private static final Logger LOGGER = Logger.getLogger(StartFailure.class);

    private static final String OTHER_SCHEMA = "This database was made by another version of Chatkeep, whose migrations are not"
            + " those of this one. Nothing was changed. Export its users with the version that made it (task export), and"
            + " import them (task import) into a new database.";

    private static final String DUPLICATE_OBJECT = "42710";

    private StartFailure() {
    }

    /** A sentence for a failure that the operator can fix, otherwise the message of the root cause. */
    static String sentence(Throwable failure) {
        return known(failure).orElseGet(() -> root(failure).getMessage());
    }

    /** Prints the sentence to standard error. A failure without a sentence is logged with its stack trace. */
    static void report(Throwable failure) {
        known(failure).ifPresentOrElse(System.err::println, () -> LOGGER.error("The service could not start", failure));
    }

    private static Optional<String> known(Throwable failure) {
        if (failure == null) {
            return Optional.empty();
        }
        if (failure instanceof FlywayValidateException) {
            return Optional.of(OTHER_SCHEMA);
        }
        if (failure instanceof PSQLException e && DUPLICATE_OBJECT.equals(e.getSQLState())
                && e.getServerErrorMessage() != null) {
            // A migration says which names are taken, and what to do.
            ServerErrorMessage said = e.getServerErrorMessage();
            return Optional.of(said.getHint() == null ? said.getMessage() : said.getMessage() + ". " + said.getHint());
        }
        return failure instanceof MigrationBlocked ? Optional.of(failure.getMessage()) : known(failure.getCause());
    }

    private static Throwable root(Throwable failure) {
        return failure.getCause() == null ? failure : root(failure.getCause());
    }
}

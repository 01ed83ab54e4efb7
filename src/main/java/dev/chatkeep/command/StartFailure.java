package dev.chatkeep.command;

import org.flywaydb.core.api.exception.FlywayValidateException;
import org.jboss.logging.Logger;

/** Tells the operator why the program did not start. */
final class StartFailure {

    private static final Logger LOGGER = Logger.getLogger(StartFailure.class);

    private static final String OTHER_SCHEMA = "This database was made by another version of Chatkeep, whose migrations are not"
            + " those of this one. Nothing was changed. Export its users with the version that made it (task export), and"
            + " import them (task import) into a new database.";

    private StartFailure() {
    }

    /** A sentence for a failure that the operator can fix, otherwise the message of the root cause. */
    static String sentence(Throwable failure) {
        return isOtherSchema(failure) ? OTHER_SCHEMA : root(failure).getMessage();
    }

    /** Prints the sentence to standard error. A failure without a sentence is logged with its stack trace. */
    static void report(Throwable failure) {
        if (isOtherSchema(failure)) {
            System.err.println(OTHER_SCHEMA);
        } else {
            LOGGER.error("The service could not start", failure);
        }
    }

    private static boolean isOtherSchema(Throwable failure) {
        return failure != null && (failure instanceof FlywayValidateException || isOtherSchema(failure.getCause()));
    }

    private static Throwable root(Throwable failure) {
        return failure.getCause() == null ? failure : root(failure.getCause());
    }
}

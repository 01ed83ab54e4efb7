package dev.chatkeep.problem;

import java.io.IOException;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import jakarta.ws.rs.core.Response.Status;
import jakarta.ws.rs.core.Response.StatusType;

import dev.chatkeep.problem.Problem.FieldError;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.vertx.core.VertxException;
import io.vertx.core.http.ConnectionPoolTooBusyException;
import io.vertx.core.impl.NoStackTraceThrowable;
import io.vertx.pgclient.PgException;

/**
 * Translates failures of the database into problems by their SQLSTATE (PostgreSQL documentation, appendix A). Functions of the
 * schema refuse with {@code PTnnn}, a convention of PostgREST: nnn is the HTTP status, and the message is the code, a colon and
 * the sentence. If a field is wrong, the detail names the field and the sentence says what is wrong with it. No other text of
 * PostgreSQL leaves the service.
 */
public final class DatabaseProblems {

    private static final int RETRY_AFTER_SECONDS = 5;
    /** Longer than requests in the queue wait, and not longer than another instance takes to start. */
    private static final int RETRY_AFTER_LOAD_SECONDS = 2;
    private static final String TOO_BUSY = "too_busy";
    /**
     * The message of the pool if no connection became free in time; the pool has no exception type for it
     * (https://github.com/eclipse-vertx/vertx-sql-client/pull/1342). {@code OverloadIT} fails if the text changes.
     */
    private static final String POOL_TIMEOUT = "Timeout";

    private static final String SERIALIZATION_FAILURE = "40001";
    private static final String DEADLOCK_DETECTED = "40P01";
    private static final String UNIQUE_VIOLATION = "23505";
    private static final String INSUFFICIENT_PRIVILEGE = "42501";

    /** Connection exception, insufficient resources and operator intervention. */
    private static final Set<String> UNAVAILABLE = Set.of("08", "53", "57");
    private static final String READ_ONLY_TRANSACTION = "25006";
    /** Authorization, and a database that does not exist: the service cannot log in. */
    private static final Set<String> NO_LOGIN = Set.of("28", "3D");
    /** A schema, a table, a column or a function that is not there. */
    private static final Set<String> MISSING = Set.of("3F000", "42P01", "42703", "42883");
    /** The server ended the session, for whatever reason. */
    private static final String FATAL = "FATAL";
    private static final String LOCK_NOT_AVAILABLE = "55P03";
    private static final String QUERY_CANCELED = "57014";
    private static final String IDLE_TRANSACTION_TIMEOUT = "25P03";
    /** Data exception, integrity constraint violation and program limit exceeded: the values of the request are at fault. */
    private static final Set<String> INVALID = Set.of("22", "23", "54");

    private DatabaseProblems() {
    }

    /** An error of PostgreSQL, which Hibernate repeats as a {@link SQLException}. */
    private record DatabaseError(String state, String message, String detail, String constraint, boolean isFatal) {

        private static final Pattern REFUSAL = Pattern.compile("(\\w+): (.*?)(?: \\(PT\\d{3}\\))?", Pattern.DOTALL);
        /** Which quota it is stands in the sentence: Hibernate passes nothing else on. */
        private static final Pattern QUOTA = Pattern.compile("as many (\\w+) as .*\\((\\d+)\\)");
        private static final String HIBERNATE_PREFIX = "ERROR: ";

        static Optional<DatabaseError> in(Throwable failure) {
            for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
                if (cause instanceof PgException e && e.getSqlState() != null) {
                    return Optional.of(new DatabaseError(e.getSqlState(), e.getErrorMessage(), e.getDetail(), e.getConstraint(),
                            FATAL.equals(e.getSeverity())));
                }
                if (cause instanceof SQLException e && e.getSQLState() != null) {
                    return Optional.of(new DatabaseError(e.getSQLState(), e.getMessage(), null, null,
                            e.getMessage() != null && e.getMessage().startsWith(FATAL)));
                }
            }
            return Optional.empty();
        }

        String reason() {
            return "SQLSTATE " + state + (constraint == null ? "" : ", constraint " + constraint);
        }

        /** Also of a role that may not connect to this database. */
        boolean isRefusedLogin() {
            return NO_LOGIN.contains(state.substring(0, 2)) || isFatal && INSUFFICIENT_PRIVILEGE.equals(state);
        }

        boolean isTransient() {
            return SERIALIZATION_FAILURE.equals(state) || DEADLOCK_DETECTED.equals(state);
        }

        boolean isRefusal() {
            return state.startsWith("PT");
        }

        HttpProblem refusal() {
            String text = message.startsWith(HIBERNATE_PREFIX) ? message.substring(HIBERNATE_PREFIX.length()) : message;
            Matcher parts = REFUSAL.matcher(text);
            if (!parts.matches()) {
                throw new IllegalStateException("A function of the schema refused without a code: " + message);
            }
            StatusType status = status(state);
            if (detail != null) {
                List<FieldError> errors = List.of(new FieldError(detail, parts.group(2)));
                return Problem.ofFields(status, parts.group(1), RequestProblems.sentence(errors), errors);
            }
            HttpProblem problem = Problem.of(status, parts.group(1), parts.group(2));
            Matcher quota = QUOTA.matcher(parts.group(2));
            if (status == Status.REQUEST_ENTITY_TOO_LARGE && quota.find()) {
                return HttpProblem.builder(problem).with("quota", quota.group(1)).with("limit", Long.valueOf(quota.group(2)))
                        .build();
            }
            return status == Status.UNAUTHORIZED ? ProblemMappers.challenged(problem) : problem;
        }
    }

    /** Whether the transaction may succeed if it runs again. */
    public static boolean isTransient(Throwable failure) {
        return DatabaseError.in(failure).filter(DatabaseError::isTransient).isPresent();
    }

    /** Whether a failure, translated or not, means that the database is unavailable. */
    public static boolean isUnavailable(Throwable failure) {
        return translate(failure) instanceof HttpProblem problem
                && problem.getStatusCode() == Status.SERVICE_UNAVAILABLE.getStatusCode();
    }

    /** Returns the problem for the client, or the failure itself if it did not come from the database. */
    public static Throwable translate(Throwable failure) {
        if (failure instanceof HttpProblem) {
            return failure;
        }
        return DatabaseError.in(failure).map(error -> withReason(problem(error, failure), error))
                .orElseGet(() -> isOverload(failure) ? tooBusy() : isDisconnection(failure) ? unavailable() : failure);
    }

    /**
     * What really failed, for the log: the SQLSTATE and the constraint, also of a failure that was translated. PostgreSQL's own
     * sentences are left out, as they repeat values.
     */
    public static String describe(Throwable failure) {
        return reason(failure).map(Reason::getMessage).orElseGet(failure::toString);
    }

    /** Whether a failure, translated or not, means that the service may not log in to its database, or that it is not there. */
    public static boolean isRefusedLogin(Throwable failure) {
        return reason(failure).filter(reason -> reason.refusedLogin).isPresent();
    }

    /** Whether a failure, translated or not, means that the schema lacks a table or a function. */
    public static boolean isMissingInSchema(Throwable failure) {
        return reason(failure).filter(reason -> MISSING.contains(reason.state)).isPresent();
    }

    private static Optional<Reason> reason(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            Optional<DatabaseError> error = DatabaseError.in(cause);
            if (error.isPresent()) {
                return error.map(Reason::new);
            }
            for (Throwable reason : cause.getSuppressed()) {
                if (reason instanceof Reason found) {
                    return Optional.of(found);
                }
            }
        }
        return Optional.empty();
    }

    /** What a problem was before it was translated. */
    private static final class Reason extends Exception {

        private static final long serialVersionUID = 1L;

        private final String state;
        private final boolean refusedLogin;

        Reason(DatabaseError error) {
            super(error.reason(), null, false, false);
            state = error.state();
            refusedLogin = error.isRefusedLogin();
        }
    }

    private static Throwable withReason(Throwable problem, DatabaseError error) {
        if (problem instanceof HttpProblem) {
            problem.addSuppressed(new Reason(error));
        }
        return problem;
    }

    /** Whether a failure, translated or not, means that there are more requests than connections. */
    public static boolean isTooBusy(Throwable failure) {
        return translate(failure) instanceof HttpProblem problem
                && TOO_BUSY.equals(problem.getParameters().get(Problem.CODE));
    }

    private static boolean isOverload(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ConnectionPoolTooBusyException
                    || cause instanceof NoStackTraceThrowable && POOL_TIMEOUT.equals(cause.getMessage())) {
                return true;
            }
        }
        return false;
    }

    /** Whether a connection was refused, cut or timed out. The client has exception types for the last two only. */
    private static boolean isDisconnection(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException || cause instanceof TimeoutException || cause instanceof VertxException
                    || cause instanceof NoStackTraceThrowable) {
                return true;
            }
        }
        return false;
    }

    private static Throwable problem(DatabaseError error, Throwable failure) {
        if (error.isRefusal()) {
            return error.refusal();
        }
        String category = error.state().substring(0, 2);
        if (QUERY_CANCELED.equals(error.state())) {
            return later("timed_out", "The request took too long and was stopped. Nothing of it was done.",
                    RETRY_AFTER_SECONDS);
        }
        if (LOCK_NOT_AVAILABLE.equals(error.state()) || IDLE_TRANSACTION_TIMEOUT.equals(error.state())) {
            return tooBusy();
        }
        if (error.isFatal() || NO_LOGIN.contains(category)) {
            Outages.log(error.state(), error.message());
            return unavailable();
        }
        if (UNAVAILABLE.contains(category) || error.isTransient() || READ_ONLY_TRANSACTION.equals(error.state())) {
            return unavailable();
        }
        return switch (error.state()) {
            case UNIQUE_VIOLATION -> Problem.of(Status.CONFLICT, "conflict", "Something with this id exists already.");
            case INSUFFICIENT_PRIVILEGE -> Problem.of(Status.FORBIDDEN, "forbidden", "You may not do this.");
            default -> INVALID.contains(category)
                    ? Problem.of(UnprocessableContent.STATUS, "invalid_value", "A value is malformed or out of range.")
                    : failure;
        };
    }

    private static StatusType status(String state) {
        int code = Integer.parseInt(state.substring(2));
        return Problem.status(code);
    }

    /** The problem for a database that is unavailable. */
    public static HttpProblem unavailable() {
        return later("database_unavailable", "The database is not available at the moment.", RETRY_AFTER_SECONDS);
    }

    /** The problem for more requests than there are connections. */
    public static HttpProblem tooBusy() {
        return later(TOO_BUSY, "There are too many requests at the moment.", RETRY_AFTER_LOAD_SECONDS);
    }

    /** The problem for a user who sends more writes than may wait for each other. */
    public static HttpProblem tooManyWrites() {
        return Problem.later(Status.TOO_MANY_REQUESTS, "too_many_writes", "Too many of your changes wait for each other.",
                RETRY_AFTER_LOAD_SECONDS);
    }

    private static HttpProblem later(String code, String detail, int seconds) {
        return Problem.later(Status.SERVICE_UNAVAILABLE, code, detail, seconds);
    }
}

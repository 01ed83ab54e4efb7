package dev.chatkeep.problem;

import java.io.IOException;
import java.util.Set;
import java.util.concurrent.TimeoutException;

import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response.Status;
import jakarta.ws.rs.core.Response.StatusType;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.vertx.core.VertxException;
import io.vertx.core.impl.NoStackTraceThrowable;
import io.vertx.pgclient.PgException;

/**
 * What a failure of the database means to a client, by its SQLSTATE (PostgreSQL documentation, appendix A). Functions of
 * the schema refuse with {@code PTnnn}, PostgREST's convention: nnn is the HTTP status, the message the code and the
 * detail the sentence. Nothing else that PostgreSQL says leaves the service.
 */
public final class DatabaseProblems {

    private static final int RETRY_AFTER_SECONDS = 5;

    private static final String SERIALIZATION_FAILURE = "40001";
    private static final String DEADLOCK_DETECTED = "40P01";
    private static final String UNIQUE_VIOLATION = "23505";
    private static final String INSUFFICIENT_PRIVILEGE = "42501";
    private static final String QUERY_CANCELED = "57014";

    /** connection exception, insufficient resources, operator intervention, and a database that takes no writes. */
    private static final Set<String> UNAVAILABLE = Set.of("08", "53", "57");
    private static final String READ_ONLY_TRANSACTION = "25006";
    /** data exception, integrity constraint violation, program limit exceeded: the request's values are at fault. */
    private static final Set<String> INVALID = Set.of("22", "23", "54");

    private DatabaseProblems() {
    }

    /** Whether the same transaction may well succeed when it is run again. */
    public static boolean isTransient(Throwable failure) {
        return failure instanceof PgException e
                && (SERIALIZATION_FAILURE.equals(e.getSqlState()) || DEADLOCK_DETECTED.equals(e.getSqlState()));
    }

    /** The problem that a client is answered with, or the failure itself where it is none of the database's. */
    public static Throwable translate(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof HttpProblem) {
                return cause;
            }
            if (cause instanceof PgException e && e.getSqlState() != null) {
                return problem(e, failure);
            }
            // Connections refused, cut and timed out; the client has a type of its own for the last two only.
            if (cause instanceof IOException || cause instanceof TimeoutException || cause instanceof VertxException
                    || cause instanceof NoStackTraceThrowable) {
                return unavailable();
            }
        }
        return failure;
    }

    private static Throwable problem(PgException e, Throwable failure) {
        String state = e.getSqlState();
        String category = state.substring(0, 2);
        if (category.equals("PT")) {
            return Problem.of(status(state), e.getErrorMessage(), e.getDetail());
        }
        if (UNAVAILABLE.contains(category) || READ_ONLY_TRANSACTION.equals(state) || isTransient(e)
                || QUERY_CANCELED.equals(state)) {
            return unavailable();
        }
        return switch (state) {
            case UNIQUE_VIOLATION -> Problem.of(Status.CONFLICT, "conflict", "Something with this id exists already.");
            case INSUFFICIENT_PRIVILEGE -> Problem.of(Status.FORBIDDEN, "forbidden", "You may not do this.");
            default -> INVALID.contains(category)
                    ? Problem.of(UnprocessableContent.STATUS, "invalid_value", "A value is malformed or out of range.")
                    : failure;
        };
    }

    private static StatusType status(String state) {
        int code = Integer.parseInt(state.substring(2));
        return code == UnprocessableContent.STATUS.getStatusCode() ? UnprocessableContent.STATUS : Status.fromStatusCode(code);
    }

    private static HttpProblem unavailable() {
        String detail = "The database is not available at the moment.";
        return HttpProblem.builder(Problem.of(Status.SERVICE_UNAVAILABLE, "database_unavailable", detail))
                .withHeader(HttpHeaders.RETRY_AFTER, RETRY_AFTER_SECONDS)
                .build();
    }
}

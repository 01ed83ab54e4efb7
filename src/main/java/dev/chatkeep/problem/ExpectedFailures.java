package dev.chatkeep.problem;

import java.io.IOException;
import java.util.logging.Filter;
import java.util.logging.LogRecord;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.logging.LoggingFilter;
import io.vertx.core.http.HttpClosedException;

/** Keeps everyday failures and their stack traces out of the log. */
@LoggingFilter(name = "expected-failures")
public final class ExpectedFailures implements Filter {

    private static final String STREAMS = "org.jboss.resteasy.reactive.server.handlers.PublisherResponseHandler";
    private static final String PROBLEMS = "http-problem";

    @Override
    public boolean isLoggable(LogRecord entry) {
        Throwable thrown = entry.getThrown();
        if (STREAMS.equals(entry.getLoggerName())) {
            return !(thrown instanceof IOException || thrown instanceof HttpClosedException);
        }
        // Failures of the provider are already logged in one line where they occur.
        return !(PROBLEMS.equals(entry.getLoggerName()) && thrown instanceof HttpProblem problem
                && String.valueOf(problem.getParameters().get(Problem.CODE)).startsWith("provider_"));
    }
}

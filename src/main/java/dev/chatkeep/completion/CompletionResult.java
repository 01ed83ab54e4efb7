package dev.chatkeep.completion;

import java.util.Locale;

import jakarta.ws.rs.core.Response.Status;

import dev.chatkeep.problem.Problem;
import io.quarkiverse.resteasy.problem.HttpProblem;

/**
 * What came of a call.
 *
 * @param problem why there is no answer, or only part of one; null if it is complete
 * @param answer null if there is a problem
 */
record CompletionResult(HttpProblem problem, AnswerView answer) {

    /** As the database knows them. */
    enum State {
        COMPLETE,
        /** By its client, or by the end of the service. */
        INTERRUPTED,
        /** By the provider, in the middle. */
        FAILED,
        /** Before there was anything of it. */
        RELEASED;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What readers of an answer hear that was not the provider's to end. */
    static HttpProblem interrupted() {
        return Problem.of(Status.SERVICE_UNAVAILABLE, "interrupted", "The answer was interrupted.");
    }

    static CompletionResult of(HttpProblem problem) {
        return new CompletionResult(problem, null);
    }

    static CompletionResult of(AnswerView answer) {
        return new CompletionResult(null, answer);
    }
}

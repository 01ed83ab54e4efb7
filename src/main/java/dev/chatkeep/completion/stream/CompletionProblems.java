package dev.chatkeep.completion.stream;

import java.time.Instant;
import java.util.List;

import jakarta.ws.rs.core.Response.Status;

import dev.chatkeep.completion.Admission.Refusal;
import dev.chatkeep.completion.CompletionFailure;
import dev.chatkeep.completion.CompletionRefused;
import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.Problem.FieldError;
import io.quarkiverse.resteasy.problem.HttpProblem;

/** Turns failures of calls into responses. */
public final class CompletionProblems {

    private CompletionProblems() {
    }

    public static HttpProblem of(CompletionFailure failure) {
        return switch (failure.reason()) {
            case PROVIDER_FAILED -> failure.providerFailure().toProblem();
            case INTERRUPTED -> Problem.of(Status.SERVICE_UNAVAILABLE, "interrupted", "The answer was interrupted.");
            case NOT_STORED -> DatabaseProblems.unavailable();
            case NOT_STORABLE -> Problem.of(Status.INTERNAL_SERVER_ERROR, "answer_not_stored",
                    "The answer could not be stored.");
            case UNKNOWN_USER -> Problem.of(Status.NOT_FOUND, "user_not_found", "There is no such user.");
        };
    }

    private static HttpProblem of(CompletionRefused refused) {
        Refusal refusal = refused.refusal();
        HttpProblem.Builder problem = HttpProblem.builder(refusal.field() == null
                ? Problem.of(Problem.status(refusal.status()), refusal.code(), refusal.detail())
                : Problem.ofFields(Problem.status(refusal.status()), refusal.code(), refusal.detail(),
                        List.of(new FieldError(refusal.field(), "is not open to your tier"))));
        RateLimitHeaders.of(refused.rateLimits()).forEach(problem::withHeader);
        if (refusal.status() == Status.TOO_MANY_REQUESTS.getStatusCode()) {
            RateLimitHeaders.ofRefusal(refused.rateLimits(), Instant.now()).forEach(problem::withHeader);
        }
        if (refusal.retryAfter() != null) {
            Problem.later(problem, refusal.retryAfter());
        }
        if (refusal.streamId() != null) {
            problem.withHeader(StreamingResponse.STREAM_ID, refusal.streamId()).with("stream_id", refusal.streamId());
        }
        return problem.build();
    }

    /** Makes a problem of a failed call. Any other failure stays as it is. */
    static Throwable translate(Throwable failure) {
        if (failure instanceof CompletionFailure failed) {
            return of(failed);
        }
        return failure instanceof CompletionRefused refused ? of(refused) : failure;
    }
}

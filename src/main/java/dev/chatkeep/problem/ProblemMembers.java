package dev.chatkeep.problem;

import java.time.DateTimeException;
import java.util.Map;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.WebApplicationException;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkiverse.resteasy.problem.postprocessing.ProblemContext;
import io.quarkiverse.resteasy.problem.postprocessing.ProblemPostProcessor;

/**
 * Adds {@code code}, {@code error} and {@code message} to the problems of the framework, and replaces their sentences, which
 * name classes.
 */
@ApplicationScoped
public class ProblemMembers implements ProblemPostProcessor {

    private record Meaning(String code, String detail) {
    }

    private static final Map<Integer, Meaning> MEANINGS = Map.ofEntries(
            Map.entry(400, new Meaning("invalid_request", "The request is malformed.")),
            Map.entry(401, new Meaning("unauthorized", "A valid bearer token is needed.")),
            Map.entry(403, new Meaning("forbidden", "You may not do this.")),
            Map.entry(404, new Meaning("not_found", "There is nothing at this path.")),
            Map.entry(405, new Meaning("method_not_allowed", "This path does not take this method.")),
            Map.entry(406, new Meaning("not_acceptable", "The response is not available in the requested media type.")),
            Map.entry(413, new Meaning("too_large", "The request is too large.")),
            Map.entry(415, new Meaning("unsupported_media_type", "The body must be application/json.")));

    private static final Meaning UNEXPECTED = new Meaning("internal_error", "Something went wrong on our side.");
    private static final Meaning REFUSED = new Meaning("request_refused", "The request was refused.");

    private static boolean isConversion(Throwable cause) {
        return cause instanceof IllegalArgumentException || cause instanceof DateTimeException;
    }

    @Override
    public HttpProblem apply(HttpProblem problem, ProblemContext context) {
        if (problem.getParameters().containsKey(Problem.CODE)) {
            return problem;
        }
        // Jakarta REST reports a parameter that cannot be read as a missing resource, or a header as a bad request.
        if (context.cause instanceof WebApplicationException && context.cause.getCause() instanceof HttpProblem parameter) {
            return HttpProblem.builder(parameter).withInstance(problem.getInstance()).build();
        }
        if (context.cause instanceof NotFoundException && isConversion(context.cause.getCause())) {
            return HttpProblem.builder(Problem.of(Problem.UNPROCESSABLE_CONTENT, "invalid_parameter",
                    "A parameter of the request has the wrong type.")).withInstance(problem.getInstance()).build();
        }
        Meaning meaning = MEANINGS.getOrDefault(problem.getStatusCode(),
                problem.getStatusCode() >= 500 ? UNEXPECTED : REFUSED);
        HttpProblem.Builder builder = Problem.builder(problem.getStatus(), meaning.code(), meaning.detail());
        problem.getHeaders().forEach(builder::withHeader);
        return builder.withInstance(problem.getInstance()).build();
    }
}

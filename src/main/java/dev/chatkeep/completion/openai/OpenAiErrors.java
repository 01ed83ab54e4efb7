package dev.chatkeep.completion.openai;

import java.util.List;

import jakarta.annotation.Nullable;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerResponseContext;
import jakarta.ws.rs.container.ContainerResponseFilter;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.ext.Provider;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;

import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.Problem.FieldError;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** Gives errors under {@code /v1} the shape that OpenAI's clients read. */
@Provider
public class OpenAiErrors implements ContainerResponseFilter {

    static final String PATHS = "/v1/";

    @Schema(name = "OpenAiErrorResponse")
    @RegisterForReflection // written by a filter, which says nothing of its type
    record OpenAiErrorResponse(OpenAiError error) {
    }

    /** @param type OpenAI's name for the class of the status */
    @Schema(name = "OpenAiError")
    @JsonInclude(JsonInclude.Include.ALWAYS)
    @RegisterForReflection // as above
    record OpenAiError(@Schema(examples = "Your tier does not open this model.") String message,
            @Schema(examples = "permission_error") String type,
            @Schema(description = "The field that is wrong") @Nullable String param,
            @Schema(examples = "model_not_allowed") @Nullable String code) {
    }

    static OpenAiErrorResponse of(HttpProblem problem) {
        Object errors = problem.getParameters().get(Problem.ERRORS);
        String field = errors instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof FieldError first
                ? first.field()
                : null;
        return new OpenAiErrorResponse(new OpenAiError(problem.getDetail(), type(problem.getStatusCode()), field,
                String.valueOf(problem.getParameters().get(Problem.CODE))));
    }

    private static String type(int status) {
        return switch (status) {
            case 401 -> "authentication_error";
            case 403 -> "permission_error";
            case 404 -> "not_found_error";
            case 429 -> "rate_limit_error";
            default -> status >= 500 ? "server_error" : "invalid_request_error";
        };
    }

    @Override
    public void filter(ContainerRequestContext request, ContainerResponseContext response) {
        if (response.getEntity() instanceof HttpProblem problem && request.getUriInfo().getPath().startsWith(PATHS)) {
            response.setEntity(of(problem), null, MediaType.APPLICATION_JSON_TYPE);
        }
    }
}

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

import dev.chatkeep.completion.CompletionFailure;
import dev.chatkeep.completion.stream.CompletionProblems;
import dev.chatkeep.problem.ErrorShape;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.Problem.FieldError;
import dev.chatkeep.provider.ProviderFailure;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** Gives errors under {@code /v1} the shape that OpenAI's clients read. */
@Provider
public class OpenAiErrors implements ContainerResponseFilter, ErrorShape {

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

    /** What the provider says of a request that it rejects; only under {@code /v1}, whose clients know these members. */
    private static final String PROVIDER_ERROR = "provider_error";

    /** A failed call, with what OpenAI's clients look for in an error of the provider. */
    static HttpProblem problem(CompletionFailure failure) {
        HttpProblem problem = CompletionProblems.of(failure);
        ProviderFailure.Members members = failure.providerFailure() == null ? null : failure.providerFailure().members();
        return members == null ? problem : HttpProblem.builder(problem).with(PROVIDER_ERROR, members).build();
    }

    @Override
    public boolean isOf(String path) {
        return path.startsWith(PATHS);
    }

    @Override
    public Object shape(HttpProblem problem) {
        return of(problem);
    }

    static OpenAiErrorResponse of(HttpProblem problem) {
        String type = type(problem.getStatusCode());
        String code = String.valueOf(problem.getParameters().get(Problem.CODE));
        if (problem.getParameters().get(PROVIDER_ERROR) instanceof ProviderFailure.Members members) {
            return new OpenAiErrorResponse(new OpenAiError(problem.getDetail(),
                    members.type() == null ? type : members.type(), members.param(),
                    members.code() == null ? code : members.code()));
        }
        Object errors = problem.getParameters().get(Problem.ERRORS);
        String field = errors instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof FieldError first
                ? first.field()
                : null;
        return new OpenAiErrorResponse(new OpenAiError(problem.getDetail(), type, field, code));
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

package dev.chatkeep.problem;

import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.media.Content;
import org.eclipse.microprofile.openapi.models.responses.APIResponse;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.smallrye.openapi.OpenApiFilter;

/**
 * Adds to the OpenAPI document the responses that every operation can have, so that no resource repeats them. It also replaces
 * the error schemas of the problem library with the schema of {@link Problem}. An API with other error documents has a filter
 * of its own with a lower priority.
 */
@OpenApiFilter(OpenApiFilter.RunStage.BUILD)
public class ProblemResponses implements OASFilter {

    private static final Content PROBLEM = OASFactory.createContent().addMediaType(HttpProblem.MEDIA_TYPE.toString(),
            OASFactory.createMediaType().schema(OASFactory.createSchema().ref("#/components/schemas/Problem")));
    private static final List<String> SCHEMAS_OF_THE_LIBRARY = List.of("HttpProblem", "HttpValidationProblem", "Violation");

    private static final Map<String, String> EVERYWHERE = Map.of(
            "401", "The token is missing or not valid",
            "503", "The database is not available; `Retry-After` says when to try again");

    @Override
    public void filterOpenAPI(OpenAPI document) {
        SCHEMAS_OF_THE_LIBRARY.forEach(document.getComponents()::removeSchema);
        document.getPaths().getPathItems().forEach((path, item) -> item.getOperations().values()
                .forEach(ProblemResponses::complete));
    }

    private static void complete(Operation operation) {
        EVERYWHERE.forEach((status, description) -> operation.getResponses().addAPIResponse(status,
                OASFactory.createAPIResponse().description(description)));
        operation.getResponses().getAPIResponses().entrySet().stream()
                .filter(response -> response.getKey().charAt(0) >= '4')
                .forEach(response -> response.getValue().setContent(PROBLEM));
        // Quarkus adds 403 to every operation that needs a token. Operations that can respond with it describe it themselves.
        APIResponse forbidden = operation.getResponses().getAPIResponse("403");
        if (forbidden != null && "Not Allowed".equals(forbidden.getDescription())) {
            operation.getResponses().removeAPIResponse("403");
        }
    }
}

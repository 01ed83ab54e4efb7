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
 * Describes in the OpenAPI document what every operation can be answered with, so that no resource repeats it, and gives
 * every error the shape that errors here have instead of the problem library's.
 */
@OpenApiFilter(OpenApiFilter.RunStage.BUILD)
public class ProblemResponses implements OASFilter {

    /** Clients of OpenAI's API read errors in its shape. */
    private static final String OPEN_AI_PATHS = "/v1/";
    private static final Content PROBLEM = content(HttpProblem.MEDIA_TYPE.toString(), "#/components/schemas/Problem");
    private static final Content OPEN_AI_ERROR = content("application/json", "#/components/schemas/OpenAiErrorAnswer");
    private static final List<String> SCHEMAS_OF_THE_LIBRARY = List.of("HttpProblem", "HttpValidationProblem", "Violation");

    private static final Map<String, String> EVERYWHERE = Map.of(
            "401", "The token is missing or not valid",
            "503", "The database is not available; `Retry-After` says when to try again");

    @Override
    public void filterOpenAPI(OpenAPI document) {
        SCHEMAS_OF_THE_LIBRARY.forEach(document.getComponents()::removeSchema);
        document.getPaths().getPathItems().forEach((path, item) -> item.getOperations().values()
                .forEach(operation -> complete(operation, path.startsWith(OPEN_AI_PATHS) ? OPEN_AI_ERROR : PROBLEM)));
    }

    private static void complete(Operation operation, Content error) {
        EVERYWHERE.forEach((status, description) -> operation.getResponses().addAPIResponse(status,
                OASFactory.createAPIResponse().description(description)));
        operation.getResponses().getAPIResponses().entrySet().stream()
                .filter(response -> response.getKey().charAt(0) >= '4')
                .forEach(response -> response.getValue().setContent(error));
        // Quarkus adds it to whatever asks for a token; where it is real, the operation says when.
        APIResponse forbidden = operation.getResponses().getAPIResponse("403");
        if (forbidden != null && "Not Allowed".equals(forbidden.getDescription())) {
            operation.getResponses().removeAPIResponse("403");
        }
    }

    private static Content content(String mediaType, String schema) {
        return OASFactory.createContent().addMediaType(mediaType,
                OASFactory.createMediaType().schema(OASFactory.createSchema().ref(schema)));
    }
}

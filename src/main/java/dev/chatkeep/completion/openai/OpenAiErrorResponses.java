package dev.chatkeep.completion.openai;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.media.Content;

import io.quarkus.smallrye.openapi.OpenApiFilter;

/**
 * Describes in the OpenAPI document that errors under {@code /v1} have OpenAI's shape. It runs after the filter that gives
 * every error the common shape, which has a higher priority.
 */
@OpenApiFilter(value = OpenApiFilter.RunStage.BUILD, priority = 0)
public class OpenAiErrorResponses implements OASFilter {

    private static final Content ERROR = OASFactory.createContent().addMediaType("application/json",
            OASFactory.createMediaType().schema(OASFactory.createSchema().ref("#/components/schemas/OpenAiErrorResponse")));

    @Override
    public void filterOpenAPI(OpenAPI document) {
        document.getPaths().getPathItems().forEach((path, item) -> {
            if (path.startsWith(OpenAiErrors.PATHS)) {
                item.getOperations().values().forEach(OpenAiErrorResponses::describe);
            }
        });
    }

    private static void describe(Operation operation) {
        operation.getResponses().getAPIResponses().entrySet().stream()
                .filter(response -> response.getKey().charAt(0) >= '4')
                .forEach(response -> response.getValue().setContent(ERROR));
    }
}

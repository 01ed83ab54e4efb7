package dev.chatkeep.problem;

import java.util.List;
import java.util.Map;

import jakarta.ws.rs.core.HttpHeaders;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.headers.Header;
import org.eclipse.microprofile.openapi.models.media.Content;
import org.eclipse.microprofile.openapi.models.media.Schema.SchemaType;
import org.eclipse.microprofile.openapi.models.responses.APIResponse;
import org.eclipse.microprofile.openapi.models.responses.APIResponses;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.smallrye.openapi.OpenApiFilter;

/**
 * Adds to the OpenAPI document the responses and headers that every operation can have, so that no resource repeats them. It
 * also replaces the error schemas of the problem library with the schema of {@link Problem}. An API with other error documents
 * has a filter of its own with a lower priority.
 */
@OpenApiFilter(OpenApiFilter.RunStage.BUILD)
public class ProblemResponses implements OASFilter {

    private static final Content PROBLEM = OASFactory.createContent().addMediaType(HttpProblem.MEDIA_TYPE.toString(),
            OASFactory.createMediaType().schema(OASFactory.createSchema().ref("#/components/schemas/Problem")));
    private static final List<String> SCHEMAS_OF_THE_LIBRARY = List.of("HttpProblem", "HttpValidationProblem", "Violation");

    private static final Map<String, String> EVERYWHERE = Map.of(
            "401", "The token is missing or not valid",
            "403", "The token belongs to no user, or the caller may not do this",
            "406", "The response is not available in the requested media type",
            "422", "A parameter or a field is not valid",
            "429", "The caller asks for too much at a time; `Retry-After` says when to try again",
            "500", "Something went wrong on our side",
            "503", "The database is not available, or too busy; `Retry-After` says when to try again");
    private static final Map<String, String> WITH_A_BODY = Map.of(
            "400", "The body is malformed or lacks a field",
            "413", "The request is too large",
            "415", "The body is not JSON");

    private static final List<String> STATUSES_OF_LATER = List.of("409", "429", "503");

    @Override
    public void filterOpenAPI(OpenAPI document) {
        SCHEMAS_OF_THE_LIBRARY.forEach(document.getComponents()::removeSchema);
        document.getPaths().getPathItems().forEach((path, item) -> item.getOperations().values()
                .forEach(ProblemResponses::complete));
    }

    private static void complete(Operation operation) {
        APIResponses responses = operation.getResponses();
        // Quarkus adds these two to every operation that needs a token, in its own words.
        removeGenerated(responses, "401", "Not Authorized");
        removeGenerated(responses, "403", "Not Allowed");
        EVERYWHERE.forEach((status, description) -> add(responses, status, description));
        if (operation.getRequestBody() != null) {
            WITH_A_BODY.forEach((status, description) -> add(responses, status, description));
        }
        responses.getAPIResponses().forEach((status, response) -> {
            if (status.charAt(0) >= '4') {
                response.setContent(PROBLEM);
            }
            response.addHeader("X-Request-Id",
                    header("The id of the request in the log, or the one that it came with", SchemaType.STRING));
            if (STATUSES_OF_LATER.contains(status)) {
                response.addHeader(HttpHeaders.RETRY_AFTER,
                        header("Seconds after which another try makes sense", SchemaType.INTEGER));
            }
            if (status.equals("401")) {
                response.addHeader(HttpHeaders.WWW_AUTHENTICATE,
                        header("`Bearer`, and why the token is refused", SchemaType.STRING));
            }
        });
    }

    private static void removeGenerated(APIResponses responses, String status, String description) {
        APIResponse response = responses.getAPIResponse(status);
        if (response != null && description.equals(response.getDescription())) {
            responses.removeAPIResponse(status);
        }
    }

    private static void add(APIResponses responses, String status, String description) {
        if (responses.getAPIResponse(status) == null) {
            responses.addAPIResponse(status, OASFactory.createAPIResponse().description(description));
        }
    }

    private static Header header(String description, SchemaType type) {
        return OASFactory.createHeader().description(description).schema(OASFactory.createSchema().addType(type));
    }
}

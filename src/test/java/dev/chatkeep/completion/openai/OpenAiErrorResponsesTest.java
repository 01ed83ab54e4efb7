package dev.chatkeep.completion.openai;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.PathItem;
import org.junit.jupiter.api.Test;

import dev.chatkeep.problem.ProblemResponses;
import io.quarkus.smallrye.openapi.OpenApiFilter;

class OpenAiErrorResponsesTest {

    private final OpenAPI document = OASFactory.createOpenAPI().components(OASFactory.createComponents())
            .paths(OASFactory.createPaths().addPathItem("/v1/models", item()).addPathItem("/api/chat", item()));

    @Test
    void errorsOfOneApiHaveItsShapeAndAllOthersTheCommonOne() {
        // Given
        new ProblemResponses().filterOpenAPI(document);

        // When
        new OpenAiErrorResponses().filterOpenAPI(document);

        // Then
        assertThat(mediaTypes("/v1/models", "404")).containsExactly("application/json");
        assertThat(mediaTypes("/v1/models", "401")).containsExactly("application/json");
        assertThat(mediaTypes("/api/chat", "404")).containsExactly("application/problem+json");
    }

    @Test
    void whatIsNoErrorStaysAsItIs() {
        // When
        new OpenAiErrorResponses().filterOpenAPI(document);

        // Then
        assertThat(document.getPaths().getPathItem("/v1/models").getGET().getResponses().getAPIResponse("200").getContent())
                .isNull();
    }

    /** Filters of a higher priority run first. */
    @Test
    void itRunsAfterTheFilterForAllErrors() {
        // When
        OpenApiFilter filter = OpenAiErrorResponses.class.getAnnotation(OpenApiFilter.class);

        // Then
        assertThat(filter.priority()).isLessThan(ProblemResponses.class.getAnnotation(OpenApiFilter.class).priority());
    }

    private Set<String> mediaTypes(String path, String status) {
        return document.getPaths().getPathItem(path).getGET().getResponses().getAPIResponse(status).getContent()
                .getMediaTypes().keySet();
    }

    private static PathItem item() {
        return OASFactory.createPathItem().GET(OASFactory.createOperation().responses(OASFactory.createAPIResponses()
                .addAPIResponse("200", OASFactory.createAPIResponse().description("The models"))
                .addAPIResponse("404", OASFactory.createAPIResponse().description("There is none"))));
    }
}

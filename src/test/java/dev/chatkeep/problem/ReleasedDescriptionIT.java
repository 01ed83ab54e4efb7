package dev.chatkeep.problem;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;

import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;

/**
 * Holds the description of the API against that of the last release. Who means to break clients, or releases a version, runs
 * it with {@code -Dchatkeep.released.rewrite}, which makes the description that is served the one to be held against.
 */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class ReleasedDescriptionIT {

    private static final Path RELEASED = Path.of("src", "test", "resources", "openapi-released.json");

    @Test
    void clientsOfTheLastReleaseGoOnWorking() throws IOException {
        // Given
        JsonNode served = Json.of(RestAssured.get("/q/openapi?format=json"));
        if (Boolean.getBoolean("chatkeep.released.rewrite")) {
            new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, SerializationFeature.INDENT_OUTPUT)
                    .writeValue(RELEASED.toFile(), served);
        }

        // When
        List<String> changes = OpenApiChanges.breaking(Json.of(Files.readString(RELEASED)), served);

        // Then
        assertThat(changes).isEmpty();
    }
}

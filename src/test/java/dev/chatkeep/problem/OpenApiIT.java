package dev.chatkeep.problem;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Management;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class OpenApiIT {

    private static final Set<String> CALLS = Set.of("POST /api/auth/session", "GET /api/chat/sessions",
            "POST /api/chat/sessions",
            "PATCH /api/chat/sessions", "DELETE /api/chat/sessions", "POST /api/chat/session", "GET /api/chat/messages",
            "POST /api/chat/messages", "GET /api/chat/sync", "POST /api/chat/sync", "DELETE /api/chat/clear-all",
            "GET /api/user/data", "PUT /api/user/data", "GET /api/user/profile", "POST /api/user/sync",
            "GET /api/user/activity",
            "GET /api/user/export", "DELETE /api/user", "GET /api/models", "GET /api/models/{id}/access",
            "GET /api/usage/daily", "GET /api/usage/models", "GET /api/usage/summary", "GET /api/usage/costs",
            "GET /api/usage/costs/models/daily", "GET /api/admin/health",
            "GET /api/admin/stats", "GET /api/admin/overview", "POST /api/admin/maintenance/cleanup", "GET /api/admin/users",
            "GET /api/admin/users/{id}", "GET /api/admin/users/{id}/usage", "PATCH /api/admin/users/{id}",
            "GET /api/admin/models", "POST /api/admin/models", "PATCH /api/admin/models/{id}",
            "DELETE /api/admin/models/{id}", "PUT /api/admin/models/catalog", "POST /api/chat", "GET /api/chat/streams/{id}",
            "POST /v1/chat/completions", "GET /v1/models", "GET /v1/models/{id}",
            "GET /api/chat/messages/{id}", "PATCH /api/chat/messages/{id}", "DELETE /api/chat/messages/{id}");

    /** Calls whose bodies may leave out everything, or one of two things. */
    private static final Set<String> WITHOUT_REQUIRED_FIELDS = Set.of("POST /api/chat", "PUT /api/user/data",
            "PATCH /api/admin/users/{id}",
            "PATCH /api/admin/models/{id}", "POST /api/admin/maintenance/cleanup");

    private static final Path KEPT = Path.of("clients", "openapi.json");
    private static final Path SERVED = Path.of("target", "openapi.json");

    @Test
    void everyCallIsDescribed() {
        // When
        Map<String, JsonNode> operations = operations();

        // Then
        assertThat(operations.keySet()).containsExactlyInAnyOrderElementsOf(CALLS);
        assertThat(operations.values()).extracting(operation -> operation.path("operationId").textValue()).doesNotContainNull()
                .doesNotHaveDuplicates();
        assertThat(operations).allSatisfy((call, operation) -> {
            assertThat(operation.path("summary").textValue()).isNotBlank();
            assertThat(operation.path("tags")).hasSize(1);
        });
    }

    @Test
    void everyCallDescribesItsResponses() {
        // Given
        JsonNode document = document();

        // When
        Map<String, JsonNode> answers = responses(document, status -> status.startsWith("2"));

        // Then
        assertThat(answers).hasSize(CALLS.size()).allSatisfy((answer, response) -> {
            assertThat(response.path("description").textValue()).isNotBlank();
            if (answer.equals("GET /api/user/export 200")) {
                assertThat(response.path("content").fieldNames()).toIterable().containsExactly("application/json",
                        "application/x-ndjson");
            } else if (answer.equals("GET /api/chat/streams/{id} 200")) {
                assertThat(response.path("content").fieldNames()).toIterable().containsExactly("text/event-stream");
            } else {
                assertThat(schema(document, response, "application/json").path("properties")).as(answer).isNotEmpty();
            }
        });
    }

    @Test
    void everyCallWithABodyDescribesIt() {
        // Given
        JsonNode document = document();

        // When
        Map<String, JsonNode> bodies = new TreeMap<>();
        operations().forEach((call, operation) -> {
            if (operation.has("requestBody")) {
                bodies.put(call, schema(document, operation.path("requestBody"), "application/json"));
            }
        });

        // Then
        assertThat(bodies.keySet()).containsExactlyInAnyOrder("POST /api/chat/sessions", "PATCH /api/chat/sessions",
                "POST /api/chat/session", "POST /api/chat/messages", "PATCH /api/chat/messages/{id}", "POST /api/chat/sync",
                "PUT /api/user/data",
                "DELETE /api/user",
                "POST /api/admin/maintenance/cleanup", "PATCH /api/admin/users/{id}", "POST /api/admin/models",
                "PATCH /api/admin/models/{id}", "PUT /api/admin/models/catalog", "POST /api/chat", "POST /v1/chat/completions");
        assertThat(bodies).allSatisfy((call, body) -> {
            assertThat(body.path("properties")).as(call).isNotEmpty();
            assertThat(body.path("required").isEmpty()).as(call).isEqualTo(WITHOUT_REQUIRED_FIELDS.contains(call));
        });
    }

    @Test
    void everyErrorIsDescribedAsTheProblemThatItIs() {
        // Given
        JsonNode document = document();

        // When
        Map<String, JsonNode> errors = responses(document, status -> !status.startsWith("2"));
        errors.keySet().removeIf(answer -> answer.contains(" /v1/"));

        // Then
        Map<String, Set<String>> members = new TreeMap<>();
        errors.forEach((answer, response) -> {
            Set<String> names = new TreeSet<>();
            schema(document, response, "application/problem+json").path("properties").fieldNames().forEachRemaining(names::add);
            members.put(answer, names);
        });
        assertThat(members).isNotEmpty().allSatisfy((answer, names) -> assertThat(names).as(answer)
                .contains("status", "title", "detail", "code", "error", "message"));
    }

    @Test
    void errorsForClientsOfOpenAiHaveItsShape() {
        // Given
        JsonNode document = document();

        // When
        Map<String, JsonNode> errors = responses(document, status -> !status.startsWith("2"));
        errors.keySet().removeIf(answer -> !answer.contains(" /v1/"));

        // Then
        assertThat(errors).isNotEmpty().allSatisfy((answer, response) -> assertThat(
                schema(document, response, "application/json").path("properties").fieldNames()).as(answer).toIterable()
                .containsExactly("error"));
    }

    @Test
    void everyCallSaysThatItNeedsAToken() {
        // Given
        JsonNode document = document();

        // When
        Map<String, JsonNode> operations = operations();

        // Then
        assertThat(operations).allSatisfy((call, operation) -> {
            assertThat(operation.path("security")).as(call).isEqualTo(Json.of(
                    call.contains(" /api/admin/") ? "[{\"bearer\": [\"administrator\"]}]" : "[{\"bearer\": []}]"));
            assertThat(operation.path("responses").has("401")).as(call).isTrue();
        });
        assertThat(Json.without(document.at("/components/securitySchemes/bearer"), "description"))
                .isEqualTo(Json.of("{\"type\": \"http\", \"scheme\": \"bearer\", \"bearerFormat\": \"JWT\"}"));
    }

    @ParameterizedTest
    @CsvSource({ "POST /api/auth/session, 200 401 403", "GET /api/chat/sessions, 200 401 422",
            "POST /api/chat/sessions, 201 400 401 409 413 422", "PATCH /api/chat/sessions, 200 400 401 404 422",
            "DELETE /api/chat/sessions, 200 400 401 404 422", "POST /api/chat/session, 200 400 401 404 422",
            "GET /api/chat/messages, 200 400 401 404 422", "POST /api/chat/messages, 201 400 401 409 413 422",
            "GET /api/chat/sync, 200 401", "POST /api/chat/sync, 200 400 401 413 422", "DELETE /api/chat/clear-all, 200 401" })
    void whatACallAnswersWithIsDescribedByStatus(String call, String statuses) {
        // Given
        JsonNode operation = operations().get(call);

        // When
        List<String> described = new ArrayList<>();
        operation.path("responses").fieldNames().forEachRemaining(described::add);

        // Then
        assertThat(described).contains(statuses.split(" "));
    }

    @Test
    void everyDescribedCallIsRefusedWithoutAToken() {
        // Given
        Map<String, JsonNode> operations = operations();

        // When
        Map<String, String> answers = new TreeMap<>();
        operations.keySet().forEach(call -> {
            Response answer = RestAssured.given().contentType("application/json").body("{}")
                    .request(call.split(" ")[0], call.split(" ")[1].replace("{id}", UUID.randomUUID().toString()));
            String code = answer.path(call.contains(" /v1/") ? "error.code" : "code");
            answers.put(call, answer.statusCode() + " " + code + " " + answer.header("WWW-Authenticate"));
        });

        // Then
        assertThat(answers).hasSize(CALLS.size())
                .allSatisfy((call, answer) -> assertThat(answer).as(call).isEqualTo("401 unauthorized Bearer"));
    }

    @Test
    void theDocumentNamesNoClasses() {
        // Given
        String path = "/q/openapi?format=json";

        // When
        String document = RestAssured.get(path).asString();

        // Then
        assertThat(document).doesNotContain("dev.chatkeep", "io.quark", "jakarta.", "java.");
    }

    @ParameterizedTest
    @ValueSource(strings = { "/q/openapi", "/q/swagger-ui/" })
    void theDescriptionIsThereWithoutAToken(String path) {
        // When
        Response answer = RestAssured.get(path);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = { "/q/metrics", "/q/health/live", "/q/health/ready", "/q/health" })
    void healthAndMetricsHaveAPortOfTheirOwn(String path) {
        // When
        Response answer = Management.request().get(path);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(RestAssured.get(path).statusCode()).isEqualTo(404);
    }

    /** What is served stands in {@link #SERVED} afterwards, from where {@code clients/generate --from} takes it. */
    @Test
    void theClientsAreGeneratedFromWhatIsServed() throws Exception {
        // Given
        Response served = RestAssured.get("/q/openapi?format=json");
        Files.writeString(SERVED, served.asString());

        // When
        JsonNode kept = Json.of(Files.readString(KEPT));

        // Then
        assertThat(kept).as("run clients/generate --from " + SERVED).isEqualTo(Json.of(served));
    }

    private interface Statuses {
        boolean include(String status);
    }

    private static JsonNode document() {
        Response answer = RestAssured.get("/q/openapi?format=json");
        assertThat(answer.statusCode()).isEqualTo(200);
        return Json.of(answer);
    }

    /** The operations under /api by method and path. */
    private static Map<String, JsonNode> operations() {
        Map<String, JsonNode> operations = new TreeMap<>();
        document().path("paths").fields().forEachRemaining(path -> path.getValue().fields().forEachRemaining(
                operation -> operations.put(operation.getKey().toUpperCase() + " " + path.getKey(), operation.getValue())));
        return operations;
    }

    private static Map<String, JsonNode> responses(JsonNode document, Statuses statuses) {
        Map<String, JsonNode> responses = new TreeMap<>();
        operations().forEach((call, operation) -> operation.path("responses").fields().forEachRemaining(response -> {
            if (statuses.include(response.getKey())) {
                responses.put(call + " " + response.getKey(), response.getValue());
            }
        }));
        return responses;
    }

    private static JsonNode schema(JsonNode document, JsonNode message, String type) {
        JsonNode schema = message.path("content").path(type).path("schema");
        return schema.has("$ref") ? document.at(schema.path("$ref").textValue().substring(1)) : schema;
    }
}

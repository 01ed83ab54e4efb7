package dev.chatkeep.testsupport;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;

import io.restassured.response.Response;

/** What every error that a client is answered with must look like. */
public final class Problems {

    /** What gives away how the service is built. */
    private static final String[] INTERNALS = { "Exception", "org.", "java.", "io.vertx", "dev.chatkeep", "select ", "insert ",
            "PgException", "SQLSTATE", "list element" };

    private Problems() {
    }

    public static void assertProblem(Response response, int status, String code) {
        assertProblem(response.statusCode(), response.contentType(), response.asByteArray(), status, code);
    }

    public static void assertProblem(HttpResponse<byte[]> response, int status, String code) {
        assertProblem(response.statusCode(), response.headers().firstValue("Content-Type").orElse(""), response.body(), status,
                code);
    }

    /** Fields that are missing (400) or wrong (422), and what the document says about them. */
    public static void assertFields(Response response, int status, String... complaints) {
        assertProblem(response, status, code(status));
        assertThat(complaints(Json.of(response))).containsExactly(complaints);
    }

    public static void assertFields(HttpResponse<byte[]> response, int status, String... complaints) {
        assertProblem(response, status, code(status));
        assertThat(complaints(Json.of(text(response.body())))).containsExactly(complaints);
    }

    private static void assertProblem(int actualStatus, String contentType, byte[] body, int status, String code) {
        String text = text(body);
        assertThat(actualStatus).as(text).isEqualTo(status);
        assertThat(contentType).as(text).isEqualTo("application/problem+json");
        JsonNode problem = Json.of(text);
        assertThat(problem.path("status").intValue()).isEqualTo(status);
        assertThat(problem.path("code").textValue()).isEqualTo(code);
        assertThat(problem.path("title").textValue()).isNotBlank();
        assertThat(problem.path("detail").textValue()).isNotBlank();
        assertThat(problem.path("error")).isEqualTo(problem.path("detail"));
        assertThat(problem.path("message")).isEqualTo(problem.path("detail"));
        assertThat(text).doesNotContain(INTERNALS);
    }

    private static String code(int status) {
        return status == 400 ? "missing_field" : "invalid_field";
    }

    private static List<String> complaints(JsonNode problem) {
        List<String> complaints = new ArrayList<>();
        problem.path("errors").forEach(error -> complaints
                .add((error.path("field").textValue() + " " + error.path("message").textValue()).strip()));
        return complaints;
    }

    private static String text(byte[] body) {
        return new String(body, StandardCharsets.UTF_8);
    }
}

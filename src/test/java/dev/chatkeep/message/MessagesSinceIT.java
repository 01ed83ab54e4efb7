package dev.chatkeep.message;

import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/** What is new or has changed in a session since a time. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class MessagesSinceIT {

    @Test
    void whatIsNewOrHasChangedComesInTimeOrder() {
        // Given
        Caller caller = callerWithMessages();
        String since = now();
        granted(caller.request().body(Map.of("content", "Changed")).patch("/api/chat/messages/m3"));
        caller.hasMessage("s1", message("m1", "Corrected"));
        caller.hasMessage("s1", message("m4", "The same"));
        caller.hasMessage("s1", message("m0", "New"));

        // When
        Response response = since(caller, since);

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        JsonNode read = Json.of(response);
        assertThat(Json.texts(read.path("messages"), "id")).containsExactly("m0", "m1", "m3");
        assertThat(Json.texts(read.path("messages"), "content")).containsExactly("New", "Corrected", "Changed");
        assertThat(read.path("count").intValue()).isEqualTo(3);
        assertThat(read.get("next_cursor").isNull()).isTrue();
    }

    @Test
    void whatIsSaidLaterIsNewWheneverItWasStored() {
        // Given
        Caller caller = callerWithMessages();
        caller.hasMessage("s1", Map.of("id", "later", "role", "user", "content", "", "timestamp", "2098-03-01T10:00:00.000Z"));

        // When
        Response response = since(caller, "2098-01-01T00:00:00.000Z");

        // Then
        assertThat(Json.texts(Json.of(response).path("messages"), "id")).containsExactly("later");
    }

    @Test
    void itComesInPagesAsWell() {
        // Given
        Caller caller = callerWithMessages();
        String since = now();
        granted(caller.request().body(Map.of("content", "Changed")).patch("/api/chat/messages/m4"));
        granted(caller.request().body(Map.of("content", "Changed")).patch("/api/chat/messages/m2"));
        JsonNode first = Json.of(caller.request().queryParam("session_id", "s1").queryParam("since_ts", since)
                .queryParam("limit", 1).get("/api/chat/messages"));

        // When
        Response response = caller.request().queryParam("session_id", "s1").queryParam("since_ts", since).queryParam("limit", 1)
                .queryParam("cursor", first.path("next_cursor").textValue()).get("/api/chat/messages");

        // Then
        assertThat(Json.texts(first.path("messages"), "id")).containsExactly("m2");
        assertThat(Json.texts(Json.of(response).path("messages"), "id")).containsExactly("m4");
        assertThat(Json.of(response).get("next_cursor").isNull()).isTrue();
    }

    @Test
    void nothingNewIsAnEmptyList() {
        // Given
        Caller caller = callerWithMessages();

        // When
        Response response = since(caller, now());

        // Then
        assertThat(Json.of(response)).isEqualTo(Json.of("{\"messages\": [], \"count\": 0, \"next_cursor\": null}"));
    }

    @Test
    void aSessionOfSomebodyElseIsNotRead() {
        // Given
        callerWithMessages();

        // When
        Response response = since(Caller.fresh(), "2020-01-01T00:00:00Z");

        // Then
        assertProblem(response, 404, "session_not_found");
    }

    @ParameterizedTest
    @ValueSource(strings = { "yesterday", "1764374400000", "2026-03-01" })
    void whatIsNoTimeIsRefused(String since) {
        // Given
        Caller caller = callerWithMessages();

        // When
        Response response = since(caller, since);

        // Then
        assertFields(response, 422, "since_ts must be a time such as 2026-09-01T08:00:00.000Z");
    }

    private static Caller callerWithMessages() {
        Caller caller = Caller.fresh();
        caller.hasUploaded(List.of(Map.of("id", "s1", "messages", List.of(message("m1", "Hello"), message("m2", "Hello"),
                message("m3", "Hello"), message("m4", "The same")))));
        return caller;
    }

    private static Map<String, Object> message(String id, String content) {
        return Map.of("id", id, "role", "user", "content", content, "timestamp", "2026-03-01T10:00:0" + id.charAt(1) + ".000Z");
    }

    private static Response since(Caller caller, String since) {
        return caller.request().queryParam("session_id", "s1").queryParam("since_ts", since).get("/api/chat/messages");
    }

    private static String now() {
        return Sql.value("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    }
}

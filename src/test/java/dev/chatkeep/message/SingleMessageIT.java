package dev.chatkeep.message;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.http.Method;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class SingleMessageIT {

    private static final String PATH = "/api/chat/messages/{id}";
    private static final String CHANGE = "{\"content\": \"Porto?\"}";

    @Test
    void aMessageIsReadAsItsRow() {
        // Given
        Caller caller = callerWithExchange();

        // When
        Response response = caller.request().get(PATH, "a1");

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(Json.of(response)).isEqualTo(Json.of("""
                {"message": {"id": "a1", "user_id": "%s", "session_id": "s1", "role": "assistant", "content": "Alfama.",
                             "model": "no-price", "total_tokens": 4, "input_tokens": null, "output_tokens": 4,
                             "user_message_id": "q1", "content_type": "markdown", "elapsed_ms": 1530,
                             "completion_id": "gen-1", "message_timestamp": "2026-03-01T10:00:01.530Z",
                             "error_message": null, "is_streaming": false, "metadata": {}}, "success": true}
                """, caller.id()));
    }

    @Test
    void readingAMessageWritesNothing() {
        // Given
        Caller caller = callerWithExchange();
        String before = Stored.versions(caller);

        // When
        Response response = caller.request().get(PATH, "a1");

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    /** What is read beside the event loop is stored by it. */
    @ParameterizedTest
    @ValueSource(ints = { 10, 60_000, 70_000, 1_000_000 })
    void contentOfAnySizeReplacesWhatWasThere(int characters) {
        // Given
        Caller caller = callerWithExchange();
        String content = "x".repeat(characters);

        // When
        Response response = caller.request().body("{\"content\": \"" + content + "\"}").patch(PATH, "a1");

        // Then
        assertThat(response.statusCode()).as(response.asString()).isEqualTo(200);
        assertThat(Sql.<String> value("select content from public.chat_messages where user_id = ? and id = 'a1'", caller.id()))
                .isEqualTo(content);
    }

    @Test
    void onlyTheContentOfAMessageChanges() {
        // Given
        Caller caller = callerWithExchange();
        JsonNode usage = Stored.of(caller, "usage");
        String row = "select to_jsonb(m) - 'content' - 'updated_at' - 'stored_bytes' from public.chat_messages m where m.user_id = ? and m.id = 'a1'";
        Object before = Sql.value(row, caller.id());

        // When
        Response response = caller.request().body(CHANGE).patch(PATH, "a1");

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(Json.of(response).at("/message/content").textValue()).isEqualTo("Porto?");
        assertThat(Json.of(caller.messages("s1")).at("/messages/1/content").textValue()).isEqualTo("Porto?");
        assertThat(Sql.<Object> value(row, caller.id())).isEqualTo(before);
        assertThat(Stored.of(caller, "usage")).isEqualTo(usage);
    }

    @Test
    void theSessionShowsTheChangedContent() {
        // Given
        Caller caller = callerWithExchange();

        // When
        Response response = caller.request().body(CHANGE).patch(PATH, "a1");

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        JsonNode session = Stored.of(caller, "sessions").path(0);
        assertThat(session.path("last_message_preview").textValue()).isEqualTo("Porto?");
        assertThat(session.path("message_count").intValue()).isEqualTo(2);
        assertThat(session.path("total_tokens").intValue()).isEqualTo(9);
    }

    @Test
    void theSameChangeAgainChangesNothing() {
        // Given
        Caller caller = callerWithExchange();
        caller.request().body(CHANGE).patch(PATH, "a1");
        String before = Stored.versions(caller);

        // When
        Response response = caller.request().body(CHANGE).patch(PATH, "a1");

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void aDeletedMessageIsGoneAndStaysCounted() {
        // Given
        Caller caller = callerWithExchange();
        JsonNode usage = Stored.of(caller, "usage");

        // When
        Response response = caller.request().delete(PATH, "a1");

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(Json.of(response)).isEqualTo(Json.of("{\"success\": true, \"message\": \"The message was deleted.\"}"));
        assertThat(Json.texts(Stored.of(caller, "messages"), "id")).containsExactly("q1");
        assertThat(Stored.of(caller, "sessions").path(0).path("message_count").intValue()).isEqualTo(1);
        assertThat(Stored.of(caller, "usage")).isEqualTo(usage);
    }

    @Test
    void aMessageThatWasDeletedAndIsSentAgainIsNotCountedAgain() {
        // Given
        Caller caller = callerWithExchange();
        JsonNode usage = Stored.of(caller, "usage");
        caller.request().delete(PATH, "q1");

        // When
        Response response = post(caller, QUESTION);

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(Stored.of(caller, "usage")).isEqualTo(usage);
    }

    @ParameterizedTest
    @ValueSource(strings = { "GET", "PATCH", "DELETE" })
    void aMessageThatIsNotThereIsNotFound(String method) {
        // Given
        Caller caller = callerWithExchange();

        // When
        Response response = request(caller, method, "other");

        // Then
        assertProblem(response, 404, "message_not_found");
    }

    @ParameterizedTest
    @ValueSource(strings = { "GET", "PATCH", "DELETE" })
    void nobodyReachesTheMessageOfAnother(String method) {
        // Given
        Caller owner = callerWithExchange();
        String before = Stored.versions(owner);

        // When
        Response response = request(Caller.fresh(), method, "a1");

        // Then
        assertProblem(response, 404, "message_not_found");
        assertThat(Stored.versions(owner)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = { "GET", "PATCH", "DELETE" })
    void aTokenIsNeeded(String method) {
        // Given
        var request = RestAssured.given().contentType("application/json");

        // When
        Response response = (method.equals("PATCH") ? request.body(CHANGE) : request).request(Method.valueOf(method), PATH,
                "a1");

        // Then
        assertProblem(response, 401, "unauthorized");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{}", "{\"content\": null}" })
    void aChangeWithoutContentIsRefused(String body) {
        // Given
        Caller caller = callerWithExchange();

        // When
        Response response = caller.request().body(body).patch(PATH, "a1");

        // Then
        assertFields(response, 400, "content is missing");
    }

    @Test
    void anIdThatIsTooLongIsRefused() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request().get(PATH, "x".repeat(256));

        // Then
        assertProblem(response, 422, "invalid_field");
    }

    private static final Map<String, Object> QUESTION = Map.of("id", "q1", "role", "user", "content", "Lisbon?",
            "timestamp", "2026-03-01T10:00:00.000Z", "input_tokens", 5);

    private static Caller callerWithExchange() {
        Caller caller = Caller.fresh();
        caller.createSession("s1", "A title");
        post(caller, QUESTION);
        post(caller, Map.of("id", "a1", "role", "assistant", "content", "Alfama.", "timestamp", "2026-03-01T10:00:01.530Z",
                "output_tokens", 4, "user_message_id", "q1", "contentType", "markdown", "elapsed_time", 1.53,
                "completion_id", "gen-1", "model", "no-price"));
        return caller;
    }

    private static Response post(Caller caller, Map<String, Object> message) {
        return caller.request().body(Map.of("sessionId", "s1", "message", message)).post("/api/chat/messages");
    }

    private static Response request(Caller caller, String method, String id) {
        var request = caller.request();
        return (method.equals("PATCH") ? request.body(CHANGE) : request).request(Method.valueOf(method), PATH, id);
    }
}

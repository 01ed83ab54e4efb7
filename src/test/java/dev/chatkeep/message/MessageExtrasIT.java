package dev.chatkeep.message;

import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/** What clients say of a message besides, and the service only keeps. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class MessageExtrasIT {

    private static final String MEMBERS = """
            {"reasoning": "They like \uD83D\uDE00 walking.",
             "reasoning_details": [{"type": "reasoning.text", "text": "They", "n": 1.5, "deep": {"a": [null, true, {}]}}],
             "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.org", "start_index": 3}}],
             "error_code": "none", "retry_available": false, "has_websearch": true, "websearch_result_count": 3,
             "original_model": "openai/gpt-4o", "was_streaming": true, "requested_web_search": true,
             "requested_web_max_results": 5, "requested_reasoning_effort": "low"}
            """;
    private static final List<String> NAMES = List.of("reasoning", "reasoning_details", "annotations", "error_code",
            "retry_available", "has_websearch", "websearch_result_count", "original_model", "was_streaming",
            "requested_web_search", "requested_web_max_results", "requested_reasoning_effort");

    @ParameterizedTest
    @ValueSource(strings = { "one", "several", "upload" })
    void theyAreGivenBackHoweverTheMessageIsStored(String way) {
        // Given
        Caller caller = Caller.fresh();
        JsonNode message = message();

        // When
        store(caller, way, message).then().statusCode(way.equals("upload") ? 200 : 201);

        // Then
        assertThat(Json.of(caller.messages("s1")).path("messages").get(0)).isEqualTo(message);
        assertThat(Json.of(caller.download()).at("/conversations/0/messages/0")).isEqualTo(message);
        assertThat(extras(Json.of(read(caller)).path("message"))).isEqualTo(Json.of(MEMBERS));
        JsonNode exported = Json.of(caller.request().get("/api/user/export")).at("/conversations/0/messages/0");
        assertThat(exported.path("extras")).isEqualTo(Json.of(MEMBERS));
    }

    @Test
    void theResponseToAMessageHasThem() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = store(caller, "one", message());

        // Then
        assertThat(extras(Json.of(response).path("message"))).isEqualTo(Json.of(MEMBERS));
        assertThat(Json.of(response).path("message").path("metadata")).isEqualTo(Json.of("{}"));
    }

    @Test
    void aChangeOfTheContentReturnsThem() {
        // Given
        Caller caller = Caller.fresh();
        granted(store(caller, "one", message()));

        // When
        Response response = caller.request().body(Map.of("content", "Other")).patch("/api/chat/messages/m1");

        // Then
        assertThat(extras(Json.of(response).path("message"))).isEqualTo(Json.of(MEMBERS));
    }

    @ParameterizedTest
    @ValueSource(strings = { "one", "several", "upload" })
    void thoseThatAreNotSaidAreKeptAndOthersAreChanged(String way) {
        // Given
        Caller caller = Caller.fresh();
        granted(store(caller, "one", message()));
        ObjectNode again = basic().put("reasoning", "Shorter.").put("retry_available", true);
        again.putNull("annotations");

        // When
        granted(store(caller, way, again));

        // Then
        ObjectNode expected = ((ObjectNode) message()).put("reasoning", "Shorter.").put("retry_available", true);
        assertThat(Json.of(caller.messages("s1")).path("messages").get(0)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = { "one", "several", "upload" })
    void theSameAgainWritesNothing(String way) {
        // Given
        Caller caller = Caller.fresh();
        granted(store(caller, "one", message()));
        String before = Stored.versions(caller);

        // When
        granted(store(caller, way, message()));
        granted(store(caller, way, basic()));

        // Then
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "elapsed_ms": 1530                       | 1530 | 1.53
            "elapsed_time": 1.53                     | 1530 | 1.53
            "elapsed_ms": 1530, "elapsed_time": 9    | 1530 | 1.53
            "elapsed_ms": null, "elapsed_time": 2    | 2000 | 2
            """)
    void theTimeThatAnAnswerTookIsTakenInMillisecondsOrSeconds(String said, int millis, String seconds) {
        // Given
        Caller caller = Caller.fresh();

        // When
        caller.request()
                .body("{\"sessionId\": \"s1\", \"message\": {\"id\": \"m1\", \"role\": \"user\", \"content\": \"\", " + said
                        + "}}")
                .post("/api/chat/messages").then().statusCode(201);

        // Then
        JsonNode message = Json.of(caller.messages("s1")).path("messages").get(0);
        assertThat(message.path("elapsed_ms").intValue()).isEqualTo(millis);
        assertThat(message.path("elapsed_time").decimalValue()).isEqualByComparingTo(seconds);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            one     | "originalModel": "a/b"
            several | "originalModel": "a/b"
            upload  | "originalModel": "a/b"
            one     | "original_model": "a/b"
            upload  | "original_model": "a/b", "originalModel": "c/d"
            one     | "original_model": null, "originalModel": "a/b"
            """)
    void theModelThatWasAskedFirstHasTwoNames(String way, String said) {
        // Given
        Caller caller = Caller.fresh();

        // When
        granted(store(caller, way,
                Json.of("{\"id\": \"m1\", \"role\": \"user\", \"content\": \"\", " + said + "}")));

        // Then
        JsonNode message = Json.of(caller.messages("s1")).path("messages").get(0);
        assertThat(message.path("original_model").textValue()).isEqualTo("a/b");
        assertThat(message.path("originalModel").textValue()).isEqualTo("a/b");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "reasoning": {}                     | reasoning has the wrong type
            "reasoning": "a\\u0000"             | reasoning must not hold the character NUL
            "reasoning_details": [{"a\\u0000": 1}] | reasoning_details must not hold the character NUL, numbers out of range or more than 100 levels
            "annotations": [["\\u0000"]]        | annotations must not hold the character NUL, numbers out of range or more than 100 levels
            "reasoning_details": {"a": -1e400}  | reasoning_details must not hold the character NUL, numbers out of range or more than 100 levels
            "annotations": {}                   | annotations has the wrong type
            "websearch_result_count": -1        | websearch_result_count must be greater than or equal to 0
            "elapsed_ms": -1                    | elapsed_ms must be greater than or equal to 0
            "elapsed_ms": 1.5                   | elapsed_ms has the wrong type
            "has_websearch": "yes"              | has_websearch has the wrong type
            "originalModel": 5                  | originalModel has the wrong type
            "requested_web_search": "yes"       | requested_web_search has the wrong type
            "requested_web_max_results": -1     | requested_web_max_results must be greater than or equal to 0
            """)
    void whatIsNoneIsRefused(String member, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request()
                .body("{\"sessionId\": \"s1\", \"message\": {\"id\": \"m1\", \"role\": \"user\", \"content\": \"\", " + member
                        + "}}")
                .post("/api/chat/messages");

        // Then
        assertFields(response, 422, "message." + complaint);
        assertThat(Stored.versions(caller)).isNull();
    }

    @ParameterizedTest
    @CsvSource({ "100, 201", "101, 422", "990, 422" })
    void theyMayHaveSoManyLevels(int levels, int status) {
        // Given
        Caller caller = Caller.fresh();
        ObjectNode deep = basic();
        deep.set("annotations", Json.of("[".repeat(levels) + "]".repeat(levels)));

        // When
        Response response = store(caller, "one", deep);

        // Then
        assertThat(response.statusCode()).isEqualTo(status);
        if (status == 201) {
            assertThat(Json.of(caller.messages("s1")).path("messages").get(0)).isEqualTo(deep);
            assertThat(Json.of(caller.download()).at("/conversations/0/messages/0")).isEqualTo(deep);
            assertThat(Json.of(caller.request().get("/api/user/export")).at("/conversations/0/messages/0/extras/annotations"))
                    .isEqualTo(deep.path("annotations"));
        }
    }

    @Test
    void halfASurrogatePairInsideOfJsonIsReplaced() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request()
                .body("""
                        {"sessionId": "s1", "message": {"id": "m1", "role": "user", "content": "", "annotations": [{"a": "cut \\ud83d"}]}}
                        """)
                .post("/api/chat/messages");

        // Then
        assertThat(Json.of(response).at("/message/annotations/0/a").textValue()).isEqualTo("cut \uFFFD");
    }

    @Test
    void theyDoNotSetWhatTheServiceTrusts() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request().body("""
                {"sessionId": "s1", "message": {"id": "m1", "role": "assistant", "content": "", "stream_id": "r1", "cost": 0,
                 "server_time": true, "extras": {"stream_id": "r1"}, "metadata": {"stream_id": "r1"},
                 "reasoning_details": {"stream_id": "r1", "cost": 5}}}
                """).post("/api/chat/messages");

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(Sql.rows("select metadata::text as metadata, extras::text as extras from chat_messages where user_id = ?",
                caller.id())).containsExactly(
                        Map.of("metadata", "{}", "extras", "{\"reasoning_details\": {\"cost\": 5, \"stream_id\": \"r1\"}}"));
    }

    @Test
    void largeOnesAreReadWhereverAMessageIs() {
        // Given
        Caller caller = Caller.fresh();
        String reasoning = "é".repeat(1 << 20);
        ObjectNode large = basic().put("reasoning", reasoning);

        // When
        Response response = store(caller, "one", large);

        // Then
        assertThat(response.<String> path("message.reasoning")).isEqualTo(reasoning);
        assertThat(Json.of(caller.messages("s1")).path("messages").get(0)).isEqualTo(large);
        assertThat(Json.of(caller.download()).at("/conversations/0/messages/0")).isEqualTo(large);
        assertThat(Json.of(read(caller)).at("/message/reasoning").textValue()).isEqualTo(reasoning);
        assertThat(Json.of(caller.request().get("/api/user/export")).at("/conversations/0/messages/0/extras/reasoning")
                .textValue())
                .isEqualTo(reasoning);
        caller.clearAll().then().statusCode(200);
    }

    private static ObjectNode basic() {
        return (ObjectNode) Json.of("""
                {"id": "m1", "role": "assistant", "content": "Alfama first.", "timestamp": "2026-03-01T10:00:00.000Z"}
                """);
    }

    private static JsonNode message() {
        return basic().<ObjectNode> setAll((ObjectNode) Json.of(MEMBERS)).put("originalModel", "openai/gpt-4o");
    }

    private static Response store(Caller caller, String way, JsonNode message) {
        return switch (way) {
            case "one" ->
                caller.request().body("{\"sessionId\": \"s1\", \"message\": " + message + "}").post("/api/chat/messages");
            case "several" ->
                caller.request().body("{\"sessionId\": \"s1\", \"messages\": [" + message + "]}").post("/api/chat/messages");
            default -> caller.request().body("{\"conversations\": [{\"id\": \"s1\", \"messages\": [" + message + "]}]}")
                    .post("/api/chat/sync");
        };
    }

    private static Response read(Caller caller) {
        return caller.request().get("/api/chat/messages/m1");
    }

    private static JsonNode extras(JsonNode message) {
        return ((ObjectNode) message.deepCopy()).retain(NAMES);
    }
}

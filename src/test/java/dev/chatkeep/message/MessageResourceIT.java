package dev.chatkeep.message;

import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Lisbon;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class MessageResourceIT {

    private static final int MEBIBYTE = 1 << 20;
    private static final String EMOJI = "\uD83D\uDE00";

    @Test
    void storingAMessageReturnsItsRow() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.request().body("""
                {"sessionId": "s1",
                 "message": {"id": "m1", "role": "assistant", "content": "**Alfama** first.",
                             "timestamp": "2026-03-01T10:00:01.530Z", "model": "openai/gpt-4o-mini", "total_tokens": 12,
                             "input_tokens": 5, "output_tokens": 7, "user_message_id": "m0", "contentType": "markdown",
                             "elapsed_time": 1.53, "completion_id": "gen-1"}}
                """).post("/api/chat/messages");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        String row = """
                {"id": "m1", "user_id": "%s", "session_id": "s1", "role": "assistant",
                 "content": "**Alfama** first.", "model": "openai/gpt-4o-mini", "total_tokens": 12,
                 "input_tokens": 5, "output_tokens": 7, "user_message_id": "m0", "content_type": "markdown",
                 "elapsed_ms": 1530, "completion_id": "gen-1",
                 "message_timestamp": "2026-03-01T10:00:01.530Z", "error_message": null,
                 "is_streaming": false, "metadata": {}}
                """.formatted(caller.id());
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"message": %1$s, "messages": [%1$s], "count": 1, "success": true}
                """, row));
    }

    @Test
    void aMessageIsReadAsItWasSent() {
        // Given
        Caller caller = callerWithSession();
        String message = """
                {"id": "m1", "role": "assistant", "content": "**Alfama** first.", "timestamp": "2026-03-01T10:00:01.530Z",
                 "model": "openai/gpt-4o-mini", "total_tokens": 12, "input_tokens": 5, "output_tokens": 7,
                 "user_message_id": "m0", "contentType": "markdown", "elapsed_time": 1.53, "elapsed_ms": 1530,
                 "completion_id": "gen-1", "error": true}
                """;
        granted(post(caller, "s1", message));

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.of(answer)).isEqualTo(Json.of("{\"messages\": [%s], \"count\": 1, \"next_cursor\": null}", message));
    }

    @Test
    void fieldsThatWereNotSentAreAbsentWhenRead() {
        // Given
        Caller caller = callerWithSession();
        granted(post(caller, "s1", """
                {"id": "m1", "role": "user", "content": "Hello", "timestamp": "2026-03-01T10:00:00.000Z"}
                """));

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(Json.of(answer).path("messages")).isEqualTo(Json.of("""
                [{"id": "m1", "role": "user", "content": "Hello", "timestamp": "2026-03-01T10:00:00.000Z"}]
                """));
    }

    @Test
    void fieldsSentAsNullAreAbsentWhenRead() {
        // Given
        Caller caller = callerWithSession();
        granted(post(caller, "s1", """
                {"id": "m1", "role": "user", "content": "Hello", "timestamp": "2026-03-01T10:00:00.000Z", "model": null,
                 "total_tokens": null, "input_tokens": null, "output_tokens": null, "user_message_id": null,
                 "contentType": null, "elapsed_time": null, "completion_id": null, "error": null}
                """));

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(Json.of(answer).path("messages")).isEqualTo(Json.of("""
                [{"id": "m1", "role": "user", "content": "Hello", "timestamp": "2026-03-01T10:00:00.000Z"}]
                """));
    }

    @Test
    void aMissingTimestampBecomesTheTimeOfStoring() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = post(caller, "s1", "{\"id\": \"m1\", \"role\": \"user\", \"content\": \"Hello\"}");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Sql.rows("""
                select m.id from chat_messages m join chat_sessions s on s.user_id = m.user_id and s.id = m.session_id
                 where m.user_id = ? and m.message_timestamp = ?::timestamptz and m.message_timestamp = s.updated_at
                """, caller.id(), answer.path("message.message_timestamp"))).containsExactly(Map.of("id", "m1"));
    }

    @Test
    void aMessageAndItsAnswerAreStoredCountedAndUsed() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Lisbon");
        granted(post(caller, "s1", """
                {"id": "m1", "role": "user", "content": "What should I see in Lisbon?",
                 "timestamp": "2026-03-01T10:00:00.000Z", "input_tokens": 7, "total_tokens": 7}
                """));

        // When
        Response answer = post(caller, "s1", """
                {"id": "m2", "role": "assistant", "content": "Alfama first.", "timestamp": "2026-03-01T10:00:01.530Z",
                 "model": "openai/gpt-4o-mini", "output_tokens": 4, "total_tokens": 11, "user_message_id": "m1",
                 "contentType": "text", "elapsed_time": 1.53, "completion_id": "gen-1"}
                """);

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Stored.of(caller)).isEqualTo(Lisbon.stored(caller, "Lisbon"));
    }

    @Test
    void aNewMessageMovesItsSessionToTheTopOfTheList() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(List.of(Map.of("id", "s1", "createdAt", "2026-03-01T00:00:00Z", "updatedAt", "2026-03-01T00:00:00Z"),
                Map.of("id", "s2", "updatedAt", "2026-03-02T00:00:00Z")));

        // When
        caller.post("s1", message("m1", "Hello")).then().statusCode(201);

        // Then
        assertThat(Json.texts(Json.of(caller.listSessions()).path("sessions"), "id")).containsExactly("s1", "s2");
        assertThat(Sql.rows("""
                select created_at = '2026-03-01T00:00:00Z' as created_kept, last_activity = updated_at as activity_moved
                  from chat_sessions where user_id = ? and id = 's1'
                """, caller.id())).containsExactly(Map.of("created_kept", true, "activity_moved", true));
    }

    @ParameterizedTest
    @CsvSource({ "user, 1, 0, 5, 0", "assistant, 0, 1, 0, 7", "system, 0, 0, 0, 0", "tool, 0, 0, 0, 0" })
    void usageCountsWhatUsersSayAndWhatAssistantsAnswer(String role, int sent, int received, int input, int output) {
        // Given
        Caller caller = callerWithSession();

        // When
        post(caller, "s1", """
                {"id": "m1", "role": "%s", "content": "Hello", "input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
                """.formatted(role)).then().statusCode(201);

        // Then
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": %d, "messages_received": %d, "input_tokens": %d, "output_tokens": %d, "total_tokens": %d,
                 "sessions_created": 1, "models_used": {}}
                """, sent, received, input, output, input + output));
        assertThat(Stored.of(caller, "sessions").at("/0/message_count").intValue()).isEqualTo(1);
        assertThat(Stored.of(caller, "sessions").at("/0/total_tokens").intValue()).isEqualTo(12);
    }

    static Stream<Arguments> texts() {
        return Stream.of(
                Arguments.of("nothing", ""),
                Arguments.of("blanks", "  \t \u00A0\u3000 "),
                Arguments.of("line ends", "one\r\ntwo\nthree\rfour\u2028five\u2029six\u0085\r\n"),
                Arguments.of("control characters", "\u0001\u0002\b\f\u001B[31m\u007F\u0080\u009F"),
                Arguments.of("JSON in JSON", "{\"a\": \"\\u0041\\n\\\\\", 'b': [null]}\\"),
                Arguments.of("SQL and markup", "'; drop table chat_messages; -- $1 %s {0} <script>&amp;</script>"),
                Arguments.of("emoji",
                        "\uD83D\uDC69\u200D\uD83D\uDC69\u200D\uD83D\uDC67\u200D\uD83D\uDC66 \uD83C\uDDF5\uD83C\uDDF9"
                                + " \uD83D\uDC4D\uD83C\uDFFD \u2764\uFE0F"),
                Arguments.of("ideographs",
                        "\u4E2D\u6587 \u65E5\u672C\u8A9E \uD55C\uAD6D\uC5B4 \uD842\uDFB7 \uD87E\uDC04 \uFF21"),
                Arguments.of("right to left",
                        "\u0645\u0631\u062D\u0628\u0627 \u202Eabc\u202C \u200F\u05E9\u05DC\u05D5\u05DD\u2067x\u2069"),
                Arguments.of("combining marks",
                        "e\u0301 \u00E9 Z\u0351\u036B\u0343\u036A a\u0323\u0302 \u1EAD \u0915\u094D\u0937\u093F"),
                Arguments.of("joiners and marks without width", "\uFEFFa\u200Bb\u00ADc\u2060d\uFEFF"),
                Arguments.of("what Unicode leaves to others", "\uE000\uF8FF \uFFFE\uFFFF \uFDD0 \uDBFF\uDFFF \uFFFD"),
                Arguments.of("a mebibyte of letters", "x".repeat(MEBIBYTE)),
                Arguments.of("a mebibyte of emoji", EMOJI.repeat(MEBIBYTE / 4)),
                Arguments.of("a mebibyte of what JSON escapes", "\"\\\n\u0001".repeat(MEBIBYTE / 4)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("texts")
    void contentIsReadBackByteForByte(String name, String content) {
        // Given
        Caller caller = callerWithSession();
        caller.hasMessage("s1", message("m1", content));

        // When
        Response answer = caller.messages("s1");

        // Then
        byte[] expected = content.getBytes(StandardCharsets.UTF_8);
        String read = Json.of(answer).at("/messages/0/content").textValue();
        assertThat(read.getBytes(StandardCharsets.UTF_8)).isEqualTo(expected);
        assertThat(Sql.<byte[]> value("select convert_to(content, 'UTF8') from chat_messages where user_id = ?", caller.id()))
                .isEqualTo(expected);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("texts")
    void storingAMessageReturnsItsContentUnchanged(String name, String content) {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.post("s1", message("m1", content));

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Json.of(answer).at("/message/content").textValue()).isEqualTo(content);
    }

    @Test
    void aMessageOfTenMebibytesIsStored() {
        // Given
        Caller caller = callerWithSession();
        String content = "x".repeat(10 * MEBIBYTE);

        // When
        caller.post("s1", message("m1", content)).then().statusCode(201);

        // Then
        assertThat(Json.of(caller.messages("s1")).at("/messages/0/content").textValue()).isEqualTo(content);
        // Tests that look through everything that is stored would take long over it.
        caller.clearAll().then().statusCode(200);
    }

    @ParameterizedTest
    @CsvSource({ "'cut \\ud83d', 'cut \uFFFD'", "'\\ude00 cut', '\uFFFD cut'", "'\\ude00\\ud83d', '\uFFFD\uFFFD'",
            "'\\ud83d\\ud83d\\ude00', '\uFFFD\uD83D\uDE00'", "'\\ud83d\\u0041', '\uFFFDA'" })
    void halfASurrogatePairBecomesTheReplacementCharacter(String escaped, String expected) {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = post(caller, "s1",
                "{\"id\": \"m1\", \"role\": \"user\", \"content\": \"" + escaped + "\", \"model\": \"" + escaped + "\"}");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Json.of(answer).at("/message/content").textValue()).isEqualTo(expected);
        assertThat(Sql.rows("select content, model from chat_messages where user_id = ?", caller.id()))
                .containsExactly(Map.of("content", expected, "model", expected));
    }

    @ParameterizedTest
    @ValueSource(strings = { "id", "content", "model", "user_message_id", "completion_id" })
    void nulIsRefusedInAnyText(String field) {
        // Given
        Caller caller = callerWithSession();
        Map<String, Object> message = new HashMap<>(message("m1", "Hello"));
        message.put(field, "a\u0000b");

        // When
        Response answer = caller.post("s1", message);

        // Then
        assertFields(answer, 422, "message." + field + " must not hold the character NUL");
        assertThat(Stored.of(caller, "messages")).isEmpty();
    }

    @Test
    void nulIsRefusedInTheIdOfTheSession() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.post("s1\u0000", message("m1", "Hello"));

        // Then
        assertFields(answer, 422, "sessionId must not hold the character NUL");
    }

    @ParameterizedTest
    @CsvSource({ "id, 255", "user_message_id, 255", "completion_id, 255", "model, 100" })
    void aTextHasItsLengthInCharacters(String field, int length) {
        // Given
        Caller caller = callerWithSession();
        Map<String, Object> message = new HashMap<>(message("m1", "Hello"));
        message.put(field, EMOJI.repeat(length));

        // When
        Response answer = caller.post("s1", message);

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Json.of(caller.messages("s1")).at("/messages/0").path(field).textValue()).isEqualTo(EMOJI.repeat(length));
    }

    @ParameterizedTest
    @CsvSource({ "id, 255", "user_message_id, 255", "completion_id, 255", "model, 100" })
    void aTextThatIsOneCharacterTooLongIsRefused(String field, int length) {
        // Given
        Caller caller = callerWithSession();
        Map<String, Object> message = new HashMap<>(message("m1", "Hello"));
        message.put(field, "x".repeat(length + 1));

        // When
        Response answer = caller.post("s1", message);

        // Then
        assertFields(answer, 422, "message." + field + " must have at most " + length + " characters");
        assertThat(Stored.of(caller, "messages")).isEmpty();
    }

    @Test
    void theIdOfASessionThatIsTooLongIsRefused() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.post("x".repeat(256), message("m1", "Hello"));

        // Then
        assertFields(answer, 422, "sessionId must have at most 255 characters");
    }

    @ParameterizedTest
    @CsvSource({ "0, 0", "0.0, 0", "12, 12", "1.5, 1.5", "1.53, 1.53", "0.001, 0.001", "1.2345, 1.235", "0.0004, 0",
            "1e1, 10", "1999999.999, 1999999.999", "2000000, 2000000" })
    void theElapsedTimeIsKeptToTheMillisecond(String sent, String read) {
        // Given
        Caller caller = callerWithSession();
        granted(post(caller, "s1", """
                {"id": "m1", "role": "assistant", "content": "Hello", "elapsed_time": %s}
                """.formatted(sent)));

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(Json.of(answer).at("/messages/0/elapsed_time")).isEqualTo(Json.of(read));
    }

    @Test
    void aFailedMessageIsKeptAndNotCounted() {
        // Given
        Caller caller = callerWithSession();
        caller.hasMessage("s1", message("m1", "Hello"));

        // When
        Response answer = post(caller, "s1", """
                {"id": "m2", "role": "assistant", "content": "The provider is away.", "model": "model-1",
                 "timestamp": "2026-03-01T11:00:00.000Z", "output_tokens": 9, "total_tokens": 9, "error": true}
                """);

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Json.of(caller.messages("s1")).path("messages")).isEqualTo(Json.of("""
                [{"id": "m1", "role": "user", "content": "Hello", "timestamp": "2026-03-01T10:00:00.000Z"},
                 {"id": "m2", "role": "assistant", "content": "The provider is away.", "model": "model-1",
                  "timestamp": "2026-03-01T11:00:00.000Z", "output_tokens": 9, "total_tokens": 9, "error": true}]
                """));
        assertThat(Stored.of(caller, "sessions")).isEqualTo(Json.of("""
                [{"id": "s1", "title": "A title", "message_count": 1, "total_tokens": 0, "last_model": null,
                  "last_message_preview": "Hello", "last_message_timestamp": "2026-03-01T10:00:00.000Z", "is_active": true}]
                """));
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 1, "messages_received": 0, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
                 "sessions_created": 1, "models_used": {}}
                """));
    }

    @Test
    void aFailedMessageThatSucceedsInTheEndIsCounted() {
        // Given
        Caller caller = callerWithSession();
        granted(post(caller, "s1", """
                {"id": "m1", "role": "assistant", "content": "", "model": "model-1", "error": true,
                 "timestamp": "2026-03-01T10:00:00.000Z"}
                """));

        // When
        post(caller, "s1", """
                {"id": "m1", "role": "assistant", "content": "An answer", "model": "model-1", "output_tokens": 2,
                 "timestamp": "2026-03-01T10:00:05.000Z"}
                """).then().statusCode(201);

        // Then
        assertThat(Json.of(caller.messages("s1")).at("/messages/0").has("error")).isFalse();
        assertThat(Stored.of(caller, "sessions")).isEqualTo(Json.of("""
                [{"id": "s1", "title": "A title", "message_count": 1, "total_tokens": 2, "last_model": "model-1",
                  "last_message_preview": "An answer", "last_message_timestamp": "2026-03-01T10:00:05.000Z",
                  "is_active": true}]
                """));
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 0, "messages_received": 1, "input_tokens": 0, "output_tokens": 2, "total_tokens": 2,
                 "sessions_created": 1, "models_used": {"model-1": 1}}
                """));
    }

    @ParameterizedTest
    @CsvSource({ "2026-03-01T10:00:00Z, 2026-03-01T10:00:00.000Z",
            "2026-03-01T10:00:00.5Z, 2026-03-01T10:00:00.500Z",
            "2026-03-01T10:00:00.123456Z, 2026-03-01T10:00:00.123456Z",
            "2026-03-01T10:00:00.123000Z, 2026-03-01T10:00:00.123Z",
            "2026-03-01T10:00Z, 2026-03-01T10:00:00.000Z",
            "2026-03-01T10:00:00+02:00, 2026-03-01T08:00:00.000Z",
            "2026-03-01T01:30:00+05:30, 2026-02-28T20:00:00.000Z",
            "2026-12-31T23:59:59.999-11:00, 2027-01-01T10:59:59.999Z",
            "1969-07-20T20:17:40Z, 1969-07-20T20:17:40.000Z",
            "0001-01-01T00:00:00Z, 0001-01-01T00:00:00.000Z",
            "9999-12-31T23:59:59.999Z, 9999-12-31T23:59:59.999Z" })
    void aTimestampIsReadAsTheSameInstantInUtc(String sent, String read) {
        // Given
        Caller caller = callerWithSession();
        granted(post(caller, "s1", """
                {"id": "m1", "role": "user", "content": "Hello", "timestamp": "%s"}
                """.formatted(sent)));

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(Json.of(answer).at("/messages/0/timestamp").textValue()).isEqualTo(read);
    }

    @Test
    void messagesAreReadInTimeOrderAndTiesInTheOrderOfTheirArrival() {
        // Given
        Caller caller = callerWithSession();
        for (String place : List.of("m3 11:00:00Z", "m1 12:00:00Z", "m4 11:00:00Z", "m2 13:00:00+03:00", "M5 11:00:00Z")) {
            granted(post(caller, "s1", """
                    {"id": "%s", "role": "user", "content": "Hello", "timestamp": "2026-03-01T%s"}
                    """.formatted((Object[]) place.split(" "))));
        }

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(Json.texts(Json.of(answer).path("messages"), "id")).containsExactly("m2", "m3", "m4", "M5", "m1");
        assertThat(answer.<Integer> path("count")).isEqualTo(5);
    }

    @Test
    void aSessionWithoutMessagesHasAnEmptyList() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("{\"messages\": [], \"count\": 0, \"next_cursor\": null}"));
    }

    @Test
    void fieldsThatTheServiceDoesNotKnowAreIgnored() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.request().body("""
                {"sessionId": "s1", "userId": "11111111-1111-1111-1111-111111111111", "retry": {"n": [1, null]},
                 "message": {"id": "m1", "role": "user", "content": "Hello", "timestamp": "2026-03-01T10:00:00.000Z",
                             "user_id": "11111111-1111-1111-1111-111111111111", "session_id": "s2", "metadata": {"a": 1},
                             "error_message": "x", "is_streaming": true, "was_retried": true}}
                """).post("/api/chat/messages");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Stored.of(caller, "messages")).isEqualTo(Json.of("""
                [{"id": "m1", "session_id": "s1", "role": "user", "content": "Hello",
                  "message_timestamp": "2026-03-01T10:00:00.000Z"}]
                """));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {}                                                              | message is missing, sessionId is missing
            {"sessionId": "s1"}                                             | message is missing
            {"sessionId": "s1", "message": null}                            | message is missing
            {"message": {"id": "m1", "role": "user", "content": "Hello"}}   | sessionId is missing
            {"sessionId": "s1", "message": {"id": "m1", "role": "user"}}    | message.content is missing
            {"sessionId": "s1", "message": {"role": "user", "content": ""}} | message.id is missing
            {"sessionId": "s1", "message": {"id": "m1", "content": null}}   | message.content is missing, message.role is missing
            """)
    void aMessageThatLacksAFieldIsRefused(String body, String complaints) {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.request().body(body).post("/api/chat/messages");

        // Then
        assertFields(answer, 400, complaints.split(", "));
        assertThat(Stored.of(caller, "messages")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "id": ""                                   | message.id must not be empty
            "id": 5                                    | message.id has the wrong type
            "role": "bot"                              | message.role must be user, assistant, system or tool
            "role": "USER"                             | message.role must be user, assistant, system or tool
            "role": ""                                 | message.role must be user, assistant, system or tool
            "role": "user\\n"                          | message.role must be user, assistant, system or tool
            "role": 1                                  | message.role has the wrong type
            "content": 5                               | message.content has the wrong type
            "content": {"text": "Hello"}               | message.content has the wrong type
            "content": ["Hello"]                       | message.content has the wrong type
            "timestamp": "yesterday"                   | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": ""                            | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "2026-03-01"                  | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "2026-03-01T10:00:00"         | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "2026-02-30T10:00:00Z"        | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "2026-03-01T25:00:00Z"        | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "0000-12-31T00:00:00Z"        | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "+10000-01-01T00:00:00Z"      | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "9999-12-31T23:59:59-01:00"   | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "infinity"                    | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": "now"                         | message.timestamp must be a time such as 2026-09-01T08:00:00.000Z
            "timestamp": 1772359200000                 | message.timestamp has the wrong type
            "model": 4                                 | message.model has the wrong type
            "total_tokens": -1                         | message.total_tokens must be greater than or equal to 0
            "input_tokens": -1                         | message.input_tokens must be greater than or equal to 0
            "output_tokens": -1                        | message.output_tokens must be greater than or equal to 0
            "input_tokens": 1.5                        | message.input_tokens has the wrong type
            "input_tokens": "5"                        | message.input_tokens has the wrong type
            "input_tokens": true                       | message.input_tokens has the wrong type
            "input_tokens": 2147483648                 | message.input_tokens has the wrong type
            "input_tokens": 99999999999999999999999    | message.input_tokens has the wrong type
            "user_message_id": ""                      | message.user_message_id must not be empty
            "contentType": "html"                      | message.contentType must be text or markdown
            "contentType": ""                          | message.contentType must be text or markdown
            "contentType": 1                           | message.contentType has the wrong type
            "elapsed_time": -0.001                     | message.elapsed_time must be greater than or equal to 0
            "elapsed_time": 2000000.001                | message.elapsed_time must be less than or equal to 2000000
            "elapsed_time": 1e999999999                | message.elapsed_time must be less than or equal to 2000000
            "elapsed_time": "1.5"                      | message.elapsed_time has the wrong type
            "completion_id": 1                         | message.completion_id has the wrong type
            "error": "yes"                             | message.error has the wrong type
            "error": 1                                 | message.error has the wrong type
            """)
    void aWrongFieldIsRefused(String field, String complaint) {
        // Given
        Caller caller = callerWithSession();
        JsonNode good = Json.of("{\"id\": \"m1\", \"role\": \"user\", \"content\": \"Hello\"}");
        JsonNode wrong = Json.of("{" + field.replace("1e999999999", "0") + "}");
        String rest = Json.without(good, wrong.fieldNames().next()).toString();
        String message = "{" + field + ", " + rest.substring(1);

        // When
        Response answer = post(caller, "s1", message);

        // Then
        assertFields(answer, 422, complaint);
        assertThat(Stored.of(caller, "messages")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"sessionId": "", "message": {"id": "m1", "role": "user", "content": ""}} | sessionId must not be empty
            {"sessionId": 1, "message": {"id": "m1", "role": "user", "content": ""}}  | sessionId has the wrong type
            {"sessionId": "s1", "message": "Hello"}                                   | message has the wrong type
            {"sessionId": "s1", "message": []}                                        | message has the wrong type
            [{"sessionId": "s1"}]                                                     | has the wrong type
            """)
    void aWrongRequestIsRefused(String body, String complaint) {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.request().body(body).post("/api/chat/messages");

        // Then
        assertFields(answer, 422, complaint);
        assertThat(Stored.of(caller, "messages")).isEmpty();
    }

    @Test
    void everyWrongFieldIsNamed() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = post(caller, "s1", """
                {"id": "m1", "role": "bot", "content": "a\\u0000b", "output_tokens": -1}
                """);

        // Then
        assertFields(answer, 422, "message.content must not hold the character NUL",
                "message.output_tokens must be greater than or equal to 0",
                "message.role must be user, assistant, system or tool");
    }

    @Test
    void tokenCountsMayBeAsLargeAsAnInteger() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = post(caller, "s1", """
                {"id": "m1", "role": "user", "content": "Hello", "input_tokens": 2147483647, "output_tokens": 2147483647,
                 "total_tokens": 2147483647}
                """);

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Stored.of(caller, "sessions").at("/0/total_tokens").longValue()).isEqualTo(2147483647L);
        assertThat(Stored.of(caller, "usage").path("input_tokens").longValue()).isEqualTo(2147483647L);
    }

    @Test
    void aMissingTotalBecomesTheSumOfTheTokensSent() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = post(caller, "s1", """
                {"id": "m1", "role": "assistant", "content": "Hello", "input_tokens": 5, "output_tokens": 7}
                """);

        // Then
        assertThat(answer.<Integer> path("message.total_tokens")).isEqualTo(12);
        assertThat(Stored.of(caller, "sessions").at("/0/total_tokens").intValue()).isEqualTo(12);
    }

    @Test
    void aSumOfTokensThatIsTooLargeIsRefused() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = post(caller, "s1", """
                {"id": "m1", "role": "user", "content": "Hello", "input_tokens": 2147483647, "output_tokens": 1}
                """);

        // Then
        assertProblem(answer, 422, "invalid_value");
        assertThat(Stored.of(caller, "messages")).isEmpty();
    }

    @Test
    void sendingTheSameMessageAgainGetsTheSameResponseAndWritesNothing() {
        // Given
        Caller caller = callerWithSession();
        Map<String, Object> message = Map.of("id", "m1", "role", "assistant", "content", "An answer", "model", "model-1",
                "timestamp", "2026-03-01T10:00:00.000Z", "output_tokens", 7, "elapsed_time", 0.25, "contentType", "text");
        JsonNode first = Json.of(caller.post("s1", message));
        String before = Stored.versions(caller);

        // When
        Response again = caller.post("s1", message);

        // Then
        assertThat(again.statusCode()).isEqualTo(201);
        assertThat(Json.of(again)).isEqualTo(first);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void theSameMessageWithoutATimestampAgainWritesNothing() {
        // Given
        Caller caller = callerWithSession();
        Map<String, Object> message = Map.of("id", "m1", "role", "user", "content", "Hello", "input_tokens", 2);
        JsonNode first = Json.of(caller.post("s1", message));
        String before = Stored.versions(caller);

        // When
        Response again = caller.post("s1", message);

        // Then
        assertThat(Json.of(again)).isEqualTo(first);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void otherContentCorrectsTheMessageAndUsageCountsTheDifference() {
        // Given
        Caller caller = callerWithSession();
        granted(post(caller, "s1", """
                {"id": "m1", "role": "assistant", "content": "A draft", "timestamp": "2026-03-01T10:00:00.000Z",
                 "model": "model-1", "output_tokens": 10, "total_tokens": 10, "elapsed_time": 0.5}
                """));

        // When
        Response answer = post(caller, "s1", """
                {"id": "m1", "role": "assistant", "content": "An answer", "timestamp": "2026-03-01T10:00:02.000Z",
                 "model": "model-1", "output_tokens": 4, "total_tokens": 4}
                """);

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Stored.of(caller, "messages")).isEqualTo(Json.of("""
                [{"id": "m1", "session_id": "s1", "role": "assistant", "content": "An answer", "model": "model-1",
                  "message_timestamp": "2026-03-01T10:00:02.000Z", "output_tokens": 4, "total_tokens": 4, "elapsed_ms": 500}]
                """));
        assertThat(Stored.of(caller, "sessions")).isEqualTo(Json.of("""
                [{"id": "s1", "title": "A title", "message_count": 1, "total_tokens": 4, "last_model": "model-1",
                  "last_message_preview": "An answer", "last_message_timestamp": "2026-03-01T10:00:02.000Z",
                  "is_active": true}]
                """));
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 0, "messages_received": 1, "input_tokens": 0, "output_tokens": 4, "total_tokens": 4,
                 "sessions_created": 1, "models_used": {"model-1": 1}}
                """));
    }

    @Test
    void anIdUsedInAnotherSessionIsAConflictAndWritesNothing() {
        // Given
        Caller caller = callerWithSession();
        caller.hasSession("s2", "Another");
        caller.hasMessage("s1", message("m1", "Hello"));
        String before = Stored.versions(caller);

        // When
        Response answer = caller.post("s2", message("m1", "Hello"));

        // Then
        assertProblem(answer, 409, "message_in_other_session");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void twoUsersMayHaveTheSameIds() {
        // Given
        Caller ada = callerWithSession();
        Caller bob = callerWithSession();
        ada.hasMessage("s1", message("m1", "Ada's"));
        String before = Stored.versions(ada);

        // When
        Response answer = bob.post("s1", message("m1", "Bob's"));

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Stored.versions(ada)).isEqualTo(before);
        assertThat(Json.texts(Json.of(ada.messages("s1")).path("messages"), "content")).containsExactly("Ada's");
        assertThat(Json.texts(Json.of(bob.messages("s1")).path("messages"), "content")).containsExactly("Bob's");
    }

    @Test
    void aSessionOfSomebodyElseIsNotWrittenTo() {
        // Given
        Caller ada = callerWithSession();
        Caller bob = Caller.fresh();
        ada.hasMessage("s1", message("m1", "Ada's"));
        String before = Stored.versions(ada);

        // When
        Response answer = bob.post("s1", message("m1", "Bob's"));

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Stored.versions(ada)).isEqualTo(before);
        assertThat(Json.texts(Json.of(bob.messages("s1")).path("messages"), "content")).containsExactly("Bob's");
    }

    @Test
    void aSessionOfSomebodyElseCannotBeRead() {
        // Given
        Caller ada = callerWithSession();
        Caller bob = Caller.fresh();
        ada.hasMessage("s1", message("m1", "Ada's"));

        // When
        Response answer = bob.messages("s1");

        // Then
        assertProblem(answer, 404, "session_not_found");
    }

    @Test
    void theSessionToReadMustBeNamed() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.request().get("/api/chat/messages");

        // Then
        assertFields(answer, 400, "session_id is missing");
    }

    @Test
    void theSessionToReadMustHaveAValidId() {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.messages("x".repeat(256));

        // Then
        assertFields(answer, 422, "session_id must have at most 255 characters");
    }

    @ParameterizedTest
    @ValueSource(strings = { "a b", "a+b", "a&b=c", "a/b?c#d", "100%", "'; drop table chat_sessions; --", "\"\\",
            "\u00FC\u5B57\u0627" + EMOJI })
    void anyTextMayBeAnId(String id) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession(id, "A title");
        caller.hasMessage(id, message(id, "Hello"));

        // When
        Response answer = caller.messages(id);

        // Then
        assertThat(Json.texts(Json.of(answer).path("messages"), "id")).containsExactly(id);
    }

    @ParameterizedTest
    @CsvSource({ "GET, /api/chat/messages/?session_id=s1, 200", "POST, /api/chat/messages/, 201" })
    void aSlashAtTheEndOfThePathIsAccepted(String method, String path, int status) {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = caller.request().body(Map.of("sessionId", "s1", "message", message("m1", "Hello")))
                .request(method, path);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(status);
    }

    @ParameterizedTest
    @CsvSource({ "GET, /api/chat/messages?session_id=s1", "POST, /api/chat/messages" })
    void aRequestWithoutATokenIsRefused(String method, String path) {
        // Given
        Caller caller = callerWithSession();

        // When
        Response answer = RestAssured.given().contentType(ContentType.JSON)
                .body(Map.of("sessionId", "s1", "message", message("m1", "Hello"))).request(method, path);

        // Then
        assertProblem(answer, 401, "unauthorized");
        assertThat(Stored.of(caller, "messages")).isEmpty();
    }

    private static Caller callerWithSession() {
        Caller caller = Caller.fresh();
        caller.createSession("s1", "A title").then().statusCode(201);
        return caller;
    }

    private static Map<String, Object> message(String id, String content) {
        return Map.of("id", id, "role", "user", "content", content, "timestamp", "2026-03-01T10:00:00.000Z");
    }

    private static Response post(Caller caller, String sessionId, String message) {
        return caller.request().body("{\"sessionId\": \"" + sessionId + "\", \"message\": " + message + "}")
                .post("/api/chat/messages");
    }
}

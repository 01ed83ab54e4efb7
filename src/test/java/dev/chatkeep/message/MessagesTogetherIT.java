package dev.chatkeep.message;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Lisbon;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.response.Response;

/** Several messages in one request, and sessions that a message makes. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class MessagesTogetherIT {

    private static final String QUESTION = """
            {"id": "m1", "role": "user", "content": "What should I see in Lisbon?",
             "timestamp": "2026-03-01T10:00:00.000Z", "input_tokens": 7, "total_tokens": 7}
            """;
    private static final String ANSWER = """
            {"id": "m2", "role": "assistant", "content": "Alfama first.", "timestamp": "2026-03-01T10:00:01.530Z",
             "model": "openai/gpt-4o-mini", "output_tokens": 4, "total_tokens": 11, "user_message_id": "m1",
             "contentType": "text", "elapsed_time": 1.53, "completion_id": "gen-1"}
            """;
    private static final String EXCHANGE = "[" + QUESTION + ", " + ANSWER + "]";

    @Test
    void aQuestionAndItsAnswerAreStoredCountedAndUsedInASessionThatIsMade() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = post(caller, "s1", "Lisbon", EXCHANGE);

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        JsonNode answer = Json.of(response);
        assertThat(answer.path("success").booleanValue()).isTrue();
        assertThat(answer.path("count").intValue()).isEqualTo(2);
        assertThat(answer.has("message")).isFalse();
        assertThat(Json.texts(answer.path("messages"), "id")).containsExactly("m1", "m2");
        assertThat(Json.texts(answer.path("messages"), "session_id")).containsExactly("s1", "s1");
        assertThat(Stored.of(caller)).isEqualTo(Lisbon.stored(caller, "Lisbon"));
    }

    @Test
    void theSameRequestAgainChangesAndCountsNothing() {
        // Given
        Caller caller = Caller.fresh();
        granted(post(caller, "s1", "Lisbon", EXCHANGE));
        String before = Stored.versions(caller);

        // When
        Response response = post(caller, "s1", "Another title", EXCHANGE);

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(Json.texts(Json.of(response).path("messages"), "id")).containsExactly("m1", "m2");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void messagesOfASessionThatIsThereAreAddedToIt() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Lisbon");
        caller.hasMessage("s1", message("m0", "Hello"));

        // When
        Response response = post(caller, "s1", "Another title", EXCHANGE);

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(Json.texts(Json.of(caller.messages("s1")).path("messages"), "id")).containsExactly("m0", "m1", "m2");
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("Lisbon");
        assertThat(Stored.of(caller, "usage").path("sessions_created").intValue()).isEqualTo(1);
    }

    @Test
    void messagesWithoutATimeStandInTheOrderOfTheRequest() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, String>> messages = IntStream.range(0, 30)
                .mapToObj(n -> Map.of("id", "m" + (97 * n % 31), "role", "user", "content", "Hello")).toList();

        // When
        Response response = caller.request().body(Map.of("sessionId", "s1", "messages", messages)).post("/api/chat/messages");

        // Then
        List<String> ids = messages.stream().map(message -> message.get("id")).toList();
        assertThat(Json.texts(Json.of(response).path("messages"), "id")).isEqualTo(ids);
        assertThat(Json.texts(Json.of(caller.messages("s1")).path("messages"), "id")).isEqualTo(ids);
    }

    @Test
    void theLastOfTwoMessagesWithOneIdCounts() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request().body(Map.of("sessionId", "s1", "messages",
                List.of(message("m1", "First"), message("m2", "Other"), message("m1", "Last")))).post("/api/chat/messages");

        // Then
        assertThat(Json.of(response).path("count").intValue()).isEqualTo(2);
        assertThat(Json.texts(Json.of(response).path("messages"), "content")).containsExactly("Other", "Last");
        assertThat(Stored.of(caller, "usage").path("messages_sent").intValue()).isEqualTo(2);
    }

    @Test
    void aThousandMessagesAreStoredAtOnce() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, String>> messages = IntStream.range(0, 1_000).mapToObj(n -> message("m%04d".formatted(n), "Hello"))
                .toList();

        // When
        Response response = caller.request().body(Map.of("sessionId", "s1", "messages", messages)).post("/api/chat/messages");

        // Then
        assertThat(Json.of(response).path("count").intValue()).isEqualTo(1_000);
        assertThat(Stored.of(caller, "usage").path("messages_sent").intValue()).isEqualTo(1_000);
    }

    @Test
    void manyLargeMessagesAreReturnedAsStored() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, String>> messages = IntStream.range(0, 8).mapToObj(n -> message("m" + n, "é".repeat(100_000)))
                .toList();

        // When
        Response response = caller.request().body(Map.of("sessionId", "s1", "messages", messages)).post("/api/chat/messages");

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(Json.texts(Json.of(response).path("messages"), "content"))
                .isEqualTo(Collections.nCopies(8, "é".repeat(100_000)));
        caller.clearAll().then().statusCode(200);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"id": "m9", "role": "user", "content": "Hello"} | false
            {"id": "m1", "role": "user", "content": "Hello"} | true
            """)
    void nothingIsStoredWhereAnIdStandsInAnotherSession(String message, boolean isRefused) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s0", "Another");
        caller.hasMessage("s0", message("m1", "Here"));
        String before = Stored.versions(caller);

        // When
        Response response = post(caller, "s1", "Lisbon",
                "[{\"id\": \"m0\", \"role\": \"user\", \"content\": \"\"}, " + message + "]");

        // Then
        if (isRefused) {
            assertProblem(response, 409, "message_in_other_session");
            assertThat(Stored.versions(caller)).isEqualTo(before);
        } else {
            assertThat(response.statusCode()).isEqualTo(201);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            [] | 422 | messages must have 1 to 1000 messages
            {} | 422 | messages has the wrong type
            ["a"] | 422 | messages[0] has the wrong type
            [null] | 400 | messages[0] is missing
            [{"id": "m1", "role": "user", "content": ""}, {"id": "m2", "role": "bot", "content": ""}] | 422 | messages[1].role must be user, assistant, system or tool
            [{"id": "m1", "role": "user", "content": ""}, {"id": "m2", "role": "user"}] | 400 | messages[1].content is missing
            [{"id": "m1", "role": "user", "content": ""}, {"id": "m2", "role": "user", "content": 5}] | 422 | messages[1].content has the wrong type
            null | 400 | message is missing
            """)
    void whatIsWrongIsNamed(String messages, int status, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = post(caller, "s1", "Lisbon", messages);

        // Then
        assertFields(response, status, complaint);
        assertThat(Stored.versions(caller)).isNull();
    }

    @Test
    void moreThanAThousandMessagesAreRefused() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, String>> messages = IntStream.rangeClosed(0, 1_000).mapToObj(n -> message("m" + n, "Hello")).toList();

        // When
        Response response = caller.request().body(Map.of("sessionId", "s1", "messages", messages)).post("/api/chat/messages");

        // Then
        assertFields(response, 422, "messages must have 1 to 1000 messages");
    }

    @Test
    void oneMessageAndSeveralAreNotTakenTogether() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request()
                .body("{\"sessionId\": \"s1\", \"message\": " + QUESTION + ", \"messages\": " + EXCHANGE + "}")
                .post("/api/chat/messages");

        // Then
        assertFields(response, 422, "messages must not be there beside message");
        assertThat(Stored.versions(caller)).isNull();
    }

    @Test
    void aTitleThatIsTooLongIsRefused() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = post(caller, "s1", "x".repeat(256), EXCHANGE);

        // Then
        assertFields(response, 422, "sessionTitle must have at most 255 characters");
    }

    @Test
    void whatIsNotKnownIsIgnored() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request()
                .body("{\"sessionId\": \"s1\", \"attachmentIds\": [\"a1\"], \"messages\": " + EXCHANGE + "}")
                .post("/api/chat/messages");

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            Lisbon | What should I see?                                                                   | Lisbon
                   | What should I see?                                                                   | What should I see?
            ''     | What should I see?                                                                   | What should I see?
                   | What should I see in Lisbon, where we stay for a week, and what in Porto, in October? | What should I see in Lisbon, where we stay for a week, and what in Porto, in…
                   | ''                                                                                   | New Chat
            """)
    void aMessageMakesItsSessionWithATitle(String title, String question, String expected) {
        // Given
        Caller caller = Caller.fresh();
        String message = Json.write(message("m1", question == null ? "" : question));

        // When
        Response response = caller.request().body("{\"sessionId\": \"s1\", \"sessionTitle\": "
                + (title == null ? "null" : Json.write(title)) + ", \"message\": " + message + "}").post("/api/chat/messages");

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(response.<String> path("message.id")).isEqualTo("m1");
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly(expected);
        assertThat(Stored.of(caller, "usage").path("sessions_created").intValue()).isEqualTo(1);
    }

    @Test
    void theTitleIsThatOfTheFirstQuestion() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = post(caller, "s1", null, """
                [{"id": "m0", "role": "system", "content": "Be short."}, %s]
                """.formatted(QUESTION));

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("What should I see in Lisbon?");
    }

    @Test
    void theSameRequestsAtOnceMakeOneSessionAndEachMessageOnce() throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        List<Integer> statuses = allAtOnce(Collections.nCopies(8,
                (Callable<Integer>) () -> post(caller, "s1", "Lisbon", EXCHANGE).statusCode()));

        // Then
        assertThat(statuses).containsOnly(201);
        assertThat(Stored.of(caller)).isEqualTo(Lisbon.stored(caller, "Lisbon"));
    }

    @Test
    void messagesOfOthersStayTheirs() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        granted(post(ada, "s1", "Lisbon", EXCHANGE));
        String before = Stored.versions(ada);

        // When
        Response response = post(bob, "s1", "Lisbon", EXCHANGE);

        // Then
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(Stored.versions(ada)).isEqualTo(before);
        assertThat(Stored.of(bob)).isEqualTo(Lisbon.stored(bob, "Lisbon"));
    }

    @Test
    void aRequestWithoutATokenIsRefused() {
        // When
        Response response = RestAssured.given().contentType(ContentType.JSON)
                .body("{\"sessionId\": \"s1\", \"messages\": " + EXCHANGE + "}").post("/api/chat/messages");

        // Then
        assertProblem(response, 401, "unauthorized");
    }

    private static Response post(Caller caller, String sessionId, String title, String messages) {
        return caller.request().body("{\"sessionId\": \"" + sessionId + "\", \"sessionTitle\": "
                + (title == null ? "null" : "\"" + title + "\"") + ", \"messages\": " + messages + "}")
                .post("/api/chat/messages");
    }

    private static Map<String, String> message(String id, String content) {
        return Map.of("id", id, "role", "user", "content", content, "timestamp", "2026-03-01T09:00:00.000Z");
    }
}

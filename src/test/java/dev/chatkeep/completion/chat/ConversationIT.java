package dev.chatkeep.completion.chat;

import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.AtOnce;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/** What a model gets to see of a conversation, in which order it is kept, and that a question is answered once at a time. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithTestResource(value = ProviderResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class ConversationIT {

    private static String model;

    ScriptedProvider provider;

    private final Caller ann = Caller.fresh();
    private final String marker = "marker-" + UUID.randomUUID();

    @BeforeEach
    void openAModel() {
        model = model == null ? Models.open("free", "0.001", "0.002") : model;
        provider.on(marker, Script.streamed().delta("answer").usage(2, 1).done());
    }

    @Test
    void theQuestionOfAClockThatIsBehindComesLast() {
        // Given
        String time = Instant.now().minus(10, ChronoUnit.SECONDS).truncatedTo(ChronoUnit.MILLIS).toString();
        ask("q1", "question 1", time);

        // When
        ask("q2", "question 2", time);
        ann.hasUploaded(List
                .of(Map.of("id", "s", "messages", List.of(said("q1", "question 1", time), said("q2", "question 2", time)))));

        // Then
        assertThat(seen()).containsExactly("question 1", "answer", "question 2");
        assertThat(contents()).containsExactly("question 1", "answer", "question 2", "answer");
    }

    @Test
    void aQuestionThatIsAskedAgainIsTheLastThatTheModelSees() {
        // Given
        ask("q1", "question 1", null);
        ask("q2", "question 2", null);

        // When
        ask("q2", "question 2", null);
        List<String> again = seen();
        ask("q3", "question 3", null);
        List<String> next = seen();
        ask("q1", "question 1, edited", null);
        List<String> edited = seen();

        // Then
        assertThat(again).containsExactly("question 1", "answer", "question 2");
        assertThat(next).containsExactly("question 1", "answer", "question 2", "answer", "question 3");
        assertThat(edited).containsExactly("question 1, edited");
        assertThat(contents()).containsExactly("question 1, edited", "answer", "question 2", "answer", "answer", "question 3",
                "answer", "answer");
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = { "-", "2026-03-29T02:30:00+01:00", "1970-01-01T00:00:00Z" })
    void anUploadKeepsTheOrderOfItsMessages(String time) {
        // When
        ann.hasUploaded(List.of(Map.of("id", "s", "messages", List.of(said("z-1", "user", "question 1", time),
                said("a-1", "assistant", "answer 1", time), said("y-2", "user", "question 2", time),
                said("b-2", "assistant", "answer 2", time)))));

        // Then
        List<String> order = List.of("question 1", "answer 1", "question 2", "answer 2");
        assertThat(contents()).isEqualTo(order);
        assertThat(Json.of(ann.download()).at("/conversations/0/messages").findValuesAsText("content")).isEqualTo(order);
        assertThat(Json.of(ann.request().get("/api/user/export")).at("/conversations/0/messages").findValuesAsText("content"))
                .isEqualTo(order);
        assertThat(pages()).isEqualTo(order);
        assertThat(Json.of(ann.listSessions()).at("/sessions/0/last_message_preview").textValue()).isEqualTo("answer 2");
    }

    @ParameterizedTest
    @CsvSource({ "\"9999-12-31T23:59:59.999Z\", 200", "\"1970-01-01T00:00:00Z\", 200", "\"2026-10-25T02:30:00+02:00\", 200",
            "1790000000000, 422", "\"1790000000000\", 422", "\"2026-01-01T10:00:00\", 422", "\"10000-01-01T00:00:00Z\", 422",
            "true, 422" })
    void aTimeIsTakenOrRefusedAndTheSessionGoesOn(String time, int status) {
        // When
        Response response = ann.request()
                .body("{\"model\": \"%s\", \"sessionId\": \"s\", \"message\": {\"id\": \"q1\", \"role\": \"user\", \"content\": \"%s\", \"timestamp\": %s}}"
                        .formatted(model, marker, time))
                .post("/api/chat");
        ask("q2", "question 2", null);

        // Then
        assertThat(response.statusCode()).as(response.asString()).isEqualTo(status);
        if (status == 422) {
            assertThat(Json.of(response).at("/errors/0/field").textValue()).isEqualTo("message.timestamp");
        }
        List<String> contents = contents();
        assertThat(contents.subList(contents.size() - 2, contents.size())).containsExactly("question 2", "answer");
        assertThat(contents).hasSize(status == 422 ? 2 : 4);
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void theSameQuestionFiveTimesAtOnceIsAnsweredOnce(boolean hasId) throws Exception {
        // Given
        CountDownLatch goOn = new CountDownLatch(1);
        provider.on(marker, Script.streamed().delta("ans").holdUntil(goOn).delta("wer").usage(2, 1).done());
        Map<String, Object> body = new HashMap<>(Map.of("model", model, "sessionId", "s", "message",
                hasId ? Map.of("id", "q1", "role", "user", "content", "Hello " + marker) : "Hello " + marker));

        // When
        List<EventStreamClient> clients = AtOnce
                .allAtOnce(Collections.nCopies(5, () -> EventStreamClient.post(ann, "/api/chat", body)));
        List<EventStreamClient.Event> first = clients.stream().map(EventStreamClient::next).toList();
        goOn.countDown();
        List<List<EventStreamClient.Event>> rest = clients.stream().map(EventStreamClient::rest).toList();

        // Then
        assertThat(first).extracting(event -> event.json().path("content").textValue()).containsOnly("ans");
        assertThat(rest).containsOnly(rest.get(0));
        assertThat(rest.get(0).get(1).json().path("response").textValue()).isEqualTo("answer");
        clients.forEach(EventStreamClient::close);
        assertThat(provider.calls(marker)).hasSize(1);
        assertThat(contents()).containsExactly("Hello " + marker, "answer");
        assertThat(Chat.usage(ann, "daily").at("/total/messages_received").intValue()).isEqualTo(1);
    }

    @Test
    void whoAsksAgainWhileTheAnswerArrivesFollowsIt() {
        // Given
        CountDownLatch goOn = new CountDownLatch(1);
        provider.on(marker, Script.streamed().delta("One ").holdUntil(goOn).delta("two").usage(2, 2).done());
        Map<String, Object> body = Map.of("model", model, "sessionId", "s", "message",
                Map.of("id", "q1", "role", "user", "content", marker));

        try (EventStreamClient first = EventStreamClient.post(ann, "/api/chat", body)) {
            first.next();

            // When
            try (EventStreamClient second = EventStreamClient.post(ann, "/api/chat", body)) {
                EventStreamClient.Event begin = second.next();
                goOn.countDown();
                List<EventStreamClient.Event> rest = second.rest();

                // Then
                assertThat(second.header("X-Stream-Id")).isEqualTo(first.header("X-Stream-Id"));
                assertThat(begin.json().path("content").textValue()).isEqualTo("One ");
                assertThat(rest.get(rest.size() - 1).json().path("response").textValue()).isEqualTo("One two");
                assertThat(first.rest()).isEqualTo(rest);
            }
        }
    }

    @Test
    void aQuestionThatAnotherInstanceAnswersIsAConflict() {
        // Given
        ask("q1", "question 1", null);
        Sql.rows("update chatkeep.completions set state = 'running', lease_until = now() + interval '1 hour' where user_id = ?",
                ann.id());
        String stream = Sql.value("select id from chatkeep.completions where user_id = ?", ann.id());

        // When
        Response response = ann.request().body(question("q1", "question 1", null)).post("/api/chat");

        // Then
        assertProblem(response, 409, "answer_in_progress");
        assertThat(Json.of(response).path("stream_id").textValue()).isEqualTo(stream);
        assertThat(response.header("X-Stream-Id")).isEqualTo(stream);
        Sql.rows("update chatkeep.completions set state = 'complete' where user_id = ?", ann.id());
    }

    @ParameterizedTest
    @ValueSource(strings = { "s", "" })
    void aRequestWithAKeyIsAnsweredOnce(String session) {
        // Given
        Map<String, Object> body = new HashMap<>(Map.of("model", model, "message", "Hello " + marker));
        if (!session.isEmpty()) {
            body.put("sessionId", session);
        }

        // When
        List<Response> responses = new ArrayList<>();
        for (int time = 0; time < 3; time++) {
            responses.add(ann.request().header("Idempotency-Key", "8e03978e").body(body).post("/api/chat"));
        }

        // Then
        assertThat(responses).allSatisfy(response -> assertThat(response.statusCode()).as(response.asString()).isEqualTo(200));
        assertThat(responses).extracting(response -> Json.of(response).path("data"))
                .containsOnly(Json.of(responses.get(0)).path("data"));
        assertThat(provider.calls(marker)).hasSize(1);
        assertThat(Chat.usage(ann, "daily").at("/total/messages_received").intValue()).isEqualTo(1);
    }

    @Test
    void anAnswerThatOnlyTheDatabaseKnowsIsGivenAgainAsEvents() {
        // Given
        Response first = ann.request().header("Idempotency-Key", "k").body(question("q1", "Hello", null)).post("/api/chat");

        // When
        Response again = ann.request().header("Idempotency-Key", "k").header("Accept", "text/event-stream")
                .body(question("q1", "Hello", null)).post("/api/chat");

        // Then
        assertThat(again.contentType()).isEqualTo("text/event-stream");
        assertThat(again.asString()).contains("event: delta", "event: done", Json.of(first).at("/data/message_id").textValue());
    }

    @Test
    void aKeyWithAnotherBodyIsRefused() {
        // Given
        ann.request().header("Idempotency-Key", "k").body(question("q1", "Hello", null)).post("/api/chat").then()
                .statusCode(200);

        // When
        Response other = ann.request().header("Idempotency-Key", "k").body(question("q2", "Hello again", null))
                .post("/api/chat");

        // Then
        assertProblem(other, 422, "idempotency_key_reused");
        assertThat(contents()).containsExactly("Hello", "answer");
    }

    @Test
    void aKeyThatIsTooLongIsRefused() {
        // When
        Response response = ann.request().header("Idempotency-Key", "k".repeat(256)).body(question("q1", "Hello", null))
                .post("/api/chat");

        // Then
        assertThat(response.statusCode()).isEqualTo(422);
        assertThat(provider.calls(marker)).isEmpty();
    }

    private void ask(String id, String content, String time) {
        ann.request().body(question(id, content, time)).post("/api/chat").then().statusCode(200);
    }

    /** The user's instructions have the marker, so that the messages are no more than what is said. */
    private Map<String, Object> question(String id, String content, String time) {
        Map<String, Object> body = new HashMap<>(Map.of("model", model, "sessionId", "s", "message", said(id, content, time)));
        body.put("system_prompt", marker);
        return body;
    }

    private static Map<String, Object> said(String id, String content, String time) {
        return said(id, "user", content, time);
    }

    private static Map<String, Object> said(String id, String role, String content, String time) {
        Map<String, Object> message = new HashMap<>(Map.of("id", id, "role", role, "content", content));
        if (time != null) {
            message.put("timestamp", time);
        }
        return message;
    }

    /** The contents of what the model saw last, without the instructions. */
    private List<String> seen() {
        List<ScriptedProvider.Call> calls = provider.calls(marker);
        List<String> contents = calls.get(calls.size() - 1).body().path("messages").findValuesAsText("content");
        return contents.subList(1, contents.size());
    }

    private List<String> contents() {
        return Json.of(ann.messages("s")).path("messages").findValuesAsText("content");
    }

    private List<String> pages() {
        List<String> contents = new ArrayList<>();
        String cursor = null;
        do {
            var request = ann.request().queryParam("session_id", "s").queryParam("limit", 1);
            JsonNode page = Json
                    .of((cursor == null ? request : request.queryParam("cursor", cursor)).get("/api/chat/messages"));
            contents.addAll(page.path("messages").findValuesAsText("content"));
            cursor = page.path("next_cursor").textValue();
        } while (cursor != null);
        return contents;
    }
}

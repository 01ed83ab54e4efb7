package dev.chatkeep.completion.chat;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.EventStreamClient.Event;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.WithinOneDay;
import io.restassured.response.Response;

/** What front ends ask for beside an answer, and what comes of it. */
@WithinOneDay
@BesideOthers
class ChatOptionsIT {

    private static final String PIECES = """
            {"choices": [{"index": 0, "delta": {"reasoning": "They like ", "reasoning_details": [
              {"type": "reasoning.text", "index": 0, "text": "They like "}]}}]}
            {"choices": [{"index": 0, "delta": {"reasoning": "walking.", "reasoning_details": [
              {"type": "reasoning.text", "index": 0, "text": "walking.", "signature": "s1"}]}}]}
            {"choices": [{"index": 0, "delta": {"content": "Alfama", "annotations": [
              {"type": "url_citation", "url_citation": {"url": "https://example.org/a", "title": "A", "start_index": 0, "end_index": 6}}]}}]}
            {"choices": [{"index": 0, "delta": {"content": ".", "annotations": [
              {"type": "url_citation", "url_citation": {"url": "https://example.org/a", "title": "A", "start_index": 0, "end_index": 6}},
              {"type": "file", "file": {}}]}}]}
            """;
    private static final String EXTRAS = """
            {"reasoning": "They like walking.",
             "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "They like walking.", "signature": "s1"}],
             "annotations": [{"type": "url_citation", "url": "https://example.org/a", "title": "A", "start_index": 0, "end_index": 6}],
             "has_websearch": true, "websearch_result_count": 1}
            """;

    private static PackagedService service;

    private final Caller ann = service.newCaller();
    private final String marker = "marker-" + UUID.randomUUID();

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of("CHATKEEP_COMPLETION_OPTIONS_REASONING", "free,pro",
                "CHATKEEP_COMPLETION_OPTIONS_WEB_SEARCH", "free", "CHATKEEP_COMPLETION_OPTIONS_IMAGE_OUTPUT", "enterprise"));
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    @Test
    void whatTheTierMayAskForGoesToTheProviderAndWhatComesOfItIsKept() {
        // Given
        service.provider().on(marker, script());

        // When
        JsonNode data = ask("""
                {"sessionId": "s", "reasoning": {"effort": "low"}, "webSearch": true, "webMaxResults": 3, "imageOutput": false,
                 "attachmentIds": [], "draftId": "d1", "message": "%s"}""");

        // Then
        JsonNode sent = service.provider().calls(marker).get(0).body();
        assertThat(sent.path("reasoning")).isEqualTo(Json.of("{\"effort\": \"low\"}"));
        assertThat(sent.path("plugins")).isEqualTo(Json.of("[{\"id\": \"web\", \"max_results\": 3}]"));
        assertThat(sent.has("modalities")).isFalse();
        assertThat(data.path("response").textValue()).isEqualTo("Alfama.");
        assertThat(extras(data)).isEqualTo(Json.of(EXTRAS));
        assertThat(data.path("elapsed_ms").isIntegralNumber()).isTrue();
        assertThat(extras(Json.of(ann.messages("s")).at("/messages/1"))).isEqualTo(Json.of(EXTRAS));
        assertThat(usage()).isEqualTo("1 1 7 3");
    }

    @Test
    void theLastEventAndTheStoredAnswerHaveTheSame() {
        // Given
        service.provider().on(marker, script());

        // When
        List<Event> events;
        String streamId;
        try (EventStreamClient client = EventStreamClient.post(ann, "/api/chat",
                Map.of("sessionId", "s", "message", marker, "model", PackagedService.MODEL))) {
            events = client.rest();
            streamId = client.header("X-Stream-Id");
        }

        // Then
        assertThat(extras(events.get(events.size() - 1).json())).isEqualTo(Json.of(EXTRAS));
        try (EventStreamClient again = EventStreamClient.follow(ann, streamId, null)) {
            List<Event> followed = again.rest();
            assertThat(extras(followed.get(followed.size() - 1).json())).isEqualTo(Json.of(EXTRAS));
        }
    }

    @Test
    void aSearchThatFoundNothingSaysSo() {
        // Given
        service.provider().on(marker, Script.streamed().delta("Alfama").usage(7, 3).done());

        // When
        JsonNode data = ask("{\"webSearch\": true, \"message\": \"%s\"}");

        // Then
        assertThat(extras(data)).isEqualTo(Json.of("{\"has_websearch\": true, \"websearch_result_count\": 0}"));
        assertThat(service.provider().calls(marker).get(0).body().path("plugins")).isEqualTo(Json.of("[{\"id\": \"web\"}]"));
    }

    @Test
    void picturesComeWithTheAnswerAndAreNotStored() {
        // Given
        service.rows("update public.profiles set subscription_tier = 'enterprise' where id = ?", signedIn().id());
        service.provider().on(marker, Script.streamed().event("""
                {"choices": [{"index": 0, "delta": {"content": "", "images": [
                  {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                  {"type": "image_url", "image_url": {"url": "https://example.org/tracker.png"}}]}}]}""".replace("\n", ""))
                .usage(7, 3).done());

        // When
        JsonNode data = ask("{\"sessionId\": \"s\", \"imageOutput\": true, \"message\": \"%s\"}");

        // Then
        assertThat(service.provider().calls(marker).get(0).body().path("modalities"))
                .isEqualTo(Json.of("[\"image\", \"text\"]"));
        assertThat(data.path("images")).isEqualTo(Json.of("[\"data:image/png;base64,AAAA\"]"));
        assertThat(Json.of(ann.messages("s")).at("/messages/1").has("images")).isFalse();
        assertThat(usage()).isEqualTo("1 1 7 3");
    }

    @Test
    void whatTheTierMayNotAskForIsRefusedAndLeavesNoTrace() {
        // When
        Response response = post("{\"sessionId\": \"s\", \"imageOutput\": true, \"message\": \"%s\"}");

        // Then
        assertProblem(response, 422, "option_not_allowed");
        assertThat(Json.of(response).path("errors"))
                .isEqualTo(Json.of("[{\"field\": \"imageOutput\", \"message\": \"is not open to your tier\"}]"));
        assertThat(service.provider().calls(marker)).isEmpty();
        assertThat(Json.of(ann.listSessions()).path("sessions")).isEmpty();
    }

    @Test
    void attachmentsAreRefused() {
        // When
        Response response = post("{\"attachmentIds\": [\"a1\"], \"message\": \"%s\"}");

        // Then
        assertProblem(response, 422, "attachments_not_supported");
        assertThat(service.provider().calls(marker)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "reasoning": {"effort": "extreme"}  | reasoning.effort must be minimal, low, medium or high
            "webMaxResults": 0                  | webMaxResults must be greater than or equal to 1
            "webMaxResults": 11                 | webMaxResults must be less than or equal to 10
            "webSearch": "yes"                  | webSearch has the wrong type
            "current_message_id": ""            | current_message_id must not be empty
            """)
    void optionsHaveTheirTypes(String option, String complaint) {
        // When
        Response response = post("{" + option + ", \"message\": \"%s\"}");

        // Then
        assertFields(response, 422, complaint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "\"message\": \"%s\"", "\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]",
            "\"messages\": [{\"id\": \"q1\", \"role\": \"user\", \"content\": \"%s\", \"error\": true}]",
            "\"message\": \"%s\", \"messages\": [{\"id\": \"q1\", \"role\": \"user\", \"content\": \"%s\"}]",
            "\"messages\": [{\"id\": \"q1\", \"role\": \"user\", \"content\": \"%s\"}, {\"id\": \"a0\", \"role\": \"assistant\", \"content\": \"No.\"}]" })
    void theQuestionHasTheIdThatItsClientNames(String question) {
        // Given
        service.provider().on(marker, Script.streamed().id("gen-" + marker).delta("Alfama").usage(7, 3).done());

        // When
        JsonNode data = ask("{\"current_message_id\": \"q1\", " + question.replace("%s", marker) + "}");

        // Then
        assertThat(data.path("request_id").textValue()).isEqualTo("q1");
        assertThat(service.provider().calls(marker).get(0).body().path("messages"))
                .isEqualTo(Json.of("[{\"role\": \"user\", \"content\": \"%s\"}]".formatted(marker)));
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void anUploadOfQuestionAndAnswerCountsNothingAgain(boolean synced) {
        // Given
        service.provider().on(marker, Script.streamed().id("gen-" + marker).delta("Alfama").usage(7, 3).done());
        ask("{\"current_message_id\": \"q1\", \"message\": \"%s\"}");
        List<Map<String, ?>> messages = List.of(
                Map.of("id", "q1", "role", "user", "content", marker, "input_tokens", 7),
                Map.of("id", "a1", "role", "assistant", "content", "Alfama", "user_message_id", "q1", "completion_id",
                        "gen-" + marker, "model", PackagedService.MODEL, "input_tokens", 7, "output_tokens", 3));

        // When
        Response response = synced ? ann.upload(List.of(Map.of("id", "s", "title", "Trip", "messages", messages)))
                : ann.request().body(Map.of("sessionId", "s", "messages", messages)).post("/api/chat/messages");

        // Then
        assertThat(response.statusCode()).as(response.asString()).isLessThan(300);
        assertThat(usage()).isEqualTo("1 1 7 3");
        assertThat(Json.of(ann.messages("s")).path("messages")).hasSize(2);
    }

    private Script script() {
        Script script = Script.streamed().id("gen-1");
        for (String piece : PIECES.replace("\n  ", " ").strip().split("\n")) {
            script = script.event(piece);
        }
        return script.usage(7, 3).done();
    }

    private Caller signedIn() {
        ann.hasSignedIn();
        return ann;
    }

    /** @param body with a place for the marker */
    private Response post(String body) {
        return ann.request().body("{\"model\": \"" + PackagedService.MODEL + "\", " + body.replace("%s", marker).substring(1))
                .post("/api/chat");
    }

    private JsonNode ask(String body) {
        Response answer = post(body);
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        return Json.of(answer).path("data");
    }

    private static JsonNode extras(JsonNode message) {
        return ((ObjectNode) message.deepCopy()).retain("reasoning", "reasoning_details", "annotations", "has_websearch",
                "websearch_result_count");
    }

    private String usage() {
        JsonNode total = Chat.usage(ann, "daily").path("total");
        return "%s %s %s %s".formatted(total.path("messages_sent"), total.path("messages_received"), total.path("input_tokens"),
                total.path("output_tokens"));
    }
}

package dev.chatkeep.completion.chat;

import static dev.chatkeep.testsupport.EventStreamClient.text;
import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.EventStreamClient.Event;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithTestResource(value = ProviderResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class ChatResourceIT {

    /** Every size of UTF-8, a combined emoji, and what JSON escapes. */
    private static final String TEXT = "Grüße, \u4f60\u597d, \uD83D\uDC69\u200D\uD83D\uDE80 \"quoted\"\\\n\ttab \u2028 \u0001 end";

    private static String model;

    ScriptedProvider provider;

    private final Caller ann = Caller.fresh();
    private final String marker = "marker-" + UUID.randomUUID();

    @BeforeEach
    void openAModel() {
        model = model == null ? Models.open("free", "0.001", "0.002") : model;
    }

    // ---- The answer ---------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(strings = { "/api/chat", "/api/chat/" })
    void theWholeAnswerIsWhatFrontEndsKnow(String path) {
        provider.on(marker, Script.streamed().id("gen-1").delta("Start in ").delta("Alfama.").usage(7, 3).done());
        Instant before = Instant.now().truncatedTo(ChronoUnit.MILLIS);

        Response answer = ann.request().body(Map.of("message", marker, "model", model)).post(path);

        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json");
        JsonNode data = Json.of(answer).path("data");
        assertThat(Json.without(data, "request_id", "timestamp", "elapsed_time", "elapsed_ms", "stream_id")).isEqualTo(
                Json.of("""
                        {"response": "Start in Alfama.", "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
                         "contentType": "text", "id": "gen-1", "model": "%s"}
                        """
                        .formatted(model)));
        assertThat(Instant.parse(data.path("timestamp").textValue())).isBetween(before, Instant.now());
        assertThat(Json.of(answer).path("timestamp")).isEqualTo(data.path("timestamp"));
        assertThat(data.path("elapsed_time").isNumber()).isTrue();
        assertThat(Stored.of(ann, "sessions")).isEmpty();
        assertThat(usage()).isEqualTo("sent 1 received 1 input 7 output 3 cost 0.013");
    }

    @Test
    void inASessionBothMessagesAreStored() {
        provider.on(marker, Script.streamed().id("gen-2").delta("**Lisbon** it is").usageJson("""
                {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "prompt_tokens_details": {"cached_tokens": 5},
                 "completion_tokens_details": {"reasoning_tokens": 2}}""").done());

        JsonNode data = ask(Map.of("message", "  Where   to? " + marker, "model", model, "sessionId", "trip"));

        JsonNode messages = Json.of(ann.messages("trip")).path("messages");
        assertThat(messages).hasSize(2);
        assertThat(messages.get(0).path("content").textValue()).isEqualTo("  Where   to? " + marker);
        assertThat(messages.get(0).path("input_tokens").intValue()).isEqualTo(9);
        assertThat(messages.get(0).path("id")).isEqualTo(data.path("request_id"));
        JsonNode answer = messages.get(1);
        assertThat(Json.without(answer, "timestamp", "elapsed_time", "elapsed_ms")).isEqualTo(Json.of("""
                {"id": "%s", "role": "assistant", "content": "**Lisbon** it is", "model": "%s", "total_tokens": 4,
                 "output_tokens": 4, "user_message_id": "%s", "contentType": "markdown", "completion_id": "gen-2"}
                """.formatted(data.path("message_id").textValue(), model, data.path("request_id").textValue())));
        assertThat(metadata("trip", "assistant")).isEqualTo(Json.of("""
                {"usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, "cached_tokens": 5,
                 "reasoning_tokens": 2, "finish_reason": "stop", "unit_cost": 0.002000000000, "cost": 0.008,
                 "question_cost": 0.009, "stream_id": "%s"}
                """.formatted(data.path("stream_id").textValue())));
        JsonNode session = Json.of(ann.listSessions()).at("/sessions/0");
        assertThat(session.path("title").textValue()).isEqualTo("Where to? " + marker);
        assertThat(session.path("message_count").intValue()).isEqualTo(2);
        assertThat(session.path("total_tokens").intValue()).isEqualTo(13);
        assertThat(usage()).isEqualTo("sent 1 received 1 input 9 output 4 cost 0.017");
    }

    @Test
    void reasoningBesideTheCompletionIsCountedAndShown() {
        // Given
        provider.on(marker, Script.streamed().delta("Lisbon").usageJson("""
                {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 113,
                 "completion_tokens_details": {"reasoning_tokens": 100}}""").done());

        // When
        JsonNode data = ask(inSession("trip"));

        // Then
        JsonNode counted = Json.of("{\"prompt_tokens\": 9, \"completion_tokens\": 104, \"total_tokens\": 113}");
        assertThat(data.path("usage")).isEqualTo(counted);
        assertThat(metadata("trip", "assistant").path("usage")).isEqualTo(counted);
        assertThat(metadata("trip", "assistant").path("reasoning_tokens").intValue()).isEqualTo(100);
        assertThat(usage()).isEqualTo("sent 1 received 1 input 9 output 104 cost 0.217");
    }

    @Test
    void tokensFromTheCacheOfAProviderCostTheirOwnPrice() {
        // Given
        String cached = Models.freshId();
        Models.change(Models.open(cached, "free", "0.001", "0.002"), "{\"cached_input_cost_per_token\": 0.0001}");
        provider.on(marker, Script.streamed().delta("Lisbon").usageJson("""
                {"input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 4, "cost": 0.000012345678901234567}""")
                .done());

        // When
        JsonNode data = ask(Map.of("message", marker, "model", cached, "sessionId", "trip"));

        // Then
        assertThat(data.path("usage")).isEqualTo(
                Json.of("{\"prompt_tokens\": 9, \"completion_tokens\": 4, \"total_tokens\": 13}"));
        JsonNode answer = metadata("trip", "assistant");
        assertThat(answer.path("cached_tokens").intValue()).isEqualTo(5);
        assertThat(answer.path("cost").decimalValue()).isEqualByComparingTo("0.008");
        assertThat(answer.path("question_cost").decimalValue()).isEqualByComparingTo("0.0045");
        assertThat(metadata("trip", "user").path("cost").decimalValue()).isEqualByComparingTo("0.0045");
        assertThat(Sql.<String> value("select metadata ->> 'provider_cost' from public.chat_messages"
                + " where user_id = ? and role = 'assistant'", ann.id())).isEqualTo("0.000012345678901234567");
        assertThat(usage()).isEqualTo("sent 1 received 1 input 9 output 4 cost 0.0125");
    }

    @Test
    void asEventsTheAnswerComesPieceByPiece() {
        CountDownLatch goOn = new CountDownLatch(1);
        provider.on(marker, Script.streamed().id("gen-3").delta("One ").holdUntil(goOn).delta("two").usage(2, 2).done());

        try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat",
                Map.of("message", marker, "model", model, "conversationId", "s"))) {
            Event first = stream.next();
            goOn.countDown();
            List<Event> rest = stream.rest();

            assertThat(stream.header("Content-Type")).isEqualTo("text/event-stream");
            String id = stream.header("X-Stream-Id");
            assertThat(first).isEqualTo(new Event(id + ":4", "delta", "{\"content\":\"One \"}"));
            assertThat(rest.get(0)).isEqualTo(new Event(id + ":7", "delta", "{\"content\":\"two\"}"));
            assertThat(rest).hasSize(2);
            assertThat(rest.get(1).name()).isEqualTo("done");
            assertThat(rest.get(1).json().path("response").textValue()).isEqualTo("One two");
            assertThat(rest.get(1).json().path("message_id").textValue()).isEqualTo(id);
            assertThat(contents("s")).containsExactly(marker, "One two");
        }
    }

    @Test
    void streamInTheBodyDoesWhatTheHeaderDoes() {
        Response answer = ann.request().body(Map.of("message", "Hello " + marker, "model", model, "stream", true))
                .post("/api/chat");

        assertThat(answer.contentType()).isEqualTo("text/event-stream");
        assertThat(answer.asString()).contains("event: done");
    }

    @ParameterizedTest
    @CsvSource({ "whole, false", "whole, true", "bytes, false", "bytes, true", "pieces, true", "crlf, true", "comments, true" })
    void theTextIsExactHoweverItComes(String how, boolean streamed) {
        Script script = Script.streamed();
        switch (how) {
            case "bytes" -> script.byteAtATime();
            case "pieces" -> script.inPieces(3);
            case "comments" -> script.raw(": PROCESSING\n\n");
            case "crlf" -> script
                    .raw("event: x\r\ndata: {\"choices\":[{\"index\":0,\r\ndata: \"delta\":{\"content\":\"Hi! \"}}]}\r\n\r\n");
            default -> {
            }
        }
        for (int i = 0; i < TEXT.length(); i = TEXT.offsetByCodePoints(i, 1)) {
            script.delta(new String(Character.toChars(TEXT.codePointAt(i))));
        }
        provider.on(marker, script.usage(1, 1).done());
        String expected = how.equals("crlf") ? "Hi! " + TEXT : TEXT;

        String text;
        if (streamed) {
            try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("s"))) {
                text = text(stream.rest());
            }
        } else {
            text = ask(inSession("s")).path("response").textValue();
        }

        assertThat(text).isEqualTo(expected);
        assertThat(contents("s")).containsExactly(marker, expected);
    }

    @Test
    void tenMegabytesArriveWholeAndAreStored() {
        provider.on(marker, Script.streamed().times(10_000, "0123456789abcdef".repeat(64)).usage(1, 100).done());

        try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("big"))) {
            List<Event> events = stream.rest();

            assertThat(text(events)).isEqualTo("0123456789abcdef".repeat(640_000));
            assertThat(events.get(events.size() - 1).name()).isEqualTo("done");
            assertThat(Sql.<Integer> value(
                    "select octet_length(content) from public.chat_messages where user_id = ? and role = 'assistant'",
                    ann.id())).isEqualTo(10_240_000);
        }
    }

    @Test
    void aProviderThatDoesNotStreamIsUnderstood() {
        provider.on(marker, Script.whole("All at once", 3, 4));

        JsonNode data = ask(inSession("s"));

        assertThat(data.path("response").textValue()).isEqualTo("All at once");
        assertThat(usage()).isEqualTo("sent 1 received 1 input 3 output 4 cost 0.011");
    }

    @Test
    void withoutFiguresTokensAreEstimatedAndMarked() {
        provider.on(marker, Script.streamed().delta("Hello world").done());

        JsonNode data = ask(inSession("s"));

        assertThat(data.at("/usage/completion_tokens").intValue()).isEqualTo(2);
        assertThat(metadata("s", "assistant").path("usage_estimated").booleanValue()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aRefusalIsWhatIsShownWhereThereIsNoOtherText(boolean streamed) {
        // Given
        provider.on(marker, Script.streamed()
                .event("{\"choices\": [{\"index\": 0, \"delta\": {\"role\": \"assistant\", \"content\": \"\", \"refusal\": \"I \"}}]}")
                .event("{\"choices\": [{\"index\": 0, \"delta\": {\"refusal\": \"cannot\"}}]}").usage(3, 2).done());

        // When
        JsonNode data;
        String shown;
        if (streamed) {
            try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("s"))) {
                List<Event> events = stream.rest();
                shown = text(events);
                data = events.get(events.size() - 1).json();
            }
        } else {
            data = ask(inSession("s"));
            shown = data.path("response").textValue();
        }

        // Then
        assertThat(shown).isEqualTo("I cannot");
        assertThat(data.path("response").textValue()).isEqualTo("I cannot");
        assertThat(data.path("refusal").textValue()).isEqualTo("I cannot");
        assertThat(contents("s")).containsExactly(marker, "I cannot");
        assertThat(metadata("s", "assistant").path("refusal").textValue()).isEqualTo("I cannot");
        assertThat(usage()).isEqualTo("sent 1 received 1 input 3 output 2 cost 0.007");
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aRateLimitInPlaceOfAnAnswerIsToldWithItsStatus(boolean streamed) {
        // Given
        provider.on(marker, Script.json(200, Map.of(), "{\"error\": {\"code\": 429, \"message\": \"slow down\"}}"));
        Map<String, Object> asked = inSession("s");
        asked.put("stream", streamed);

        // When
        Response failed = ann.request().body(asked).post("/api/chat");

        // Then
        assertProblem(failed, 429, "provider_rate_limited");
        assertThat(failed.header("Retry-After")).isEqualTo("5");
        assertThat(failed.asString()).doesNotContain("slow down");
        assertThat(contents("s")).containsExactly(marker);
        assertThat(usage()).isEqualTo("sent 1 received 0 input 0 output 0 cost 0");
    }

    @ParameterizedTest
    @ValueSource(strings = { "\r", "\r\n", "\n" })
    void linesMayEndInAnyWay(String end) {
        // Given
        String event = "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"Olá \"}}]}";
        provider.on(marker, Script.streamed().byteAtATime().raw("\uFEFF: hello" + end + end + event + end + end + "id" + end
                + event + end + end + "data: [DONE]" + end + end));

        // When
        JsonNode data = ask(inSession("s"));

        // Then
        assertThat(data.path("response").textValue()).isEqualTo("Olá Olá ");
        assertThat(metadata("s", "assistant").has("malformed_pieces")).isFalse();
    }

    // ---- What the model gets to see -----------------------------------------------------------------------------------

    @Test
    void messagesOfTheRequestAreTheContext() {
        List<Map<String, Object>> messages = List.of(said("m1", "user", "First"), said("m2", "assistant", "Second"),
                Map.of("id", "m3", "role", "assistant", "content", "broken", "error", true),
                said("m4", "user", "Third " + marker));

        JsonNode data = ask(Map.of("message", "ignored", "messages", messages, "model", model, "temperature", 1.5,
                "system_prompt", "Be brief", "max_tokens", 50));

        assertThat(data.path("request_id").textValue()).isEqualTo("m4");
        JsonNode sent = provider.calls(marker).get(0).body();
        assertThat(sent).isEqualTo(Json.of("""
                {"model": "%s", "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "First"},
                  {"role": "assistant", "content": "Second"}, {"role": "user", "content": "Third %s"}], "temperature": 1.5,
                 "max_tokens": 50, "stream": true, "stream_options": {"include_usage": true}}
                """.formatted(model, marker)));
        assertThat(provider.calls(marker).get(0).headers()).containsEntry("Authorization",
                "Bearer " + ProviderResource.API_KEY);
    }

    @Test
    void theUsersOwnSettingsApplyUnlessTheRequestSaysOtherwise() {
        ann.request().body(Map.of("model", Map.of("default_model", model, "temperature", 0.3, "system_prompt", "Rhyme")))
                .put("/api/user/data").then().statusCode(200);

        ask(Map.of("message", marker));

        JsonNode sent = provider.calls(marker).get(0).body();
        assertThat(sent.path("model").textValue()).isEqualTo(model);
        assertThat(sent.path("temperature").decimalValue()).isEqualByComparingTo("0.3");
        assertThat(sent.at("/messages/0")).isEqualTo(Json.of("{\"role\": \"system\", \"content\": \"Rhyme\"}"));
    }

    @Test
    void theStoredSessionIsTheContextCutFromItsOldestEnd() {
        String small = Models.freshId();
        String row = Models.open(small, "free", "0", "0");
        Models.change(row, "{\"context_length\": 60}");
        for (int i = 1; i <= 6; i++) {
            ask(Map.of("message", "Question " + i + " of " + marker, "model", model, "sessionId", "long"));
        }

        ask(Map.of("message", "And now? " + marker, "model", small, "sessionId", "long"));

        List<ScriptedProvider.Call> calls = provider.calls(marker);
        assertThat(calls.get(5).body().path("messages")).hasSize(11);
        JsonNode cut = calls.get(6).body().path("messages");
        assertThat(cut.size()).isBetween(1, 5);
        assertThat(cut.get(cut.size() - 1).path("content").textValue()).isEqualTo("And now? " + marker);
    }

    // ---- Counting once ------------------------------------------------------------------------------------------------

    @Test
    void whatIsStoredHereAndSentAgainCountsOnce() {
        provider.on(marker, Script.streamed().id("gen-once").delta("Yes").usage(5, 6).done());
        JsonNode data = ask(Map.of("message", Map.of("id", "q1", "content", marker), "model", model, "sessionId", "s"));
        String before = usage();

        ann.post("s",
                Map.of("id", data.path("message_id").textValue(), "role", "assistant", "content", "Yes", "output_tokens", 6,
                        "model", model, "user_message_id", "q1"))
                .then().statusCode(201);
        ann.upload(List.of(Map.of("id", "s", "messages", List.of(
                Map.of("id", "q1", "role", "user", "content", marker, "input_tokens", 5, "model", model),
                Map.of("id", "own-id", "role", "assistant", "content", "Yes", "output_tokens", 6, "model", model,
                        "user_message_id", "q1", "completion_id", "gen-once")))))
                .then().statusCode(200);

        assertThat(before).isEqualTo("sent 1 received 1 input 5 output 6 cost 0.017");
        assertThat(usage()).isEqualTo(before);
        assertThat(contents("s")).containsExactly(marker, "Yes");
        assertThat(Json.of(ann.messages("s")).at("/messages/1/id").textValue()).isEqualTo("own-id");
    }

    @Test
    void whatIsNotStoredHereAndUploadedLaterCountsOnce() {
        provider.on(marker, Script.streamed().id("gen-later").delta("Yes").usage(5, 6).done());
        ask(Map.of("message", marker, "messages", List.of(said("q1", "user", marker)), "model", model));

        ann.upload(List.of(Map.of("id", "s", "messages", List.of(
                Map.of("id", "q1", "role", "user", "content", marker, "input_tokens", 5, "model", model),
                Map.of("id", "a1", "role", "assistant", "content", "Yes", "output_tokens", 6, "model", model,
                        "user_message_id", "q1", "completion_id", "gen-later")))))
                .then().statusCode(200);

        assertThat(usage()).isEqualTo("sent 1 received 1 input 5 output 6 cost 0.017");
        assertThat(contents("s")).containsExactlyInAnyOrder(marker, "Yes");
    }

    // ---- When things break --------------------------------------------------------------------------------------------

    @Test
    void aCallThatWasTurnedAwayIsTriedAgain() {
        provider.on(marker, Script.json(429, Map.of("Retry-After", "1"), "{}"), Script.json(503, Map.of(), "{}"),
                Script.streamed().delta("At last").usage(1, 1).done());

        JsonNode data = ask(inSession("s"));

        assertThat(data.path("response").textValue()).isEqualTo("At last");
        assertThat(provider.calls(marker)).hasSize(3);
        assertThat(usage()).isEqualTo("sent 1 received 1 input 1 output 1 cost 0.003");
    }

    @ParameterizedTest
    @CsvSource({ "429, 429, provider_rate_limited, 3", "502, 502, provider_unavailable, 1", "503, 502, provider_unavailable, 3",
            "504, 502, provider_unavailable, 1", "500, 502, provider_error, 1", "401, 502, provider_error, 1",
            "400, 400, provider_rejected, 1", "404, 404, provider_rejected, 1", "422, 422, provider_rejected, 1" })
    void aCallThatFailsLeavesTheQuestionAndGivesItsPlaceBack(int said, int status, String code, int attempts) {
        String limited = limited(1);
        provider.on(marker, Script.json(said, Map.of(),
                "{\"error\": {\"message\": \"No: " + ProviderResource.API_KEY + "\"}}"));

        Response failed = ann.request().body(Map.of("message", marker, "model", limited, "sessionId", "s")).post("/api/chat");

        assertProblem(failed, status, code);
        assertThat(failed.asString()).doesNotContain(ProviderResource.API_KEY);
        assertThat(failed.header("Retry-After")).isEqualTo(said == 429 ? "5" : null);
        assertThat(provider.calls(marker)).hasSize(attempts);
        assertThat(contents("s")).containsExactly(marker);
        assertThat(usage()).isEqualTo("sent 1 received 0 input 0 output 0 cost 0");
        String again = "again-" + marker.substring(7);
        assertThat(ask(Map.of("message", again, "model", limited)).path("response").textValue()).isEqualTo(again);
    }

    @Test
    void aProviderThatAsksForAVeryLongPauseIsNotTriedAgain() {
        provider.on(marker, Script.json(429, Map.of("Retry-After", "120"), "{}"));

        Response failed = ann.request().body(Map.of("message", marker, "model", model)).post("/api/chat");

        assertProblem(failed, 429, "provider_rate_limited");
        assertThat(failed.header("Retry-After")).isEqualTo("120");
        assertThat(provider.calls(marker)).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aProviderThatHangsUpOnTheRequestIsNotAskedAgainAsItMayWantToBePaid(boolean reset) {
        // Given
        Script hangsUp = reset ? Script.reset() : Script.silence(Duration.ZERO);
        provider.on(marker, hangsUp, Script.streamed().delta("Here").usage(1, 1).done());

        // When
        Response failed = ann.request().body(inSession("s")).post("/api/chat");

        // Then
        assertProblem(failed, 502, "provider_unreachable");
        assertThat(provider.calls(marker)).hasSize(1);
        assertThat(usage()).isEqualTo("sent 1 received 0 input 0 output 0 cost 0");
    }

    @ParameterizedTest
    @ValueSource(strings = { "reset", "hang-up", "end", "error" })
    void aProviderThatFailsInTheMiddleLeavesThePartWithAnError(String how) {
        CountDownLatch seen = new CountDownLatch(1);
        Script script = Script.streamed().delta("Half ").delta("of").holdUntil(seen);
        provider.on(marker, switch (how) {
            case "reset" -> script.breakOff();
            case "hang-up" -> script.hangUp();
            case "end" -> script.end();
            default ->
                script.event("{\"error\": {\"message\": \"boom\", \"code\": 502}}").holdUntil(new CountDownLatch(1)).done();
        });

        try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("s"))) {
            List<Event> events = new ArrayList<>();
            while (!text(events).equals("Half of")) {
                events.add(stream.next());
            }
            seen.countDown();
            events.addAll(stream.rest());

            Event last = events.get(events.size() - 1);
            assertThat(last.name()).isEqualTo("error");
            assertThat(last.json().path("status").intValue()).isEqualTo(502);
            assertThat(last.json().path("code").textValue()).isEqualTo("provider_broke_off");
            assertThat(text(events)).isEqualTo("Half of");
            assertThat(contents("s")).containsExactly(marker, "Half of");
            JsonNode answer = Json.of(ann.messages("s")).at("/messages/1");
            assertThat(answer.path("error").booleanValue()).isTrue();
            assertThat(answer.has("output_tokens")).isFalse();
            assertThat(usage()).isEqualTo("sent 1 received 0 input 0 output 0 cost 0");
            await("the end of the call").until(() -> !provider.calls(marker).get(0).isOpen());
        }
    }

    @Test
    void piecesThatCannotBeReadAreLeftOutAndNoted() {
        provider.on(marker, Script.streamed().delta("a").event("{nonsense").raw("data\nfoo\n\n").event("[1]").delta("b")
                .usage(1, 2).done());

        JsonNode data = ask(inSession("s"));

        assertThat(data.path("response").textValue()).isEqualTo("ab");
        assertThat(metadata("s", "assistant").path("malformed_pieces").intValue()).isEqualTo(3);
    }

    // ---- Coming back --------------------------------------------------------------------------------------------------

    @Test
    void whoComesBackMissesNothing() {
        CountDownLatch goOn = new CountDownLatch(1);
        provider.on(marker, Script.streamed().delta("One ").delta("two ").holdUntil(goOn).delta("three").usage(1, 3).done());
        String id;
        Event first;
        try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("s"))) {
            id = stream.header("X-Stream-Id");
            first = stream.next();
        }

        try (EventStreamClient again = EventStreamClient.follow(ann, id, first.id());
                EventStreamClient whole = EventStreamClient.follow(ann, id, null)) {
            goOn.countDown();
            List<Event> missed = again.rest();

            assertThat(first.json().path("content").textValue() + text(missed)).isEqualTo("One two three");
            assertThat(missed.get(missed.size() - 1).name()).isEqualTo("done");
            assertThat(text(whole.rest())).isEqualTo("One two three");
        }
        try (EventStreamClient later = EventStreamClient.follow(ann, id, first.id())) {
            List<Event> missed = later.rest();
            assertThat(first.json().path("content").textValue() + text(missed)).isEqualTo("One two three");
            assertThat(missed.get(missed.size() - 1).json().path("response").textValue()).isEqualTo("One two three");
        }
        assertThat(metadata("s", "assistant").has("interrupted")).isFalse();
    }

    @Test
    void nobodyElseFollowsAStream() {
        String id = ask(inSession("s")).path("stream_id").textValue();
        Caller bob = Caller.fresh();

        assertProblem(bob.request().get("/api/chat/streams/" + id), 404, "stream_not_found");
        assertProblem(ann.request().get("/api/chat/streams/none"), 404, "stream_not_found");
        assertProblem(ann.request().header("Last-Event-ID", "x").get("/api/chat/streams/" + id), 422, "invalid_parameter");
        assertThat(RestAssured.get("/api/chat/streams/" + id).statusCode()).isEqualTo(401);
    }

    @Test
    void anAnswerThatIsStoredNowhereCanBeHadForAWhile() {
        String id = ask(Map.of("message", "Hello " + marker, "model", model)).path("stream_id").textValue();

        // Often: an answer that is over has nothing more to wake a reader whose turn was missed.
        for (int i = 0; i < 300; i++) {
            try (EventStreamClient again = EventStreamClient.follow(ann, id, null)) {
                assertThat(text(again.rest())).isEqualTo("Hello " + marker);
            }
        }
    }

    // ---- Refusals -----------------------------------------------------------------------------------------------------

    @Test
    void aModelOfAHigherTierIsRefusedAndNothingIsWritten() {
        String pro = Models.open("pro", "0", "0");

        Response refused = ann.request().body(Map.of("message", marker, "model", pro, "sessionId", "s")).post("/api/chat");
        Response unknown = ann.request().body(Map.of("message", marker, "model", "no/such", "sessionId", "s"))
                .post("/api/chat");

        assertProblem(refused, 403, "model_not_allowed");
        assertProblem(unknown, 404, "model_not_found");
        assertThat(Stored.of(ann, "sessions")).isEmpty();
        assertThat(provider.calls(marker)).isEmpty();
    }

    @Test
    void ofAHundredRequestsAtOnceTheLimitLetsExactlyTenThrough() throws Exception {
        String limited = limited(10);
        ExecutorService clients = Executors.newFixedThreadPool(100);
        List<Future<Response>> answers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            answers.add(clients.submit(
                    () -> ann.request().body(Map.of("message", "Hello " + marker, "model", limited)).post("/api/chat")));
        }

        int answered = 0;
        for (Future<Response> answer : answers) {
            if (answer.get().statusCode() == 200) {
                answered++;
            } else {
                assertProblem(answer.get(), 429, "quota_exceeded");
                assertThat(answer.get().header("RateLimit-Policy")).isEqualTo("\"daily\";q=10;w=86400");
                assertThat(answer.get().header("RateLimit")).startsWith("\"daily\";r=0;t=");
                assertThat(Integer.parseInt(answer.get().header("Retry-After"))).isBetween(1, 86_400);
            }
        }
        clients.shutdown();

        assertThat(answered).isEqualTo(10);
        assertThat(provider.calls(marker)).hasSize(10);
        assertThat(usage()).startsWith("sent 10 received 10 ");
    }

    @Test
    void aTierHasSoManyRequestsAMinute() {
        ann.signIn().then().statusCode(200);
        Administrator.service().request().body(Map.of("subscription_tier", "enterprise")).patch("/api/admin/users/" + ann.id())
                .then().statusCode(200);

        List<String> left = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            Response answer = ann.request().body(Map.of("message", "Hello", "model", model)).post("/api/chat");
            assertThat(answer.statusCode()).isEqualTo(200);
            left.add(answer.header("RateLimit").replaceAll(";t=\\d+", ""));
            // However long that took, it was within the minute.
            Sql.rows("update chatkeep.completions set started_at = clock_timestamp() where user_id = ?", ann.id());
        }
        Response refused = ann.request().body(Map.of("message", "Hello", "model", model)).post("/api/chat");

        assertThat(left).containsExactly("\"requests-per-minute\";r=4", "\"requests-per-minute\";r=3",
                "\"requests-per-minute\";r=2",
                "\"requests-per-minute\";r=1", "\"requests-per-minute\";r=0");
        assertProblem(refused, 429, "rate_limited");
        assertThat(refused.header("RateLimit-Policy")).isEqualTo("\"requests-per-minute\";q=5;w=60");
        assertThat(Integer.parseInt(refused.header("Retry-After"))).isBetween(1, 60);
    }

    @Test
    void whatIsMissingOrWrongIsNamed() {
        assertFields(post("{}"), 400, "message is missing");
        assertFields(post("{\"message\": \"\"}"), 422, "message must not be empty");
        assertFields(post("{\"message\": 7}"), 422, "message must be text or a message");
        assertFields(post("{\"message\": \"x\", \"temperature\": 3}"), 422, "temperature must be less than or equal to 2");
        assertFields(post("{\"message\": \"x\", \"messages\": [{\"role\": \"king\", \"content\": \"y\"}]}"), 422,
                "messages[0].role must be user, assistant, system or tool");
        assertFields(post("{\"message\": \"x\", \"messages\": [{\"role\": \"user\"}]}"), 400, "messages[0].content is missing");
        assertFields(post("{\"message\": \"x\", \"sessionId\": \"\"}"), 422, "sessionId must not be empty");
        assertFields(post("{\"message\": \"x\", \"stream_options\": 5}"), 422, "stream_options must be an object");
        assertFields(post("{\"message\": \"x\", \"metadata\": []}"), 422, "metadata must be an object");
        assertFields(post("{\"message\": \"x\", \"tools\": {}}"), 422, "tools must be a list of tools");
        assertFields(post("{\"message\": \"x\", \"stream\": \"yes\"}"), 422, "stream has the wrong type");
        assertProblem(post("{"), 400, "invalid_request");
        assertProblem(RestAssured.given().contentType("application/json").body("{}").post("/api/chat"), 401, "unauthorized");
    }

    @Test
    void aQuestionOfAnotherSessionIsAConflict() {
        ask(Map.of("message", Map.of("id", "q1", "content", "Hello"), "model", model, "sessionId", "s1"));

        Response refused = ann.request()
                .body(Map.of("message", Map.of("id", "q1", "content", "Hello"), "model", model, "sessionId", "s2"))
                .post("/api/chat");

        assertProblem(refused, 409, "message_in_other_session");
        assertThat(Stored.of(ann, "sessions")).hasSize(1);
    }

    @Test
    void manyAnswersAtOnceLeaveNothingOpen() throws Exception {
        CountDownLatch all = new CountDownLatch(1);
        provider.on(marker, Script.streamed().delta("Some ").holdUntil(all).delta("words").usage(3, 2).done());
        ExecutorService clients = Executors.newFixedThreadPool(60);
        List<Future<String>> answers = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            String session = "s" + i;
            answers.add(clients.submit(() -> {
                try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession(session))) {
                    return text(stream.rest());
                }
            }));
        }

        await("all calls").until(() -> provider.calls(marker).size() == 60);
        all.countDown();
        for (Future<String> answer : answers) {
            assertThat(answer.get()).isEqualTo("Some words");
        }
        clients.shutdown();

        assertThat(usage()).isEqualTo("sent 60 received 60 input 180 output 120 cost 0.42");
        assertThat(provider.calls(marker)).noneMatch(ScriptedProvider.Call::isOpen);
        assertThat(Sql.<Long> value("select count(*) from chatkeep.completions where user_id = ? and state <> 'complete'",
                ann.id())).isZero();
    }

    @Test
    void whatALimitRefusesSaysWhenItEnds() {
        // Given
        String limited = limited(1);
        Map<String, String> body = Map.of("message", marker, "model", limited);
        ask(body);

        // When
        Response refused = ann.request().body(body).post("/api/chat");

        // Then
        assertProblem(refused, 429, "quota_exceeded");
        assertThat(refused.header("X-RateLimit-Limit")).isEqualTo("1");
        assertThat(refused.header("X-RateLimit-Remaining")).isEqualTo("0");
        assertThat(Instant.parse(refused.header("X-RateLimit-Reset"))).isAfter(Instant.now());
        assertThat(Json.of(refused).path("retryAfter").asText()).isEqualTo(refused.header("Retry-After"));
    }

    @Test
    void aFailureOfTheProviderSaysWhatItsWordsWere() {
        // Given
        provider.on(marker, Script.json(500, Map.of(), "{\"error\": {\"code\": 529, \"message\": \"Overloaded\"}}"));

        // When
        Response failed = ann.request().body(Map.of("message", marker, "model", model)).post("/api/chat");

        // Then
        assertProblem(failed, 502, "provider_error");
        JsonNode problem = Json.of(failed);
        assertThat(problem.path("upstreamErrorCode").intValue()).isEqualTo(529);
        assertThat(problem.path("upstreamErrorMessage").textValue()).isEqualTo("Overloaded");
        assertThat(problem.path("suggestions")).isEqualTo(Json.of("[\"Try again in a moment.\", \"Choose another model.\"]"));
    }

    // ---- -------------------------------------------------------------------------------------------------------------

    private Response post(String body) {
        return ann.request().body(body).post("/api/chat");
    }

    private JsonNode ask(Map<String, ?> body) {
        Response answer = ann.request().body(body).post("/api/chat");
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        return Json.of(answer).path("data");
    }

    private Map<String, Object> inSession(String session) {
        return new HashMap<>(Map.of("message", marker, "model", model, "sessionId", session));
    }

    private static Map<String, Object> said(String id, String role, String content) {
        return Map.of("id", id, "role", role, "content", content);
    }

    private static String limited(int daily) {
        String limited = Models.freshId();
        Models.change(Models.open(limited, "free", "0.001", "0.002"), "{\"daily_limit\": " + daily + "}");
        return limited;
    }

    private List<String> contents(String session) {
        List<String> contents = new ArrayList<>();
        Json.of(ann.messages(session)).path("messages").forEach(message -> contents.add(message.path("content").textValue()));
        return contents;
    }

    private JsonNode metadata(String session, String role) {
        return Json.of(Sql.<String> value(
                "select metadata::text from public.chat_messages where user_id = ? and session_id = ? and role = ?",
                ann.id(), session, role));
    }

    private String usage() {
        JsonNode total = Chat.usage(ann, "daily").path("total");
        return "sent %s received %s input %s output %s cost %s".formatted(total.path("messages_sent"),
                total.path("messages_received"), total.path("input_tokens"), total.path("output_tokens"),
                new BigDecimal(total.path("estimated_cost").asText()).toPlainString());
    }
}

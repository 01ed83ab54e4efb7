package dev.chatkeep.completion;

import static dev.chatkeep.testsupport.EventStreamClient.text;
import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.EventStreamClient.Event;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.WithinOneDay;
import io.restassured.response.Response;

/**
 * A service that waits neither for a provider that has fallen silent nor for a client that has gone. Nobody here says more
 * once they have begun not to, so it is right however late it notices.
 */
@WithinOneDay
@BesideOthers
class ImpatientServiceIT {

    private static final String MODEL = "test/priced";

    private static PackagedService service;
    private static ScriptedProvider provider;

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of(
                // Long enough for what is to be said before the silence.
                "CHATKEEP_PROVIDER_FIRST_BYTE_TIMEOUT", "15S", "CHATKEEP_PROVIDER_IDLE_TIMEOUT", "15S",
                "CHATKEEP_COMPLETION_RESUME_GRACE", "0.2S", "CHATKEEP_COMPLETION_CHECKPOINT_INTERVAL", "1S",
                "CHATKEEP_PROVIDER_MAX_CONCURRENT_CALLS_PER_USER", "2", "CHATKEEP_PROVIDER_MAX_EVENT_SIZE", "1M"));
        service.start();
        service.rows("insert into public.model_access (model_id, tier, input_cost_per_token, output_cost_per_token)"
                + " values (?, 'free', 0.001, 0.002)", MODEL);
        provider = service.provider();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    private final Caller ann = service.newCaller();
    private final String marker = "marker-" + UUID.randomUUID();
    private final CountDownLatch never = new CountDownLatch(1);

    @Test
    void aProviderThatSaysNothingIsNotWaitedForForever() {
        provider.on(marker, Script.silence(Duration.ofMinutes(5)));

        Response failed = ann.request().body(Map.of("message", marker, "model", MODEL)).post("/api/chat");

        assertProblem(failed, 504, "provider_timeout");
        assertThat(provider.calls(marker)).hasSize(1);
        await("the end of the call").until(() -> provider.calls(marker).get(0).hungUp());
    }

    @Test
    void aProviderThatFallsSilentInTheMiddleLeavesThePartWithAnError() {
        provider.on(marker, Script.streamed().delta("Half ").delta("of").holdUntil(never).done());

        try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("s"))) {
            List<Event> events = stream.rest();

            Event last = events.get(events.size() - 1);
            assertThat(last.name()).isEqualTo("error");
            assertThat(last.json().path("status").intValue()).isEqualTo(504);
            assertThat(last.json().path("code").textValue()).isEqualTo("provider_timeout");
            assertThat(text(events)).isEqualTo("Half of");
            assertThat(contents("s")).containsExactly(marker, "Half of");
            JsonNode answer = Json.of(ann.messages("s")).at("/messages/1");
            assertThat(answer.path("error").booleanValue()).isTrue();
            assertThat(answer.has("output_tokens")).isFalse();
            JsonNode total = Chat.usage(ann, "daily").path("total");
            assertThat(total.path("messages_sent").intValue()).isEqualTo(1);
            assertThat(total.path("messages_received").intValue()).isZero();
            assertThat(total.path("input_tokens").intValue() + total.path("output_tokens").intValue()).isZero();
            assertThat(total.path("estimated_cost").decimalValue()).isZero();
            await("the end of the call").until(() -> !provider.calls(marker).get(0).isOpen());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aClientThatGoesAwayLeavesWhatHadCome(boolean streamed) throws IOException {
        Script script = Script.streamed();
        for (int i = 0; i < 2_000; i++) {
            script.delta("word ").pause(Duration.ofMillis(50));
        }
        provider.on(marker, script.holdUntil(never).done());

        if (streamed) {
            try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("s"))) {
                stream.next();
            }
        } else {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
                byte[] body = Json.write(inSession("s")).getBytes(StandardCharsets.UTF_8);
                socket.getOutputStream().write(("POST /api/chat HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                        + ann.token() + "\r\nContent-Type: application/json\r\nContent-Length: " + body.length
                        + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
                socket.getOutputStream().write(body);
                await("a part").until(
                        () -> !service.rows("select from chatkeep.completion_parts where user_id = ?", ann.id()).isEmpty());
            }
        }

        await("the end of the call").until(() -> provider.calls(marker).get(0).hungUp());
        await("the answer").until(() -> contents("s").size() == 2);
        JsonNode metadata = Json.of(service.text("select metadata::text from public.chat_messages where user_id = ?"
                + " and session_id = 's' and role = 'assistant'", ann.id()));
        String content = contents("s").get(1);
        assertThat(metadata.path("interrupted").booleanValue()).isTrue();
        assertThat(metadata.path("usage_estimated").booleanValue()).isTrue();
        assertThat("word ".repeat(2_000)).startsWith(content);
        assertThat(Json.of(ann.messages("s")).at("/messages/1/output_tokens").intValue()).isPositive();
        assertThat(Json.of(ann.messages("s")).at("/messages/1").has("error")).isFalse();
        JsonNode total = Chat.usage(ann, "daily").path("total");
        assertThat(total.path("messages_sent").intValue()).isEqualTo(1);
        assertThat(total.path("messages_received").intValue()).isEqualTo(1);
    }

    @Test
    void aUserWhoHasAllTheirCallsRunningIsToldToWaitAndOthersAreNot() {
        // Given
        String other = "other-" + UUID.randomUUID();
        provider.on(marker, Script.streamed().delta("Half").holdUntil(never).done());
        provider.on(other, Script.streamed().delta("Yes").usage(1, 1).done());

        // When
        Response refused;
        Response ofAnother;
        try (EventStreamClient first = EventStreamClient.post(ann, "/api/chat", inSession("s1"));
                EventStreamClient second = EventStreamClient.post(ann, "/api/chat", inSession("s2"))) {
            refused = ann.request().body(inSession("s3")).post("/api/chat");
            ofAnother = service.newCaller().request().body(Map.of("message", other, "model", MODEL)).post("/api/chat");
        }

        // Then
        assertProblem(refused, 429, "too_many_calls");
        assertThat(Integer.parseInt(refused.header("Retry-After"))).isPositive();
        assertThat(ofAnother.statusCode()).isEqualTo(200);
        assertThat(provider.calls(marker)).hasSize(2);
        assertThat(service.rows("select from public.chat_sessions where user_id = ? and id = 's3'", ann.id())).isEmpty();
        await("a free place").until(
                () -> service
                        .text("select count(*) from chatkeep.completions where user_id = ? and state = 'running'", ann.id())
                        .equals("0"));
        provider.on(marker, Script.streamed().delta("Now").usage(1, 1).done());
        assertThat(ann.request().body(inSession("s3")).post("/api/chat").statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = { "data: ", ": " })
    void aLineWithoutAnEndIsGivenUpAndWhatCameBeforeIsStoredAndCounted(String beginning) {
        // Given
        Script script = Script.streamed().delta("Half").raw(beginning);
        for (int i = 0; i < 40; i++) {
            script.raw("a".repeat(64 << 10));
        }
        provider.on(marker, script.holdUntil(never).done());

        // When
        List<Event> events;
        try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat", inSession("s"))) {
            events = stream.rest();
        }

        // Then
        Event last = events.get(events.size() - 1);
        assertThat(last.json().path("code").textValue()).isEqualTo("answer_too_large");
        assertThat(contents("s")).containsExactly(marker, "Half");
        JsonNode total = Chat.usage(ann, "daily").path("total");
        assertThat(total.path("messages_received").intValue()).isEqualTo(1);
        assertThat(total.path("output_tokens").intValue()).isPositive();
    }

    @Test
    void aDocumentWithoutAnEndIsGivenUp() {
        // Given
        provider.on(marker, Script.json(200, Map.of("Content-Type", "application/json"), "{\"a\": \"" + "a".repeat(3 << 20)));

        // When
        Response failed = ann.request()
                .body(Map.of("model", MODEL, "messages", List.of(Map.of("role", "user", "content", marker))))
                .post("/v1/chat/completions");

        // Then
        assertThat(failed.statusCode()).isEqualTo(502);
        assertThat(Json.of(failed).at("/error/code").textValue()).isEqualTo("answer_too_large");
    }

    private Map<String, Object> inSession(String session) {
        return Map.of("message", marker, "model", MODEL, "sessionId", session);
    }

    private List<String> contents(String session) {
        List<String> contents = new ArrayList<>();
        Json.of(ann.messages(session)).path("messages").forEach(message -> contents.add(message.path("content").textValue()));
        return contents;
    }
}

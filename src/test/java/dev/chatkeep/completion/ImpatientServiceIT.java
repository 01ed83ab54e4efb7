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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.completion.ImpatientServiceIT.Impatient;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.EventStreamClient.Event;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.OwnResources;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.quarkus.test.junit.TestProfile;
import io.restassured.RestAssured;
import io.restassured.response.Response;

/**
 * A service that waits neither for a provider that has fallen silent nor for a client that has gone. Nobody here says more
 * once they have begun not to, so it is right however late it notices.
 */
@QuarkusIntegrationTest
@TestProfile(Impatient.class)
@WithinOneDay
class ImpatientServiceIT {

    public static class Impatient extends OwnResources {

        public Impatient() {
            super(DatabaseResource.class, ImpatientProvider.class);
        }
    }

    public static class ImpatientProvider extends ProviderResource {

        @Override
        public Map<String, String> start() {
            Map<String, String> settings = new HashMap<>(super.start());
            // Long enough for what is to be said before the silence.
            settings.put("chatkeep.provider.first-byte-timeout", "15S");
            settings.put("chatkeep.provider.idle-timeout", "15S");
            settings.put("chatkeep.completion.resume-grace", "0.2S");
            return settings;
        }
    }

    private static String model;

    ScriptedProvider provider;

    private final Caller ann = Caller.fresh();
    private final String marker = "marker-" + UUID.randomUUID();
    private final CountDownLatch never = new CountDownLatch(1);

    @BeforeEach
    void openAModel() {
        model = model == null ? Models.open("free", "0.001", "0.002") : model;
    }

    @Test
    void aProviderThatSaysNothingIsNotWaitedForForever() {
        provider.on(marker, Script.silence(Duration.ofMinutes(5)));

        Response failed = ann.request().body(Map.of("message", marker, "model", model)).post("/api/chat");

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
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), RestAssured.port)) {
                byte[] body = Json.write(inSession("s")).getBytes(StandardCharsets.UTF_8);
                socket.getOutputStream().write(("POST /api/chat HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                        + ann.token() + "\r\nContent-Type: application/json\r\nContent-Length: " + body.length
                        + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
                socket.getOutputStream().write(body);
                await("a part").until(() -> Sql.<Long> value("select count(*) from chatkeep.completion_parts where user_id = ?",
                        ann.id()) > 0);
            }
        }

        await("the end of the call").until(() -> provider.calls(marker).get(0).hungUp());
        await("the answer").until(() -> contents("s").size() == 2);
        JsonNode metadata = Json.of(Sql.<String> value("select metadata::text from public.chat_messages where user_id = ?"
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

    private Map<String, Object> inSession(String session) {
        return Map.of("message", marker, "model", model, "sessionId", session);
    }

    private List<String> contents(String session) {
        List<String> contents = new ArrayList<>();
        Json.of(ann.messages(session)).path("messages").forEach(message -> contents.add(message.path("content").textValue()));
        return contents;
    }
}

package dev.chatkeep.telemetry;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import io.restassured.response.Response;

/** The log as the packaged program writes it in production. */
@BesideOthers
class RequestLogIT {

    private static final String KEY = "a-key-for-the-hashes";

    private static PackagedService service;
    private static Path log;

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of("CHATKEEP_TELEMETRY_USER_KEY", KEY));
        service.start();
        log = service.log();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    @Test
    void aRequestHasOneLineWithoutItsContent() throws Exception {
        // Given
        Caller ann = service.newCaller();
        ann.hasSession("private-session", "private-title");
        long before = System.nanoTime();

        // When
        Response answer = ann.request().header("X-Request-Id", "client-1")
                .body(Map.of("sessionId", "private-session", "message",
                        Map.of("id", "private-message", "role", "user", "content", "private-content")))
                .post("/api/chat/messages?secret=private-query");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(answer.header("X-Request-Id")).isEqualTo("client-1");
        JsonNode line = lineOf("client-1");
        int atMost = (int) TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before);
        assertThat(line.path("level").textValue()).isEqualTo("INFO");
        JsonNode fields = line.path("mdc");
        assertThat(fields.path("method").textValue()).isEqualTo("POST");
        assertThat(fields.path("route").textValue()).isEqualTo("/api/chat/messages");
        assertThat(fields.path("status").textValue()).isEqualTo("201");
        assertThat(Integer.parseInt(fields.path("durationMillis").textValue())).isBetween(0, atMost);
        assertThat(fields.path("user").textValue()).isEqualTo(hash(ann));
        assertThat(fields).hasSize(6);
        assertThat(Files.readString(log)).doesNotContain("private-", ann.token(), ann.id().toString());
    }

    @Test
    void theRouteDoesNotRepeatWhatIsInThePath() throws Exception {
        // Given
        Caller ann = service.newCaller();

        // When
        ann.request().header("X-Request-Id", "client-2").get("/api/chat/streams/private-stream").then().statusCode(404);

        // Then
        assertThat(lineOf("client-2").path("mdc").path("route").textValue()).isEqualTo("/api/chat/streams/{id}");
        assertThat(Files.readString(log)).doesNotContain("private-stream");
    }

    @Test
    void requestsRefusedEarlyAreLoggedToo() throws Exception {
        // Given
        service.given().header("X-Request-Id", "client-3").get("/api/chat/sessions").then().statusCode(401);
        service.given().header("X-Request-Id", "client-4").get("/private-nowhere").then().statusCode(404);

        // When
        JsonNode unauthorized = lineOf("client-3").path("mdc");
        JsonNode nowhere = lineOf("client-4").path("mdc");

        // Then
        assertThat(unauthorized.path("status").textValue()).isEqualTo("401");
        assertThat(unauthorized.has("user")).isFalse();
        assertThat(nowhere.path("status").textValue()).isEqualTo("404");
        assertThat(nowhere.path("route").textValue()).isEqualTo("none");
    }

    @Test
    void anInvalidRequestIdIsReplaced() {
        Response none = service.given().get("/api/chat/sessions");
        Response bad = service.given().header("X-Request-Id", "a b\"c").get("/api/chat/sessions");
        Response tooLong = service.given().header("X-Request-Id", "x".repeat(129)).get("/api/chat/sessions");

        for (Response answer : List.of(none, bad, tooLong)) {
            assertThat(UUID.fromString(answer.header("X-Request-Id"))).isNotNull();
        }
    }

    @Test
    void aStreamIsLoggedWhenItEnds() throws Exception {
        // Given
        Caller ann = service.newCaller();
        String question = "How long? " + UUID.randomUUID();
        Duration pause = Duration.ofMillis(400);
        CountDownLatch looked = new CountDownLatch(1);
        service.provider().on(question,
                Script.streamed().delta("Some ").pause(pause).holdUntil(looked).delta("time").done());

        // When
        String id;
        List<JsonNode> linesOfTheOpenStream;
        try (EventStreamClient stream = EventStreamClient.post(ann, "/api/chat",
                Map.of("message", question, "model", PackagedService.MODEL))) {
            id = stream.header("X-Request-Id");
            stream.next();
            linesOfTheOpenStream = linesOf(id);
            looked.countDown();
            stream.rest();
        }

        // Then
        assertThat(linesOfTheOpenStream).isEmpty();
        JsonNode fields = lineOf(id).path("mdc");
        assertThat(fields.path("route").textValue()).isEqualTo("/api/chat");
        assertThat(fields.path("status").textValue()).isEqualTo("200");
        assertThat(Integer.parseInt(fields.path("durationMillis").textValue())).isGreaterThanOrEqualTo((int) pause.toMillis());
        assertThat(Files.readString(log)).doesNotContain(question);
    }

    private static String hash(Caller caller) {
        return new UserHash(() -> Optional.of(KEY)).of(caller.id());
    }

    /** Every line of the log is one JSON document; lines come a moment after the answers. */
    private static JsonNode lineOf(String requestId) {
        List<JsonNode> found = await("a line of " + requestId).until(() -> linesOf(requestId), lines -> !lines.isEmpty());
        assertThat(found).hasSize(1);
        return found.get(0);
    }

    /** But for what is still being written. */
    private static List<JsonNode> linesOf(String requestId) throws IOException {
        String written = Files.readString(log);
        return written.substring(0, written.lastIndexOf('\n') + 1).lines().map(Json::of)
                .filter(line -> line.path("loggerName").textValue().equals(RequestLog.class.getName()))
                .filter(line -> line.path("mdc").path("requestId").textValue().equals(requestId)).toList();
    }
}

package dev.chatkeep.session;

import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import io.restassured.response.Response;

/** A service with quotas: two sessions, four messages and a thousand bytes for everybody. */
@BesideOthers
class QuotaIT {

    private static PackagedService service;

    private final Caller ann = service.newCaller();
    private final String marker = "marker-" + UUID.randomUUID();

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of("CHATKEEP_QUOTAS_SESSIONS_FREE", "2", "CHATKEEP_QUOTAS_MESSAGES_FREE", "4",
                "CHATKEEP_QUOTAS_BYTES_FREE", "1000"));
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    @Test
    void aSessionTooManyIsRefused() {
        // Given
        ann.hasSession("s1", "A title");
        ann.hasSession("s2", "A title");

        // When
        Response refused = ann.createSession("s3", "A title");

        // Then
        assertOverQuota(refused, "sessions", 2);
    }

    @Test
    void deletingASessionMakesRoom() {
        // Given
        ann.hasSession("s1", "A title");
        ann.hasSession("s2", "A title");
        ann.hasDeleted("s1");

        // When
        Response created = ann.createSession("s3", "A title");

        // Then
        assertThat(created.statusCode()).isEqualTo(201);
    }

    @Test
    void aMessageThatIsTooLongIsRefused() {
        // Given
        ann.hasSession("s1", "A title");
        ann.hasMessage("s1", message("m1", "a".repeat(900)));

        // When
        Response refused = ann.post("s1", message("m2", "a".repeat(101)));

        // Then
        assertOverQuota(refused, "bytes", 1000);
        assertThat(used()).isEqualTo(Json.of("""
                {"sessions": 1, "messages": 1, "bytes": 900, "limits": {"sessions": 2, "messages": 4, "bytes": 1000}}"""));
    }

    @Test
    void aMessageThatIsMadeLongerNeedsRoomAndAShorterOneDoesNot() {
        // Given
        ann.hasSession("s1", "A title");
        ann.hasMessage("s1", message("m1", "a".repeat(900)));

        // When
        Response longer = ann.request().body(Map.of("content", "a".repeat(1_001))).patch("/api/chat/messages/m1");
        Response shorter = ann.request().body(Map.of("content", "a")).patch("/api/chat/messages/m1");

        // Then
        assertOverQuota(longer, "bytes", 1000);
        assertThat(shorter.statusCode()).isEqualTo(200);
    }

    @Test
    void whatFitsOfAnUploadIsStoredAndTheRestIsReported() {
        // When
        Response response = ann.upload(List.of(
                Map.of("id", "s1", "messages", List.of(message("m1", "a"))),
                Map.of("id", "s2", "messages", List.of(message("m2", "a".repeat(1_000)))),
                Map.of("id", "s3", "messages", List.of(message("m3", "a")))));

        // Then
        JsonNode results = Json.of(response).path("results");
        assertThat(results.path("synced").intValue()).isEqualTo(2);
        assertThat(results.path("errors").intValue()).isEqualTo(1);
        assertThat(results.path("details").path(1).path("error").textValue()).contains("quota");
        assertThat(used().path("messages").intValue()).isEqualTo(2);
    }

    @Test
    void aQuestionThatDoesNotFitCallsNoModel() {
        // Given
        ann.hasSession("s1", "A title");
        ann.hasMessage("s1", message("m1", "a".repeat(980)));

        // When
        Response refused = ann.request().body(Map.of("sessionId", "s1", "message", marker, "model", PackagedService.MODEL))
                .post("/api/chat");

        // Then
        assertOverQuota(refused, "bytes", 1000);
        assertThat(service.provider().calls(marker)).isEmpty();
    }

    @Test
    void openAisEndpointSaysItInOpenAisShape() {
        // Given
        ann.hasSession("s1", "A title");
        ann.hasMessage("s1", message("m1", "a".repeat(1_000)));

        // When
        Response refused = ann.request().body(Map.of("model", PackagedService.MODEL, "metadata", Map.of("session_id", "s1"),
                "messages", List.of(Map.of("role", "user", "content", marker)))).post("/v1/chat/completions");

        // Then
        assertThat(refused.statusCode()).isEqualTo(413);
        assertThat(Json.of(refused).path("error").path("code").textValue()).isEqualTo("storage_quota_exceeded");
        assertThat(service.provider().calls(marker)).isEmpty();
    }

    @Test
    void anAnswerThatWasPaidForIsKept() {
        // Given
        ann.hasSession("s1", "A title");
        service.provider().on(marker, Script.whole("a".repeat(2_000), 11, 5));

        // When
        Response answered = ann.request().body(Map.of("sessionId", "s1", "message", marker, "model", PackagedService.MODEL))
                .post("/api/chat");

        // Then
        assertThat(answered.statusCode()).isEqualTo(200);
        assertThat(Json.of(ann.messages("s1")).path("count").intValue()).isEqualTo(2);
        assertThat(used().path("bytes").intValue()).isEqualTo(2_000 + marker.length());
    }

    private JsonNode used() {
        return Json.of(ann.request().get("/api/user/data")).path("storage");
    }

    private static Map<String, Object> message(String id, String content) {
        return Map.of("id", id, "role", "user", "content", content);
    }

    private static void assertOverQuota(Response response, String quota, int limit) {
        assertProblem(response, 413, "storage_quota_exceeded");
        assertThat(Json.of(response).path("quota").textValue()).isEqualTo(quota);
        assertThat(Json.of(response).path("limit").intValue()).isEqualTo(limit);
    }
}

package dev.chatkeep.completion.chat;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
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

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.Sql;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

/** The stream of text, read as front ends read it: by whatever lines have arrived. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithTestResource(value = ProviderResource.class, scope = TestResourceScope.GLOBAL)
class TextStreamIT {

    private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private static final String LAST = "{\"__FINAL_METADATA__\":";
    private static final String NO_SPACE = "\u200B";

    private static String model;

    ScriptedProvider provider;

    private final Caller ann = Caller.fresh();
    private final String marker = "marker-" + UUID.randomUUID();

    @BeforeEach
    void openAModel() {
        model = model == null ? Models.open("free", "0.001", "0.002") : model;
    }

    @Test
    void theTextComesWithLinesForWhatIsBesideIt() {
        // Given
        provider.on(marker, Script.streamed().id("gen-1").event(piece("{\"reasoning\": \"They like\\nwalking.\"}"))
                .delta("Start in Alfama.\n\n").delta("Then go on ")
                .event(piece(
                        """
                                {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "A"}}]}"""))
                .delta("to Graça").usage(7, 3).done());

        // When
        Response response = ann.request().body(body("sessionId", "s")).post("/api/chat/stream");

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.contentType()).isEqualTo("text/plain;charset=UTF-8");
        assertThat(response.header("Cache-Control")).isEqualTo("no-store");
        assertThat(response.header("X-Accel-Buffering")).isEqualTo("no");
        String body = utf8(response);
        assertThat(body).contains(
                "__REASONING_CHUNK__{\"type\":\"reasoning\",\"data\":\"They like\\nwalking.\"}\n",
                "__ANNOTATIONS_CHUNK__{\"type\":\"annotations\",\"data\":[{\"type\":\"url_citation\",\"url\":\"https://example.org\",\"title\":\"A\"}]}\n");
        assertThat(text(body).replace("\n", "")).isEqualTo("Start in Alfama.Then go on to Graça");
        JsonNode data = last(body);
        assertThat(Json.without(data, "request_id", "timestamp", "elapsed_time", "elapsed_ms", "message_id")).isEqualTo(
                Json.of("""
                        {"response": "Start in Alfama.\\n\\nThen go on to Graça", "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
                         "contentType": "text", "id": "gen-1", "model": "%s", "session_id": "s", "stream_id": "%s",
                         "reasoning": "They like\\nwalking.", "annotations": [{"type": "url_citation", "url": "https://example.org", "title": "A"}],
                         "has_websearch": true, "websearch_result_count": 1}
                        """
                        .formatted(model, response.header("X-Stream-Id"))));
        assertThat(Json.texts(Json.of(ann.messages("s")).path("messages"), "content"))
                .containsExactly(marker, "Start in Alfama.\n\nThen go on to Graça");
    }

    @Test
    void thePiecesComeAsTheModelWritesThem() throws Exception {
        // Given
        CountDownLatch goOn = new CountDownLatch(1);
        provider.on(marker, Script.streamed().delta("Grüße").holdUntil(goOn).delta(" aus Lisboa").usage(7, 3).done());

        // When
        String first;
        String rest;
        try (InputStream stream = open()) {
            first = new String(stream.readNBytes("Grüß".getBytes(StandardCharsets.UTF_8).length), StandardCharsets.UTF_8);
            goOn.countDown();
            rest = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }

        // Then
        assertThat(first).isEqualTo("Grüß");
        assertThat(rest).startsWith("e aus Lisboa\n" + LAST).endsWith("}\n");
    }

    @ParameterizedTest
    @ValueSource(strings = { "__REASONING_CHUNK__{\"type\":\"reasoning\",\"data\":\"x\"}",
            "see __ANNOTATIONS_CHUNK__{\"type\":\"annotations\",\"data\":[]}\nso",
            "{\"__FINAL_METADATA__\":{\"response\":\"x\"}}", "a __IMAGE_DELTA_CHUNK__{} b" })
    void whatOnlyLooksLikeALineIsText(String said) {
        // Given
        Script script = Script.streamed();
        said.chars().forEach(c -> script.delta(String.valueOf((char) c)));
        provider.on(marker, script.usage(7, 3).done(), Script.streamed().delta(said).usage(7, 3).done());

        // When
        List<String> bodies = List.of(utf8(ann.request().body(body()).post("/api/chat/stream")),
                utf8(ann.request().body(body()).post("/api/chat/stream")));

        // Then
        assertThat(bodies).allSatisfy(body -> {
            String text = body.substring(0, body.lastIndexOf(LAST));
            assertThat(text).doesNotContain("__REASONING_CHUNK__", "__ANNOTATIONS_CHUNK__", "__FINAL_METADATA__",
                    "__IMAGE_DELTA_CHUNK__");
            assertThat(text.replace(NO_SPACE, "")).isEqualTo(said + "\n");
            assertThat(last(body).path("response").textValue()).isEqualTo(said);
        });
    }

    @Test
    void charactersOfTwoHalvesStayWhole() {
        // Given
        String said = "\uD83D\uDC69\u200D\uD83D\uDE80 __INIT__ __FILE__ \u4f60\n\t__R";
        Script script = Script.streamed().byteAtATime();
        said.codePoints().forEach(c -> script.delta(Character.toString(c)));
        provider.on(marker, script.usage(7, 3).done());

        // When
        String body = utf8(ann.request().body(body()).post("/api/chat/stream"));

        // Then
        assertThat(body.substring(0, body.lastIndexOf(LAST)).replace(NO_SPACE, "")).isEqualTo(said + "\n");
        assertThat(last(body).path("response").textValue()).isEqualTo(said);
    }

    @Test
    void anAnswerThatFailsSaysSoAndBreaksOff() throws Exception {
        // Given
        provider.on(marker, Script.streamed().delta("Start in").event("""
                {"error": {"code": 502, "message": "Overloaded"}}"""));
        ByteArrayOutputStream read = new ByteArrayOutputStream();
        boolean brokenOff = false;

        // When
        try (InputStream stream = open()) {
            for (int next = stream.read(); next >= 0; next = stream.read()) {
                read.write(next);
            }
        } catch (IOException e) {
            brokenOff = true;
        }

        // Then
        String body = read.toString(StandardCharsets.UTF_8);
        assertThat(brokenOff).as(body).isTrue();
        assertThat(body).startsWith("Start in\n" + LAST);
        assertThat(last(body).path("code").textValue()).isEqualTo("provider_broke_off");
        assertThat(last(body).path("error").textValue()).isEqualTo("The model provider broke off its answer.");
    }

    @Test
    void whatFailsBeforeTheFirstByteIsAProblem() {
        // Given
        provider.on(marker, Script.json(500, Map.of(), "{}"));

        // When
        Response response = ann.request().body(body()).post("/api/chat/stream");

        // Then
        assertProblem(response, 502, "provider_error");
    }

    @Test
    void aRequestIsReadAsThatForTheWholeAnswer() {
        // When
        Response response = ann.request().body(body("webMaxResults", 99)).post("/api/chat/stream");

        // Then
        assertFields(response, 422, "webMaxResults must be less than or equal to 10");
    }

    @Test
    void withoutATokenThereIsNone() {
        // When
        Response response = RestAssured.given().contentType("application/json").body(body()).post("/api/chat/stream");

        // Then
        assertProblem(response, 401, "unauthorized");
    }

    @Test
    void theSameRequestAgainGetsWhatIsStored() {
        // Given
        provider.on(marker, Script.streamed().delta("Start in Alfama").usage(7, 3).done());
        ann.request().header("Idempotency-Key", "k").body(body("sessionId", "s")).post("/api/chat/stream").then()
                .statusCode(200);

        // When
        Response again = ann.request().header("Idempotency-Key", "k").body(body("sessionId", "s")).post("/api/chat/stream");

        // Then
        assertThat(again.statusCode()).isEqualTo(200);
        assertThat(utf8(again)).startsWith("Start in Alfama\n" + LAST);
        assertThat(provider.calls(marker)).hasSize(1);
    }

    @Test
    void aClientThatWentAwayMayFollowTheAnswerAgain() throws Exception {
        // Given
        CountDownLatch goOn = new CountDownLatch(1);
        provider.on(marker, Script.streamed().delta("Start in").holdUntil(goOn).delta(" Alfama").usage(7, 3).done());
        try (InputStream stream = open()) {
            stream.readNBytes(5);
        }
        String id = Sql.value("select id from chatkeep.completions where user_id = ?", ann.id());

        // When
        String text;
        try (EventStreamClient again = EventStreamClient.follow(ann, id, null)) {
            goOn.countDown();
            text = EventStreamClient.text(again.rest());
        }

        // Then
        assertThat(text).isEqualTo("Start in Alfama");
    }

    private InputStream open() throws Exception {
        HttpRequest request = HttpRequest
                .newBuilder(URI.create("http://localhost:" + ann.service().port() + "/api/chat/stream"))
                .header("Authorization", "Bearer " + ann.token()).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(Json.write(body()))).build();
        return HTTP.send(request, HttpResponse.BodyHandlers.ofInputStream()).body();
    }

    private Map<String, Object> body(Object... more) {
        Map<String, Object> body = new HashMap<>(Map.of("message", marker, "model", model));
        for (int i = 0; i < more.length; i += 2) {
            body.put((String) more[i], more[i + 1]);
        }
        return body;
    }

    private static String piece(String delta) {
        return "{\"choices\": [{\"index\": 0, \"delta\": " + delta + "}]}";
    }

    private static String utf8(Response response) {
        return new String(response.asByteArray(), StandardCharsets.UTF_8);
    }

    /** The lines that are neither beside the text nor the last. */
    private static String text(String body) {
        return body.replaceAll("(?m)^(__[A-Z]+_CHUNK__|\\{\"__FINAL_METADATA__\").*\n", "");
    }

    private static JsonNode last(String body) {
        return Json.of(body.substring(body.lastIndexOf(LAST))).path("__FINAL_METADATA__");
    }
}

package dev.chatkeep.testsupport;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.ScriptedProvider.Call;

@BesideOthers
class ScriptedProviderTest {

    private static final int MEGABYTE = 1 << 20;

    private static ScriptedProvider provider;

    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @BeforeAll
    static void start() {
        provider = ScriptedProvider.start();
    }

    @AfterAll
    static void stop() {
        provider.close();
    }

    @Test
    void aStreamHasTheShapeOfOpenAis() throws Exception {
        // Given
        provider.on("shape", Script.streamed().delta("Hel").delta("lo \"you\"").usage(11, 2).done());

        // When
        HttpResponse<String> response = ask("shape", true);

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Content-Type")).contains("text/event-stream");
        Call call = provider.calls("shape").get(0);
        List<String> data = data(response.body());
        assertThat(data).hasSize(5).last().isEqualTo("[DONE]");
        JsonNode first = Json.of(data.get(0));
        assertThat(first.path("created").asLong()).isPositive();
        assertThat(Json.without(first, "created")).isEqualTo(Json.of("""
                {"id": "%s", "object": "chat.completion.chunk", "model": "test-model", "choices":
                 [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": null}]}""", call.id()));
        assertThat(content(response.body())).isEqualTo("Hello \"you\"");
        assertThat(Json.of(data.get(2)).path("choices")).isEqualTo(Json.of("""
                [{"index": 0, "delta": {}, "finish_reason": "stop"}]"""));
        assertThat(Json.without(Json.of(data.get(3)), "created", "id", "model", "object")).isEqualTo(Json.of("""
                {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}}"""));
    }

    @Test
    void usageIsSentIfTheRequestAsksForIt() throws Exception {
        // Given
        provider.on("no-usage", Script.streamed().delta("Hello").usage(11, 2).done());

        // When
        String body = send(request("{\"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"no-usage\"}]}"))
                .body();

        // Then
        assertThat(body).doesNotContain("usage").contains("[DONE]");
    }

    @Test
    void theReasonTheIdTheModelAndTheUsageCanBeAny() throws Exception {
        // Given
        provider.on("any-figures", Script.streamed().delta("a").finish("length").usageJson("{\"cost\": 0.25}").done()
                .id("gen-7").model("other/model"));

        // When
        List<String> data = data(ask("any-figures", true).body());

        // Then
        assertThat(data).hasSize(4);
        assertThat(Json.of(data.get(0)).path("id").textValue()).isEqualTo("gen-7");
        assertThat(Json.of(data.get(0)).path("model").textValue()).isEqualTo("other/model");
        assertThat(Json.of(data.get(1)).path("choices").path(0).path("finish_reason").textValue()).isEqualTo("length");
        assertThat(Json.of(data.get(2)).path("usage").path("cost").doubleValue()).isEqualTo(0.25);
    }

    @Test
    void aRequestWithoutStreamIsAnsweredWithOneDocument() throws Exception {
        // Given
        provider.on("unstreamed", Script.streamed().delta("Hel").raw(": comment\n\n").delta("lo").usage(11, 2).done());

        // When
        HttpResponse<String> response = ask("unstreamed", false);

        // Then
        assertThat(response.headers().firstValue("Content-Type")).contains("application/json");
        assertThat(response.headers().firstValueAsLong("Content-Length")).hasValue(response.body().length());
        assertThat(Json.without(Json.of(response.body()), "created", "id")).isEqualTo(Json.of("""
                {"object": "chat.completion", "model": "test-model", "choices":
                 [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
                 "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}}"""));
    }

    @Test
    void aWholeAnswerIsOneDocumentEvenForAStream() throws Exception {
        // Given
        provider.on("whole-stream", Script.whole("Hello", 3, 1));

        // When
        JsonNode answer = Json.of(ask("whole-stream", true).body());

        // Then
        assertThat(answer.path("choices").path(0).path("message").path("content").textValue()).isEqualTo("Hello");
        assertThat(answer.path("usage").path("total_tokens").intValue()).isEqualTo(4);
    }

    @Test
    void whiteSpaceMayComeInFrontOfAWholeAnswer() throws Exception {
        // Given
        provider.on("white-space", Script.whole("Hello", 3, 1).raw("\n  \n").pause(Duration.ofMillis(50)));

        // When
        HttpResponse<String> response = ask("white-space", false);

        // Then
        assertThat(response.body()).startsWith("\n  \n{");
        assertThat(response.headers().firstValue("Content-Length")).isEmpty();
    }

    @Test
    void errorsHaveStatusAndHeaders() throws Exception {
        // Given
        provider.on("too-many", Script.json(429, Map.of("Retry-After", "2", "content-type", "text/plain"), "Slow down"),
                Script.whole("Now", 1, 1));

        // When
        HttpResponse<String> refused = ask("too-many", true);
        List<HttpResponse<String>> later = List.of(ask("too-many", true), ask("too-many", true));

        // Then
        assertThat(refused.statusCode()).isEqualTo(429);
        assertThat(refused.headers().firstValue("Retry-After")).contains("2");
        assertThat(refused.headers().allValues("Content-Type")).containsExactly("text/plain");
        assertThat(refused.body()).isEqualTo("Slow down");
        assertThat(later).allMatch(answer -> answer.statusCode() == 200 && answer.body().contains("Now"));
    }

    @Test
    void withoutAScriptTheLastMessageIsEchoed() throws Exception {
        // When
        List<String> data = data(ask("one two  three", true).body());
        JsonNode whole = Json.of(ask("four five", false).body());

        // Then
        assertThat(data.stream().limit(3).map(ScriptedProviderTest::delta)).containsExactly("one ", "two  ", "three");
        assertThat(Json.of(data.get(4)).path("usage").path("prompt_tokens").intValue()).isEqualTo(11);
        assertThat(Json.of(data.get(4)).path("usage").path("completion_tokens").intValue()).isEqualTo(3);
        assertThat(whole.path("choices").path(0).path("message").path("content").textValue()).isEqualTo("four five");
        assertThat(whole.path("id").textValue()).isNotEqualTo(Json.of(data.get(0)).path("id").textValue());
    }

    @Test
    void theMarkerOfTheLatestMessageDecides() throws Exception {
        // Given
        provider.on("latest-1", Script.whole("first", 1, 1));
        provider.on("latest-12", Script.whole("second", 1, 1));

        // When
        String answer = send(request("""
                {"messages": [{"role": "user", "content": "latest-1"}, {"role": "user", "content": "latest-12"}]}""")).body();

        // Then
        assertThat(answer).contains("second").doesNotContain("first");
    }

    @Test
    void requestsAreRecorded() throws Exception {
        // When
        send(HttpRequest.newBuilder(URI.create(provider.baseUrl() + "/chat/completions"))
                .header("Authorization", "Bearer key").header("X-Twice", "1").header("X-Twice", "2")
                .POST(BodyPublishers.ofString("{\"messages\": [], \"n\": \"arrived\"}")).build());

        // Then
        Call call = provider.calls("arrived").get(0);
        assertThat(provider.calls("arrived")).hasSize(1);
        assertThat(call.path()).isEqualTo("/v1/chat/completions");
        assertThat(call.headers()).containsEntry("AUTHORIZATION", "Bearer key").containsEntry("x-twice", "1, 2");
        assertThat(call.body()).isEqualTo(Json.of("{\"messages\": [], \"n\": \"arrived\"}"));
        assertThat(call.awaitEnd()).isTrue();
        assertThat(call.isOpen()).isFalse();
        assertThat(call.hungUp()).isFalse();
    }

    @Test
    void largeRequestsAreReadWithOrWithoutALength() throws Exception {
        // Given
        provider.on("large-request", Script.whole("Read", 1, 1));
        byte[] body = ("{\"large-request\": \"" + "x".repeat(20 * MEGABYTE) + "\"}").getBytes(StandardCharsets.UTF_8);

        // When
        send(post().POST(BodyPublishers.ofByteArray(body)).build());
        send(post().POST(BodyPublishers.ofByteArrays(List.of(body))).build());

        // Then
        assertThat(provider.calls("large-request")).hasSize(2).allMatch(call -> call.text().length() == body.length);
    }

    @Test
    void rawBytesAndEventsArriveAsTheyAre() throws Exception {
        // Given
        provider.on("raw-bytes", Script.streamed().raw(": comment\r\n\r\n").event("{\"a\":\n1}").raw(new byte[] { 'd', -1 })
                .delta("ä").end());

        // When
        byte[] body = http.send(request("raw-bytes", true), BodyHandlers.ofByteArray()).body();

        // Then
        assertThat(new String(body, StandardCharsets.ISO_8859_1))
                .startsWith(": comment\r\n\r\ndata: {\"a\":\ndata: 1}\n\nd\u00ffdata: {\"id\"").doesNotContain("[DONE]");
    }

    @Test
    void aBodyCanBeCutAnywhere() throws Exception {
        Script script = Script.streamed().delta("Grüße 👋").done().id("c").model("m");
        provider.on("cut-not", script);
        String whole = ask("cut-not", true).body();
        provider.on("cut-small", script.byteAtATime());
        byte[] small = exchange("cut-small");
        provider.on("cut-large", script.inPieces(100));
        byte[] large = exchange("cut-large");

        assertThat(chunkLengths(small)).containsOnly(1).hasSize(whole.getBytes(StandardCharsets.UTF_8).length);
        assertThat(chunkLengths(large)).startsWith(100, 100).hasSize((chunkLengths(small).size() + 99) / 100);
        assertThat(content(ask("cut-small", true).body())).isEqualTo("Grüße 👋");
        assertThat(content(ask("cut-large", true).body())).isEqualTo("Grüße 👋");
    }

    @Test
    void largeAnswersAreFast() throws Exception {
        // Given
        provider.on("large-answer", Script.streamed().times(100_000, "x".repeat(100)).done());
        Instant before = Instant.now();

        // When
        String answer = ask("large-answer", true).body();

        // Then
        assertThat(answer.length()).isGreaterThan(10 * MEGABYTE);
        assertThat(Duration.between(before, Instant.now())).isLessThan(PATIENCE);
    }

    @Test
    void aConnectionServesManyRequests() throws Exception {
        // Given
        ask("keep-alive", true);
        int connections = provider.connections();

        // When
        for (int i = 0; i < 20; i++) {
            ask("keep-alive", i % 2 == 0);
        }

        // Then
        assertThat(provider.connections()).isEqualTo(connections);
    }

    @Test
    void aClientCanAskForTheConnectionToBeClosed() throws Exception {
        try (Socket socket = connect("Connection: close\r\n", "closing")) {
            assertThat(socket.getInputStream().readAllBytes()).isNotEmpty();
        }
    }

    @Test
    void connectionsBreakInEveryWay() throws Exception {
        provider.on("break-off", Script.streamed().delta("Hel").breakOff());
        provider.on("hang-up", Script.streamed().delta("Hel").hangUp());
        provider.on("silence", Script.silence(Duration.ofMillis(50)));
        provider.on("reset", Script.reset());

        for (String marker : List.of("break-off", "hang-up", "silence", "reset")) {
            assertThatExceptionOfType(IOException.class).as(marker).isThrownBy(() -> ask(marker, true));
            Call call = provider.calls(marker).get(0);
            assertThat(call.awaitEnd()).isTrue();
            assertThat(call.hungUp()).as(marker).isFalse();
        }
    }

    @Test
    void everythingWrittenBeforeTheConnectionEndsArrives() throws Exception {
        // When
        provider.on("half", Script.streamed().delta("Hel").hangUp());

        // Then
        assertThat(new String(exchange("half"), StandardCharsets.UTF_8)).contains("\"Hel\"").doesNotContain("\r\n0\r\n");
    }

    @Test
    void theHeadCanComeLongBeforeTheBody() throws Exception {
        // Given
        CountDownLatch latch = new CountDownLatch(1);
        provider.on("early-head", Script.streamed().head().holdUntil(latch).delta("late").done());

        // When
        HttpResponse<InputStream> response = http.send(request("early-head", true), BodyHandlers.ofInputStream());
        boolean isOpen = provider.calls("early-head").get(0).isOpen();
        latch.countDown();

        // Then
        assertThat(isOpen).isTrue();
        assertThat(new String(response.body().readAllBytes(), StandardCharsets.UTF_8)).contains("late");
    }

    @Test
    void callsThatAreHeldAreCounted() throws Exception {
        int before = provider.openCalls();
        CountDownLatch latch = new CountDownLatch(1);
        provider.on("held", Script.streamed().delta("a").holdUntil(latch).done());
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            answers.add(http.sendAsync(request("held", true), BodyHandlers.ofString()));
        }
        awaitCalls("held", 10);

        assertThat(provider.openCalls()).isEqualTo(before + 10);
        assertThat(provider.mostOpenCalls()).isGreaterThanOrEqualTo(before + 10);
        latch.countDown();
        answers.forEach(answer -> assertThat(answer.join().body()).contains("[DONE]"));
        assertThat(provider.openCalls()).isEqualTo(before);
    }

    @Test
    void clientsThatHangUpAreNoticed() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        provider.on("gone-waiting", Script.silence(Duration.ofMinutes(5)));
        provider.on("gone-pausing", Script.streamed().delta("a").pause(Duration.ofMinutes(5)).done());
        provider.on("gone-holding", Script.streamed().delta("a").holdUntil(never).done());
        provider.on("gone-writing", Script.streamed().times(1_000_000, "x".repeat(100)).done());

        for (String marker : List.of("gone-waiting", "gone-pausing", "gone-holding", "gone-writing")) {
            try (Socket socket = connect("", marker)) {
                awaitCalls(marker, 1);
                assertThat(provider.calls(marker).get(0).isOpen()).as(marker).isTrue();
            }
            Call call = provider.calls(marker).get(0);
            assertThat(call.awaitEnd()).as(marker).isTrue();
            assertThat(call.hungUp()).as(marker).isTrue();
        }
    }

    @Test
    void aClientThatLeavesAfterTheWholeAnswerHasNotHungUp() throws Exception {
        // Given
        provider.on("done-and-gone", Script.streamed().delta("a").done().pause(Duration.ofMinutes(5)));

        // When
        try (Socket socket = connect("", "done-and-gone")) {
            InputStream in = socket.getInputStream();
            StringBuilder seen = new StringBuilder();
            while (seen.indexOf("[DONE]") < 0) {
                seen.append((char) in.read());
            }
        }

        // Then
        Call call = provider.calls("done-and-gone").get(0);
        assertThat(call.awaitEnd()).isTrue();
        assertThat(call.hungUp()).isFalse();
    }

    private HttpResponse<String> ask(String message, boolean streamed) throws Exception {
        return send(request(message, streamed));
    }

    private HttpResponse<String> send(HttpRequest request) throws Exception {
        return http.send(request, BodyHandlers.ofString());
    }

    private static HttpRequest request(String message, boolean streamed) {
        return request(json(message, streamed));
    }

    private static HttpRequest request(String json) {
        return post().POST(BodyPublishers.ofString(json)).build();
    }

    private static HttpRequest.Builder post() {
        return HttpRequest.newBuilder(URI.create(provider.baseUrl() + "/chat/completions")).timeout(PATIENCE);
    }

    private static String json(String message, boolean streamed) {
        return """
                {"model": "test-model", "stream": %s, "stream_options": {"include_usage": true},
                 "messages": [{"role": "user", "content": "%s"}]}""".formatted(streamed, message);
    }

    private static void awaitCalls(String marker, int calls) {
        await(calls + " calls").until(() -> provider.calls(marker).size() >= calls);
    }

    /** Everything that comes over the wire until the provider closes the connection. */
    private static byte[] exchange(String marker) throws IOException {
        try (Socket socket = connect("Connection: close\r\n", marker)) {
            return socket.getInputStream().readAllBytes();
        }
    }

    private static Socket connect(String headers, String marker) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), URI.create(provider.baseUrl()).getPort());
        String body = json(marker, true);
        socket.getOutputStream().write(("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + headers
                + "Content-Length: " + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private static List<Integer> chunkLengths(byte[] response) {
        String text = new String(response, StandardCharsets.ISO_8859_1);
        List<Integer> lengths = new ArrayList<>();
        int from = text.indexOf("\r\n\r\n") + 4;
        while (true) {
            int end = text.indexOf("\r\n", from);
            int length = Integer.parseInt(text.substring(from, end), 16);
            if (length == 0) {
                return lengths;
            }
            lengths.add(length);
            from = end + 2 + length + 2;
        }
    }

    private static List<String> data(String body) {
        return body.lines().filter(line -> line.startsWith("data: ")).map(line -> line.substring(6)).toList();
    }

    private static String content(String body) {
        StringBuilder content = new StringBuilder();
        data(body).stream().filter(data -> data.startsWith("{")).map(ScriptedProviderTest::delta).forEach(content::append);
        return content.toString();
    }

    private static String delta(String data) {
        return Json.of(data).path("choices").path(0).path("delta").path("content").asText();
    }
}

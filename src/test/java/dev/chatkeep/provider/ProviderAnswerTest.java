package dev.chatkeep.provider;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.provider.ProviderCallTest.Config;
import dev.chatkeep.testsupport.Patience;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;

/** What a listener gets of an answer, and in which order. */
class ProviderAnswerTest {

    private static final String MARKER = "Why?";
    private static final Duration PATIENT = Duration.ofMinutes(1);
    private static final Duration IMPATIENT = Duration.ofNanos(1);

    private final Vertx vertx = Vertx.vertx();
    private final HttpClient http = vertx.createHttpClient();
    private final ScriptedProvider provider = ScriptedProvider.start();

    @AfterEach
    void close() {
        provider.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aCompressedStreamIsReadAsIfItWereNot(boolean streaming) throws Exception {
        // Given
        provider.on(MARKER, answer("text/event-stream", "gzip", gzip("data: a\n\ndata: b\n\n")));

        // When
        List<String> events = call(streaming, PATIENT);

        // Then
        assertThat(events).containsExactly("arrived", "received a", "received b", "opened", "ended");
    }

    @Test
    void aDocumentIsReceivedBeforeItsBeginningIsAnnounced() throws Exception {
        // Given
        provider.on(MARKER, answer("application/json", "gzip", gzip("{\"error\": {\"code\": 429}}")));

        // When
        List<String> events = call(true, PATIENT);

        // Then
        assertThat(events).containsExactly("arrived", "received {\"error\": {\"code\": 429}}", "opened", "ended");
    }

    @Test
    void brokenBytesBreakTheAnswerOff() throws Exception {
        // Given
        provider.on(MARKER, answer("text/event-stream", "gzip", "data: never compressed\n\n".getBytes(StandardCharsets.UTF_8)));

        // When
        List<String> events = call(true, PATIENT);

        // Then
        assertThat(events).containsExactly("arrived", "failed BROKEN_OFF");
    }

    @Test
    void aBombIsTooLarge() throws Exception {
        // Given
        provider.on(MARKER, answer("text/event-stream", "gzip", gzip("data: " + "a".repeat(8 << 20))));

        // When
        List<String> events = call(true, PATIENT);

        // Then
        assertThat(events).containsExactly("arrived", "failed TOO_LARGE");
    }

    @ParameterizedTest
    @CsvSource({ "200, br, FAILED", "429, br, RATE_LIMITED", "400, gzip, REJECTED" })
    void anAnswerThatCannotBeReadIsAFailure(int status, String coding, String kind) throws Exception {
        // Given
        provider.on(MARKER, Script.bytes(status, Map.of("Content-Encoding", coding), new byte[] { 1, 2, 3 }));

        // When
        List<String> events = call(true, PATIENT);

        // Then
        assertThat(events).containsExactly("failed " + kind);
    }

    @Test
    void theSentenceOfACompressedErrorIsRead() throws Exception {
        // Given
        provider.on(MARKER, Script.bytes(400, Map.of("Content-Encoding", "gzip"), gzip("{\"detail\": \"Too long\"}")));

        // When
        call(true, PATIENT);

        // Then
        assertThat(failure.toProblem().getDetail()).isEqualTo("The model provider does not accept the request: Too long");
    }

    @Test
    void aStreamHasToBeginInTime() throws Exception {
        // Given
        provider.on(MARKER, Script.streamed().holdUntil(new CountDownLatch(1)));

        // When
        List<String> events = call(true, IMPATIENT);

        // Then
        assertThat(events).containsExactly("failed TIMED_OUT");
    }

    @Test
    void aWholeAnswerMayTakeItsTime() throws Exception {
        // Given
        provider.on(MARKER, answer("application/json", "identity", "{}".getBytes(StandardCharsets.UTF_8)));

        // When
        List<String> events = call(false, IMPATIENT);

        // Then
        assertThat(events).containsExactly("arrived", "received {}", "opened", "ended");
    }

    private ProviderFailure failure;

    private List<String> call(boolean streaming, Duration firstByteTimeout) throws Exception {
        List<String> events = new ArrayList<>();
        CompletableFuture<Void> over = new CompletableFuture<>();
        ProviderListener listener = new ProviderListener() {

            @Override
            public void arrived() {
                events.add("arrived");
            }

            @Override
            public void opened() {
                events.add("opened");
            }

            @Override
            public void received(String data) {
                events.add("received " + data);
            }

            @Override
            public void ended() {
                events.add("ended");
                over.complete(null);
            }

            @Override
            public void failed(ProviderFailure reason) {
                failure = reason;
                events.add("failed " + reason.kind());
                over.complete(null);
            }
        };
        RequestOptions request = new RequestOptions().setMethod(HttpMethod.POST)
                .setAbsoluteURI(provider.baseUrl() + "/chat/completions");
        ProviderCall call = new ProviderCall(vertx.getOrCreateContext(), new Config(firstByteTimeout), listener,
                () -> http.request(request),
                Buffer.buffer("{\"stream\": %s, \"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]}".formatted(streaming,
                        MARKER)),
                streaming, new HeldBytes(1 << 20, 1 << 20));
        call.attempt().subscribe().with(begun -> {
        }, reason -> call.fail(ProviderFailure.of(reason)));
        over.get(Patience.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        return events;
    }

    private static Script answer(String type, String coding, byte[] body) {
        return Script.bytes(200, Map.of("Content-Type", type, "Content-Encoding", coding), body);
    }

    private static byte[] gzip(String text) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
            gzip.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }
}

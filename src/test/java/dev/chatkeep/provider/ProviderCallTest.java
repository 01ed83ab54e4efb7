package dev.chatkeep.provider;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.math.BigInteger;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

import javax.net.ssl.SSLHandshakeException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import io.quarkus.runtime.configuration.MemorySize;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClosedException;

/** What may be tried again, and what may not: an attempt that reached the provider is one that it may want to be paid for. */
class ProviderCallTest {

    private final Vertx vertx = Vertx.vertx();

    @AfterEach
    void close() {
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    static List<Throwable> failuresToConnect() {
        return List.of(new ConnectException("Connection refused"), new UnknownHostException("no such host"),
                new SSLHandshakeException("no trust"));
    }

    @ParameterizedTest
    @MethodSource("failuresToConnect")
    void aConnectionThatIsNotMadeIsTriedAgain(Throwable cause) {
        // When
        ProviderFailure failure = attempt(Future.failedFuture(cause));

        // Then
        assertThat(failure.kind()).isEqualTo(ProviderFailure.Kind.UNREACHABLE);
        assertThat(failure.isTransient()).isTrue();
    }

    @Test
    void aConnectionThatClosesBeforeTheRequestIsWrittenIsTriedAgain() {
        // When
        ProviderFailure failure = attempt(Future.succeededFuture(request(Future.failedFuture(new IOException("Broken pipe")))));

        // Then
        assertThat(failure.kind()).isEqualTo(ProviderFailure.Kind.UNREACHABLE);
        assertThat(failure.isTransient()).isTrue();
    }

    @Test
    void aConnectionThatClosesAfterTheRequestIsWrittenIsNotTriedAgain() {
        // When
        ProviderFailure failure = attempt(Future.succeededFuture(request(Future.succeededFuture())));

        // Then
        assertThat(failure.kind()).isEqualTo(ProviderFailure.Kind.UNREACHABLE);
        assertThat(failure.isTransient()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({ "429, true", "503, true", "500, false", "502, false", "504, false", "400, false", "401, false" })
    void onlyAProviderThatTurnsTheRequestAwayIsAskedAgain(int status, boolean again) {
        // When
        ProviderFailure failure = ProviderFailure.of(status, null, "{}");

        // Then
        assertThat(failure.isTransient()).isEqualTo(again);
    }

    private ProviderFailure attempt(Future<HttpClientRequest> connection) {
        ProviderCall call = new ProviderCall(vertx.getOrCreateContext(), new Config(Duration.ofMinutes(1)), new Ignoring(),
                () -> connection,
                Buffer.buffer("{}"), true, new HeldBytes(1_000, 1_000));
        return (ProviderFailure) call.attempt().onItemOrFailure().transform((item, failure) -> failure)
                .await().atMost(Duration.ofMinutes(2));
    }

    /** A request whose connection closes before there is a response. */
    private static HttpClientRequest request(Future<Void> written) {
        return (HttpClientRequest) Proxy.newProxyInstance(HttpClientRequest.class.getClassLoader(),
                new Class<?>[] { HttpClientRequest.class }, (proxy, method, arguments) -> switch (method.getName()) {
                    case "end" -> written;
                    case "response" -> Future.failedFuture(new HttpClosedException("Connection was closed"));
                    case "reset" -> true;
                    default -> proxy;
                });
    }

    /** @param firstByteTimeout and of what comes after it */
    record Config(Duration firstByteTimeout) implements ProviderConfig {

        @Override
        public URI baseUrl() {
            return URI.create("http://localhost");
        }

        @Override
        public Optional<String> apiKey() {
            return Optional.empty();
        }

        @Override
        public Duration connectTimeout() {
            return Duration.ofMinutes(1);
        }

        @Override
        public Duration idleTimeout() {
            return firstByteTimeout;
        }

        @Override
        public Duration callTimeout() {
            return Duration.ofMinutes(1);
        }

        @Override
        public int retries() {
            return 2;
        }

        @Override
        public Duration retryDelay() {
            return Duration.ZERO;
        }

        @Override
        public Duration longestRetryDelay() {
            return Duration.ZERO;
        }

        @Override
        public int maxConcurrentCalls() {
            return 1;
        }

        @Override
        public int maxConcurrentCallsPerUser() {
            return 1;
        }

        @Override
        public boolean trustCost() {
            return false;
        }

        @Override
        public MemorySize maxEventSize() {
            return new MemorySize(BigInteger.valueOf(1_000));
        }

        @Override
        public Breaker breaker() {
            return null;
        }
    }

    private static final class Ignoring implements ProviderListener {

        @Override
        public void opened() {
        }

        @Override
        public void received(String data) {
        }

        @Override
        public void ended() {
        }

        @Override
        public void failed(ProviderFailure failure) {
        }
    }
}

package dev.chatkeep.provider;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How the model provider is called. */
@ConfigMapping(prefix = "chatkeep.provider")
public interface ProviderConfig {

    /** The base URL, to which {@code /chat/completions} is appended. Any provider with OpenAI's API works. */
    @WithDefault("https://openrouter.ai/api/v1")
    URI baseUrl();

    /** Sent as bearer token. A provider in a private network may need none. */
    Optional<String> apiKey();

    @WithDefault("5S")
    Duration connectTimeout();

    /** From the request to the first byte of a stream. */
    @WithDefault("60S")
    Duration firstByteTimeout();

    /** Between two chunks of a stream. */
    @WithDefault("60S")
    Duration idleTimeout();

    /** From the request to the last byte. An answer that is not streamed has all of this time. */
    @WithDefault("10M")
    Duration callTimeout();

    /**
     * How often a call is retried before its first byte: after 429 and 503, and where nothing of the request was sent. Any
     * other
     * failure may come from a provider that has begun to work, and wants to be paid for each attempt.
     */
    @WithDefault("2")
    int retries();

    /**
     * The pause before the first retry. It doubles with each retry; a longer {@code Retry-After} of the provider replaces it.
     */
    @WithDefault("0.5S")
    Duration retryDelay();

    /** If the provider asks for a longer pause than this, there is no retry. */
    @WithDefault("10S")
    Duration longestRetryDelay();

    /** The maximum number of calls at the same time on this instance. */
    @WithDefault("500")
    int maxConcurrentCalls();

    /** The maximum number of calls of one user at the same time on this instance. */
    @WithDefault("8")
    int maxConcurrentCallsPerUser();

    /**
     * Whether what the provider says that a call cost ({@code usage.cost}) is what the ledger has as its cost, instead of its
     * tokens at the prices of the model.
     */
    @WithDefault("false")
    boolean trustCost();

    /** The largest event of a stream, and the largest answer that is not streamed. */
    @WithDefault("24M")
    MemorySize maxEventSize();

    Breaker breaker();

    /** Spares a model that is down: after this ratio of failures among this many of its calls, none is made for a while. */
    interface Breaker {

        @WithDefault("20")
        int calls();

        @WithDefault("0.5")
        double failureRatio();

        @WithDefault("5S")
        Duration delay();
    }
}

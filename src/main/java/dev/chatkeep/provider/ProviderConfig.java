package dev.chatkeep.provider;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Where models are called, and how patiently. */
@ConfigMapping(prefix = "chatkeep.provider")
public interface ProviderConfig {

    /** What {@code /chat/completions} is appended to: any provider that speaks OpenAI's API. */
    @WithDefault("https://openrouter.ai/api/v1")
    URI baseUrl();

    /** Sent as bearer token; a provider on one's own network may need none. */
    Optional<String> apiKey();

    @WithDefault("5S")
    Duration connectTimeout();

    /** From the request to the first byte of the answer's body. */
    @WithDefault("60S")
    Duration firstByteTimeout();

    /** Between two pieces of the answer. */
    @WithDefault("60S")
    Duration idleTimeout();

    /** From the request to the last byte. */
    @WithDefault("10M")
    Duration callTimeout();

    /** How often a call is tried again before its first byte: after 429, 502, 503, 504 and failures to connect. */
    @WithDefault("2")
    int retries();

    /** The pause before the first retry, which doubles with each; a provider's {@code Retry-After} takes its place. */
    @WithDefault("0.5S")
    Duration retryDelay();

    /** A provider that wants a longer pause is not tried again. */
    @WithDefault("10S")
    Duration longestRetryDelay();

    /** Calls that run at the same time on this instance. */
    @WithDefault("500")
    int maxConcurrentCalls();

    Breaker breaker();

    /** Spares a provider that is down: after so many failures out of so many calls, none is made for a while. */
    interface Breaker {

        @WithDefault("20")
        int calls();

        @WithDefault("0.5")
        double failureRatio();

        @WithDefault("5S")
        Duration delay();
    }
}

package dev.chatkeep.completion.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullAndEmptySource;

import dev.chatkeep.completion.RateLimit;

class RateLimitHeadersTest {

    @Test
    void everyLimitStandsInBothFields() {
        // Given
        List<RateLimit> limits = List.of(new RateLimit("requests-per-minute", 20, 60, 19, 58),
                new RateLimit("daily", 3_000_000_000L, 86_400, 0, 1));

        // When
        Map<String, String> headers = RateLimitHeaders.of(limits);

        // Then
        assertThat(headers).containsExactly(
                entry("RateLimit-Policy", "\"requests-per-minute\";q=20;w=60, \"daily\";q=3000000000;w=86400"),
                entry("RateLimit", "\"requests-per-minute\";r=19;t=58, \"daily\";r=0;t=1"));
    }

    @ParameterizedTest
    @NullAndEmptySource
    void whereNothingIsLimitedThereAreNoFields(List<RateLimit> limits) {
        // When
        Map<String, String> headers = RateLimitHeaders.of(limits);

        // Then
        assertThat(headers).isEmpty();
    }
}

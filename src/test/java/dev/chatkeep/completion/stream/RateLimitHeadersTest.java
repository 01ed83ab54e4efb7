package dev.chatkeep.completion.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import java.time.Instant;
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

    @Test
    void ofARefusalTheLimitThatLastsLongestIsNamed() {
        // Given
        List<RateLimit> limits = List.of(new RateLimit("requests-per-minute", 20, 60, 0, 58),
                new RateLimit("daily", 10, 86_400, 0, 3_600), new RateLimit("monthly", 100, 2_592_000, 7, 100_000));

        // When
        Map<String, String> headers = RateLimitHeaders.ofRefusal(limits, Instant.parse("2026-09-01T08:00:00.123Z"));

        // Then
        assertThat(headers).containsExactly(entry("X-RateLimit-Limit", "10"), entry("X-RateLimit-Remaining", "0"),
                entry("X-RateLimit-Reset", "2026-09-01T09:00:00Z"));
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

package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenEstimateTest {

    @ParameterizedTest
    @CsvSource({ "one two three, 3", "'', 0" })
    void tokensAreCounted(String text, int expected) {
        // When
        int tokens = TokenEstimate.of(text);

        // Then
        assertThat(tokens).isEqualTo(expected);
    }

    @Test
    void theRestOfALongTextIsAssumedToBeLikeItsBeginning() {
        // Given
        int half = TokenEstimate.of("word ".repeat(40_000));

        // When
        int tokens = TokenEstimate.of("word ".repeat(80_000));

        // Then
        assertThat(tokens).isEqualTo(2 * half);
    }
}

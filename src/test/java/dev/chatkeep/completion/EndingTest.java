package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.provider.ProviderFailure.Kind;

class EndingTest {

    @ParameterizedTest
    @CsvSource({ "true, RELEASED", "false, INTERRUPTED" })
    void anInterruptedCallIsReleasedIfNothingArrived(boolean nothingArrived, Ending expected) {
        // When
        Ending ending = Ending.ofInterruption(nothingArrived);

        // Then
        assertThat(ending).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({ "true, BROKEN_OFF, RELEASED", "false, BROKEN_OFF, FAILED", "true, TOO_LARGE, RELEASED",
            "false, TOO_LARGE, INTERRUPTED" })
    void aFailedCallIsReleasedIfNothingArrived(boolean nothingArrived, Kind kind, Ending expected) {
        // When
        Ending ending = Ending.ofFailure(nothingArrived, kind);

        // Then
        assertThat(ending).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({ "COMPLETE, complete, true", "INTERRUPTED, interrupted, true", "FAILED, failed, false",
            "RELEASED, released, false" })
    void eachEndingHasItsWordAndItsPrice(Ending ending, String word, boolean charged) {
        // When
        String actual = ending.word();

        // Then
        assertThat(actual).isEqualTo(word);
        assertThat(ending.isCharged()).isEqualTo(charged);
    }
}

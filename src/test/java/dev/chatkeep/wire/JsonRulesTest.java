package dev.chatkeep.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonRulesTest {

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = { "5, 5", "5.0, 5", "5e0, 5", "0.5e1, 5", "-5.000, -5", "0e999999999, 0", "0.0, 0",
            "2147483647.0, 2147483647", "-2147483648.0, -2147483648", "2147483648.0, -", "5.5, -", "5e99, -", "5e-99, -",
            "5e999999999, -", "5e-999999999, -", "0.1, -" })
    void aWholeNumberIsOneHoweverItIsWritten(BigDecimal number, Integer whole) {
        // When
        Integer found = JsonRules.whole(number);

        // Then
        assertThat(found).isEqualTo(whole);
    }
}

package dev.chatkeep.problem;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.vertx.pgclient.PgException;

/** The log is to say what really failed, without the values that PostgreSQL repeats. */
class DatabaseReasonsTest {

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
            "23514, chat_messages_content_length, 'SQLSTATE 23514, constraint chat_messages_content_length'",
            "22P05, -, SQLSTATE 22P05", "57P01, -, SQLSTATE 57P01", "XX000, -, SQLSTATE XX000" })
    void aFailureIsDescribedByItsStateAlsoWhereItWasTranslated(String state, String constraint, String description) {
        // Given
        PgException failure = new PgException("secret", "ERROR", state, "secret", null, null, null, null, null, null, null,
                null, null, null, null, null, constraint);

        // When
        Throwable translated = DatabaseProblems.translate(failure);

        // Then
        assertThat(DatabaseProblems.describe(translated)).isEqualTo(description);
        assertThat(DatabaseProblems.describe(failure)).isEqualTo(description);
    }
}

package dev.chatkeep.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Instant;
import java.util.Base64;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.resteasy.problem.HttpProblem;

class CursorTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Clients may say any time that is stored: it must not break the pages of their session. */
    @ParameterizedTest
    @ValueSource(strings = { "0001-01-01T00:00:00Z", "1677-09-21T00:12:43.145224Z", "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00Z", "2026-09-01T08:00:00.123456Z", "2262-04-11T23:47:16.854776Z",
            "9999-12-31T23:59:59.999999Z" })
    void aTimeIsReadAsItWasWritten(String time) {
        // Given
        Instant instant = Instant.parse(time);

        // When
        Cursor read = Cursor.parse(Cursor.of(instant, 7L), 2, JSON);

        // Then
        assertThat(read.time(0).toInstant()).isEqualTo(instant);
        assertThat(read.number(1)).isEqualTo(7);
    }

    @Test
    void whatComesLastMayHaveNoTime() {
        // When
        Cursor read = Cursor.parse(Cursor.of(null, "s1"), 2, JSON);

        // Then
        assertThat(read.timeOrNull(0)).isNull();
        assertThat(read.text(1)).isEqualTo("s1");
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "x", "[]", "[1]", "[1,2,3]", "{}", "[\"1\",2]", "[1.5,2]", "[9223372036854775807,2]",
            "[99999999999999999999,2]", "[null,2]" })
    void whatNoListReturnedIsRefused(String document) {
        // Given
        String cursor = Base64.getUrlEncoder().withoutPadding().encodeToString(document.getBytes());

        // When
        Throwable failure = catchThrowable(() -> Cursor.parse(cursor, 2, JSON).time(0));

        // Then
        assertThat(failure).isInstanceOf(HttpProblem.class);
        assertThat(((HttpProblem) failure).getParameters()).containsEntry("code", "invalid_cursor");
    }
}

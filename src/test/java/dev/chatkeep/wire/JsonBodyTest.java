package dev.chatkeep.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;

import jakarta.validation.Validation;
import jakarta.validation.ValidatorFactory;
import jakarta.validation.constraints.NotNull;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.resteasy.problem.HttpProblem;

class JsonBodyTest {

    record Note(@NotNull String text) {
    }

    private final ValidatorFactory validators = Validation.buildDefaultValidatorFactory();
    private final JsonBody bodies = new JsonBody(new ObjectMapper(), validators.getValidator());

    @AfterEach
    void close() {
        validators.close();
    }

    @ParameterizedTest
    @CsvSource({ "10, true", "65000, true", "70000, false", "5000000, false" })
    void largeBodiesAreReadOnAnotherThread(int characters, boolean here) {
        // Given
        byte[] body = ("{\"text\": \"" + "x".repeat(characters) + "\"}").getBytes(StandardCharsets.UTF_8);

        // When
        Thread reader = bodies.read(body, Note.class, note -> Thread.currentThread()).await().indefinitely();

        // Then
        assertThat(reader == Thread.currentThread()).isEqualTo(here);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = { "'' | 400", "null | 400", "{ | 400", "{\"text\": {}} | 422", "[] | 422" })
    void aBodyThatWillNotDoIsRefusedAsTheFrameworkDoes(String body, int status) {
        // Given
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);

        // When
        HttpProblem problem = catchThrowableOfType(HttpProblem.class,
                () -> bodies.read(bytes, Note.class).await().indefinitely());

        // Then
        assertThat(problem.getStatusCode()).isEqualTo(status);
    }
}

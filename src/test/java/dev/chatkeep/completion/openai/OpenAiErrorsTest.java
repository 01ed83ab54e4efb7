package dev.chatkeep.completion.openai;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import jakarta.ws.rs.core.Response.Status;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.completion.openai.OpenAiErrors.OpenAiError;
import dev.chatkeep.completion.openai.OpenAiErrors.OpenAiErrorResponse;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.Problem.FieldError;
import io.quarkiverse.resteasy.problem.HttpProblem;

class OpenAiErrorsTest {

    @ParameterizedTest
    @CsvSource({ "400, invalid_request_error", "401, authentication_error", "403, permission_error", "404, not_found_error",
            "409, invalid_request_error", "429, rate_limit_error", "500, server_error", "503, server_error" })
    void theStatusDecidesTheType(int status, String type) {
        // Given
        HttpProblem problem = Problem.of(Status.fromStatusCode(status), "some_code", "Something is wrong.");

        // When
        OpenAiErrorResponse response = OpenAiErrors.of(problem);

        // Then
        assertThat(response.error()).isEqualTo(new OpenAiError("Something is wrong.", type, null, "some_code"));
    }

    @Test
    void theFirstWrongFieldIsNamed() {
        // Given
        HttpProblem problem = Problem.ofFields(Problem.UNPROCESSABLE_CONTENT, "invalid_field", "Two fields are wrong.",
                List.of(new FieldError("model", "is too long"), new FieldError("messages", "must be a list of messages")));

        // When
        OpenAiErrorResponse response = OpenAiErrors.of(problem);

        // Then
        assertThat(response.error().param()).isEqualTo("model");
    }
}

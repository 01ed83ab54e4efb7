package dev.chatkeep.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.lang.annotation.Annotation;
import java.time.LocalDate;
import java.util.UUID;

import jakarta.ws.rs.ext.ParamConverter;

import org.jboss.resteasy.reactive.RestQuery;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.resteasy.problem.HttpProblem;

class ParameterReaderTest {

    /** Something with annotations as a parameter of a resource has them. */
    private void resource(@RestQuery("what") String what) {
    }

    @Test
    void whatIsPlainIsRead() throws Exception {
        // Given
        UUID id = UUID.randomUUID();

        // When
        Object[] values = { reader(Boolean.class).fromString("true"), reader(Boolean.class).fromString("false"),
                reader(Integer.class).fromString("-2147483648"), reader(LocalDate.class).fromString("2026-09-01"),
                reader(UUID.class).fromString(id.toString().toUpperCase()), reader(Integer.class).fromString(null) };

        // Then
        assertThat(values).containsExactly(true, false, Integer.MIN_VALUE, LocalDate.of(2026, 9, 1), id, null);
    }

    @ParameterizedTest
    @CsvSource({ "java.lang.Boolean, maybe, must be true or false", "java.lang.Boolean, True, must be true or false",
            "java.lang.Boolean, '', must be true or false", "java.lang.Integer, 2147483648, must be a whole number",
            "java.lang.Integer, 1.0, must be a whole number", "java.lang.Integer, +1, must be a whole number",
            "java.lang.Integer, ٣, must be a whole number", "java.lang.Integer, '', must be a whole number",
            "java.time.LocalDate, 2026-02-30, 'must be a day, such as 2026-09-01'", "java.util.UUID, 1-1-1-1-1, must be a UUID",
            "java.util.UUID, '', must be a UUID" })
    void whatCannotBeReadIsNamed(Class<?> type, String text, String complaint) throws Exception {
        // Given
        ParamConverter<?> reader = reader(type);

        // When
        HttpProblem problem = catchThrowableOfType(HttpProblem.class, () -> reader.fromString(text));

        // Then
        assertThat(problem.getStatusCode()).isEqualTo(422);
        assertThat(problem.getParameters()).containsEntry("code", "invalid_parameter");
        assertThat(problem.getDetail()).isEqualTo("what " + complaint + ".");
    }

    @Test
    void textIsLeftToTheFramework() throws Exception {
        // When
        ParamConverter<String> reader = reader(String.class);

        // Then
        assertThat(reader).isNull();
    }

    private static <T> ParamConverter<T> reader(Class<T> type) throws NoSuchMethodException {
        Annotation[] annotations = ParameterReaderTest.class.getDeclaredMethod("resource", String.class)
                .getParameterAnnotations()[0];
        return new ParameterReader().getConverter(type, type, annotations);
    }
}

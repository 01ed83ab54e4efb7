package dev.chatkeep.completion.stream;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import dev.chatkeep.completion.CompletionFailure;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.provider.ProviderFailure.Kind;
import io.quarkiverse.resteasy.problem.HttpProblem;

class CompletionProblemsTest {

    @Test
    void aFailureOfTheProviderHasItsStatusAndCode() {
        // Given
        CompletionFailure failure = CompletionFailure.of(Kind.BROKEN_OFF);

        // When
        HttpProblem problem = CompletionProblems.of(failure);

        // Then
        assertThat(problem.getStatusCode()).isEqualTo(502);
        assertThat(problem.getParameters()).containsEntry(Problem.CODE, "provider_broke_off");
    }

    @Test
    void aFailedCallIsTranslated() {
        // Given
        CompletionFailure failure = CompletionFailure.of(Kind.TIMED_OUT);

        // When
        Throwable translated = CompletionProblems.translate(failure);

        // Then
        assertThat(translated).isInstanceOfSatisfying(HttpProblem.class,
                problem -> assertThat(problem.getStatusCode()).isEqualTo(504));
    }

    @Test
    void anyOtherFailureStaysAsItIs() {
        // Given
        Throwable failure = new IllegalStateException();

        // When
        Throwable translated = CompletionProblems.translate(failure);

        // Then
        assertThat(translated).isSameAs(failure);
    }
}

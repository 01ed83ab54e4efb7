package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.CompletionFailure.Reason;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;

class StoredCompletionTest {

    @Test
    void aRunningCallHasNoResult() throws IOException {
        // Given
        JsonNode call = parse("{'state': 'running', 'content': 'Be'}");

        // When
        StoredCompletion stored = StoredCompletion.of(call);

        // Then
        assertThat(stored).isEqualTo(new StoredCompletion("Be", null));
        assertThat(stored.isRunning()).isTrue();
    }

    @Test
    void aCompleteCallIsAnswered() throws IOException {
        // Given
        JsonNode call = parse("""
                {'state': 'complete', 'content': 'Because', 'content_type': 'text', 'id': 'msg_1', 'completion_id': 'gen-1',
                 'model': 'gpt-a', 'question_id': 'msg_q', 'session_id': 'conv_1', 'message_id': 'msg_1', 'timestamp': 't',
                 'elapsed_ms': 1530, 'input_tokens': 9, 'output_tokens': 7, 'metadata': {'usage': {'prompt_tokens': 10}}}
                """);

        // When
        StoredCompletion stored = StoredCompletion.of(call);

        // Then
        assertThat(stored.isRunning()).isFalse();
        assertThat(stored.result())
                .isEqualTo(new Answered("Because", "text", new Usage(10, 7, 17, null, null, false, null), "msg_1",
                        "gen-1", "gpt-a", "msg_q", "conv_1", "msg_1", "t", Duration.ofMillis(1_530), null, AnswerExtras.NONE));
    }

    @ParameterizedTest
    @CsvSource({ "interrupted, INTERRUPTED", "failed, PROVIDER_FAILED", "released, PROVIDER_FAILED" })
    void anyOtherEndIsAFailure(String state, Reason reason) throws IOException {
        // Given
        JsonNode call = parse("{'state': '%s', 'content': 'Be'}".formatted(state));

        // When
        StoredCompletion stored = StoredCompletion.of(call);

        // Then
        assertThat(stored.text()).isEqualTo("Be");
        assertThat(stored.result()).isInstanceOfSatisfying(Failed.class,
                failed -> assertThat(failed.failure().reason()).isEqualTo(reason));
    }

    @Test
    void aCallMayHaveNoText() throws IOException {
        // Given
        JsonNode call = parse("{'state': 'released', 'content': null}");

        // When
        StoredCompletion stored = StoredCompletion.of(call);

        // Then
        assertThat(stored.text()).isNull();
    }

    private static JsonNode parse(String text) throws IOException {
        return new ObjectMapper().readTree(text.replace('\'', '"'));
    }
}

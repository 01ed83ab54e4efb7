package dev.chatkeep.completion.openai;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

class WholeAsChunksTest {

    private final ObjectMapper json = new ObjectMapper();

    @Test
    void aWholeCompletionBecomesWhatAStreamWouldHaveSaid() {
        // When
        WholeAsChunks chunks = WholeAsChunks.of(json, quoted("""
                {'id': 'c', 'object': 'chat.completion', 'created': 1, 'model': 'm', 'choices': [{'index': 0, 'logprobs': null,
                 'message': {'role': 'assistant', 'content': null, 'refusal': 'No', 'tool_calls': [
                     {'id': 'c1', 'type': 'function'}, {'id': 'c2', 'type': 'function'}]}, 'finish_reason': 'tool_calls'}],
                 'usage': {'prompt_tokens': 1, 'completion_tokens': 2}}
                """));

        // Then
        assertThat(chunks.answer()).isEqualTo(List.of(parse("""
                {'id': 'c', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'm', 'choices': [{'index': 0,
                 'logprobs': null, 'finish_reason': null,
                 'delta': {'role': 'assistant', 'content': null, 'refusal': 'No', 'tool_calls': [
                     {'id': 'c1', 'type': 'function', 'index': 0}, {'id': 'c2', 'type': 'function', 'index': 1}]}}]}
                """), parse("""
                {'id': 'c', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'm', 'choices': [{'index': 0,
                 'delta': {}, 'finish_reason': 'tool_calls'}]}
                """)));
        assertThat(chunks.usage()).isEqualTo(parse("""
                {'id': 'c', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'm', 'choices': [],
                 'usage': {'prompt_tokens': 1, 'completion_tokens': 2}}
                """));
    }

    @Test
    void whatHasNoMessageIsLeftOut() {
        // When
        WholeAsChunks chunks = WholeAsChunks.of(json,
                quoted("{'choices': [{'message': {'content': 'a'}}, {'index': 1}, 'b', {'index': 3, 'message': {'content': 'c'}}]}"));

        // Then
        assertThat(chunks.answer().get(0).path("choices")).map(choice -> choice.at("/delta/content").asText())
                .containsExactly("a", "c");
        assertThat(chunks.answer().get(1).path("choices"))
                .map(choice -> choice.path("index").asText() + choice.path("finish_reason").asText())
                .containsExactly("0stop", "3stop");
        assertThat(chunks.usage()).isNull();
    }

    private static String quoted(String text) {
        return text.replace('\'', '"');
    }

    private ObjectNode parse(String text) {
        try {
            JsonNode node = json.readTree(quoted(text));
            return (ObjectNode) node;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

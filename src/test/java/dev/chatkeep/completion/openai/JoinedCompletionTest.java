package dev.chatkeep.completion.openai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.AnswerExtras;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.Usage;
import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;

class JoinedCompletionTest {

    private static final Answered ANSWERED = new Answered("Hi", "text", new Usage(4, 2, 6, null, null, true, null), "msg_1",
            "gen-1",
            "gpt-a", null, null, null, "t", Duration.ZERO, null, AnswerExtras.NONE);

    private final ObjectMapper json = new ObjectMapper();
    private final JoinedCompletion joined = new JoinedCompletion(json);

    @Test
    void chunksBecomeTheCompletionThatTheyArePartsOf() {
        // Given
        add("{'id': 'c', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'm', 'system_fingerprint': 'fp', 'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}, 'finish_reason': null}]}",
                "{'id': 'c', 'object': 'chat.completion.chunk', 'created': 2, 'model': 'm', 'choices': [{'index': 0, 'delta': {'reasoning': 'So '}}]}",
                "{'id': 'c', 'choices': [{'index': 0, 'delta': {'reasoning': 'what'}, 'logprobs': {'content': [{'token': 'O', 'logprob': -0.5}]}}]}",
                "{'id': 'c', 'choices': [{'index': 0, 'delta': {'content': 'Ol'}, 'logprobs': {'content': [{'token': 'l', 'logprob': -1}]}}]}",
                "{'id': 'c', 'choices': [{'index': 0, 'delta': {'content': 'á', 'annotations': [1]}, 'finish_reason': null}]}",
                "{'id': 'c', 'choices': [{'index': 0, 'delta': {'annotations': [2]}, 'finish_reason': 'stop'}]}",
                "{'id': 'c', 'choices': [], 'usage': {'prompt_tokens': 1, 'completion_tokens': 2, 'total_tokens': 3, 'cost': 0.5}}");

        // When
        String document = joined.document(ANSWERED);

        // Then
        assertThat(parse(document)).isEqualTo(parse("""
                {'id': 'c', 'object': 'chat.completion', 'created': 1, 'model': 'm', 'system_fingerprint': 'fp',
                 'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': 'Olá', 'reasoning': 'So what',
                                                      'annotations': [1, 2]},
                              'logprobs': {'content': [{'token': 'O', 'logprob': -0.5}, {'token': 'l', 'logprob': -1}]},
                              'finish_reason': 'stop'}],
                 'usage': {'prompt_tokens': 1, 'completion_tokens': 2, 'total_tokens': 3, 'cost': 0.5}}
                """));
    }

    @Test
    void callsOfToolsAreWhole() {
        // Given
        add("{'choices': [{'delta': {'content': '', 'tool_calls': [{'index': 1, 'id': 'c1', 'type': 'function', 'function': {'name': 'f', 'arguments': ''}}]}}]}",
                "{'choices': [{'delta': {'tool_calls': [{'index': 1, 'function': {'arguments': '[1]'}}]}, 'finish_reason': 'tool_calls'}]}");

        // When
        JsonNode choice = parse(joined.document(ANSWERED)).at("/choices/0");

        // Then
        assertThat(choice).isEqualTo(parse("""
                {'index': 0, 'message': {'role': 'assistant', 'content': null, 'tool_calls': [
                    {'id': 'c1', 'type': 'function', 'function': {'name': 'f', 'arguments': '[1]'}}]},
                 'logprobs': null, 'finish_reason': 'tool_calls'}
                """));
    }

    @Test
    void anOldCallOfAFunctionIsWholeToo() {
        // Given
        add("{'choices': [{'delta': {'function_call': {'name': 'f', 'arguments': '['}}}]}",
                "{'choices': [{'delta': {'function_call': {'arguments': '1]'}}, 'finish_reason': 'function_call'}]}");

        // When
        JsonNode message = parse(joined.document(ANSWERED)).at("/choices/0/message");

        // Then
        assertThat(message).isEqualTo(parse(
                "{'role': 'assistant', 'content': null, 'function_call': {'name': 'f', 'arguments': '[1]'}}"));
    }

    @Test
    void aRefusalStaysARefusal() {
        // Given
        add("{'choices': [{'delta': {'role': 'assistant', 'content': null, 'refusal': 'I '}}]}",
                "{'choices': [{'delta': {'refusal': 'cannot'}, 'finish_reason': 'stop'}]}");

        // When
        JsonNode message = parse(joined.document(ANSWERED)).at("/choices/0/message");

        // Then
        assertThat(message).isEqualTo(parse("{'role': 'assistant', 'content': null, 'refusal': 'I cannot'}"));
    }

    @Test
    void eachChoiceIsJoined() {
        // Given
        add("{'choices': [{'index': 1, 'delta': {'content': 'b'}}, {'index': 0, 'delta': {'content': 'a'}}]}",
                "{'choices': [{'index': 1, 'delta': {'content': 'B'}, 'finish_reason': 'length'}, {'index': 0, 'delta': {'content': 'A'}, 'finish_reason': 'stop'}]}");

        // When
        JsonNode choices = parse(joined.document(ANSWERED)).path("choices");

        // Then
        assertThat(choices).map(choice -> choice.path("index").asText() + " " + choice.at("/message/content").asText() + " "
                + choice.path("finish_reason").asText()).containsExactly("0 aA stop", "1 bB length");
    }

    @Test
    void whatTheProviderDoesNotSayIsFilledIn() {
        // Given
        add("{'choices': [{'delta': {'content': 'Hi'}}]}");

        // When
        JsonNode document = parse(joined.document(ANSWERED));

        // Then
        assertThat(document.path("id").asText()).isEqualTo("gen-1");
        assertThat(document.path("model").asText()).isEqualTo("gpt-a");
        assertThat(document.path("created").asLong()).isPositive();
        assertThat(document.path("usage")).isEqualTo(
                parse("{'prompt_tokens': 4, 'completion_tokens': 2, 'total_tokens': 6}"));
        assertThat(document.at("/choices/0/finish_reason").asText()).isEqualTo("stop");
    }

    @Test
    void halvesOfCharactersMeetAndOthersAreReplaced() {
        // Given
        add("{'choices': [{'delta': {'content': '\\ud83d'}}]}", "{'choices': [{'delta': {'content': '\\ude00\\ud83d'}}]}");

        // When
        JsonNode message = parse(joined.document(ANSWERED)).at("/choices/0/message");

        // Then
        assertThat(message.path("content").textValue()).isEqualTo("\uD83D\uDE00\uFFFD");
    }

    @Test
    void whatIsJoinedIsBounded() {
        // Given
        String piece = "{'choices': [{'index': 1, 'delta': {'content': '%s'}}]}".formatted("a".repeat(9 << 20));
        add(piece, piece);

        // When
        ProviderFailure failure = catchThrowableOfType(ProviderFailure.class, () -> add(piece));

        // Then
        assertThat(failure.kind()).isEqualTo(Kind.TOO_LARGE);
    }

    private void add(String... pieces) {
        for (String piece : pieces) {
            joined.add(piece.replace('\'', '"'));
        }
    }

    private JsonNode parse(String text) {
        try {
            return json.readTree(text.replace('\'', '"'));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

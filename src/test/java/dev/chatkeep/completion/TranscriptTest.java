package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.Usage.Reported;

class TranscriptTest {

    private final Transcript transcript = new Transcript(new ObjectMapper());

    @Test
    void aStreamIsJoined() {
        List<PieceKind> pieces = add(
                "{'id': 'chatcmpl-1', 'model': 'gpt-a', 'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}}]}",
                "{'id': 'chatcmpl-1', 'model': 'gpt-a', 'choices': [{'index': 0, 'delta': {'content': 'Be'}}]}",
                "{'id': 'chatcmpl-1', 'choices': [{'index': 0, 'delta': {'content': 'cause'}, 'finish_reason': null}]}",
                "{'id': 'chatcmpl-1', 'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'stop'}]}",
                "{'id': 'chatcmpl-1', 'choices': [], 'usage': {'prompt_tokens': 10, 'completion_tokens': 7}}",
                "[DONE]");

        assertThat(pieces).containsExactly(PieceKind.CHUNK, PieceKind.CHUNK, PieceKind.CHUNK, PieceKind.CHUNK, PieceKind.USAGE,
                PieceKind.LAST);
        assertThat(transcript.text()).hasToString("Because");
        assertThat(transcript.completionId()).isEqualTo("chatcmpl-1");
        assertThat(transcript.model()).isEqualTo("gpt-a");
        assertThat(transcript.finishReason()).isEqualTo("stop");
        assertThat(transcript.usage()).isEqualTo(new Reported(10, 7, null, null));
        assertThat(transcript.isComplete()).isTrue();
        assertThat(transcript.malformed()).isZero();
    }

    @Test
    void aWholeCompletionIsComplete() {
        List<PieceKind> pieces = add("""
                {'id': 'chatcmpl-1', 'model': 'gpt-a', 'choices': [{'index': 0, 'message': {'content': 'Because'}}],
                 'usage': {'prompt_tokens': 10, 'completion_tokens': 7, 'prompt_tokens_details': {'cached_tokens': 4},
                           'completion_tokens_details': {'reasoning_tokens': 3}}}
                """);

        assertThat(pieces).containsExactly(PieceKind.CHUNK);
        assertThat(transcript.text()).hasToString("Because");
        assertThat(transcript.usage()).isEqualTo(new Reported(10, 7, 4, 3));
        assertThat(transcript.isComplete()).isTrue();
    }

    @Test
    void nothingIsNotComplete() {
        assertThat(transcript.isComplete()).isFalse();
        assertThat(transcript.isEmpty()).isTrue();
        assertThat(transcript.usage()).isEqualTo(Reported.NOTHING);
    }

    @Test
    void partOfAnAnswerIsNotComplete() {
        add("{'choices': [{'delta': {'content': 'Be'}}]}");

        assertThat(transcript.isComplete()).isFalse();
        assertThat(transcript.isEmpty()).isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            'reasoning': 'Let me think'                                        | 3
            'reasoning_content': 'Let me think', 'reasoning': 'Let me think'   | 3
            'refusal': 'Let me think'                                          | 3
            'audio': {'transcript': 'Let me think'}                            | 3
            'tool_calls': [{'index': 0, 'function': {'name': 'Let me think'}}] | 3
            'audio': {'data': 'AAAA'}                                          | 1
            'content': 'Let me think', 'reasoning': 'Let me think'             | 6
            """)
    void whatIsProducedBesideTheTextIsCountedWhereTheProviderDoesNotSay(String delta, int tokens) {
        add("{'choices': [{'delta': {%s}}]}".formatted(delta));

        assertThat(transcript.isEmpty()).isFalse();
        assertThat(transcript.estimatedTokens()).isEqualTo(tokens);
    }

    @ParameterizedTest
    @ValueSource(strings = { "[DONE]", " [DONE] ", "{'choices': [{'delta': {}, 'finish_reason': 'length'}]}" })
    void eitherOfTwoSignsEndsAnAnswer(String data) {
        add(data);

        assertThat(transcript.isComplete()).isTrue();
    }

    @Test
    void ofSeveralChoicesTheFirstCounts() {
        add("{'choices': [{'index': 1, 'delta': {'content': 'other'}, 'finish_reason': 'stop'}, {'index': 0, 'delta': {'content': 'this'}}]}");

        assertThat(transcript.text()).hasToString("this");
        assertThat(transcript.isComplete()).isFalse();
    }

    @Test
    void whatTheProviderSaidFirstOfItselfStays() {
        add("{'id': '', 'model': null, 'choices': []}", "{'id': 'a', 'model': 'm', 'choices': []}",
                "{'id': 'b', 'model': 'n', 'choices': []}");

        assertThat(transcript.completionId()).isEqualTo("a");
        assertThat(transcript.model()).isEqualTo("m");
    }

    @Test
    void whatItSaidLastOfUsageStays() {
        add("{'choices': [{'delta': {'content': 'a'}}], 'usage': {'prompt_tokens': 10, 'completion_tokens': 1}}",
                "{'choices': [{'delta': {'content': 'b'}}], 'usage': null}",
                "{'choices': [{'delta': {'content': 'c'}}], 'usage': {'prompt_tokens': 10, 'completion_tokens': 3}}");

        assertThat(transcript.usage()).isEqualTo(new Reported(10, 3, null, null));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", textBlock = """
            {'prompt_tokens': 3}                               | 3          | -
            {'completion_tokens': 3}                           | -          | 3
            {'prompt_tokens': -1, 'completion_tokens': 'many'} | -          | -
            {'prompt_tokens': 7.0, 'completion_tokens': 0}     | 7          | 0
            {'prompt_tokens': 99999999999}                     | 2147483647 | -
            {}                                                 | -          | -
            """)
    void usageIsTakenAsFarAsItMakesSense(String usage, Integer prompt, Integer completion) {
        add("{'choices': [], 'usage': %s}".formatted(usage.replace("\"", "'")));

        assertThat(transcript.usage()).isEqualTo(new Reported(prompt, completion, null, null));
    }

    @Test
    void contentMayComeInParts() {
        add("{'choices': [{'delta': {'content': [{'type': 'text', 'text': 'Be'}, {'type': 'image'}, {'type': 'text', 'text': 'cause'}]}}]}");

        assertThat(transcript.text()).hasToString("Because");
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "no JSON", "{'choices': ", "null", "7", "'text'", "[]", "{}", "{'choices': {}}",
            "{'usage': 5}" })
    void whatIsNoChunkIsCountedAndLeftOut(String data) {
        add("{'choices': [{'delta': {'content': 'a'}}]}");

        List<PieceKind> pieces = add(data, "{'choices': [{'delta': {'content': 'b'}}]}");

        assertThat(pieces).containsExactly(PieceKind.MALFORMED, PieceKind.CHUNK);
        assertThat(transcript.malformed()).isEqualTo(1);
        assertThat(transcript.text()).hasToString("ab");
    }

    @Test
    void theProviderMaySayThatItFailed() {
        List<PieceKind> pieces = add("{'error': {'message': 'overloaded'}}", "{'error': null, 'choices': []}");

        assertThat(pieces).containsExactly(PieceKind.ERROR, PieceKind.CHUNK);
        assertThat(transcript.malformed()).isZero();
        assertThat(transcript.isComplete()).isFalse();
    }

    @Test
    void toolCallsAreJoined() {
        add("{'choices': [{'delta': {'tool_calls': [{'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'f', 'arguments': ''}}]}}]}",
                "{'choices': [{'delta': {'tool_calls': [{'index': 0, 'function': {'arguments': '[1,'}}]}}]}",
                "{'choices': [{'delta': {'tool_calls': [{'index': 1, 'id': 'c2', 'type': 'function', 'function': {'name': 'g', 'arguments': '[3]'}}]}}]}",
                "{'choices': [{'delta': {'tool_calls': [{'index': 0, 'function': {'arguments': '2]'}}]}}]}");

        assertThat(transcript.toolCalls()).map(Object::toString).containsExactly(
                quoted("{'id':'c1','type':'function','function':{'name':'f','arguments':'[1,2]'}}"),
                quoted("{'id':'c2','type':'function','function':{'name':'g','arguments':'[3]'}}"));
        assertThat(transcript.isEmpty()).isFalse();
    }

    @Test
    void aWholeCompletionHasToolCallsWithoutNumbers() {
        add("{'choices': [{'message': {'content': null, 'tool_calls': [{'id': 'c1', 'function': {'name': 'f'}}, {'id': 'c2', 'function': {'name': 'g'}}]}}]}");

        assertThat(transcript.toolCalls()).map(call -> call.get("id").asText()).containsExactly("c1", "c2");
        assertThat(transcript.text()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = { "[{'index': 5, 'id': 'c1'}]", "[{'index': -1, 'id': 'c1'}]", "['c1', null]", "'c1'" })
    void toolCallsThatMakeNoSenseAreLeftOut(String calls) {
        add("{'choices': [{'delta': {'content': 'a', 'tool_calls': %s}}]}".formatted(calls));

        assertThat(transcript.toolCalls()).isEmpty();
        assertThat(transcript.text()).hasToString("a");
    }

    private List<PieceKind> add(String... data) {
        return Stream.of(data).map(TranscriptTest::quoted).map(transcript::add).toList();
    }

    private static String quoted(String json) {
        return json.replace('\'', '"');
    }
}

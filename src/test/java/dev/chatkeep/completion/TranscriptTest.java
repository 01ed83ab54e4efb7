package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.ObjectMapper;

class TranscriptTest {

    private final Transcript transcript = new Transcript(new ObjectMapper());

    @Test
    void aStreamIsJoined() {
        // When
        List<PieceKind> pieces = add(
                "{'id': 'chatcmpl-1', 'model': 'gpt-a', 'choices': [{'index': 0, 'delta': {'role': 'assistant', 'content': ''}}]}",
                "{'id': 'chatcmpl-1', 'model': 'gpt-a', 'choices': [{'index': 0, 'delta': {'content': 'Be'}}]}",
                "{'id': 'chatcmpl-1', 'choices': [{'index': 0, 'delta': {'content': 'cause'}, 'finish_reason': null}]}",
                "{'id': 'chatcmpl-1', 'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'stop'}]}",
                "{'id': 'chatcmpl-1', 'choices': [], 'usage': {'prompt_tokens': 10, 'completion_tokens': 7}}",
                "[DONE]");

        // Then
        assertThat(pieces).containsExactly(PieceKind.CHUNK, PieceKind.CHUNK, PieceKind.CHUNK, PieceKind.CHUNK, PieceKind.USAGE,
                PieceKind.LAST);
        assertThat(transcript.text()).hasToString("Because");
        assertThat(transcript.completionId()).isEqualTo("chatcmpl-1");
        assertThat(transcript.model()).isEqualTo("gpt-a");
        assertThat(transcript.finishReason()).isEqualTo("stop");
        assertThat(transcript.usage()).isEqualTo(new ReportedUsage(10, 7, null, null, null));
        assertThat(transcript.isComplete()).isTrue();
        assertThat(transcript.malformed()).isZero();
    }

    @Test
    void aWholeCompletionIsComplete() {
        // When
        List<PieceKind> pieces = add("""
                {'id': 'chatcmpl-1', 'model': 'gpt-a', 'choices': [{'index': 0, 'message': {'content': 'Because'}}],
                 'usage': {'prompt_tokens': 10, 'completion_tokens': 7, 'prompt_tokens_details': {'cached_tokens': 4},
                           'completion_tokens_details': {'reasoning_tokens': 3}}}
                """);

        // Then
        assertThat(pieces).containsExactly(PieceKind.WHOLE);
        assertThat(transcript.text()).hasToString("Because");
        assertThat(transcript.usage()).isEqualTo(new ReportedUsage(10, 7, 4, 3, null));
        assertThat(transcript.isComplete()).isTrue();
    }

    @Test
    void nothingIsNotComplete() {
        // When
        boolean complete = transcript.isComplete();

        // Then
        assertThat(complete).isFalse();
        assertThat(transcript.isEmpty()).isTrue();
        assertThat(transcript.usage()).isEqualTo(ReportedUsage.NOTHING);
    }

    @Test
    void partOfAnAnswerIsNotComplete() {
        // When
        add("{'choices': [{'delta': {'content': 'Be'}}]}");

        // Then
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
    void whatIsProducedBesideTheTextIsEstimated(String delta, int tokens) {
        // When
        add("{'choices': [{'delta': {%s}}]}".formatted(delta));

        // Then
        assertThat(transcript.isEmpty()).isFalse();
        assertThat(transcript.estimatedTokens()).isEqualTo(tokens);
    }

    @ParameterizedTest
    @ValueSource(strings = { "[DONE]", " [DONE] ", "{'choices': [{'delta': {}, 'finish_reason': 'length'}]}" })
    void eitherOfTwoSignsEndsAnAnswer(String data) {
        // When
        add(data);

        // Then
        assertThat(transcript.isComplete()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = { "delta", "message" })
    void whatIsProducedInOtherChoicesIsEstimatedToo(String member) {
        // When
        add("{'choices': [{'index': 1, '%s': {'content': 'Let me think'}}]}".formatted(member));

        // Then
        assertThat(transcript.isEmpty()).isFalse();
        assertThat(transcript.estimatedTokens()).isEqualTo(3);
    }

    @Test
    void ofSeveralChoicesTheFirstIsTheAnswer() {
        // When
        add("{'choices': [{'index': 1, 'delta': {'content': 'other'}, 'finish_reason': 'stop'}, {'index': 0, 'delta': {'content': 'this'}}]}");

        // Then
        assertThat(transcript.text()).hasToString("this");
        assertThat(transcript.isComplete()).isFalse();
    }

    @Test
    void theFirstIdAndModelCount() {
        // When
        add("{'id': '', 'model': null, 'choices': []}", "{'id': 'a', 'model': 'm', 'choices': []}",
                "{'id': 'b', 'model': 'n', 'choices': []}");

        // Then
        assertThat(transcript.completionId()).isEqualTo("a");
        assertThat(transcript.model()).isEqualTo("m");
    }

    @Test
    void theLastReportOfUsageCounts() {
        // When
        add("{'choices': [{'delta': {'content': 'a'}}], 'usage': {'prompt_tokens': 10, 'completion_tokens': 1}}",
                "{'choices': [{'delta': {'content': 'b'}}], 'usage': null}",
                "{'choices': [{'delta': {'content': 'c'}}], 'usage': {'prompt_tokens': 10, 'completion_tokens': 3}}");

        // Then
        assertThat(transcript.usage()).isEqualTo(new ReportedUsage(10, 3, null, null, null));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", textBlock = """
            {'prompt_tokens': 3}                               | 3          | -
            {'completion_tokens': 3}                           | -          | 3
            {'prompt_tokens': -1, 'completion_tokens': 'many'} | -          | -
            {'prompt_tokens': 7.0, 'completion_tokens': 0}     | 7          | 0
            {'prompt_tokens': 99999999999}                     | 100000000  | -
            {'completion_tokens': 1e300}                       | -          | 100000000
            {}                                                 | -          | -
            """)
    void usageCountsWhereItMakesSense(String usage, Integer prompt, Integer completion) {
        // When
        add("{'choices': [], 'usage': %s}".formatted(usage.replace("\"", "'")));

        // Then
        assertThat(transcript.usage()).isEqualTo(new ReportedUsage(prompt, completion, null, null, null));
    }

    @Test
    void contentMayComeInParts() {
        // When
        add("{'choices': [{'delta': {'content': [{'type': 'text', 'text': 'Be'}, {'type': 'image'}, {'type': 'text', 'text': 'cause'}]}}]}");

        // Then
        assertThat(transcript.text()).hasToString("Because");
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "no JSON", "{'choices': ", "null", "7", "'text'", "[]", "{}", "{'choices': {}}",
            "{'usage': 5}" })
    void malformedPiecesAreCountedAndLeftOut(String data) {
        // Given
        add("{'choices': [{'delta': {'content': 'a'}}]}");

        // When
        List<PieceKind> pieces = add(data, "{'choices': [{'delta': {'content': 'b'}}]}");

        // Then
        assertThat(pieces).containsExactly(PieceKind.MALFORMED, PieceKind.CHUNK);
        assertThat(transcript.malformed()).isEqualTo(1);
        assertThat(transcript.text()).hasToString("ab");
    }

    @Test
    void theProviderMayReportAnError() {
        // When
        List<PieceKind> pieces = add("{'error': {'message': 'overloaded'}}", "{'error': null, 'choices': []}");

        // Then
        assertThat(pieces).containsExactly(PieceKind.ERROR, PieceKind.CHUNK);
        assertThat(transcript.malformed()).isZero();
        assertThat(transcript.isComplete()).isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            {'choices': [{'delta': {'content': 'Be'}, 'finish_reason': 'error'}]}                                      | ''
            {'choices': [{'delta': {'content': 'Be'}, 'finish_reason': 'error', 'error': {'code': 502}}]}              | {'code':502}
            {'choices': [{'message': {'content': 'Be'}, 'error': {'code': 429}}]}                                      | {'code':429}
            {'error': {'code': 502}, 'choices': [{'delta': {'content': 'Be'}, 'finish_reason': 'error'}]}              | {'code':502}
            {'error': 'boom', 'choices': [{'delta': {'content': 'Be'}}]}                                               | 'boom'
            """)
    void whatCameWithAnErrorIsKeptWhereverTheErrorStands(String data, String error) {
        // When
        List<PieceKind> pieces = add(data);

        // Then
        assertThat(pieces).containsExactly(PieceKind.ERROR);
        assertThat(transcript.text()).hasToString("Be");
        assertThat(transcript.error().toString().replace('"', '\'')).isEqualTo(error.equals("''") ? "" : error);
    }

    @Test
    void aDocumentMayBeAnError() {
        // When
        List<PieceKind> pieces = add("{'object': 'error', 'message': 'out of memory', 'code': 500}");

        // Then
        assertThat(pieces).containsExactly(PieceKind.ERROR);
        assertThat(transcript.error().path("message").asText()).isEqualTo("out of memory");
        assertThat(transcript.isEmpty()).isTrue();
        assertThat(transcript.isComplete()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = { "'error': null", "'error': ''", "'error': false" })
    void aMemberThatSaysNothingIsNoError(String member) {
        // When
        List<PieceKind> pieces = add("{%s, 'choices': [{'delta': {'content': 'a'}}]}".formatted(member));

        // Then
        assertThat(pieces).containsExactly(PieceKind.CHUNK);
    }

    @Test
    void anErrorOfAnotherChoiceIsNotThatOfTheAnswer() {
        // When
        List<PieceKind> pieces = add("{'choices': [{'index': 1, 'delta': {}, 'finish_reason': 'error'}]}");

        // Then
        assertThat(pieces).containsExactly(PieceKind.CHUNK);
    }

    @Test
    void aRefusalWithoutTextIsTheText() {
        // Given
        add("{'choices': [{'delta': {'content': '', 'refusal': 'I '}}]}",
                "{'choices': [{'delta': {'refusal': 'cannot'}, 'finish_reason': 'stop'}]}");
        int before = transcript.text().length();

        // When
        boolean more = transcript.end();

        // Then
        assertThat(before).isZero();
        assertThat(more).isTrue();
        assertThat(transcript.text()).hasToString("I cannot");
        assertThat(transcript.refusal()).isEqualTo("I cannot");
        assertThat(transcript.estimatedTokens()).isEqualTo(2);
    }

    @Test
    void aRefusalBesideTextStaysBesideIt() {
        // Given
        add("{'choices': [{'message': {'content': 'Well.', 'refusal': 'I cannot'}}]}");

        // When
        boolean more = transcript.end();

        // Then
        assertThat(more).isFalse();
        assertThat(transcript.text()).hasToString("Well.");
        assertThat(transcript.refusal()).isEqualTo("I cannot");
        assertThat(transcript.estimatedTokens()).isEqualTo(4);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            {'choices': [], 'usage': {'prompt_tokens': 1, 'completion_tokens': 2}}                              | USAGE
            {'choices': [{'delta': {'content': 'x'}}], 'usage': {'prompt_tokens': 1, 'completion_tokens': 2}}   | USAGE
            {'choices': [{'delta': {'content': 'x'}}]}                                                          | LAST
            {'error': 'boom'}                                                                                   | LAST
            nonsense                                                                                            | LAST
            [DONE]                                                                                              | LAST
            """)
    void afterTheEndOnlyUsageIsRead(String data, PieceKind kind) {
        // Given
        add("{'choices': [{'delta': {'content': 'a'}}]}", "[DONE]");

        // When
        PieceKind late = transcript.addLate(quoted(data));

        // Then
        assertThat(late).isEqualTo(kind);
        assertThat(transcript.text()).hasToString("a");
        assertThat(transcript.malformed()).isZero();
        assertThat(transcript.usage())
                .isEqualTo(kind == PieceKind.USAGE ? new ReportedUsage(1, 2, null, null, null) : ReportedUsage.NOTHING);
    }

    @Test
    void toolCallsAreJoined() {
        // When
        add("{'choices': [{'delta': {'tool_calls': [{'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'f', 'arguments': ''}}]}}]}",
                "{'choices': [{'delta': {'tool_calls': [{'index': 0, 'function': {'arguments': '[1,'}}]}}]}",
                "{'choices': [{'delta': {'tool_calls': [{'index': 1, 'id': 'c2', 'type': 'function', 'function': {'name': 'g', 'arguments': '[3]'}}]}}]}",
                "{'choices': [{'delta': {'tool_calls': [{'index': 0, 'function': {'arguments': '2]'}}]}}]}");

        // Then
        assertThat(transcript.toolCalls()).map(Object::toString).containsExactly(
                quoted("{'id':'c1','type':'function','function':{'name':'f','arguments':'[1,2]'}}"),
                quoted("{'id':'c2','type':'function','function':{'name':'g','arguments':'[3]'}}"));
        assertThat(transcript.isEmpty()).isFalse();
    }

    @Test
    void aWholeCompletionHasToolCallsWithoutNumbers() {
        // When
        add("{'choices': [{'message': {'content': null, 'tool_calls': [{'id': 'c1', 'function': {'name': 'f'}}, {'id': 'c2', 'function': {'name': 'g'}}]}}]}");

        // Then
        assertThat(transcript.toolCalls()).map(call -> call.get("id").asText()).containsExactly("c1", "c2");
        assertThat(transcript.text()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = { "['c1', null]", "'c1'", "{}", "null" })
    void malformedToolCallsAreLeftOut(String calls) {
        // When
        add("{'choices': [{'delta': {'content': 'a', 'tool_calls': %s}}]}".formatted(calls));

        // Then
        assertThat(transcript.toolCalls()).isEmpty();
        assertThat(transcript.text()).hasToString("a");
    }

    @ParameterizedTest
    @CsvSource({ "a, 16777216, false", "a, 16777217, true", "é, 8388608, false", "é, 8388609, true", "€, 5592405, false",
            "€, 5592406, true", "😀, 4194304, false", "😀, 4194305, true" })
    void anAnswerMayHaveSixteenMebibytes(String character, int count, boolean tooLarge) {
        // When
        add("{'choices': [{'delta': {'content': '%s'}}]}".formatted(character.repeat(count)));

        // Then
        assertThat(transcript.isTooLarge()).isEqualTo(tooLarge);
    }

    @Test
    void callsOfToolsAreBoundedTogether() {
        // Given
        add("{'choices': [{'delta': {'tool_calls': [{'index': 0, 'function': {'name': 'f', 'arguments': ''}}]}}]}");
        String piece = "{'choices': [{'delta': {'tool_calls': [{'index': 0, 'function': {'arguments': '%s'}}]}}]}"
                .formatted("a".repeat(1 << 20));

        // When
        add(piece, piece, piece, piece, piece, piece);

        // Then
        assertThat(transcript.isTooLarge()).isTrue();
        assertThat(transcript.toolCalls().get(0).at("/function/arguments").asText()).hasSizeLessThanOrEqualTo(4 << 20);
    }

    @Test
    void manyCallsOfToolsAreBoundedToo() {
        // Given
        String calls = "{}, ".repeat(9_999) + "{}";

        // When
        add("{'choices': [{'message': {'tool_calls': [%s]}}]}".formatted(calls),
                "{'choices': [{'message': {'tool_calls': [%s]}}]}".formatted(calls),
                "{'choices': [{'message': {'tool_calls': [%s]}}]}".formatted(calls));

        // Then
        assertThat(transcript.isTooLarge()).isTrue();
        assertThat(transcript.toolCalls()).hasSizeLessThan(25_000);
    }

    @Test
    void whatTheProviderCallsSomethingCanBeStored() {
        // Given
        String name = "a\\u0000\\ud83d" + "b".repeat(300);

        // When
        add("{'id': '%1$s', 'model': '%1$s', 'choices': [{'delta': {}, 'finish_reason': '%1$s'}]}".formatted(name));

        // Then
        assertThat(List.of(transcript.completionId(), transcript.model(), transcript.finishReason()))
                .containsOnly("a\uFFFD\uFFFD" + "b".repeat(252));
    }

    private List<PieceKind> add(String... data) {
        return Stream.of(data).map(TranscriptTest::quoted).map(transcript::add).toList();
    }

    private static String quoted(String json) {
        return json.replace('\'', '"');
    }
}

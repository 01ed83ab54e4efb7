package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What providers say of usage, each in its own words. */
class ReportedUsageTest {

    private final ObjectMapper json = new ObjectMapper();

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            'total_tokens': 117, 'completion_tokens_details': {'reasoning_tokens': 100} | 107 | 100
            'total_tokens': 117, 'reasoning_tokens': 100                                | 107 | 100
            'total_tokens': 117, 'output_tokens_details': {'reasoning_tokens': 100}     | 107 | 100
            'total_tokens': 22, 'reasoning_tokens': 5                                   | 12  | 5
            'total_tokens': 17, 'completion_tokens_details': {'reasoning_tokens': 5}    | 7   | 5
            'total_tokens': 17, 'completion_tokens_details': {'reasoning_tokens': 0}    | 7   | 0
            'total_tokens': 117                                                         | 7   | -
            """)
    void reasoningBesideTheCompletionIsPartOfItWhereTheTotalSaysSo(String members, int completion, Integer reasoning)
            throws JsonProcessingException {
        // When
        ReportedUsage usage = of("'prompt_tokens': 10, 'completion_tokens': 7, " + members);

        // Then
        assertThat(usage).isEqualTo(new ReportedUsage(10, completion, null, reasoning, null));
    }

    @ParameterizedTest
    @ValueSource(strings = { "116", "118", "16", "0", "-117", "null", "'117'", "117.0", "1.17e2", "true", "[117]", "1e300",
            "100000117", "9223372036854775807", "9223372036854775808", "99999999999999999999999999" })
    void aTotalThatIsNotTheSumChangesNothing(String total) throws JsonProcessingException {
        // When
        ReportedUsage usage = of(
                "'prompt_tokens': 10, 'completion_tokens': 7, 'reasoning_tokens': 100, 'total_tokens': " + total);

        // Then
        assertThat(usage).isEqualTo(new ReportedUsage(10, 7, null, 100, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "'prompt_tokens': 10, 'reasoning_tokens': 100, 'total_tokens': 110",
            "'prompt_tokens': 10, 'completion_tokens': -7, 'reasoning_tokens': 100, 'total_tokens': 103" })
    void withoutACompletionNothingIsAdded(String members) throws JsonProcessingException {
        // When
        ReportedUsage usage = of(members);

        // Then
        assertThat(usage).isEqualTo(new ReportedUsage(10, null, null, 100, null));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            'completion_tokens': 60000000, 'reasoning_tokens': 60000000, 'total_tokens': 120000010  | 60000000
            'completion_tokens': 40000000, 'reasoning_tokens': 60000000, 'total_tokens': 100000010  | 100000000
            """)
    void noMoreIsAddedThanACallTakes(String members, int completion) throws JsonProcessingException {
        // When
        ReportedUsage usage = of("'prompt_tokens': 10, " + members);

        // Then
        assertThat(usage.completion()).isEqualTo(completion);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            'prompt_tokens': 10, 'prompt_tokens_details': {'cached_tokens': 4}                              | 10 | 4
            'prompt_tokens': 10, 'prompt_cache_hit_tokens': 4, 'prompt_cache_miss_tokens': 6                | 10 | 4
            'prompt_tokens': 10, 'cached_tokens': 4                                                         | 10 | 4
            'prompt_tokens': 10, 'cache_read_input_tokens': 4, 'cache_creation_input_tokens': 2             | 10 | 4
            'prompt_tokens': 10, 'prompt_tokens_details': {'cached_tokens': 4}, 'cache_read_input_tokens': 4 | 10 | 4
            'prompt_tokens': 10, 'prompt_tokens_details': null, 'prompt_cache_hit_tokens': 4                | 10 | 4
            'input_tokens': 10, 'input_tokens_details': {'cached_tokens': 4}                                | 10 | 4
            'input_tokens': 4, 'cache_read_input_tokens': 4, 'cache_creation_input_tokens': 2               | 10 | 4
            'input_tokens': 6, 'cache_read_input_tokens': 4                                                 | 10 | 4
            'input_tokens': 10                                                                              | 10 | -
            'input_tokens': 10, 'cache_read_input_tokens': null, 'cache_creation_input_tokens': -3          | 10 | -
            'prompt_tokens': 10, 'input_tokens': 3, 'cache_read_input_tokens': 4                            | 10 | 4
            'prompt_tokens': 10, 'prompt_tokens_details': {'cached_tokens': 'many'}                         | 10 | -
            'prompt_tokens': 10, 'prompt_tokens_details': {'cached_tokens': -4}                             | 10 | -
            'input_tokens': 99999999, 'cache_read_input_tokens': 99999999                                   | 100000000 | 99999999
            """)
    void theCacheIsPartOfThePrompt(String members, int prompt, Integer cached) throws JsonProcessingException {
        // When
        ReportedUsage usage = of(members + ", 'output_tokens': 7");

        // Then
        assertThat(usage).isEqualTo(new ReportedUsage(prompt, 7, cached, null, null));
    }

    @ParameterizedTest
    @CsvSource({ "3, 3", "10, 10", "11, 10", "99999999999, 10" })
    void noMoreCameFromTheCacheThanThereWas(String reported, int cached) throws JsonProcessingException {
        // Given
        ReportedUsage usage = of("'prompt_tokens': 10, 'completion_tokens': 7, 'cached_tokens': " + reported);

        // When
        Usage counted = Usage.of(usage, 0, 0);

        // Then
        assertThat(counted).isEqualTo(new Usage(10, 7, 17, cached, null, false, null));
    }

    @ParameterizedTest
    @ValueSource(strings = { "0", "0.95", "1", "0.00014", "1.4E-4", "0.000012299999999999999", "0.1234567890123456789012345",
            "1000000", "1000000.0", "1E+3", "0.0000000000000000000000000000000000000001" })
    void aCostIsKeptDigitForDigit(String cost) throws JsonProcessingException {
        // When
        ReportedUsage usage = of("'cost': %s, 'cost_details': {'cost': 19}, 'is_byok': false".formatted(cost));

        // Then
        assertThat(usage.cost()).isEqualTo(new BigDecimal(cost));
    }

    @ParameterizedTest
    @ValueSource(strings = { "-0.1", "1000000.1", "1e300", "1e999999999", "1e99999999999", "1e-41", "'0.95'", "null", "true",
            "{}",
            "[0.95]", "0.95, 'cost': null" })
    void aCostThatMakesNoSenseIsNone(String cost) throws JsonProcessingException {
        // When
        ReportedUsage usage = of("'prompt_tokens': 10, 'completion_tokens': 7, 'cost': " + cost);

        // Then
        assertThat(usage).isEqualTo(new ReportedUsage(10, 7, null, null, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "{'cost': 9, 'choices': [{'cost': 8, 'usage': {'cost': 7}}], 'usage': {'cost_details': {'cost': 5}, 'cost': 0.95}}",
            "{'usage': {'cost': 0.95, 'cost_details': {'cost': 5}}, 'error': {'cost': 7}, 'x': [[{}], {'usage': {'cost': 1}}]}",
            "{'usage': {'cost': 1}, 'usage': {'cost': 2, 'cost': 0.95}}" })
    void theCostIsThatOfTheUsage(String chunk) throws JsonProcessingException {
        // When
        ReportedUsage usage = read(chunk);

        // Then
        assertThat(usage.cost()).isEqualTo(new BigDecimal("0.95"));
    }

    private ReportedUsage of(String members) throws JsonProcessingException {
        return read("{'choices': [], 'usage': {%s}}".formatted(members));
    }

    private ReportedUsage read(String chunk) throws JsonProcessingException {
        String piece = chunk.replace('\'', '"');
        return ReportedUsage.of(json, piece, json.readTree(piece));
    }
}

package dev.chatkeep.completion.openai;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.CompletionConfig;
import dev.chatkeep.completion.ModelRequest.Document;
import dev.chatkeep.completion.openai.OpenAiErrors.OpenAiError;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;

class OpenAiRequestReaderTest {

    private static final String MESSAGES = "\"messages\": [{\"role\": \"user\", \"content\": \"Why?\"}]";

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "models": ["big/model"]                       | models
            "provider": {"order": ["dear"]}               | provider
            "route": "fallback"                           | route
            "plugins": [{"id": "web"}]                    | plugins
            "service_tier": "priority"                    | service_tier
            "transforms": ["middle-out"]                  | transforms
            "web_search_options": {}                      | web_search_options
            "best_of": 5                                  | best_of
            "fallbacks": ["big/model"]                    | fallbacks
            "prediction": {"type": "content"}             | prediction
            "store": true                                 | store
            "modalities": ["text", "audio"]               | modalities
            "audio": {"voice": "alloy"}                   | audio
            "some_new_thing": 1                           | some_new_thing
            "MODELS": ["big/model"]                       | MODELS
            "tools": [{"type": "function"}, {"type": "openrouter:web_search"}] | tools[1].type
            "usage": {"include": true, "web": 1}          | usage.web
            "n": 7                                        | n
            "n": 2                                        | n
            """)
    void whatMayChooseAnotherModelOrBeDearerIsRefused(String option, String param) {
        // When
        OpenAiError refused = refusal(new Config(Set.of(), 1), option);

        // Then
        assertThat(refused.code()).isEqualTo("option_not_allowed");
        assertThat(refused.param()).isEqualTo(param);
        assertThat(refused.type()).isEqualTo("invalid_request_error");
    }

    @ParameterizedTest
    @ValueSource(strings = { "\"temperature\": 0.5", "\"top_p\": 1", "\"max_tokens\": 5", "\"max_completion_tokens\": 5",
            "\"stop\": [\"a\"]", "\"seed\": 1", "\"presence_penalty\": 0", "\"frequency_penalty\": 0",
            "\"logit_bias\": {\"1\": 1}", "\"logprobs\": true", "\"top_logprobs\": 2",
            "\"response_format\": {\"type\": \"json_object\"}", "\"tools\": [{\"type\": \"function\"}]",
            "\"tool_choice\": \"auto\"", "\"parallel_tool_calls\": false", "\"user\": \"u\"",
            "\"metadata\": {\"mine\": \"kept\"}", "\"reasoning_effort\": \"low\"", "\"verbosity\": \"low\"",
            "\"functions\": []", "\"usage\": {\"include\": true}", "\"usage\": null", "\"function_call\": \"none\"", "\"n\": 1",
            "\"stream\": true, \"stream_options\": {}",
            "\"models\": null", "\"n\": null", "\"stream\": null", "\"stream_options\": null", "\"tools\": null" })
    void whatIsHarmlessGoesToTheProviderAsItIs(String option) throws Exception {
        // When
        Document document = read(new Config(Set.of(), 1), option);

        // Then
        assertThat(document.document()).hasToString(new ObjectMapper().readTree(body(option)).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = { "\"service_tier\": \"flex\"", "\"tools\": [{\"type\": \"web_search\"}]", "\"n\": 3" })
    void whatTheAdministratorAllowsPasses(String option) throws Exception {
        // When
        Document document = read(new Config(Set.of("service_tier", "tools"), 3), option);

        // Then
        assertThat(document.document()).hasToString(new ObjectMapper().readTree(body(option)).toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "n": 0                                      | n
            "n": 1.5                                    | n
            "n": "2"                                    | n
            "n": 99999999999                            | n
            "stream": "true"                            | stream
            "stream_options": "usage"                   | stream_options
            "stream_options": [1]                       | stream_options
            "stream_options": {"include_usage": "yes"}  | stream_options.include_usage
            "metadata": 7                               | metadata
            "tools": {"type": "function"}               | tools
            "tools": {"a": {"type": "web"}}             | tools
            "tools": "none"                             | tools
            "tools": [{"type": "function"}, "web"]      | tools[1]
            "tools": [{"type": 7}]                      | tools[0].type
            "usage": true                               | usage
            "usage": {"include": 1}                     | usage.include
            "stream": 1                                 | stream
            "metadata": ["a"]                           | metadata
            """)
    void whatHasTheWrongTypeIsNamed(String option, String param) {
        // When
        OpenAiError refused = refusal(new Config(Set.of(), 1), option);

        // Then
        assertThat(refused.code()).isEqualTo("invalid_field");
        assertThat(refused.param()).isEqualTo(param);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "file", "file": {"file_data": "x"}}]} | messages[1].content[1].type
            {"role": "user", "content": [{"type": "some_new_thing"}]}                            | messages[1].content[0].type
            {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}      | messages[1].content[0].type
            {"role": "user", "content": [{"file": {"file_id": "x"}}]}                            | messages[1].content[0].file
            {"role": "user", "content": {"type": "file"}}                                        | messages[1].content.type
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]} | messages[1].content[0].cache_control
            {"role": "user", "content": "a", "cache_control": {"type": "ephemeral"}}             | messages[1].cache_control
            {"role": "user", "content": "a", "plugins": [{"id": "file-parser"}]}                 | messages[1].plugins
            {"role": "user", "content": "a", "service_tier": "priority"}                         | messages[1].service_tier
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x", "model": "y"}}]} | messages[1].content[0].image_url.model
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x", "a": 1}}]} | messages[1].content[0].input_audio.a
            {"role": "assistant", "tool_calls": [{"id": "a"}, {"id": "b", "cache_control": {}}]} | messages[1].tool_calls[1].cache_control
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "a", "citations": {}}]} | messages[1].content[0].citations
            """)
    void whatMayMakeAMessageDearerIsRefused(String message, String param) {
        // When
        OpenAiError refused = refusal(new Config(Set.of(), 1), withMessage(message));

        // Then
        assertThat(refused.code()).isEqualTo("option_not_allowed");
        assertThat(refused.param()).isEqualTo(param);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "tools": [{"type": "function"}, {"type": "function", "cache_control": {}}]      | tools[1].cache_control
            "tools": [{"type": "function", "function": {"name": "f", "cache_control": {}}}] | tools[0].function.cache_control
            """)
    void whatMayMakeAToolDearerIsRefused(String option, String param) {
        // When
        OpenAiError refused = refusal(new Config(Set.of(), 1), option);

        // Then
        assertThat(refused.code()).isEqualTo("option_not_allowed");
        assertThat(refused.param()).isEqualTo(param);
    }

    @ParameterizedTest
    @ValueSource(strings = { "{\"role\": \"system\", \"content\": \"a\", \"name\": \"b\"}",
            "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"a\", \"cache_control\": null}, \"b\"]}",
            "{\"role\": \"user\", \"content\": [{\"type\": \"image_url\", \"image_url\": {\"url\": \"https://a/b.png\", \"detail\": \"low\"}}]}",
            "{\"role\": \"user\", \"content\": [{\"type\": \"image_url\", \"image_url\": \"data:image/png;base64,AA\"}]}",
            "{\"role\": \"user\", \"content\": [{\"type\": \"input_audio\", \"input_audio\": {\"data\": \"AA\", \"format\": \"wav\"}}]}",
            "{\"role\": \"assistant\", \"content\": [{\"type\": \"refusal\", \"refusal\": \"No\"}], \"refusal\": null, \"audio\": null}",
            "{\"role\": \"assistant\", \"content\": null, \"reasoning\": \"r\", \"reasoning_details\": [{\"type\": \"x\", \"a\": 1}]}",
            "{\"role\": \"assistant\", \"tool_calls\": [{\"index\": 0, \"id\": \"a\", \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": \"{}\"}}]}",
            "{\"role\": \"tool\", \"tool_call_id\": \"a\", \"content\": [{\"type\": \"text\", \"text\": \"a\"}]}",
            "{\"role\": \"function\", \"name\": \"f\", \"content\": \"a\"}" })
    void messagesAsUsualGoToTheProviderAsTheyAre(String message) throws Exception {
        // When
        Document document = read(new Config(Set.of(), 1), withMessage(message));

        // Then
        assertThat(document.document()).hasToString(new ObjectMapper().readTree(body(withMessage(message))).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "{\"role\": \"user\", \"content\": [{\"type\": \"file\", \"file\": {\"file_data\": \"AA\", \"filename\": \"a.pdf\"}}]}",
            "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"a\", \"cache_control\": {\"type\": \"ephemeral\"}}]}",
            "{\"role\": \"user\", \"content\": \"a\", \"cache_control\": {\"type\": \"ephemeral\"}}" })
    void whatTheAdministratorAllowsPassesInMessages(String message) throws Exception {
        // When
        Document document = read(new Config(Set.of("file", "cache_control"), 1), withMessage(message));

        // Then
        assertThat(document.document()).hasToString(new ObjectMapper().readTree(body(withMessage(message))).toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "Why?"                                      | messages[1]
            {"role": "user", "content": [7]}            | messages[1].content[0]
            {"role": "user", "content": [[]]}           | messages[1].content[0]
            {"role": "user", "content": [{"type": 1}]}  | messages[1].content[0].type
            """)
    void whatIsNoMessageIsNamed(String message, String param) {
        // When
        OpenAiError refused = refusal(new Config(Set.of(), 1), withMessage(message));

        // Then
        assertThat(refused.code()).isEqualTo("invalid_field");
        assertThat(refused.param()).isEqualTo(param);
    }

    /** In place of the messages that all requests have. */
    private static String withMessage(String message) {
        return "\"messages\": [{\"role\": \"user\", \"content\": \"Why?\"}, " + message + "]";
    }

    private static OpenAiError refusal(CompletionConfig config, String option) {
        Throwable failure = subscribe(config, option).awaitFailure().getFailure();
        assertThat(((HttpProblem) failure).getStatusCode()).isEqualTo(422);
        return OpenAiErrors.of((HttpProblem) failure).error();
    }

    private static Document read(CompletionConfig config, String option) {
        return (Document) subscribe(config, option).awaitItem().getItem().call().request();
    }

    private static UniAssertSubscriber<OpenAiRequestReader.ParsedRequest> subscribe(CompletionConfig config, String option) {
        return new OpenAiRequestReader(new ObjectMapper(), config).read(body(option).getBytes(StandardCharsets.UTF_8), null)
                .subscribe().withSubscriber(UniAssertSubscriber.create());
    }

    private static String body(String option) {
        return option.startsWith("\"messages\"") ? "{" + option + "}" : "{" + MESSAGES + ", " + option + "}";
    }

    private record Config(Set<String> allowed, int maxChoices) implements CompletionConfig {

        @Override
        public Optional<Set<String>> allowedOptions() {
            return allowed.isEmpty() ? Optional.empty() : Optional.of(allowed);
        }

        @Override
        public Optional<String> defaultModel() {
            return Optional.empty();
        }

        @Override
        public Options options() {
            return null;
        }

        @Override
        public int contextLength() {
            return 1_000;
        }

        @Override
        public Duration resumeGrace() {
            return Duration.ZERO;
        }

        @Override
        public Duration checkpointInterval() {
            return Duration.ZERO;
        }
    }
}

package dev.chatkeep.completion.openai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIServiceException;
import com.openai.errors.PermissionDeniedException;
import com.openai.errors.RateLimitException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.models.Model;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.Completion;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

/** As OpenAI's own client sees it, and byte for byte where that hides something. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithTestResource(value = ProviderResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class OpenAiResourceIT {

    private static String model;

    ScriptedProvider provider;

    private final Caller ann = Caller.fresh();
    private final String marker = "marker-" + UUID.randomUUID();

    @BeforeEach
    void openAModel() {
        model = model == null ? Models.open("free", "0.001", "0.002") : model;
    }

    @Test
    void aWholeCompletionIsTheProvidersOwn() {
        String document = """
                {"id": "chatcmpl-w", "object":"chat.completion", "created": 1, "model": "%s", "system_fingerprint": "fp", "choices":
                [{"index": 0, "message": {"role": "assistant", "content": "Olá", "refusal": null}, "logprobs": null,
                "finish_reason": "stop"}], "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}}"""
                .formatted(model);
        provider.on(marker, Script.json(200, Map.of(), document));

        ChatCompletion completion = client().chat().completions().create(asking().build());
        Response raw = ann.request().body(Map.of("model", model, "messages", question())).post("/v1/chat/completions");

        assertThat(completion.choices().get(0).message().content()).contains("Olá");
        assertThat(completion.usage().orElseThrow().promptTokens()).isEqualTo(4);
        assertThat(raw.asString()).isEqualTo(document);
        assertThat(raw.contentType()).isEqualTo("application/json");
        assertThat(usage()).isEqualTo("sent 2 received 2 input 8 output 4");
        assertThat(Stored.of(ann, "sessions")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aStreamIsTheProvidersOwn(boolean withUsage) {
        provider.on(marker, Script.streamed().delta("One ").delta("two").usage(4, 2).done());
        ChatCompletionCreateParams.Builder asking = asking();
        if (withUsage) {
            asking.streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build());
        }

        StringBuilder text = new StringBuilder();
        List<Long> totals = new ArrayList<>();
        try (StreamResponse<ChatCompletionChunk> chunks = client().chat().completions().createStreaming(asking.build())) {
            chunks.stream().forEach(chunk -> {
                chunk.choices().forEach(choice -> text.append(choice.delta().content().orElse("")));
                chunk.usage().ifPresent(usage -> totals.add(usage.totalTokens()));
            });
        }

        assertThat(text).hasToString("One two");
        assertThat(totals).isEqualTo(withUsage ? List.of(6L) : List.of());
        assertThat(usage()).isEqualTo("sent 1 received 1 input 4 output 2");
    }

    @Test
    void whatAProviderDoesNotSayAboutUsageIsEstimatedForWhoAsked() {
        provider.on(marker, Script.streamed().delta("Hello world").done());

        try (EventStreamClient stream = EventStreamClient.post(ann, "/v1/chat/completions",
                Map.of("model", model, "stream", true,
                        "stream_options", Map.of("include_usage", true), "messages", question()))) {
            List<EventStreamClient.Event> events = stream.rest();

            assertThat(events.get(events.size() - 1).data()).isEqualTo("[DONE]");
            JsonNode last = events.get(events.size() - 2).json();
            assertThat(last.path("choices")).isEmpty();
            assertThat(last.at("/usage/completion_tokens").intValue()).isEqualTo(2);
        }
    }

    @Test
    void whatIsAskedGoesToTheProviderAsItIs() {
        String request = """
                {"model": "%s", "messages": [{"role": "user", "content": [{"type": "text", "text": "%s"},
                 {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}], "temperature": 0.10,
                 "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
                 "tool_choice": "auto", "response_format": {"type": "json_object"}, "logit_bias": {"50256": -100, "198": 2.5},
                 "metadata": {"session_id": "s", "mine": "kept"}, "seed": 12345678901234567890}
                """
                .formatted(model, marker);

        Response answer = ann.request().body(request).post("/v1/chat/completions");

        assertThat(answer.statusCode()).isEqualTo(200);
        JsonNode expected = Json.of(request.replace("\"session_id\": \"s\", ", ""));
        assertThat(provider.calls(marker).get(0).body()).isEqualTo(expected);
        assertThat(contents("s")).startsWith(marker);
    }

    @Test
    void callsOfToolsPassThroughAndAreKept() {
        provider.on(marker, Script.streamed()
                .event("""
                        {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant",
                        "tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}}]}
                        """
                        .replace("\n", " "))
                .event("""
                        {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{
                        "tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}
                        """.replace("\n", " ")).finish("tool_calls").usage(3, 9).done());

        List<String> names = new ArrayList<>();
        try (StreamResponse<ChatCompletionChunk> chunks = client().chat().completions()
                .createStreaming(inSession("s").build())) {
            chunks.stream().forEach(chunk -> chunk.choices().forEach(choice -> choice.delta().toolCalls().ifPresent(
                    calls -> calls.forEach(call -> call.function().flatMap(f -> f.name()).ifPresent(names::add)))));
        }

        assertThat(names).containsExactly("weather");
        assertThat(contents("s")).containsExactly(marker, "");
        assertThat(usage()).isEqualTo("sent 1 received 1 input 3 output 9");
    }

    @ParameterizedTest
    @ValueSource(strings = { "metadata", "header" })
    void anExchangeIsStoredInASession(String how) {
        provider.on(marker, Script.streamed().delta("Stored").usage(4, 2).done());
        ChatCompletionCreateParams.Builder asking = how.equals("metadata") ? inSession("s")
                : asking().putAdditionalHeader("X-Session-Id", "s");

        client().chat().completions().create(asking.build());

        assertThat(contents("s")).containsExactly(marker, "Stored");
        assertThat(provider.calls(marker).get(0).body().has("metadata")).isFalse();
        JsonNode session = Json.of(ann.listSessions()).at("/sessions/0");
        assertThat(session.path("message_count").intValue()).isEqualTo(2);
        assertThat(session.path("total_tokens").intValue()).isEqualTo(6);
    }

    @Test
    void theModelsAreThoseOfTheTier() {
        String pro = Models.open("pro", "0", "0");

        List<String> models = client().models().list().data().stream().map(Model::id).toList();
        Model one = client().models().retrieve(model);

        assertThat(models).contains(model).doesNotContain(pro);
        assertThat(one.ownedBy()).isEqualTo("test");
        assertThat((double) one.created()).isCloseTo(Sql.<Double> value(
                "select extract(epoch from min(created_at))::float8 from public.model_access where model_id = ?", model),
                within(1.0));
        assertThat(catchThrowableOfType(NotFoundException.class, () -> client().models().retrieve(pro)).code())
                .contains("model_not_found");
    }

    @Test
    void errorsAreThoseThatTheClientKnows() {
        assertThat(failure(UnauthorizedException.class, client("bad"), asking())).contains("invalid_token");
        assertThat(failure(NotFoundException.class, client(), asking().model("no/such"))).contains("model_not_found");
        assertThat(failure(PermissionDeniedException.class, client(), asking().model(Models.open("pro", "0", "0"))))
                .contains("model_not_allowed");
        provider.on(marker, Script.json(400, Map.of(), "{\"error\": {\"message\": \"Too long\"}}"),
                Script.json(429, Map.of("Retry-After", "60"), "{}"));
        assertThat(failure(BadRequestException.class, client(), asking())).contains("provider_rejected");
        assertThat(failure(RateLimitException.class, client(), asking())).contains("provider_rate_limited");
    }

    @Test
    void whatTheProviderSaysOfARejectedRequestIsKept() {
        // Given
        provider.on(marker, Script.json(400, Map.of(), """
                {"error": {"message": "Too long", "type": "invalid_request_error", "param": "messages",
                           "code": "context_length_exceeded"}}
                """));

        // When
        Response refused = ann.request().body(Map.of("model", model, "messages", question())).post("/v1/chat/completions");

        // Then
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(Json.of(refused)).isEqualTo(Json.of("""
                {"error": {"message": "The model provider does not accept the request: Too long",
                           "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}
                """));
    }

    @Test
    void aHeaderThatIsTooLongIsNamed() {
        // Given
        Map<String, Object> asked = Map.of("model", model, "messages", question());

        // When
        Response refused = ann.request().header("X-Session-Id", "x".repeat(256)).body(asked).post("/v1/chat/completions");

        // Then
        assertThat(refused.statusCode()).isEqualTo(422);
        assertThat(Json.of(refused)).isEqualTo(Json.of("""
                {"error": {"message": "X-Session-Id must have at most 255 characters.", "type": "invalid_request_error",
                           "param": "X-Session-Id", "code": "invalid_field"}}
                """));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = { "{|400|invalid_request|null", "[]|400|invalid_request|null",
            "{\"messages\": []}|422|invalid_field|messages", "{}|422|invalid_field|messages",
            "{\"messages\": [{}], \"model\": 7}|422|invalid_field|model",
            "{\"messages\": [{}], \"models\": [\"a/b\"]}|422|option_not_allowed|models",
            "{\"messages\": [{}], \"n\": 7}|422|option_not_allowed|n",
            "{\"messages\": [{}], \"stream\": true, \"stream_options\": 5}|422|invalid_field|stream_options",
            "{\"messages\": [{}], \"stream\": \"yes\"}|422|invalid_field|stream",
            "{\"messages\": [{}], \"metadata\": \"mine\"}|422|invalid_field|metadata",
            "{\"messages\": [{}], \"tools\": {}}|422|invalid_field|tools",
            "{\"messages\": [{}], \"tools\": [7]}|422|invalid_field|tools[0]",
            "{\"messages\": [{}], \"metadata\": {\"session_id\": \"\"}}|422|invalid_field|metadata.session_id" })
    void whatIsWrongIsSaidInOpenAisShape(String body, int status, String code, String param) {
        Response refused = ann.request().body(body).post("/v1/chat/completions");

        assertThat(refused.statusCode()).isEqualTo(status);
        assertThat(refused.contentType()).isEqualTo("application/json");
        JsonNode error = Json.of(refused).path("error");
        assertThat(error.path("code").textValue()).isEqualTo(code);
        assertThat(error.path("param").asText()).isEqualTo(param);
        assertThat(error.path("type").textValue()).isEqualTo("invalid_request_error");
        assertThat(error.path("message").textValue()).isNotBlank();
    }

    @Test
    void aLimitThatIsUsedUpIsSaidInHeadersToo() {
        String limited = Models.freshId();
        Models.change(Models.open(limited, "free", "0", "0"), "{\"daily_limit\": 1}");
        Map<String, Object> asked = Map.of("model", limited, "messages", question());

        Response first = ann.request().body(asked).post("/v1/chat/completions");
        Response second = ann.request().body(asked).post("/v1/chat/completions");

        assertThat(first.statusCode()).isEqualTo(200);
        assertThat(first.header("RateLimit")).startsWith("\"daily\";r=0;t=");
        assertThat(second.statusCode()).isEqualTo(429);
        assertThat(second.header("Retry-After")).isNotNull();
        assertThat(Json.of(second).at("/error/code").textValue()).isEqualTo("quota_exceeded");
        assertThat(Json.of(second).at("/error/type").textValue()).isEqualTo("rate_limit_error");
    }

    @Test
    void aStreamThatBreaksSaysSo() {
        CountDownLatch seen = new CountDownLatch(1);
        provider.on(marker, Script.streamed().delta("Half").holdUntil(seen).breakOff());

        try (EventStreamClient stream = EventStreamClient.post(ann, "/v1/chat/completions",
                Map.of("model", model, "stream", true, "messages", question(), "metadata", Map.of("session_id", "s")))) {
            assertThat(stream.next().data()).contains("Half");
            seen.countDown();
            List<EventStreamClient.Event> events = stream.rest();

            assertThat(events.get(events.size() - 1).json().at("/error/code").textValue()).isEqualTo("provider_broke_off");
            assertThat(contents("s")).containsExactly(marker, "Half");
        }
    }

    // ---- What providers make of it ------------------------------------------------------------------------------------

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void usageComesAsTheProviderSaysItWhateverIsCounted(boolean streamed) {
        // Given
        String said = """
                {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 113, "reasoning_tokens": 100, "cost": 0.5,
                 "cost_details": {"upstream_inference_cost": 19}, "is_byok": false}""";
        provider.on(marker, (streamed ? Script.streamed().delta("42") : Script.whole("42", 1, 1)).usageJson(said).done());

        // When
        Response answer = ann.request().body(asked(false, "s")).post("/v1/chat/completions");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer).path("usage")).isEqualTo(Json.of(said));
        assertThat(usage()).isEqualTo("sent 1 received 1 input 9 output 104");
    }

    @ParameterizedTest
    @CsvSource({ "gzip, true", "gzip, false", "deflate, true", "deflate, false" })
    void aCompressedAnswerIsRead(String coding, boolean streamed) throws IOException {
        // Given
        Completion completion = Completion.of("c", model);
        String body = streamed ? events(completion.delta("Olá"), completion.finish("stop"),
                completion.usage(Completion.usageOf(4, 2)), "[DONE]")
                : completion.whole("Olá", "stop", Completion.usageOf(4, 2));
        provider.on(marker, Script.bytes(200, Map.of("Content-Encoding", coding, "Content-Type",
                streamed ? "text/event-stream" : "application/json"), compressed(coding, body)));

        // When
        Response answer = ann.request().body(asked(streamed, "s")).post("/v1/chat/completions");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.header("Content-Encoding")).isNull();
        assertThat(answer.asString()).contains("Olá");
        assertThat(contents("s")).containsExactly(marker, "Olá");
        assertThat(usage()).isEqualTo("sent 1 received 1 input 4 output 2");
    }

    @Test
    void whatIsStreamedAlthoughAWholeAnswerWasAskedForIsPutTogether() {
        // Given
        Completion completion = Completion.of("gen-7", model);
        provider.on(marker, Script.bytes(200, Map.of("Content-Type", "text/event-stream"),
                events(completion.delta("One "), completion.delta("two"), completion.finish("length"),
                        completion.usage(Completion.usageOf(4, 2)), "[DONE]").getBytes(StandardCharsets.UTF_8)));

        // When
        ChatCompletion answer = client().chat().completions().create(inSession("s").build());

        // Then
        assertThat(answer.id()).isEqualTo("gen-7");
        assertThat(answer.choices().get(0).message().content()).contains("One two");
        assertThat(answer.choices().get(0).finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.LENGTH);
        assertThat(answer.usage().orElseThrow().totalTokens()).isEqualTo(6);
        assertThat(contents("s")).containsExactly(marker, "One two");
        assertThat(usage()).isEqualTo("sent 1 received 1 input 4 output 2");
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aWholeAnswerIsStreamedToWhoAskedForAStream(boolean withUsage) {
        // Given
        provider.on(marker, Script.whole("All at once", 3, 4));
        ChatCompletionCreateParams.Builder asking = asking();
        if (withUsage) {
            asking.streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build());
        }

        // When
        StringBuilder text = new StringBuilder();
        List<String> reasons = new ArrayList<>();
        List<Long> totals = new ArrayList<>();
        try (StreamResponse<ChatCompletionChunk> chunks = client().chat().completions().createStreaming(asking.build())) {
            chunks.stream().forEach(chunk -> {
                chunk.choices().forEach(choice -> {
                    text.append(choice.delta().content().orElse(""));
                    choice.finishReason().ifPresent(reason -> reasons.add(reason.asString()));
                });
                chunk.usage().ifPresent(usage -> totals.add(usage.totalTokens()));
            });
        }

        // Then
        assertThat(text).hasToString("All at once");
        assertThat(reasons).containsExactly("stop");
        assertThat(totals).isEqualTo(withUsage ? List.of(7L) : List.of());
        assertThat(usage()).isEqualTo("sent 1 received 1 input 3 output 4");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{\"object\": \"error\", \"message\": \"out of memory\", \"code\": 500}",
            "{\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"error\", \"error\": {\"code\": 502, \"message\": \"up\"}}]}",
            "{\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"error\"}]}",
            "{\"choices\": [{\"index\": 0, \"delta\": {}, \"error\": {\"message\": \"up\"}}]}" })
    void anErrorIsAnErrorWhereverItStands(String error) {
        // Given
        provider.on(marker, Script.streamed().delta("Hel").event(error).done());

        // When
        List<EventStreamClient.Event> events;
        try (EventStreamClient stream = EventStreamClient.post(ann, "/v1/chat/completions", asked(true, "s"))) {
            events = stream.rest();
        }

        // Then
        assertThat(events).hasSize(2);
        assertThat(events.get(0).data()).contains("Hel");
        assertThat(events.get(1).json().at("/error/code").textValue()).isEqualTo("provider_broke_off");
        assertThat(events.get(1).data()).doesNotContain("out of memory");
        assertThat(contents("s")).containsExactly(marker, "Hel");
        assertThat(Json.of(ann.messages("s")).at("/messages/1/error").booleanValue()).isTrue();
        assertThat(usage()).isEqualTo("sent 1 received 0 input 0 output 0");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"error": {"code": 429, "message": "slow down"}}                              | true
            {"error": {"code": "429"}}                                                    | false
            {"object": "error", "type": "rate_limit_exceeded", "message": "slow down"}    | false
            {"choices": [{"index": 0, "message": {"content": ""}, "error": {"code": 429}}]} | true
            """)
    void aRateLimitInPlaceOfAnAnswerIsOneForTheClientToo(String document, boolean streamed) {
        // Given
        provider.on(marker, Script.json(200, Map.of(), document));

        // When
        Response refused = ann.request().body(asked(streamed, "s")).post("/v1/chat/completions");

        // Then
        assertThat(refused.statusCode()).isEqualTo(429);
        assertThat(refused.header("Retry-After")).isEqualTo("5");
        assertThat(Json.of(refused).at("/error/code").textValue()).isEqualTo("provider_rate_limited");
        assertThat(contents("s")).containsExactly(marker);
        assertThat(usage()).isEqualTo("sent 1 received 0 input 0 output 0");
    }

    @Test
    void aRateLimitInTheMiddleHasItsCode() {
        // Given
        provider.on(marker, Script.streamed().delta("Hel").event("{\"error\": {\"code\": 429}}").done());

        // When
        List<EventStreamClient.Event> events;
        try (EventStreamClient stream = EventStreamClient.post(ann, "/v1/chat/completions", asked(true, "s"))) {
            events = stream.rest();
        }

        // Then
        assertThat(events.get(events.size() - 1).json().at("/error/code").textValue()).isEqualTo("provider_rate_limited");
        assertThat(contents("s")).containsExactly(marker, "Hel");
        assertThat(usage()).isEqualTo("sent 1 received 0 input 0 output 0");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"error": "Too long"}                    | Too long
            {"detail": [{"msg": "Too long"}]}        | Too long
            {"message": "Too long"}                  | Too long
            <html><body>Too long</body></html>       | The model provider does not accept the request.
            """)
    void theReasonOfARejectionIsFoundWhereverItStands(String body, String sentence) {
        // Given
        provider.on(marker, Script.json(400, Map.of(), body));

        // When
        Response refused = ann.request().body(asked(false, "s")).post("/v1/chat/completions");

        // Then
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(Json.of(refused).at("/error/message").textValue()).endsWith(sentence).doesNotContain("<");
    }

    @Test
    void callsOfToolsAreStoredWholeHoweverTheyCome() {
        // Given
        provider.on(marker, Script.streamed()
                .event("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":\"{\\\"a\\\":\\\"x\\u0000y\\ud800\\\"}\"}}]}}]}")
                .event("{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"put\",\"arguments\":{\"b\":2}}}]}}]}")
                .finish("tool_calls").usage(3, 9).done());

        // When
        Response answer = ann.request().body(asked(true, "s")).post("/v1/chat/completions");

        // Then
        assertThat(answer.asString()).endsWith("data: [DONE]\n\n");
        assertThat(metadata("s").path("tool_calls")).isEqualTo(Json.of("""
                [{"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{\\"a\\":\\"x\uFFFDy\uFFFD\\"}"}},
                 {"id": "c2", "type": "function", "function": {"name": "put", "arguments": "{\\"b\\":2}"}}]
                """));
        assertThat(usage()).isEqualTo("sent 1 received 1 input 3 output 9");
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void usageMayComeAfterTheEnd(boolean wantsUsage) {
        // Given
        provider.on(marker, Script.streamed().delta("Hi").finish("stop").event("[DONE]")
                .event("{\"choices\": [], \"usage\": {\"prompt_tokens\": 40, \"completion_tokens\": 20, \"total_tokens\": 60}}"));
        Map<String, Object> asked = asked(true, "s");
        asked.put("stream_options", Map.of("include_usage", wantsUsage));

        // When
        List<EventStreamClient.Event> events;
        try (EventStreamClient stream = EventStreamClient.post(ann, "/v1/chat/completions", asked)) {
            events = stream.rest();
        }

        // Then
        assertThat(events).hasSize(wantsUsage ? 4 : 3);
        assertThat(events.get(events.size() - 1).data()).isEqualTo("[DONE]");
        if (wantsUsage) {
            assertThat(events.get(2).json().at("/usage/total_tokens").intValue()).isEqualTo(60);
        }
        assertThat(metadata("s").has("usage_estimated")).isFalse();
        assertThat(usage()).isEqualTo("sent 1 received 1 input 40 output 20");
    }

    @Test
    void aProviderThatSaysNothingMoreAfterTheEndIsNotWaitedFor() {
        // Given
        provider.on(marker, Script.streamed().delta("Hi").finish("stop").event("[DONE]").holdUntil(new CountDownLatch(1)));

        // When
        Response answer = ann.request().body(asked(true, "s")).post("/v1/chat/completions");

        // Then
        assertThat(answer.asString()).endsWith("data: [DONE]\n\n");
        assertThat(contents("s")).containsExactly(marker, "Hi");
        assertThat(metadata("s").path("usage_estimated").booleanValue()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aRefusalPassesAsItIsAndIsStored(boolean streamed) {
        // Given
        String message = "{\"role\": \"assistant\", \"content\": null, \"refusal\": \"I cannot\"}";
        provider.on(marker, streamed
                ? Script.streamed().event("{\"choices\": [{\"index\": 0, \"delta\": " + message + "}]}").usage(3, 2).done()
                : Script.json(200, Map.of(), ("{\"id\": \"c\", \"choices\": [{\"index\": 0, \"message\": " + message
                        + ", \"finish_reason\": \"stop\"}], \"usage\": " + Completion.usageOf(3, 2) + "}")));

        // When
        Response answer = ann.request().body(asked(streamed, "s")).post("/v1/chat/completions");

        // Then
        assertThat(answer.asString()).contains(message);
        assertThat(contents("s")).containsExactly(marker, "I cannot");
        assertThat(metadata("s").path("refusal").textValue()).isEqualTo("I cannot");
        assertThat(usage()).isEqualTo("sent 1 received 1 input 3 output 2");
    }

    @Test
    void whoAsksForMoreAboutUsageGetsIt() {
        // Given
        Map<String, Object> asked = asked(false, "s");
        asked.put("usage", Map.of("include", true));

        // When
        Response answer = ann.request().body(asked).post("/v1/chat/completions");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(provider.calls(marker).get(0).body().at("/usage/include").booleanValue()).isTrue();
    }

    private Map<String, Object> asked(boolean streamed, String session) {
        return new HashMap<>(Map.of("model", model, "stream", streamed, "messages", question(), "metadata",
                Map.of("session_id", session)));
    }

    private static String events(String... data) {
        return Stream.of(data).map(event -> "data: " + event + "\n\n").collect(Collectors.joining());
    }

    private static byte[] compressed(String coding, String body) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = coding.equals("gzip") ? new GZIPOutputStream(bytes) : new DeflaterOutputStream(bytes)) {
            out.write(body.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }

    private JsonNode metadata(String session) {
        return Json.of(Sql.<String> value(
                "select metadata::text from public.chat_messages where user_id = ? and session_id = ? and role = 'assistant'",
                ann.id(), session));
    }

    private OpenAIClient client() {
        return client(ann.token());
    }

    private static OpenAIClient client(String token) {
        return OpenAIOkHttpClient.builder().baseUrl("http://localhost:" + RestAssured.port + "/v1").apiKey(token).maxRetries(0)
                .build();
    }

    private ChatCompletionCreateParams.Builder asking() {
        return ChatCompletionCreateParams.builder().model(model).addUserMessage(marker);
    }

    private ChatCompletionCreateParams.Builder inSession(String session) {
        return asking().metadata(ChatCompletionCreateParams.Metadata.builder()
                .putAdditionalProperty("session_id", JsonValue.from(session)).build());
    }

    private List<Map<String, String>> question() {
        return List.of(Map.of("role", "user", "content", marker));
    }

    private static <T extends OpenAIServiceException> java.util.Optional<String> failure(Class<T> type, OpenAIClient client,
            ChatCompletionCreateParams.Builder asking) {
        return catchThrowableOfType(type, () -> client.chat().completions().create(asking.build())).code();
    }

    private List<String> contents(String session) {
        List<String> contents = new ArrayList<>();
        Json.of(ann.messages(session)).path("messages").forEach(message -> contents.add(message.path("content").textValue()));
        return contents;
    }

    private String usage() {
        JsonNode total = Chat.usage(ann, "daily").path("total");
        return "sent %s received %s input %s output %s".formatted(total.path("messages_sent"), total.path("messages_received"),
                total.path("input_tokens"), total.path("output_tokens"));
    }
}

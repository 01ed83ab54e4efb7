package dev.chatkeep.completion.openai;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

import jakarta.enterprise.context.ApplicationScoped;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.CompletionCall;
import dev.chatkeep.completion.CompletionCall.Question;
import dev.chatkeep.completion.CompletionConfig;
import dev.chatkeep.completion.ModelRequest.Document;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.Problem.FieldError;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.JsonRules;
import dev.chatkeep.wire.OffEventLoop;
import dev.chatkeep.wire.Text;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.smallrye.mutiny.Uni;

/**
 * Reads the requests of OpenAI's clients. What they have beside model and messages goes to the provider as it is, but only what
 * is known neither to choose another model nor to make the answer dearer than the tier allows: providers have many such
 * options,
 * and get new ones, so those that are not known are refused.
 */
@ApplicationScoped
class OpenAiRequestReader {

    /** What is read at once; more goes to a worker thread. */
    private static final int SMALL_BYTES = 64 << 10;
    private static final int BYTES_A_TOKEN = 4;
    private static final int MODEL_LENGTH = 100;
    /** How much of the name of an option an error repeats. */
    private static final int SHOWN_CHARACTERS = 100;

    /** Sampling, formats and tools. Their price is in the tokens, which are counted. */
    private static final Set<String> HARMLESS = Set.of("model", "messages", "stream", "stream_options", "metadata", "user", "n",
            "max_tokens", "max_completion_tokens", "stop", "seed", "logit_bias", "logprobs", "top_logprobs",
            "temperature", "top_p", "top_k", "top_a", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty",
            "response_format", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call",
            "reasoning", "reasoning_effort", "include_reasoning", "usage", "verbosity", "safety_identifier",
            "prompt_cache_key");
    private static final String TOOLS = "tools";
    private static final String USAGE = "usage";
    /** What is to be kept for later requests: writing it costs more than reading a token. */
    private static final String CACHE_CONTROL = "cache_control";
    /** OpenRouter's way of asking for more about usage. */
    private static final String INCLUDE = "include";
    /** Tools that the client runs. Any other is run by the provider, at a price of its own. */
    private static final Set<String> TOOLS_OF_CLIENTS = Set.of("function", "custom");

    /** @param wantsUsage whether the client asked a stream for usage */
    record ParsedRequest(CompletionCall call, boolean streamed, boolean wantsUsage) {
    }

    private final ObjectReader exact;
    private final Set<String> allowed;
    private final MessageMembers messageMembers;
    private final int maxChoices;

    OpenAiRequestReader(ObjectMapper json, CompletionConfig config) {
        this.allowed = config.allowedOptions().orElse(Set.of());
        this.messageMembers = new MessageMembers(allowed);
        this.maxChoices = config.maxChoices();
        this.exact = json.reader().with(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
    }

    /** @param sessionId from a header; null: the request may say it */
    Uni<ParsedRequest> read(byte[] body, String sessionId) {
        return OffEventLoop.runIf(body.length > SMALL_BYTES, () -> call(body, sessionId));
    }

    private ParsedRequest call(byte[] body, String headerSessionId) {
        ObjectNode request = parse(body);
        JsonNode messages = request.path("messages");
        if (!messages.isArray() || messages.isEmpty()) {
            throw RequestProblems.ofField("messages", "must be a list of messages");
        }
        if (request.hasNonNull("model") && !isText(request.path("model"), MODEL_LENGTH)) {
            throw RequestProblems.ofField("model", "must have 1 to " + MODEL_LENGTH + " characters");
        }
        requireTypes(request);
        requireHarmless(request);
        String sessionId = headerSessionId != null ? headerSessionId : sessionId(request);
        boolean streamed = request.path("stream").asBoolean(false);
        boolean wantsUsage = request.path("stream_options").path("include_usage").asBoolean(false);
        JsonNode last = messages.get(messages.size() - 1);
        // A request that brings the result of a tool has no new question.
        Question question = !last.path("role").asText().equals("user") ? null
                : new Question(sessionId == null ? CompletionCall.newMessageId() : null,
                        text(last.path("content")).replace('\0', '\uFFFD'), null);
        String prompt = StreamSupport.stream(messages.spliterator(), false).map(message -> text(message.path("content")))
                .collect(Collectors.joining("\n"));
        CompletionCall call = new CompletionCall(CompletionCall.newMessageId(),
                request.path("model").textValue(), sessionId, question, request.path("n").asInt(1),
                prompt.length() / BYTES_A_TOKEN,
                false, null, Duration.ZERO,
                new Document(request, streamed, prompt));
        return new ParsedRequest(call, streamed, wantsUsage);
    }

    private void requireHarmless(ObjectNode request) {
        request.fields().forEachRemaining(option -> {
            if (!option.getValue().isNull() && !HARMLESS.contains(option.getKey()) && !allowed.contains(option.getKey())) {
                throw notAllowed(option.getKey());
            }
        });
        int index = 0;
        for (JsonNode tool : request.path(TOOLS)) {
            if (tool.hasNonNull("type") && !TOOLS_OF_CLIENTS.contains(tool.path("type").asText()) && !allowed.contains(TOOLS)) {
                throw notAllowed(TOOLS + "[" + index + "].type");
            }
            // Not in the parameters of a function, where names are the client's.
            if (!allowed.contains(CACHE_CONTROL)) {
                if (tool.hasNonNull(CACHE_CONTROL)) {
                    throw notAllowed(TOOLS + "[" + index + "]." + CACHE_CONTROL);
                }
                if (tool.path("function").hasNonNull(CACHE_CONTROL)) {
                    throw notAllowed(TOOLS + "[" + index + "].function." + CACHE_CONTROL);
                }
            }
            index++;
        }
        request.path(USAGE).fieldNames().forEachRemaining(option -> {
            if (!option.equals(INCLUDE) && !allowed.contains(USAGE)) {
                throw notAllowed(USAGE + "." + option);
            }
        });
        String ofMessage = messageMembers.notAllowed(request.path("messages"));
        if (ofMessage != null) {
            throw notAllowed(ofMessage);
        }
        JsonNode choices = request.path("n");
        if (request.hasNonNull("n") && !(choices.isIntegralNumber() && choices.canConvertToInt() && choices.intValue() >= 1)) {
            throw RequestProblems.ofField("n", "must be a number from 1 on");
        }
        if (choices.asInt(1) > maxChoices) {
            throw notAllowed("n");
        }
    }

    private HttpProblem notAllowed(String option) {
        String shown = option.length() <= SHOWN_CHARACTERS ? option : option.substring(0, SHOWN_CHARACTERS) + "…";
        List<FieldError> errors = List.of(new FieldError(JsonRules.wellFormed(shown),
                option.equals("n") ? "must be at most " + maxChoices : "is not allowed here"));
        return Problem.ofFields(Problem.UNPROCESSABLE_CONTENT, "option_not_allowed", RequestProblems.sentence(errors), errors);
    }

    /** What is read or written here must be what it is meant to be. */
    private static void requireTypes(ObjectNode request) {
        if (request.hasNonNull("stream") && !request.path("stream").isBoolean()) {
            throw RequestProblems.ofField("stream", "must be true or false");
        }
        if (request.hasNonNull("stream_options") && !request.path("stream_options").isObject()) {
            throw RequestProblems.ofField("stream_options", "must be an object");
        }
        if (request.path("stream_options").hasNonNull("include_usage")
                && !request.path("stream_options").path("include_usage").isBoolean()) {
            throw RequestProblems.ofField("stream_options.include_usage", "must be true or false");
        }
        if (request.hasNonNull("metadata") && !request.path("metadata").isObject()) {
            throw RequestProblems.ofField("metadata", "must be an object");
        }
        if (request.hasNonNull(TOOLS) && !request.path(TOOLS).isArray()) {
            throw RequestProblems.ofField(TOOLS, "must be a list of tools");
        }
        int index = 0;
        for (JsonNode tool : request.path(TOOLS)) {
            if (!tool.isObject()) {
                throw RequestProblems.ofField(TOOLS + "[" + index + "]", "must be a tool");
            }
            if (tool.hasNonNull("type") && !tool.path("type").isTextual()) {
                throw RequestProblems.ofField(TOOLS + "[" + index + "].type", "must be text");
            }
            index++;
        }
        if (request.hasNonNull(USAGE) && !request.path(USAGE).isObject()) {
            throw RequestProblems.ofField(USAGE, "must be an object");
        }
        if (request.path(USAGE).hasNonNull(INCLUDE) && !request.path(USAGE).path(INCLUDE).isBoolean()) {
            throw RequestProblems.ofField(USAGE + "." + INCLUDE, "must be true or false");
        }
    }

    private ObjectNode parse(byte[] body) {
        try {
            JsonNode tree = body.length == 0 ? null : exact.readTree(body);
            if (tree == null || tree.isMissingNode()) {
                throw RequestProblems.ofMissingBody();
            }
            if (tree instanceof ObjectNode object) {
                return object;
            }
            throw RequestProblems.malformed();
        } catch (IOException e) {
            throw RequestProblems.malformed();
        }
    }

    /** Takes the id out of the request: providers refuse metadata that they do not know. */
    private static String sessionId(ObjectNode request) {
        if (!(request.path("metadata") instanceof ObjectNode metadata) || !metadata.has("session_id")) {
            return null;
        }
        JsonNode id = metadata.remove("session_id");
        if (metadata.isEmpty()) {
            request.remove("metadata");
        }
        if (!isText(id, Text.ID_LENGTH)) {
            throw RequestProblems.ofField("metadata.session_id", "must have 1 to " + Text.ID_LENGTH + " characters");
        }
        return id.textValue();
    }

    private static boolean isText(JsonNode node, int max) {
        String text = node.textValue();
        return text != null && !text.isEmpty() && text.codePointCount(0, text.length()) <= max && text.indexOf('\0') < 0;
    }

    /** If the content has several parts, the text of those that have any. */
    private static String text(JsonNode content) {
        String text = content.isTextual() ? content.textValue()
                : StreamSupport.stream(content.spliterator(), false).filter(part -> part.path("text").isTextual())
                        .map(part -> part.path("text").textValue()).collect(Collectors.joining("\n"));
        return JsonRules.wellFormed(text);
    }
}

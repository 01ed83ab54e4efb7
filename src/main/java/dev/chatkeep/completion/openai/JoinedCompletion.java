package dev.chatkeep.completion.openai;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.ToolCalls;
import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;
import dev.chatkeep.wire.JsonRules;

/** Puts a whole completion together from the chunks of a stream. */
final class JoinedCompletion {

    /** Of all choices, with everything in them. */
    private static final int MAX_CHARACTERS = 24 << 20;
    /** Members that come piece by piece. Of any other text the last one counts. */
    private static final Set<String> TEXTS = Set.of("content", "refusal", "reasoning", "reasoning_content");
    private static final String CHOICES = "choices";
    private static final String USAGE = "usage";

    private final ObjectMapper json;
    private final ObjectNode frame = JsonNodeFactory.instance.objectNode();
    private final Map<Integer, Choice> choices = new TreeMap<>();
    private JsonNode usage;
    private long characters;

    JoinedCompletion(ObjectMapper json) {
        this.json = json;
    }

    /** @param piece that was read before */
    void add(String piece) {
        JsonNode chunk;
        try {
            chunk = json.readTree(piece);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
        usage = chunk.path(USAGE).isObject() ? chunk.path(USAGE) : usage;
        for (Map.Entry<String, JsonNode> member : chunk.properties()) {
            if (!member.getKey().equals(CHOICES) && !member.getKey().equals(USAGE) && !frame.hasNonNull(member.getKey())) {
                frame.set(member.getKey(), member.getValue());
            }
        }
        for (JsonNode choice : chunk.path(CHOICES)) {
            choices.computeIfAbsent(choice.path("index").asInt(0), index -> new Choice()).add(choice);
        }
        if (characters > MAX_CHARACTERS) {
            throw ProviderFailure.of(Kind.TOO_LARGE);
        }
    }

    /** The document, in which nothing is missing that clients rely on. */
    String document(Answered answered) {
        ObjectNode document = json.createObjectNode();
        document.put("id", answered.completionId()).put("object", "chat.completion")
                .put("created", System.currentTimeMillis() / 1_000).put("model", answered.model());
        document.setAll(frame);
        document.put("object", "chat.completion");
        ArrayNode all = document.putArray(CHOICES);
        choices.forEach((index, choice) -> all.add(choice.whole(index)));
        document.set(USAGE, usage != null ? usage : json.valueToTree(answered.usage()));
        return JsonRules.wellFormed(document.toString());
    }

    private final class Choice {

        private final Map<String, StringBuilder> texts = new LinkedHashMap<>();
        private final ObjectNode others = JsonNodeFactory.instance.objectNode();
        private final ObjectNode logprobs = JsonNodeFactory.instance.objectNode();
        private final ToolCalls toolCalls = new ToolCalls();
        /** What tools were before there could be several; null where there is none. */
        private Map<String, StringBuilder> functionCall;
        private String finishReason;

        void add(JsonNode choice) {
            for (Map.Entry<String, JsonNode> member : choice.path("delta").properties()) {
                add(member.getKey(), member.getValue());
            }
            join(logprobs, choice.path("logprobs"));
            finishReason = choice.path("finish_reason").asText(finishReason);
        }

        private void add(String name, JsonNode value) {
            if (value.isNull()) {
                others.putIfAbsent(name, value);
            } else if (name.equals("tool_calls")) {
                toolCalls.addPieces(value);
            } else if (name.equals("function_call")) {
                addFunctionCall(value);
            } else if (TEXTS.contains(name)) {
                StringBuilder text = texts.computeIfAbsent(name, member -> new StringBuilder());
                int length = text.length();
                if (value.isTextual()) {
                    text.append(value.textValue());
                } else {
                    value.forEach(part -> text.append(part.path("text").asText("")));
                }
                characters += text.length() - length;
            } else if (value.isArray()) {
                joinArray(others, name, value);
            } else {
                characters += value.toString().length();
                others.set(name, value);
            }
        }

        private void addFunctionCall(JsonNode piece) {
            functionCall = functionCall == null ? new LinkedHashMap<>() : functionCall;
            for (String member : new String[] { "name", "arguments" }) {
                String more = piece.path(member).asText("");
                characters += more.length();
                functionCall.computeIfAbsent(member, name -> new StringBuilder()).append(more);
            }
        }

        private void join(ObjectNode joined, JsonNode piece) {
            for (Map.Entry<String, JsonNode> member : piece.properties()) {
                if (member.getValue().isArray()) {
                    joinArray(joined, member.getKey(), member.getValue());
                }
            }
        }

        private void joinArray(ObjectNode joined, String name, JsonNode items) {
            characters += items.toString().length();
            ArrayNode all = joined.path(name) instanceof ArrayNode begun ? begun : joined.putArray(name);
            items.forEach(all::add);
        }

        ObjectNode whole(int index) {
            ObjectNode message = json.createObjectNode().put("role", "assistant").putNull("content");
            message.setAll(others);
            texts.forEach((name, text) -> message.put(name, text.toString()));
            if (!toolCalls.isEmpty()) {
                message.putArray("tool_calls").addAll(toolCalls.joined());
            }
            if (functionCall != null) {
                ObjectNode call = message.putObject("function_call");
                functionCall.forEach((name, text) -> call.put(name, text.toString()));
            }
            // With calls of tools, clients take empty text for text.
            if (message.has("tool_calls") && message.path("content").asText("").isEmpty()) {
                message.putNull("content");
            }
            if (message.path("refusal").asText("-").isEmpty()) {
                message.putNull("refusal");
            }
            ObjectNode choice = json.createObjectNode().put("index", index);
            choice.set("message", message);
            choice.set("logprobs", logprobs.isEmpty() ? null : logprobs);
            return choice.put("finish_reason", finishReason == null ? "stop" : finishReason);
        }
    }
}

package dev.chatkeep.completion;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.Usage.Reported;

/**
 * Collects an answer as it arrives: chunks of OpenAI's streams, or a whole completion. Of several choices the first
 * is the answer; the others cost as much.
 */
final class Transcript {

    /** An answer that is larger than any message can be is not right. */
    static final int MAX_BYTES = 16 << 20;
    /** All calls of tools together; likewise. */
    private static final int MAX_TOOL_CHARACTERS = 4 << 20;
    /** What a call of a tool takes beside its text, roughly. */
    private static final int TOOL_OVERHEAD = 200;
    /** Of an id, a name, a reason. */
    private static final int MAX_NAME_CHARACTERS = 255;
    private static final String DONE = "[DONE]";
    /** Reasoning beyond this is counted and not kept. */
    private static final int MAX_HIDDEN_CHARACTERS = 200_000;
    /** In Base64, of 16-bit samples at 24 kHz. Providers count one token for 50 ms. */
    private static final int AUDIO_CHARACTERS_A_TOKEN = 3_200;

    private final ObjectMapper json;
    private final StringBuilder text = new StringBuilder();
    private long bytes;
    private final List<ToolCall> toolCalls = new ArrayList<>();
    private long toolCharacters;
    private final StringBuilder hidden = new StringBuilder();
    private long hiddenCharacters;
    private long audioCharacters;
    private Reported usage = Reported.NOTHING;
    private String completionId;
    private String model;
    private String finishReason;
    private boolean done;
    private int malformed;

    /** @param arguments all that has come of them */
    private record ToolCall(ObjectNode begun, StringBuilder arguments) {

        ObjectNode joined() {
            if (begun.path("function") instanceof ObjectNode function && !arguments.isEmpty()) {
                function.put("arguments", arguments.toString());
            }
            return begun;
        }
    }

    Transcript(ObjectMapper json) {
        this.json = json;
    }

    PieceKind add(String data) {
        if (data.strip().equals(DONE)) {
            done = true;
            return PieceKind.LAST;
        }
        JsonNode chunk;
        try {
            chunk = json.readTree(data);
        } catch (JsonProcessingException e) {
            malformed++;
            return PieceKind.MALFORMED;
        }
        if (chunk.hasNonNull("error")) {
            return PieceKind.ERROR;
        }
        if (!chunk.isObject() || !chunk.path("choices").isArray() && !chunk.path("usage").isObject()) {
            malformed++;
            return PieceKind.MALFORMED;
        }
        completionId = first(completionId, chunk.path("id"));
        model = first(model, chunk.path("model"));
        if (chunk.path("usage").isObject()) {
            usage = Reported.of(chunk.path("usage"));
        }
        for (JsonNode choice : chunk.path("choices")) {
            if (choice.path("index").asInt(0) == 0) {
                add(choice);
            } else {
                addHidden(choice.path(choice.path("message").isObject() ? "message" : "delta").path("content"));
            }
        }
        return chunk.path("choices").isEmpty() && chunk.path("usage").isObject() ? PieceKind.USAGE : PieceKind.CHUNK;
    }

    private void add(JsonNode choice) {
        boolean whole = choice.path("message").isObject();
        JsonNode delta = whole ? choice.path("message") : choice.path("delta");
        addText(delta.path("content"));
        for (JsonNode call : delta.path("tool_calls")) {
            addToolCall(call, call.path("index").asInt(toolCalls.size()));
            addHidden(call.path("function").path("name"));
            addHidden(call.path("function").path("arguments"));
        }
        addHidden(delta.path(delta.hasNonNull("reasoning_content") ? "reasoning_content" : "reasoning"));
        addHidden(delta.path("refusal"));
        addHidden(delta.path("audio").path("transcript"));
        audioCharacters += delta.path("audio").path("data").asText("").length();
        finishReason = first(finishReason, choice.path("finish_reason"));
        done |= whole;
    }

    private void addText(JsonNode content) {
        int length = text.length();
        if (content.isTextual()) {
            text.append(content.textValue());
        } else if (content.isArray()) {
            content.forEach(part -> text.append(part.path("text").asText("")));
        }
        for (int i = length; i < text.length(); i++) {
            char c = text.charAt(i);
            // Each half of a surrogate pair counts for half of its four bytes.
            bytes += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
        }
    }

    /** Tool calls come in pieces, too, and their arguments are joined. */
    private void addToolCall(JsonNode call, int index) {
        if (!call.isObject() || index > toolCalls.size() || index < 0) {
            return;
        }
        JsonNode arguments = call.path("function").path("arguments");
        if (index < toolCalls.size()) {
            String more = arguments.isTextual() ? arguments.textValue() : "";
            toolCharacters += more.length();
            if (!isTooLarge()) {
                toolCalls.get(index).arguments().append(more);
            }
            return;
        }
        toolCharacters += call.toString().length() + TOOL_OVERHEAD;
        if (!isTooLarge()) {
            ObjectNode begun = call.deepCopy();
            begun.remove("index");
            toolCalls.add(new ToolCall(begun, new StringBuilder(arguments.isTextual() ? arguments.textValue() : "")));
        }
    }

    /** What is not part of the text costs as much as the text. */
    private void addHidden(JsonNode part) {
        if (part.isTextual()) {
            hiddenCharacters += part.textValue().length();
            hidden.append(part.textValue(), 0, Math.min(part.textValue().length(), MAX_HIDDEN_CHARACTERS - hidden.length()));
        }
    }

    private static String first(String known, JsonNode reported) {
        return known == null && reported.isTextual() && !reported.textValue().isEmpty()
                ? StorableText.ofCharacters(reported.textValue(), MAX_NAME_CHARACTERS)
                : known;
    }

    /** Grows while the answer arrives; not to be changed. */
    StringBuilder text() {
        return text;
    }

    /** Whether the text has more bytes in UTF-8 than any message may have, or there are too many calls of tools. */
    boolean isTooLarge() {
        return bytes > MAX_BYTES || toolCharacters > MAX_TOOL_CHARACTERS;
    }

    List<ObjectNode> toolCalls() {
        return toolCalls.stream().map(ToolCall::joined).toList();
    }

    /** Whether the provider has produced nothing yet, reasoning, audio and calls of tools included. */
    boolean isEmpty() {
        return text.isEmpty() && toolCalls.isEmpty() && hiddenCharacters == 0 && audioCharacters == 0;
    }

    /** For a provider that reports no usage. Not for the event loop. */
    int estimatedTokens() {
        double ofHidden = hidden.isEmpty() ? 0 : (double) TokenEstimate.of(hidden) * hiddenCharacters / hidden.length();
        double ofAudio = Math.ceil((double) audioCharacters / AUDIO_CHARACTERS_A_TOKEN);
        return (int) Math.min(Integer.MAX_VALUE, TokenEstimate.of(text) + Math.round(ofHidden + ofAudio));
    }

    /** Whether the provider has said that the answer ends here. */
    boolean isComplete() {
        return done || finishReason != null;
    }

    Reported usage() {
        return usage;
    }

    /** The provider's id of the answer, or null. As what else the provider calls something, it can be stored as it is. */
    String completionId() {
        return completionId;
    }

    /** The model as the provider calls it, or null. */
    String model() {
        return model;
    }

    String finishReason() {
        return finishReason;
    }

    /** How many pieces could not be read, and are missing from the text. */
    int malformed() {
        return malformed;
    }
}

package dev.chatkeep.completion;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.Usage.Reported;

/** Collects an answer as it arrives: chunks of OpenAI's streams, or a whole completion. Of several choices the first counts. */
final class Transcript {

    /** An answer that is larger than any message can be is not right. */
    private static final int MAX_BYTES = 16 << 20;
    private static final String DONE = "[DONE]";
    /** Reasoning beyond this is counted and not kept. */
    private static final int MAX_HIDDEN_CHARACTERS = 200_000;
    /** In Base64, of 16-bit samples at 24 kHz. Providers count one token for 50 ms. */
    private static final int AUDIO_CHARACTERS_A_TOKEN = 3_200;

    private final ObjectMapper json;
    private final StringBuilder text = new StringBuilder();
    private long bytes;
    private final List<ObjectNode> toolCalls = new ArrayList<>();
    private final StringBuilder hidden = new StringBuilder();
    private long hiddenCharacters;
    private long audioCharacters;
    private Reported usage = Reported.NOTHING;
    private String completionId;
    private String model;
    private String finishReason;
    private boolean done;
    private int malformed;

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
        if (index == toolCalls.size()) {
            ObjectNode started = call.deepCopy();
            started.remove("index");
            toolCalls.add(started);
            return;
        }
        JsonNode arguments = call.path("function").path("arguments");
        if (arguments.isTextual() && toolCalls.get(index).path("function") instanceof ObjectNode function) {
            function.put("arguments", function.path("arguments").asText("") + arguments.textValue());
        }
    }

    /** What is not part of the text costs as much as the text. */
    private void addHidden(JsonNode part) {
        if (part.isTextual()) {
            hiddenCharacters += part.textValue().length();
            if (hidden.length() < MAX_HIDDEN_CHARACTERS) {
                hidden.append(part.textValue());
            }
        }
    }

    private static String first(String known, JsonNode reported) {
        return known == null && reported.isTextual() && !reported.textValue().isEmpty() ? reported.textValue() : known;
    }

    /** Grows while the answer arrives; not to be changed. */
    StringBuilder text() {
        return text;
    }

    /** Whether the text has more bytes in UTF-8 than any message may have. */
    boolean isTooLarge() {
        return bytes > MAX_BYTES;
    }

    List<ObjectNode> toolCalls() {
        return toolCalls;
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

    /** The provider's id of the answer, or null. */
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

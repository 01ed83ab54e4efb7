package dev.chatkeep.completion;

import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;

/**
 * Collects an answer as it arrives: chunks of OpenAI's streams, or a whole completion. Of several choices the first
 * is the answer; the others cost as much.
 */
final class Transcript {

    /** An answer that is larger than any message can be is not right. */
    static final int MAX_BYTES = 16 << 20;
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
    private final StringBuilder refusal = new StringBuilder();
    private final ToolCalls toolCalls = new ToolCalls();
    private final StringBuilder hidden = new StringBuilder();
    private final ExtrasCollector extras = new ExtrasCollector();
    private long hiddenCharacters;
    private long audioCharacters;
    private ReportedUsage usage = ReportedUsage.NOTHING;
    private String completionId;
    private String model;
    private String finishReason;
    private JsonNode error;
    private boolean done;
    /** The text is the refusal. */
    private boolean refused;
    private int malformed;

    Transcript(ObjectMapper json) {
        this.json = json;
    }

    PieceKind add(String data) {
        if (isDone(data)) {
            done = true;
            return PieceKind.LAST;
        }
        JsonNode chunk = read(data);
        if (chunk == null) {
            malformed++;
            return PieceKind.MALFORMED;
        }
        error = errorOf(chunk);
        if (chunk.path("choices").isArray() || chunk.path("usage").isObject()) {
            add(data, chunk);
        } else if (error == null) {
            malformed++;
            return PieceKind.MALFORMED;
        }
        if (error != null) {
            return PieceKind.ERROR;
        }
        if (chunk.path("choices").isEmpty() && chunk.path("usage").isObject()) {
            return PieceKind.USAGE;
        }
        return isWhole(chunk) ? PieceKind.WHOLE : PieceKind.CHUNK;
    }

    /** What comes after the word that this is all: usage, or nothing that matters. */
    PieceKind addLate(String data) {
        JsonNode chunk = isDone(data) ? null : read(data);
        if (chunk == null || !chunk.path("usage").isObject()) {
            return PieceKind.LAST;
        }
        usage = ReportedUsage.of(json, data, chunk);
        return PieceKind.USAGE;
    }

    private static boolean isDone(String data) {
        return data.strip().equals(DONE);
    }

    /** Null if it is no JSON object. */
    private JsonNode read(String data) {
        try {
            JsonNode chunk = json.readTree(data);
            return chunk.isObject() ? chunk : null;
        } catch (JsonProcessingException e) {
            return null;
        }
    }

    private void add(String data, JsonNode chunk) {
        completionId = first(completionId, chunk.path("id"));
        model = first(model, chunk.path("model"));
        if (chunk.path("usage").isObject()) {
            usage = ReportedUsage.of(json, data, chunk);
        }
        for (JsonNode choice : chunk.path("choices")) {
            if (isAnswer(choice)) {
                addChoice(choice);
            } else {
                addHidden(choice.path(choice.path("message").isObject() ? "message" : "delta").path("content"));
            }
        }
    }

    /** Of several choices the first. */
    private static boolean isAnswer(JsonNode choice) {
        return choice.path("index").asInt(0) == 0;
    }

    private static boolean isWhole(JsonNode chunk) {
        return chunk.path("choices").path(0).path("message").isObject();
    }

    /** What is wrong with the answer, wherever it is said; null if nothing is. */
    private static JsonNode errorOf(JsonNode chunk) {
        if (isError(chunk.path("error"))) {
            return chunk.path("error");
        }
        if (chunk.path("object").asText().equals("error")) {
            return chunk;
        }
        for (JsonNode choice : chunk.path("choices")) {
            if (isAnswer(choice) && isError(choice.path("error"))) {
                return choice.path("error");
            }
            if (isAnswer(choice) && choice.path("finish_reason").asText().equals("error")) {
                return MissingNode.getInstance();
            }
        }
        return null;
    }

    /** Some have the member in every chunk, and nothing in it. */
    private static boolean isError(JsonNode member) {
        return member.isObject() || member.isArray() || member.isTextual() && !member.textValue().isEmpty()
                || member.isNumber() || member.isBoolean() && member.booleanValue();
    }

    private void addChoice(JsonNode choice) {
        boolean whole = choice.path("message").isObject();
        JsonNode delta = whole ? choice.path("message") : choice.path("delta");
        addText(delta.path("content"));
        extras.add(delta);
        if (whole) {
            toolCalls.addWhole(delta.path("tool_calls"));
        } else {
            toolCalls.addPieces(delta.path("tool_calls"));
        }
        for (JsonNode call : delta.path("tool_calls")) {
            JsonNode arguments = call.path("function").path("arguments");
            addHidden(call.path("function").path("name"));
            addHidden(arguments.isContainerNode() ? TextNode.valueOf(arguments.toString()) : arguments);
        }
        addHidden(delta.path(delta.hasNonNull("reasoning_content") ? "reasoning_content" : "reasoning"));
        if (delta.path("refusal").isTextual()) {
            int length = refusal.length();
            refusal.append(delta.path("refusal").textValue());
            countBytes(refusal, length);
        }
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
        countBytes(text, length);
    }

    private void countBytes(CharSequence added, int from) {
        for (int i = from; i < added.length(); i++) {
            char c = added.charAt(i);
            // Each half of a surrogate pair counts for half of its four bytes.
            bytes += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
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
        return bytes > MAX_BYTES || toolCalls.isTooLarge();
    }

    /** What came beside the text. */
    ExtrasCollector extras() {
        return extras;
    }

    /** Changes whenever there is more for readers. */
    int size() {
        return text.length() + extras.size();
    }

    List<ObjectNode> toolCalls() {
        return toolCalls.joined();
    }

    /** Why the model does not answer; null if it does. */
    String refusal() {
        return refusal.isEmpty() ? null : refusal.toString();
    }

    /**
     * There will be no more. A refusal without any other text becomes the text, so that whoever reads it sees why there is no
     * answer.
     *
     * @return whether there is more text now
     */
    boolean end() {
        if (!text.isEmpty() || refusal.isEmpty()) {
            return false;
        }
        text.append(refusal);
        refused = true;
        return true;
    }

    /** What the provider says of its failure, after a piece that is an error. */
    JsonNode error() {
        return error;
    }

    /** Whether the provider has produced nothing yet, reasoning, audio and calls of tools included. */
    boolean isEmpty() {
        return text.isEmpty() && refusal.isEmpty() && toolCalls.isEmpty() && hiddenCharacters == 0 && audioCharacters == 0
                && !extras.hasImages();
    }

    /** For a provider that reports no usage. Not for the event loop. */
    int estimatedTokens() {
        double ofHidden = hidden.isEmpty() ? 0 : (double) TokenEstimate.of(hidden) * hiddenCharacters / hidden.length();
        double ofAudio = Math.ceil((double) audioCharacters / AUDIO_CHARACTERS_A_TOKEN);
        int ofRefusal = refused || refusal.isEmpty() ? 0 : TokenEstimate.of(refusal);
        return (int) Math.min(Integer.MAX_VALUE, (long) TokenEstimate.of(text) + ofRefusal + Math.round(ofHidden + ofAudio));
    }

    /** Whether the provider has said that the answer ends here. */
    boolean isComplete() {
        return done || finishReason != null;
    }

    ReportedUsage usage() {
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

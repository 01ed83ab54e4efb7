package dev.chatkeep.completion.openai;

import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A whole completion as the chunks of a stream.
 *
 * @param answer what it says, and why it ends
 * @param usage null if it has none
 */
record WholeAsChunks(List<ObjectNode> answer, ObjectNode usage) {

    private static final String CHOICES = "choices";
    private static final String FINISH_REASON = "finish_reason";

    /** @param document that was read before */
    static WholeAsChunks of(ObjectMapper json, String document) {
        ObjectNode frame;
        try {
            frame = (ObjectNode) json.readTree(document);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
        JsonNode choices = frame.remove(CHOICES);
        JsonNode usage = frame.remove("usage");
        frame.put("object", "chat.completion.chunk");
        ObjectNode said = frame.deepCopy();
        ObjectNode ended = frame.deepCopy();
        ArrayNode deltas = said.putArray(CHOICES);
        ArrayNode ends = ended.putArray(CHOICES);
        int position = 0;
        for (JsonNode choice : choices) {
            int index = choice.path("index").asInt(position++);
            if (!choice.path("message").isObject()) {
                continue;
            }
            ObjectNode delta = choice.deepCopy();
            delta.put("index", index).set("delta", numbered(delta.remove("message")));
            delta.putNull(FINISH_REASON);
            deltas.add(delta);
            ends.addObject().put("index", index).<ObjectNode> set("delta", json.createObjectNode())
                    .put(FINISH_REASON, choice.path(FINISH_REASON).asText("stop"));
        }
        if (usage == null || !usage.isObject()) {
            return new WholeAsChunks(List.of(said, ended), null);
        }
        frame.putArray(CHOICES);
        frame.set("usage", usage);
        return new WholeAsChunks(List.of(said, ended), frame);
    }

    /** In a stream, calls of tools have numbers. */
    private static JsonNode numbered(JsonNode message) {
        int index = 0;
        for (JsonNode call : message.path("tool_calls")) {
            if (call instanceof ObjectNode object) {
                object.put("index", index++);
            }
        }
        return message;
    }
}

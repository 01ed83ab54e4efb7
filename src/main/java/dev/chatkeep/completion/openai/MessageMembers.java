package dev.chatkeep.completion.openai;

import java.util.Iterator;
import java.util.Map;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.problem.RequestProblems;

/**
 * Looks through the messages of a request for what could make it dearer than the tier allows: providers parse files, and write
 * caches, at prices of their own. The price of text, pictures and sound is in the tokens, which are counted. What is not known
 * is refused, as in the request itself.
 */
final class MessageMembers {

    private static final Set<String> OF_MESSAGE = Set.of("role", "content", "name", "refusal", "tool_calls", "tool_call_id",
            "function_call", "audio", "annotations", "reasoning", "reasoning_content", "reasoning_details");
    /** Types of parts, and the members that hold what a part of that type has. */
    private static final Set<String> KINDS = Set.of("text", "image_url", "input_audio", "refusal");
    private static final Map<String, Set<String>> OF_KINDS = Map.of("image_url", Set.of("url", "detail"), "input_audio",
            Set.of("data", "format"));
    private static final Set<String> OF_CALL = Set.of("id", "index", "type", "function", "custom", "extra_content");
    private static final String TYPE = "type";

    private final Set<String> allowed;

    /** @param allowed names of members and types of parts that the operator allows beside those that are known */
    MessageMembers(Set<String> allowed) {
        this.allowed = allowed;
    }

    /** Where the first is that is not allowed; null if all is. */
    String notAllowed(JsonNode messages) {
        int index = 0;
        for (JsonNode message : messages) {
            String path = "messages[" + index + "]";
            requireObject(message, path, "must be a message");
            String found = unknown(message, OF_MESSAGE, path);
            found = found != null ? found : ofContent(message.path("content"), path + ".content");
            found = found != null ? found : ofCalls(message.path("tool_calls"), path + ".tool_calls");
            if (found != null) {
                return found;
            }
            index++;
        }
        return null;
    }

    private String ofContent(JsonNode content, String path) {
        if (content.isObject()) {
            return ofPart(content, path);
        }
        if (!content.isArray()) {
            return null;
        }
        int index = 0;
        for (JsonNode part : content) {
            String found = part.isTextual() ? null : ofPart(part, path + "[" + index + "]");
            if (found != null) {
                return found;
            }
            index++;
        }
        return null;
    }

    private String ofPart(JsonNode part, String path) {
        requireObject(part, path, "must be a part of a message");
        JsonNode type = part.path(TYPE);
        if (part.hasNonNull(TYPE) && !type.isTextual()) {
            throw RequestProblems.ofField(path + "." + TYPE, "must be text");
        }
        if (part.hasNonNull(TYPE) && !isAllowed(type.textValue(), KINDS)) {
            return path + "." + TYPE;
        }
        for (Iterator<Map.Entry<String, JsonNode>> members = part.fields(); members.hasNext();) {
            Map.Entry<String, JsonNode> member = members.next();
            String name = member.getKey();
            if (!name.equals(TYPE) && !member.getValue().isNull() && !isAllowed(name, KINDS)) {
                return path + "." + name;
            }
            Set<String> known = OF_KINDS.get(name);
            String found = known == null ? null : unknown(member.getValue(), known, path + "." + name);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** Calls of tools that the model asked for before, as the client gives them back. */
    private String ofCalls(JsonNode calls, String path) {
        int index = 0;
        for (JsonNode call : calls) {
            String found = unknown(call, OF_CALL, path + "[" + index + "]");
            if (found != null) {
                return found;
            }
            index++;
        }
        return null;
    }

    private String unknown(JsonNode object, Set<String> known, String path) {
        for (Iterator<Map.Entry<String, JsonNode>> members = object.fields(); members.hasNext();) {
            Map.Entry<String, JsonNode> member = members.next();
            if (!member.getValue().isNull() && !isAllowed(member.getKey(), known)) {
                return path + "." + member.getKey();
            }
        }
        return null;
    }

    private boolean isAllowed(String name, Set<String> known) {
        return known.contains(name) || allowed.contains(name);
    }

    private static void requireObject(JsonNode node, String path, String sentence) {
        if (!node.isObject()) {
            throw RequestProblems.ofField(path, sentence);
        }
    }
}

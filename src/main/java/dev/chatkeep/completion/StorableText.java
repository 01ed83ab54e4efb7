package dev.chatkeep.completion;

import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;

import dev.chatkeep.wire.JsonRules;

/** Text as PostgreSQL can hold it. */
final class StorableText {

    private StorableText() {
    }

    /** PostgreSQL holds neither NUL nor half a surrogate pair. */
    static String of(CharSequence text) {
        return JsonRules.wellFormed(text.toString()).replace('\0', '\uFFFD');
    }

    /** The beginning of a text, so many characters of it at the most; as PostgreSQL counts them, which are code points. */
    static String ofCharacters(CharSequence text, int most) {
        // A character has two units at the most.
        String storable = of(text.length() <= 2L * most ? text : text.subSequence(0, 2 * most));
        return storable.codePointCount(0, storable.length()) <= most ? storable
                : storable.substring(0, storable.offsetByCodePoints(0, most));
    }

    /** The beginning of a text, so many bytes of it in UTF-8 at the most. */
    static String ofBytes(CharSequence text, int most) {
        String storable = of(text);
        if (storable.length() <= most / 3) {
            return storable;
        }
        long bytes = 0;
        for (int i = 0; i < storable.length();) {
            int character = storable.codePointAt(i);
            bytes += character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
            if (bytes > most) {
                return storable.substring(0, i);
            }
            i += Character.charCount(character);
        }
        return storable;
    }

    /** A copy in which all names and texts can be stored. */
    static JsonNode of(JsonNode node) {
        if (node instanceof ObjectNode object) {
            ObjectNode copy = JsonNodeFactory.instance.objectNode();
            for (Map.Entry<String, JsonNode> member : object.properties()) {
                copy.set(of(member.getKey()), of(member.getValue()));
            }
            return copy;
        }
        if (node instanceof ArrayNode array) {
            ArrayNode copy = JsonNodeFactory.instance.arrayNode();
            array.forEach(item -> copy.add(of(item)));
            return copy;
        }
        return node.isTextual() ? TextNode.valueOf(of(node.textValue())) : node;
    }
}

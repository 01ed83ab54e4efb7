package dev.chatkeep.completion;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Joins calls of tools that come in pieces. Providers number the pieces from 0, from 1, all with 0 or not at all; some send the
 * id with each piece, some the name late, and some the arguments as an object. Whatever they do, whole calls come out, in the
 * order in which they began.
 */
public final class ToolCalls {

    /** All calls together. More is not right. */
    private static final int MAX_CHARACTERS = 4 << 20;
    /** What a call takes beside its text, roughly. */
    private static final int OVERHEAD = 200;
    private static final String ID = "id";
    private static final String INDEX = "index";
    private static final String NAME = "name";
    /** What a call says stands in one of these members, and there in this one. */
    private static final Map<String, String> BODIES = Map.of("function", "arguments", "custom", "input");

    private final List<Call> calls = new ArrayList<>();
    private final Map<String, Call> byIndex = new HashMap<>();
    private long characters;

    /** The calls of a whole message. */
    public void addWhole(JsonNode whole) {
        for (JsonNode call : whole) {
            if (call.isObject()) {
                Call begun = begin(call);
                if (!isTooLarge()) {
                    characters += begun.add(call);
                }
            }
        }
    }

    /** Those of one piece of a stream. */
    public void addPieces(JsonNode pieces) {
        for (JsonNode piece : pieces) {
            if (piece.isObject()) {
                addPiece(piece);
            }
        }
    }

    private void addPiece(JsonNode piece) {
        String index = piece.path(INDEX).asText("");
        Call known = index.isEmpty() ? withoutIndex(piece) : byIndex.get(index);
        Call same = byId(piece.path(ID).asText(""));
        Call call = known != null && !known.isOver(piece) ? known
                : same != null && (known != null || Call.nameOf(piece).isEmpty()) ? same : null;
        if (call == null) {
            call = begin(piece);
        } else {
            characters += Call.textOf(piece).length();
        }
        if (!index.isEmpty()) {
            byIndex.put(index, call);
        }
        if (!isTooLarge()) {
            characters += call.add(piece);
        }
    }

    private Call byId(String id) {
        for (int i = calls.size() - 1; i >= 0 && !id.isEmpty(); i--) {
            if (calls.get(i).id().equals(id)) {
                return calls.get(i);
            }
        }
        return null;
    }

    /** The call that the piece belongs to; null if it begins one. */
    private Call withoutIndex(JsonNode piece) {
        Call same = byId(piece.path(ID).asText(""));
        if (same != null) {
            return same;
        }
        Call last = calls.isEmpty() ? null : calls.get(calls.size() - 1);
        // A name without an id that is known begins a call, unless the last one still lacks its name.
        return last == null || !Call.nameOf(piece).isEmpty() && !last.name.isEmpty() ? null : last;
    }

    private Call begin(JsonNode piece) {
        characters += Call.textOf(piece).length() + OVERHEAD;
        Call call = new Call();
        if (!isTooLarge()) {
            calls.add(call);
        }
        return call;
    }

    public boolean isEmpty() {
        return calls.isEmpty();
    }

    /** Whether there is more than can be right. What is beyond is not kept. */
    public boolean isTooLarge() {
        return characters > MAX_CHARACTERS;
    }

    /** Whole calls, as a message has them. */
    public List<ObjectNode> joined() {
        return calls.stream().map(Call::joined).toList();
    }

    private static final class Call {

        private final ObjectNode begun = JsonNodeFactory.instance.objectNode();
        private final StringBuilder text = new StringBuilder();
        private String name = "";
        /** Arguments that came as an object; null if there were none. */
        private String object;

        String id() {
            return begun.path(ID).asText("");
        }

        /** Whether the piece, though it has the number of this call, begins another one. */
        boolean isOver(JsonNode piece) {
            String id = piece.path(ID).asText("");
            if (!id.isEmpty() && !id().isEmpty()) {
                return !id.equals(id());
            }
            boolean said = !text.isEmpty() || object != null && !object.equals("{}");
            String next = nameOf(piece);
            return said && (!next.isEmpty() && !next.equals(name) || piece.path("function").path("arguments").isObject());
        }

        /** The characters that it takes beside its text. */
        int add(JsonNode piece) {
            int added = 0;
            for (Map.Entry<String, JsonNode> member : piece.properties()) {
                if (BODIES.containsKey(member.getKey()) && member.getValue() instanceof ObjectNode body) {
                    added += addBody(member.getKey(), body);
                } else if (!member.getKey().equals(INDEX) && isMissing(begun, member.getKey())) {
                    begun.set(member.getKey(), member.getValue());
                    added += member.toString().length();
                }
            }
            return added;
        }

        private int addBody(String kind, ObjectNode body) {
            int added = 0;
            ObjectNode known = begun.path(kind) instanceof ObjectNode node ? node : begun.putObject(kind);
            for (Map.Entry<String, JsonNode> member : body.properties()) {
                JsonNode value = member.getValue();
                if (member.getKey().equals(NAME) && value.isTextual()) {
                    addName(value.textValue());
                    known.put(NAME, name);
                } else if (!member.getKey().equals(BODIES.get(kind))) {
                    if (isMissing(known, member.getKey())) {
                        known.set(member.getKey(), value);
                        added += member.toString().length();
                    }
                } else if (value.isTextual()) {
                    text.append(value.textValue());
                    known.put(member.getKey(), "");
                } else if (value.isContainerNode()) {
                    object = value.toString();
                    known.put(member.getKey(), "");
                }
            }
            return added;
        }

        /** A name comes once, again with each piece, or in pieces itself. */
        private void addName(String next) {
            if (next.startsWith(name)) {
                name = next;
            } else if (text.isEmpty() && !name.startsWith(next)) {
                name += next;
            }
        }

        private static boolean isMissing(ObjectNode object, String member) {
            return !object.hasNonNull(member) || object.path(member).asText("-").isEmpty();
        }

        static String nameOf(JsonNode piece) {
            return piece.path(piece.has("custom") ? "custom" : "function").path(NAME).asText("");
        }

        /** The part of the piece that adds to what is there. */
        static String textOf(JsonNode piece) {
            StringBuilder texts = new StringBuilder();
            BODIES.forEach((kind, member) -> {
                JsonNode value = piece.path(kind).path(member);
                texts.append(value.isTextual() ? value.textValue() : value.isContainerNode() ? value.toString() : "");
            });
            return texts.append(nameOf(piece)).toString();
        }

        ObjectNode joined() {
            ObjectNode whole = begun.deepCopy();
            String said = text.isEmpty() ? object : text.toString();
            BODIES.forEach((kind, member) -> {
                if (said != null && whole.path(kind) instanceof ObjectNode body && body.has(member)) {
                    body.put(member, said);
                }
            });
            return whole;
        }
    }
}

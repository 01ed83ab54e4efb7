package dev.chatkeep.problem;

import java.math.BigDecimal;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * What of a description would break a client that was written by an earlier one. Requests may take more than before and must
 * not take less; responses may have more members than before, and must neither lose one nor hold a value that was not there.
 */
final class OpenApiChanges {

    private static final Set<String> METHODS = Set.of("get", "post", "put", "patch", "delete");
    private static final String[] LOWER_BOUNDS = { "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties" };
    private static final String[] UPPER_BOUNDS = { "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties" };

    private final JsonNode before;
    private final JsonNode after;
    private final Set<String> changes = new TreeSet<>();
    /** Pairs of named schemas, and places, that are being compared: schemas may refer to themselves. */
    private final Set<String> open = new HashSet<>();

    private OpenApiChanges(JsonNode before, JsonNode after) {
        this.before = before;
        this.after = after;
    }

    /** A sentence for each, in the order of the alphabet. */
    static List<String> breaking(JsonNode before, JsonNode after) {
        OpenApiChanges comparison = new OpenApiChanges(before, after);
        comparison.compare();
        return List.copyOf(comparison.changes);
    }

    private void compare() {
        before.path("paths").properties().forEach(path -> path.getValue().properties().forEach(operation -> {
            if (METHODS.contains(operation.getKey())) {
                String name = operation.getKey().toUpperCase() + " " + path.getKey();
                JsonNode now = after.path("paths").path(path.getKey()).path(operation.getKey());
                if (now.isMissingNode()) {
                    changes.add(name + " is gone");
                } else {
                    compareParameters(name, operation.getValue(), now);
                    compareBodies(name, operation.getValue().path("requestBody"), now.path("requestBody"));
                    compareResponses(name, operation.getValue().path("responses"), now.path("responses"));
                }
            }
        }));
    }

    private void compareParameters(String name, JsonNode was, JsonNode now) {
        Map<String, JsonNode> old = parameters(was);
        Map<String, JsonNode> fresh = parameters(now);
        old.forEach((parameter, description) -> {
            if (!fresh.containsKey(parameter)) {
                changes.add(name + ": parameter " + parameter + " is gone");
            }
        });
        fresh.forEach((parameter, description) -> {
            JsonNode earlier = old.get(parameter);
            boolean wasRequired = earlier != null && earlier.path("required").asBoolean();
            if (description.path("required").asBoolean() && !wasRequired) {
                changes.add(name + ": parameter " + parameter + " became required");
            }
            if (earlier != null) {
                compareRequested(name + ": parameter " + parameter, earlier.path("schema"), description.path("schema"));
            }
        });
    }

    private static Map<String, JsonNode> parameters(JsonNode operation) {
        Map<String, JsonNode> parameters = new TreeMap<>();
        operation.path("parameters").forEach(
                each -> parameters.put(each.path("in").asText() + " " + each.path("name").asText(), each));
        return parameters;
    }

    private void compareBodies(String name, JsonNode was, JsonNode now) {
        if (now.path("required").asBoolean() && !was.path("required").asBoolean()) {
            changes.add(name + ": the body became required");
        }
        was.path("content").properties().forEach(type -> {
            JsonNode fresh = now.path("content").path(type.getKey());
            if (fresh.isMissingNode()) {
                changes.add(name + ": the body may not be " + type.getKey() + " any more");
            } else {
                compareRequested(name + ": body", type.getValue().path("schema"), fresh.path("schema"));
            }
        });
    }

    private void compareResponses(String name, JsonNode was, JsonNode now) {
        was.properties().forEach(response -> {
            String place = name + " " + response.getKey();
            JsonNode fresh = now.path(response.getKey());
            if (fresh.isMissingNode()) {
                changes.add(place + " is gone");
                return;
            }
            response.getValue().path("headers").fieldNames().forEachRemaining(header -> {
                if (!fresh.path("headers").has(header)) {
                    changes.add(place + ": header " + header + " is gone");
                }
            });
            response.getValue().path("content").properties().forEach(type -> {
                JsonNode content = fresh.path("content").path(type.getKey());
                if (content.isMissingNode()) {
                    changes.add(place + ": media type " + type.getKey() + " is gone");
                } else {
                    compareResponded(place, type.getValue().path("schema"), content.path("schema"));
                    type.getValue().path("x-events").properties().forEach(event -> {
                        JsonNode data = content.path("x-events").path(event.getKey());
                        if (data.isMissingNode()) {
                            changes.add(place + ": event " + event.getKey() + " is gone");
                        } else {
                            compareResponded(place + ": event " + event.getKey(), event.getValue(), data);
                        }
                    });
                }
            });
        });
    }

    // ---- Requests may not take less --------------------------------------------------------------------------------------

    private void compareRequested(String place, JsonNode oldSchema, JsonNode newSchema) {
        JsonNode was = resolve(before, oldSchema);
        JsonNode now = resolve(after, newSchema);
        String pair = oldSchema.has("$ref") ? "request " + oldSchema + newSchema : place + oldSchema;
        if (!open.add(pair)) {
            return;
        }
        Set<String> types = types(was);
        Set<String> newTypes = types(now);
        if (!newTypes.isEmpty()) {
            if (types.isEmpty()) {
                changes.add(place + " may only be " + String.join(" or ", newTypes));
            }
            types.stream().filter(type -> !allows(newTypes, type))
                    .forEach(type -> changes.add(place + " may not be " + type + " any more"));
        }
        Set<String> words = words(was);
        Set<String> newWords = words(now);
        if (!newWords.isEmpty()) {
            if (words.isEmpty()) {
                changes.add(place + " may only be one of " + String.join(", ", newWords));
            }
            words.stream().filter(word -> !newWords.contains(word))
                    .forEach(word -> changes.add(place + " may not be " + word + " any more"));
        }
        compareBounds(place, was, now);
        Set<String> required = texts(was.path("required"));
        texts(now.path("required")).stream().filter(member -> !required.contains(member))
                .forEach(member -> changes.add(place + "." + member + " became required"));
        boolean closed = isFalse(now.path("additionalProperties"));
        if (closed && !isFalse(was.path("additionalProperties"))) {
            changes.add(place + " refuses members that it does not know");
        }
        was.path("properties").properties().forEach(member -> {
            JsonNode fresh = now.path("properties").path(member.getKey());
            if (fresh.isMissingNode()) {
                changes.add(place + "." + member.getKey() + " is gone");
            } else {
                compareRequested(place + "." + member.getKey(), member.getValue(), fresh);
            }
        });
        if (was.has("items") && now.has("items")) {
            compareRequested(place + "[]", was.path("items"), now.path("items"));
        }
        compareAlternatives(place, was, now, true);
        open.remove(pair);
    }

    private void compareBounds(String place, JsonNode was, JsonNode now) {
        for (String bound : LOWER_BOUNDS) {
            if (now.has(bound) && (!was.has(bound) || number(now, bound).compareTo(number(was, bound)) > 0)) {
                changes.add(place + ": " + bound + " is " + now.path(bound).asText() + " now");
            }
        }
        for (String bound : UPPER_BOUNDS) {
            if (now.has(bound) && (!was.has(bound) || number(now, bound).compareTo(number(was, bound)) < 0)) {
                changes.add(place + ": " + bound + " is " + now.path(bound).asText() + " now");
            }
        }
        for (String rule : new String[] { "pattern", "format" }) {
            if (now.has(rule) && !now.path(rule).equals(was.path(rule))) {
                changes.add(place + ": " + rule + " is " + now.path(rule).asText() + " now");
            }
        }
    }

    // ---- Responses may not say something else ----------------------------------------------------------------------------

    private void compareResponded(String place, JsonNode oldSchema, JsonNode newSchema) {
        JsonNode was = resolve(before, oldSchema);
        JsonNode now = resolve(after, newSchema);
        String pair = oldSchema.has("$ref") ? "response " + oldSchema + newSchema : place + oldSchema;
        if (!open.add(pair)) {
            return;
        }
        Set<String> types = types(was);
        Set<String> newTypes = types(now);
        if (!types.isEmpty()) {
            if (newTypes.isEmpty() && !hasAlternatives(now)) {
                changes.add(place + " may be anything");
            }
            newTypes.stream().filter(type -> !allows(types, type))
                    .forEach(type -> changes.add(place + " may be " + type));
        }
        Set<String> words = words(was);
        if (!words.isEmpty()) {
            Set<String> newWords = words(now);
            if (newWords.isEmpty()) {
                changes.add(place + " may be any word");
            }
            newWords.stream().filter(word -> !words.contains(word))
                    .forEach(word -> changes.add(place + " may be " + word));
        }
        Set<String> required = texts(now.path("required"));
        texts(was.path("required")).stream()
                .filter(member -> !required.contains(member) && now.path("properties").has(member))
                .forEach(member -> changes.add(place + "." + member + " may be left out"));
        was.path("properties").properties().forEach(member -> {
            JsonNode fresh = now.path("properties").path(member.getKey());
            if (fresh.isMissingNode()) {
                changes.add(place + "." + member.getKey() + " is gone");
            } else {
                compareResponded(place + "." + member.getKey(), member.getValue(), fresh);
            }
        });
        if (was.has("items") && now.has("items")) {
            compareResponded(place + "[]", was.path("items"), now.path("items"));
        }
        if (was.path("additionalProperties").isObject() && now.path("additionalProperties").isObject()) {
            compareResponded(place + ".*", was.path("additionalProperties"), now.path("additionalProperties"));
        }
        compareAlternatives(place, was, now, false);
        open.remove(pair);
    }

    /** By what they refer to, or their type; a request may not lose one, a response may not get one. */
    private void compareAlternatives(String place, JsonNode was, JsonNode now, boolean requested) {
        Map<String, JsonNode> old = alternatives(was);
        Map<String, JsonNode> fresh = alternatives(now);
        if (old.isEmpty() || fresh.isEmpty()) {
            return;
        }
        old.forEach((name, schema) -> {
            if (!fresh.containsKey(name)) {
                if (requested) {
                    changes.add(place + " may not be " + name + " any more");
                }
            } else if (requested) {
                compareRequested(place, schema, fresh.get(name));
            } else {
                compareResponded(place, schema, fresh.get(name));
            }
        });
        if (!requested) {
            fresh.keySet().stream().filter(name -> !old.containsKey(name))
                    .forEach(name -> changes.add(place + " may be " + name));
        }
    }

    private static boolean hasAlternatives(JsonNode schema) {
        return schema.has("anyOf") || schema.has("oneOf");
    }

    private static Map<String, JsonNode> alternatives(JsonNode schema) {
        Map<String, JsonNode> alternatives = new TreeMap<>();
        for (String kind : new String[] { "anyOf", "oneOf" }) {
            schema.path(kind).forEach(each -> alternatives.put(each.has("$ref")
                    ? each.path("$ref").textValue().replaceAll(".*/", "")
                    : each.path("type").asText(), each));
        }
        return alternatives;
    }

    /** Empty where anything is allowed, or where the alternatives say what is. */
    private static Set<String> types(JsonNode schema) {
        Set<String> types = texts(schema.path("type"));
        if (schema.path("type").isTextual()) {
            types.add(schema.path("type").textValue());
        }
        return types;
    }

    /** An integer is a number. */
    private static boolean allows(Set<String> types, String type) {
        return types.contains(type) || type.equals("integer") && types.contains("number");
    }

    /** Null is a matter of the type. */
    private static Set<String> words(JsonNode schema) {
        Set<String> words = new TreeSet<>();
        schema.path("enum").forEach(word -> {
            if (!word.isNull()) {
                words.add(word.asText());
            }
        });
        return words;
    }

    private static Set<String> texts(JsonNode list) {
        Set<String> texts = new TreeSet<>();
        list.forEach(each -> texts.add(each.asText()));
        return texts;
    }

    private static boolean isFalse(JsonNode node) {
        return node.isBoolean() && !node.booleanValue();
    }

    private static BigDecimal number(JsonNode schema, String bound) {
        return new BigDecimal(schema.path(bound).asText());
    }

    private static JsonNode resolve(JsonNode document, JsonNode schema) {
        return schema.has("$ref") ? document.at(schema.path("$ref").textValue().substring(1)) : schema;
    }
}

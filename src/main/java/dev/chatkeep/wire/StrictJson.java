package dev.chatkeep.wire;

import java.io.IOException;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.Validator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.RequestProblems;

/**
 * Reads changes without dropping anything: an unknown field is refused, and a field that is null differs from an absent one.
 * Its types are registered for reflection, because no resource method names them.
 */
@ApplicationScoped
public class StrictJson {

    /**
     * @param value the change, validated
     * @param tree the same change as it was sent
     */
    public record Change<T>(T value, ObjectNode tree) {

        public String json() {
            return tree.toString();
        }

        /** Refuses null for fields that may be absent but not cleared. */
        public void refuseNull(String... fields) {
            for (String field : fields) {
                if (tree.at("/" + field.replace('.', '/')).isNull()) {
                    throw RequestProblems.ofField(field, "must not be null");
                }
            }
        }
    }

    /** No change comes close to this size. The limit exists because changes are read on the event loop. */
    private static final int MAX_BYTES = 256 << 10;

    private final ObjectMapper json;
    private final ObjectReader strict;
    private final Validator validator;

    public StrictJson(ObjectMapper json, Validator validator) {
        this.json = json;
        this.strict = json.reader().with(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .with(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
        this.validator = validator;
    }

    /** Reads a change that has at least one field. */
    public <T> Change<T> read(byte[] body, Class<T> type) {
        Change<T> change = readOptions(body, type);
        if (change.tree().isEmpty()) {
            throw RequestProblems.ofField("", "must name something to change");
        }
        return change;
    }

    /** Reads options, all of which may be absent. */
    public <T> Change<T> readOptions(byte[] body, Class<T> type) {
        if (body != null && body.length > MAX_BYTES) {
            throw Problem.tooLarge(MAX_BYTES);
        }
        try {
            JsonNode tree = body == null || body.length == 0 ? null : strict.readTree(body);
            if (tree == null || tree.isNull() || tree.isMissingNode()) {
                throw RequestProblems.ofMissingBody();
            }
            String text = tree.toString();
            String wellFormed = JsonRules.wellFormed(text);
            if (!wellFormed.equals(text)) {
                tree = strict.readTree(wellFormed); // the tree itself is stored, too
            }
            T value = RequestProblems.requireValid(validator, strict.forType(type).<T> readValue(tree));
            writeWhole((ObjectNode) tree);
            return new Change<>(value, (ObjectNode) tree);
        } catch (MismatchedInputException e) {
            throw RequestProblems.of(e);
        } catch (IOException e) {
            throw RequestProblems.malformed();
        }
    }

    /** A whole number may come as 5.0, which the database takes for none. */
    private static void writeWhole(ObjectNode change) {
        change.properties().forEach(member -> {
            Integer whole = member.getValue().isBigDecimal() ? JsonRules.whole(member.getValue().decimalValue()) : null;
            if (whole != null) {
                member.setValue(IntNode.valueOf(whole));
            }
        });
    }

    /** The size of a value as JSON without white space, in bytes. */
    public int bytes(JsonNode value) {
        try {
            return json.writeValueAsBytes(value).length;
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("A tree that was read cannot be written", e);
        }
    }
}

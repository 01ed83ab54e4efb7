package dev.chatkeep.wire;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.UUID;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;

import dev.chatkeep.problem.Problem;

/**
 * Where a page of a list ended: the key of its last row, times in microseconds, as base64url of a JSON array. To clients it
 * is opaque.
 */
public final class Cursor {

    private final JsonNode key;

    private Cursor(JsonNode key) {
        this.key = key;
    }

    /** The cursor of a row, by what the list is ordered by. */
    public static String of(Object... key) {
        ArrayNode values = JsonNodeFactory.instance.arrayNode(key.length);
        for (Object value : key) {
            if (value instanceof Instant time) {
                values.add(ChronoUnit.MICROS.between(Instant.EPOCH, time));
            } else {
                values.add(value == null ? null : value.toString());
            }
        }
        return Base64.getUrlEncoder().withoutPadding().encodeToString(values.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** Reads a cursor of so many values; like everything read from it, 422 {@code invalid_cursor} where it is none. */
    public static Cursor parse(String text, int size, ObjectMapper json) {
        try {
            JsonNode key = json.readTree(new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8));
            if (key != null && key.isArray() && key.size() == size) {
                return new Cursor(key);
            }
        } catch (JsonProcessingException | IllegalArgumentException e) {
            // Answered below like every other text that is no cursor.
        }
        throw Problem.invalidCursor();
    }

    public OffsetDateTime time(int index) {
        JsonNode micros = key.get(index);
        if (!micros.isIntegralNumber() || !micros.canConvertToLong()) {
            throw Problem.invalidCursor();
        }
        OffsetDateTime time = Instant.EPOCH.plus(micros.longValue(), ChronoUnit.MICROS).atOffset(ZoneOffset.UTC);
        if (time.getYear() < 1 || time.getYear() > 9999) {
            throw Problem.invalidCursor();
        }
        return time;
    }

    /** A time that the last row may not have had. */
    public OffsetDateTime timeOrNull(int index) {
        return key.get(index).isNull() ? null : time(index);
    }

    public UUID uuid(int index) {
        try {
            return UUID.fromString(text(index));
        } catch (IllegalArgumentException e) {
            throw Problem.invalidCursor();
        }
    }

    public String text(int index) {
        String text = key.get(index).textValue();
        if (text == null || text.indexOf('\0') >= 0) {
            throw Problem.invalidCursor();
        }
        return text;
    }
}

package dev.chatkeep.wire;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;

import dev.chatkeep.problem.Problem;

/**
 * The position after a page of a list: the key of its last row as base64url of a JSON array, with times in microseconds. It is
 * opaque to clients.
 */
public final class Cursor {

    private final JsonNode key;

    private Cursor(JsonNode key) {
        this.key = key;
    }

    /** The cursor of a row, from the values that the list is sorted by. */
    public static String of(Object... key) {
        ArrayNode values = JsonNodeFactory.instance.arrayNode(key.length);
        for (Object value : key) {
            if (value instanceof Instant time) {
                // ChronoUnit counts in nanoseconds on the way, which do not reach the year 9999.
                values.add(Math.addExact(TimeUnit.SECONDS.toMicros(time.getEpochSecond()), time.getNano() / 1_000));
            } else if (value instanceof Long number) {
                values.add(number);
            } else {
                values.add(value == null ? null : value.toString());
            }
        }
        return Base64.getUrlEncoder().withoutPadding().encodeToString(values.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Reads a cursor with this many values. This and the methods that return a value throw 422 {@code invalid_cursor} if the
     * text is not such a cursor.
     */
    public static Cursor parse(String text, int size, ObjectMapper json) {
        try {
            JsonNode key = json.readTree(new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8));
            if (key != null && key.isArray() && key.size() == size) {
                return new Cursor(key);
            }
        } catch (JsonProcessingException | IllegalArgumentException e) {
            // Not a cursor: refused below.
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

    /** A time that may be null in the last row. */
    public OffsetDateTime timeOrNull(int index) {
        return key.get(index).isNull() ? null : time(index);
    }

    public long number(int index) {
        JsonNode number = key.get(index);
        if (!number.isIntegralNumber() || !number.canConvertToLong()) {
            throw Problem.invalidCursor();
        }
        return number.longValue();
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

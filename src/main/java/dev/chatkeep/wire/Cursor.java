package dev.chatkeep.wire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.Optional;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * Where a page of a list ended: the key of its last row, times in microseconds, as base64url of a JSON array. To clients it
 * is opaque.
 */
public final class Cursor {

    private final JsonNode key;

    private Cursor(JsonNode key) {
        this.key = key;
    }

    /** SQL that writes the cursor of a row. */
    public static String sql(String... columns) {
        return "translate(encode(convert_to(json_build_array(" + String.join(", ", columns)
                + ")::text, 'UTF8'), 'base64'), E'+/=\\n', '-_')";
    }

    /** SQL that writes a time for {@link #sql}. */
    public static String sqlTime(String column) {
        return "(extract(epoch from " + column + ") * 1000000)::bigint";
    }

    /** Reads a cursor with so many values, or nothing where the text is not one. */
    public static Optional<Cursor> parse(String text, int size, ObjectMapper json) {
        try {
            JsonNode key = json.readTree(new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8));
            return Optional.ofNullable(key).filter(array -> array.isArray() && array.size() == size).map(Cursor::new);
        } catch (IOException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** A value that may be null; {@code IllegalArgumentException} where it is no time. */
    public OffsetDateTime time(int index) {
        JsonNode micros = key.get(index);
        if (micros.isNull()) {
            return null;
        }
        if (!micros.isIntegralNumber() || !micros.canConvertToLong()) {
            throw new IllegalArgumentException("not a time");
        }
        try {
            return Instant.EPOCH.plus(micros.longValue(), ChronoUnit.MICROS).atOffset(ZoneOffset.UTC);
        } catch (DateTimeException | ArithmeticException e) {
            throw new IllegalArgumentException("not a time", e);
        }
    }

    /** {@code IllegalArgumentException} where the value is no text. */
    public String text(int index) {
        if (!key.get(index).isTextual()) {
            throw new IllegalArgumentException("not a text");
        }
        return key.get(index).textValue();
    }
}

package dev.chatkeep.wire;

import java.io.IOException;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.UUID;

import com.fasterxml.jackson.core.JsonGenerator;

import io.vertx.core.buffer.Buffer;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.data.Numeric;

/**
 * Writes columns of a row as members of an object, in the forms that PostgreSQL's {@code to_jsonb} gives their values. The
 * driver would not keep all digits of JSON, so such a column is selected as bytes ({@link #json}) and written as it is.
 */
public final class RowMembers {

    private static final int LAST_YEAR_OF_FOUR_DIGITS = 9_999;
    /** PostgreSQL knows no earlier and no later times than in these years: what the driver makes of infinity is beyond them. */
    private static final int FIRST_YEAR = -4_713;
    private static final int LAST_YEAR = 294_276;
    private static final int NANOS_A_MICRO = 1_000;

    private RowMembers() {
    }

    /** How a column of JSON is selected. */
    public static String json(String column) {
        return "convert_to(" + column + "::text, 'UTF8') as " + column;
    }

    /** @param from the first column, counted from 0 */
    public static void write(JsonGenerator json, Row row, int from, int to) throws IOException {
        for (int column = from; column < to; column++) {
            json.writeFieldName(row.getColumnName(column));
            Object value = row.getValue(column);
            if (value instanceof String[] texts) {
                json.writeArray(texts, 0, texts.length);
            } else {
                write(json, row.getColumnName(column), value);
            }
        }
    }

    private static void write(JsonGenerator json, String name, Object value) throws IOException {
        if (value == null) {
            json.writeNull();
        } else if (value instanceof Boolean truth) {
            json.writeBoolean(truth);
        } else if (value instanceof Integer || value instanceof Long) {
            json.writeNumber(((Number) value).longValue());
        } else if (value instanceof Numeric number && !number.isNaN()) {
            json.writeNumber(number.bigDecimalValue().toPlainString());
        } else if (value instanceof Buffer bytes) {
            json.writeRawValue(bytes.toString());
        } else if (value instanceof OffsetDateTime time) {
            json.writeString(time(time));
        } else if (value instanceof LocalDate day) {
            json.writeString(day(day));
        } else if (value instanceof String || value instanceof UUID || value instanceof Numeric) {
            json.writeString(value.toString());
        } else {
            throw new IllegalArgumentException("Nothing says how " + name + " is written, a " + value.getClass().getName());
        }
    }

    private static String time(OffsetDateTime time) {
        if (time.getYear() < FIRST_YEAR || time.getYear() > LAST_YEAR) {
            return infinity(time.getYear());
        }
        OffsetDateTime utc = time.withOffsetSameInstant(ZoneOffset.UTC);
        StringBuilder text = appendDay(new StringBuilder(32), utc.toLocalDate());
        Timestamps.digits(text.append('T'), utc.getHour(), 10);
        Timestamps.digits(text.append(':'), utc.getMinute(), 10);
        Timestamps.digits(text.append(':'), utc.getSecond(), 10);
        if (utc.getNano() > 0) {
            Timestamps.digits(text.append('.'), utc.getNano() / NANOS_A_MICRO, 100_000);
            while (text.charAt(text.length() - 1) == '0') {
                text.setLength(text.length() - 1);
            }
        }
        return text.append("+00:00").append(era(utc.getYear())).toString();
    }

    private static String day(LocalDate day) {
        return day.equals(LocalDate.MIN) || day.equals(LocalDate.MAX) ? infinity(day.getYear())
                : appendDay(new StringBuilder(16), day).append(era(day.getYear())).toString();
    }

    private static String infinity(int year) {
        return year < 0 ? "-infinity" : "infinity";
    }

    private static StringBuilder appendDay(StringBuilder text, LocalDate day) {
        int year = day.getYear() > 0 ? day.getYear() : 1 - day.getYear();
        if (year > LAST_YEAR_OF_FOUR_DIGITS) {
            text.append(year);
        } else {
            Timestamps.digits(text, year, 1_000);
        }
        Timestamps.digits(text.append('-'), day.getMonthValue(), 10);
        Timestamps.digits(text.append('-'), day.getDayOfMonth(), 10);
        return text;
    }

    private static String era(int year) {
        return year > 0 ? "" : " BC";
    }
}

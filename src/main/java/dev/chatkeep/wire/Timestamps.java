package dev.chatkeep.wire;

import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;

import io.vertx.sqlclient.Row;

/** Times in requests and responses: ISO 8601 in UTC, as browsers write them ({@code 2026-09-01T08:00:00.000Z}). */
public final class Timestamps {

    private static final int NANOS_A_MICRO = 1_000;
    private static final int NANOS_A_MILLI = 1_000_000;

    private Timestamps() {
    }

    /** A {@code timestamptz} column of a row, or null. */
    public static Instant of(Row row, int column) {
        OffsetDateTime time = row.getOffsetDateTime(column);
        return time == null ? null : time.toInstant();
    }

    /**
     * Formats a time of the years 1 to 9999 with milliseconds, or with microseconds if the time has them. It does not use a
     * formatter: long lists contain many times, and a formatter would take longer than the rest of a row.
     */
    public static String format(Instant time) {
        LocalDateTime utc = LocalDateTime.ofEpochSecond(time.getEpochSecond(), time.getNano(), ZoneOffset.UTC);
        StringBuilder text = new StringBuilder(27);
        digits(text, utc.getYear(), 1_000);
        digits(text.append('-'), utc.getMonthValue(), 10);
        digits(text.append('-'), utc.getDayOfMonth(), 10);
        digits(text.append('T'), utc.getHour(), 10);
        digits(text.append(':'), utc.getMinute(), 10);
        digits(text.append(':'), utc.getSecond(), 10);
        text.append('.');
        if (utc.getNano() % NANOS_A_MILLI == 0) {
            digits(text, utc.getNano() / NANOS_A_MILLI, 100);
        } else {
            digits(text, utc.getNano() / NANOS_A_MICRO, 100_000);
        }
        return text.append('Z').toString();
    }

    static void digits(StringBuilder text, int number, int first) {
        for (int place = first; place > 0; place /= 10) {
            text.append((char) ('0' + number / place % 10));
        }
    }
}

package dev.chatkeep.wire;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** Times in requests and answers: ISO 8601 in UTC, as browsers write them ({@code 2026-09-01T08:00:00.000Z}). */
public final class Timestamps {

    private static final DateTimeFormatter MILLIS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'")
            .withZone(ZoneOffset.UTC);
    private static final DateTimeFormatter MICROS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
            .withZone(ZoneOffset.UTC);
    private static final int NANOS_A_MILLI = 1_000_000;

    private Timestamps() {
    }

    /** With milliseconds, or microseconds where the time has them. */
    public static String format(Instant time) {
        return (time.getNano() % NANOS_A_MILLI == 0 ? MILLIS : MICROS).format(time);
    }

    /** SQL that writes a {@code timestamptz} as {@link #format} does. */
    public static String sql(String column) {
        return "replace(to_char(" + column + " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || 'Z', '000Z', 'Z')";
    }
}

package dev.chatkeep.wire;

/** Times in requests and answers: ISO 8601 in UTC, as browsers write them ({@code 2026-09-01T08:00:00.000Z}). */
public final class Timestamps {

    private Timestamps() {
    }

    /** SQL that writes a {@code timestamptz} with milliseconds, or microseconds where it has them. */
    public static String sql(String column) {
        return "replace(to_char(" + column + " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || 'Z', '000Z', 'Z')";
    }
}

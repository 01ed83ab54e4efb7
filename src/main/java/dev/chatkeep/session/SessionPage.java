package dev.chatkeep.session;

import java.time.OffsetDateTime;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.wire.Cursor;

/**
 * Lists sessions, newest {@code updated_at} first, ties by {@code last_message_timestamp}, then {@code id}. A page goes on
 * after the last row of the one before, so every page costs the same.
 *
 * @param updatedAt of the last row of the page before
 * @param lastMessageTimestamp of that row; null where it has no message
 * @param id of that row
 */
record SessionPage(OffsetDateTime updatedAt, OffsetDateTime lastMessageTimestamp, String id) {

    private static final String NEWEST_LAST_MESSAGE = "coalesce(s.last_message_timestamp, '-infinity')";
    private static final String ORDER = "s.updated_at desc, " + NEWEST_LAST_MESSAGE + " desc, s.id desc";
    private static final String CURSOR = Cursor.sql(Cursor.sqlTime("s.updated_at"),
            Cursor.sqlTime("s.last_message_timestamp"), "s.id");

    /** {@code $1} user, {@code $2} how many. One row more is read to know whether there are more. */
    static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $3} updated_at, {@code $4} last_message_timestamp, {@code $5} id. */
    static final String NEXT = page(" and s.updated_at <= $3 and (s.updated_at, " + NEWEST_LAST_MESSAGE + ", s.id)"
            + " < ($3, coalesce($4::timestamptz, '-infinity'), $5)");

    private static String page(String after) {
        return "with found as (select s.*, row_number() over (order by " + ORDER + ") as position"
                + " from public.chat_sessions s where s.user_id = $1" + after + " order by " + ORDER + " limit $2 + 1)"
                + " select json_build_object("
                + "'sessions', coalesce(json_agg(" + SessionView.SQL + " order by s.position)"
                + " filter (where s.position <= $2), '[]'),"
                + " 'count', count(*) filter (where s.position <= $2),"
                + " 'next_cursor', case when count(*) > $2 then max(" + CURSOR + ") filter (where s.position = $2) end)::text"
                + " from found s";
    }

    /** Reads a cursor that an answer carried; 422 {@code invalid_cursor} where it did not. */
    static SessionPage after(String cursor, ObjectMapper json) {
        Cursor key = Cursor.parse(cursor, 3, json);
        return new SessionPage(key.time(0), key.timeOrNull(1), key.text(2));
    }
}

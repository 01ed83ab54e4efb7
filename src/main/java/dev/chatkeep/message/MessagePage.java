package dev.chatkeep.message;

import java.time.OffsetDateTime;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.wire.Cursor;

/**
 * Lists the messages of a session in time order, ties by {@code id}. An answer ends early rather than grow without bound,
 * and then says where to go on.
 *
 * @param timestamp of the last message of the page before
 * @param id of that message
 */
record MessagePage(OffsetDateTime timestamp, String id) {

    private static final String CURSOR = Cursor.sql(Cursor.sqlTime("m.message_timestamp"), "m.id");

    /**
     * {@code $1} user, {@code $2} session, {@code $3} how many messages, {@code $4} how many bytes of content (the first
     * message is never too large). No row where there is no such session.
     */
    static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $5} message_timestamp, {@code $6} id. */
    static final String NEXT = page(" and (m.message_timestamp, m.id) > ($5, $6)");

    private static String page(String after) {
        return "select (with found as (select m.*, row_number() over place as position,"
                + " sum(octet_length(m.content)) over place as bytes"
                + " from public.chat_messages m where m.user_id = s.user_id and m.session_id = s.id" + after
                + " window place as (order by m.message_timestamp, m.id)"
                + " order by m.message_timestamp, m.id limit $3 + 1),"
                + " page as (select * from found m where m.position <= $3 and (m.bytes <= $4 or m.position = 1))"
                + " select json_build_object("
                + "'messages', coalesce(json_agg(" + MessageInput.SQL + " order by m.position), '[]'),"
                + " 'count', count(*),"
                + " 'next_cursor', case when (select count(*) from found) > count(*)"
                + " then (array_agg(" + CURSOR + " order by m.position desc))[1] end)::text from page m)"
                + " from public.chat_sessions s where s.user_id = $1 and s.id = $2";
    }

    /** Reads a cursor that an answer carried; 422 {@code invalid_cursor} where it did not. */
    static MessagePage after(String cursor, ObjectMapper json) {
        Cursor key = Cursor.parse(cursor, 2, json);
        return new MessagePage(key.time(0), key.text(1));
    }
}

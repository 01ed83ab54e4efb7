package dev.chatkeep.session;

import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.JsonParts;
import dev.chatkeep.wire.Page;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.Parts;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Lists sessions by {@code updated_at}, {@code last_message_timestamp} and {@code id}, newest first. A page starts after the
 * last row of the previous page, so every page costs the same.
 */
final class SessionQueries {

    /** So many are read at once and not worth counting. */
    private static final int FEW = 250;
    /** What a session takes beside its texts. */
    private static final int ROW_BYTES = 400;

    private static final String NEWEST_LAST_MESSAGE = "coalesce(s.last_message_timestamp, '-infinity')";

    /** {@code $1} user, {@code $2} number of rows. */
    private static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $3} updated_at, {@code $4} last_message_timestamp, {@code $5} id. */
    private static final String NEXT = page(" and s.updated_at <= $3 and (s.updated_at, " + NEWEST_LAST_MESSAGE + ", s.id)"
            + " < ($3, coalesce($4::timestamptz, '-infinity'), $5)");

    private static final String FIRST_BYTES = bytes(FIRST);
    private static final String NEXT_BYTES = bytes(NEXT);

    private SessionQueries() {
    }

    private static String page(String after) {
        return "select " + SessionView.COLUMNS + " from public.chat_sessions s where s.user_id = $1" + after
                + " order by s.updated_at desc, " + NEWEST_LAST_MESSAGE + " desc, s.id desc limit $2";
    }

    private static String bytes(String page) {
        return "select coalesce(sum(" + ROW_BYTES + " + octet_length(p.id) + octet_length(p.title)"
                + " + coalesce(octet_length(p.last_message_preview), 0)), 0)::bigint from (" + page + ") p";
    }

    /**
     * @param cursor from an earlier page, or null; 422 {@code invalid_cursor} if it is not valid
     * @return {@link SessionResponses.Many}, or {@link Parts} of the same where they are many
     */
    static Uni<Object> read(Statements reading, PartMemory memory, int size, String cursor, ObjectMapper json) {
        Cursor after = cursor == null ? null : Cursor.parse(cursor, 3, json);
        return page(reading, Math.min(size, FEW), after, json).chain(few -> {
            if (few.nextCursor() == null || size <= FEW) {
                return Uni.createFrom().item(few);
            }
            return run(reading, FIRST_BYTES, NEXT_BYTES, size, after).chain(bytes -> {
                memory.takeNow(ResponseMemory.expanded(bytes.iterator().next().getLong(0)));
                return page(reading, size, after, json);
            }).map(many -> {
                // Only what is written is kept while the client takes it.
                JsonParts parts = new JsonParts(json).writeAll(List.of(many));
                return new Parts(Multi.createFrom().item(parts::take), memory);
            });
        });
    }

    private static Uni<RowSet<Row>> run(Statements reading, String first, String next, int size, Cursor after) {
        return after == null ? reading.run(first, size + 1)
                : reading.run(next, size + 1, after.time(0), after.timeOrNull(1), after.text(2));
    }

    private static Uni<SessionResponses.Many> page(Statements reading, int size, Cursor after, ObjectMapper json) {
        return run(reading, FIRST, NEXT, size, after).map(found -> Page.of(found, size, SessionView::of,
                last -> Cursor.of(last.updatedAt(), last.lastMessageTimestamp(), last.id()), SessionResponses.Many::new));
    }
}

package dev.chatkeep.session;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.Page;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Lists sessions by {@code updated_at}, {@code last_message_timestamp} and {@code id}, newest first. A page starts after the
 * last row of the previous page, so every page costs the same.
 */
final class SessionQueries {

    private static final String NEWEST_LAST_MESSAGE = "coalesce(s.last_message_timestamp, '-infinity')";

    /** {@code $1} user, {@code $2} number of rows. */
    private static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $3} updated_at, {@code $4} last_message_timestamp, {@code $5} id. */
    private static final String NEXT = page(" and s.updated_at <= $3 and (s.updated_at, " + NEWEST_LAST_MESSAGE + ", s.id)"
            + " < ($3, coalesce($4::timestamptz, '-infinity'), $5)");

    private SessionQueries() {
    }

    private static String page(String after) {
        return "select " + SessionView.COLUMNS + " from public.chat_sessions s where s.user_id = $1" + after
                + " order by s.updated_at desc, " + NEWEST_LAST_MESSAGE + " desc, s.id desc limit $2";
    }

    /** @param cursor from an earlier page, or null; 422 {@code invalid_cursor} if it is not valid */
    static Uni<SessionResponses.Many> read(Statements reading, int size, String cursor, ObjectMapper json) {
        Cursor after = cursor == null ? null : Cursor.parse(cursor, 3, json);
        Uni<RowSet<Row>> rows = after == null ? reading.run(FIRST, size + 1)
                : reading.run(NEXT, size + 1, after.time(0), after.timeOrNull(1), after.text(2));
        return rows.map(found -> Page.of(found, size, SessionView::of,
                last -> Cursor.of(last.updatedAt(), last.lastMessageTimestamp(), last.id()), SessionResponses.Many::new));
    }
}

package dev.chatkeep.message;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.problem.Problem;
import dev.chatkeep.security.Statements;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Lists the messages of a session in time order, ties by {@code id}. An answer ends early rather than grow without bound,
 * and then says where to go on.
 */
final class MessagePage {

    /** How many bytes of content an answer holds at the most; the first message is never too large. */
    private static final long MOST_BYTES = 64 << 20;

    /**
     * {@code $1} user, {@code $2} session, {@code $3} how many messages, {@code $4} how many bytes of content, which the last
     * row may be the first to exceed. No row where there is no such session, and one without a message where it has none.
     */
    private static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $5} message_timestamp, {@code $6} id. */
    private static final String NEXT = page("and (m.message_timestamp, m.id) > ($5, $6)");
    private static final int BYTES = 13;

    private MessagePage() {
    }

    private static String page(String after) {
        return """
                select %s, m.bytes
                  from public.chat_sessions s
                  left join lateral (
                       select m.*, sum(octet_length(m.content)) over (order by m.message_timestamp, m.id
                                                                      rows unbounded preceding) as bytes
                         from public.chat_messages m
                        where m.user_id = $1 and m.session_id = $2 %s
                        order by m.message_timestamp, m.id
                        limit $3) m on m.bytes - octet_length(m.content) <= $4
                 where s.user_id = $1 and s.id = $2
                 order by m.message_timestamp, m.id""".formatted(MessageInput.COLUMNS, after);
    }

    /**
     * @param cursor that an answer carried, or null; 422 {@code invalid_cursor} where none did
     * @return 404 where there is no such session
     */
    static Uni<MessageResource.Messages> read(Statements reading, String sessionId, int size, String cursor,
            ObjectMapper json) {
        Cursor after = cursor == null ? null : Cursor.parse(cursor, 2, json);
        Uni<RowSet<Row>> rows = after == null ? reading.run(FIRST, sessionId, size + 1, MOST_BYTES)
                : reading.run(NEXT, sessionId, size + 1, MOST_BYTES, after.time(0), after.text(1));
        return rows.map(found -> page(found, size));
    }

    private static MessageResource.Messages page(RowSet<Row> rows, int size) {
        if (rows.size() == 0) {
            throw Problem.notFound("session_not_found", "There is no such session.");
        }
        List<MessageInput> messages = new ArrayList<>(rows.size());
        Row last = null;
        for (Row row : rows) {
            if (row.getString(0) == null) {
                break;
            }
            if (messages.size() == size || last != null && row.getLong(BYTES) > MOST_BYTES) {
                return new MessageResource.Messages(messages, messages.size(),
                        Cursor.of(Timestamps.of(last, 3), last.getString(0)));
            }
            messages.add(MessageInput.of(row, 0));
            last = row;
        }
        return new MessageResource.Messages(messages, messages.size(), null);
    }
}

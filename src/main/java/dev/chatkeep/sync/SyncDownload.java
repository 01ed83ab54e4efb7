package dev.chatkeep.sync;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

import dev.chatkeep.message.MessageInput;
import dev.chatkeep.security.Statements;
import dev.chatkeep.sync.SyncAnswers.Conversation;
import dev.chatkeep.sync.SyncAnswers.Downloaded;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** Reads the newest conversations, each with all its messages. */
final class SyncDownload {

    /** How many conversations a download holds. */
    static final int NEWEST = 10;
    /** How many bytes of content a download holds at the most. */
    private static final long MOST_BYTES = 64 << 20;

    private static final int MESSAGE = 12;

    /**
     * {@code $1} user, {@code $2} how many bytes of content. A conversation is there as a whole or not at all. A row a message,
     * one without for a conversation that has none, and one without either for who has no conversation.
     */
    private static final String DOWNLOAD = """
            with newest as (
                select s.*, row_number() over (order by s.updated_at desc, s.last_message_timestamp desc nulls last,
                                                        s.id desc) as position
                  from public.chat_sessions s
                 where s.user_id = $1
                 order by s.updated_at desc, s.last_message_timestamp desc nulls last, s.id desc
                 limit %d
            ), sized as (
                select s.*, sum(c.bytes) over (order by s.position) as bytes
                  from newest s
                 cross join lateral (
                       select coalesce(sum(octet_length(m.content)), 0) as bytes
                         from public.chat_messages m
                        where m.user_id = $1 and m.session_id = s.id) c
            )
            select now(), s.id, s.title, s.user_id, s.created_at, s.updated_at, s.message_count, s.total_tokens,
                   s.last_model, s.last_message_preview, s.last_message_timestamp, s.is_active, %s
              from (select) as always
              left join sized s on s.bytes <= $2
              left join public.chat_messages m on m.user_id = $1 and m.session_id = s.id
             order by s.position, m.message_timestamp, m.id""".formatted(NEWEST, MessageInput.COLUMNS);

    private SyncDownload() {
    }

    static Uni<Downloaded> read(Statements reading) {
        return reading.run(DOWNLOAD, MOST_BYTES).map(SyncDownload::downloaded);
    }

    private static Downloaded downloaded(RowSet<Row> rows) {
        List<Conversation> conversations = new ArrayList<>(NEWEST);
        Conversation conversation = null;
        Instant time = null;
        for (Row row : rows) {
            time = Timestamps.of(row, 0);
            String id = row.getString(1);
            if (id != null && (conversation == null || !conversation.id().equals(id))) {
                conversation = conversation(row);
                conversations.add(conversation);
            }
            if (row.getString(MESSAGE) != null) {
                conversation.messages().add(MessageInput.of(row, MESSAGE));
            }
        }
        return new Downloaded(conversations, time);
    }

    private static Conversation conversation(Row row) {
        return new Conversation(row.getString(1), row.getString(2), row.getUUID(3).toString(), new ArrayList<>(),
                Timestamps.of(row, 4), Timestamps.of(row, 5), row.getInteger(6), row.getLong(7), row.getString(8),
                row.getString(9), Timestamps.of(row, 10), row.getBoolean(11));
    }
}

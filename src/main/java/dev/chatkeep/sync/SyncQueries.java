package dev.chatkeep.sync;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

import dev.chatkeep.database.Statements;
import dev.chatkeep.message.MessageInput;
import dev.chatkeep.message.MessageReader;
import dev.chatkeep.sync.SyncResponses.Conversation;
import dev.chatkeep.sync.SyncResponses.Downloaded;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** Reads the newest conversations, with their messages if these are few. */
final class SyncQueries {

    /** The number of conversations in a download. */
    static final int NEWEST = 10;
    /** The maximum bytes of content in a download. */
    private static final long MAX_BYTES = 64 << 20;
    /** Up to these sizes, messages are read together with their conversations. */
    private static final long SMALL_BYTES = 2 * MessageReader.PART_BYTES;
    private static final long SMALL_MESSAGES = 2 * MessageReader.PART_MESSAGES;

    private static final int IS_SMALL = 12;
    private static final int LARGEST = 13;
    private static final int MESSAGE = 14;

    /**
     * {@code $1} user, {@code $2} maximum bytes of content, {@code $3} and {@code $4} the bytes and the messages up to which
     * messages are read as well. A conversation is returned as a whole or not at all. There is one row per message. A
     * conversation without messages, or whose messages are not read, has one row without a message. A user without
     * conversations gets one row without either.
     */
    private static final String DOWNLOAD = """
            with newest as (
                select s.*, row_number() over (order by s.updated_at desc, s.last_message_timestamp desc nulls last,
                                                        s.id desc) as position
                  from public.chat_sessions s
                 where s.user_id = $1
                 order by s.updated_at desc, s.last_message_timestamp desc nulls last, s.id desc
                 limit %1$d
            ), sized as (
                select s.*, sum(c.bytes) over (order by s.position) as bytes, sum(c.messages) over () as messages,
                       max(c.largest) over (order by s.position) as largest
                  from newest s
                 cross join lateral (
                       select coalesce(sum(%2$s), 0) as bytes, count(*) as messages,
                              coalesce(max(%2$s), 0)::bigint as largest
                         from public.chat_messages m
                        where m.user_id = $1 and m.session_id = s.id) c
            ), chosen as (
                select s.*, max(s.bytes) over () <= $3 and s.messages <= $4 as is_small from sized s where s.bytes <= $2
            )
            select now(), s.id, s.title, s.user_id, s.created_at, s.updated_at, s.message_count, s.total_tokens,
                   s.last_model, s.last_message_preview, s.last_message_timestamp, s.is_active, s.is_small,
                   max(s.largest) over () as largest, %3$s
              from (select) as always
              left join chosen s on true
              left join public.chat_messages m on s.is_small and m.user_id = $1 and m.session_id = s.id
             order by s.position, m.message_timestamp, m.ordinal""".formatted(NEWEST, MessageInput.BYTES,
            MessageInput.COLUMNS);

    /**
     * @param hasMessages whether the messages of the conversations were read
     * @param largest the bytes of the largest message
     */
    record Newest(Downloaded downloaded, boolean hasMessages, long largest) {
    }

    private SyncQueries() {
    }

    static Uni<Newest> newest(Statements reading) {
        return reading.run(DOWNLOAD, MAX_BYTES, SMALL_BYTES, SMALL_MESSAGES).map(rows -> {
            Row first = rows.iterator().next();
            boolean hasMessages = !Boolean.FALSE.equals(first.getBoolean(IS_SMALL));
            return new Newest(downloaded(rows), hasMessages, hasMessages ? 0 : first.getLong(LARGEST));
        });
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

package dev.chatkeep.sync;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

import dev.chatkeep.database.Statements;
import dev.chatkeep.message.MessageInput;
import dev.chatkeep.message.MessageReader;
import dev.chatkeep.sync.SyncResponses.Conversation;
import dev.chatkeep.sync.SyncResponses.Downloaded;
import dev.chatkeep.sync.SyncResponses.Meta;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** Reads conversations, with their messages if these are few. */
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
    private static final int FOUND = 14;
    private static final int MESSAGE = 15;

    private static final String CONVERSATION = "s.id, s.title, s.user_id, s.created_at, s.updated_at, s.message_count,"
            + " s.total_tokens, s.last_model, s.last_message_preview, s.last_message_timestamp, s.is_active";

    /** The order of the newest ones, and of the index that finds the pages. */
    private static final String UPDATED = "s.updated_at desc, s.last_message_timestamp desc nulls last, s.id desc";
    private static final String SAID_AT = "coalesce(s.last_message_timestamp, s.created_at)";
    private static final String SAID = SAID_AT + " desc, s.id desc";
    private static final String AFTER = "and (" + SAID_AT + ", s.id) < ($%d, $%d)";

    /** {@code $1} user, {@code $2} to {@code $4} as in {@link #download}. */
    private static final String NEWEST_ONES = download("", UPDATED, Integer.toString(NEWEST), "s.bytes <= $2", "true");
    /** As above, {@code $5} conversations in the page. One more is looked for, and the first is never too large. */
    private static final String PAGE = page("");
    /** As {@link #PAGE}, after {@code $6} its time and {@code $7} its id. */
    private static final String NEXT_PAGE = page(AFTER.formatted(6, 7));
    /** {@code $1} user, {@code $2} conversations in the page. */
    private static final String SUMMARIES = summaries("");
    /** As {@link #SUMMARIES}, after {@code $3} its time and {@code $4} its id. */
    private static final String NEXT_SUMMARIES = summaries(AFTER.formatted(3, 4));

    /**
     * @param hasMessages whether the messages of the conversations were read, or are not asked for
     * @param largest the bytes of the largest message
     */
    record Read(Downloaded downloaded, boolean hasMessages, long largest) {
    }

    private SyncQueries() {
    }

    private static String page(String after) {
        return download(after, SAID, "$5::int + 1", "s.bytes <= $2 or s.position = 1", "s.position <= $5");
    }

    /**
     * {@code $1} user, {@code $2} maximum bytes of content, {@code $3} and {@code $4} the bytes and the messages up to which
     * messages are read as well. A conversation is returned as a whole or not at all. There is one row per message. A
     * conversation without messages, or whose messages are not read, has one row without a message. A user without
     * conversations gets one row without either.
     */
    private static String download(String after, String order, String limit, String fits, String wanted) {
        return """
                with newest as (
                    select s.*, row_number() over (order by %1$s) as position
                      from public.chat_sessions s
                     where s.user_id = $1 %2$s
                     order by %1$s
                     limit %3$s
                ), sized as (
                    select s.*, sum(c.bytes) over (order by s.position) as bytes, sum(c.messages) over () as messages,
                           max(c.largest) over (order by s.position) as largest
                      from newest s
                     cross join lateral (
                           select coalesce(sum(%4$s), 0) as bytes, count(*) as messages,
                                  coalesce(max(%4$s), 0)::bigint as largest
                             from public.chat_messages m
                            where m.user_id = $1 and m.session_id = s.id) c
                     where %5$s
                ), chosen as (
                    select s.*, max(s.bytes) over () <= $3 and s.messages <= $4 as is_small from sized s where %6$s
                )
                select now(), %7$s, s.is_small,
                       max(s.largest) over () as largest, (select count(*) from newest)::int as found, %8$s
                  from (select) as always
                  left join chosen s on true
                  left join public.chat_messages m on s.is_small and m.user_id = $1 and m.session_id = s.id
                 order by s.position, m.message_timestamp, m.ordinal"""
                .formatted(order, after, limit, MessageInput.BYTES, wanted, fits, CONVERSATION, MessageInput.COLUMNS);
    }

    private static String summaries(String after) {
        return """
                select now(), %1$s
                  from (select) as always
                  left join lateral (
                       select s.* from public.chat_sessions s
                        where s.user_id = $1 %2$s
                        order by %3$s
                        limit $2::int + 1) s on true
                 order by %3$s""".formatted(CONVERSATION, after, SAID);
    }

    static Uni<Read> newest(Statements reading) {
        return reading.run(NEWEST_ONES, MAX_BYTES, SMALL_BYTES, SMALL_MESSAGES)
                .map(rows -> read(rows, conversations(rows, true), null));
    }

    static Uni<Read> page(Statements reading, SyncPage page) {
        return (page.isFirst() ? reading.run(PAGE, MAX_BYTES, SMALL_BYTES, SMALL_MESSAGES, page.size())
                : reading.run(NEXT_PAGE, MAX_BYTES, SMALL_BYTES, SMALL_MESSAGES, page.size(), page.time(), page.id()))
                .map(rows -> {
                    List<Conversation> conversations = conversations(rows, true);
                    boolean hasMore = rows.iterator().next().getInteger(FOUND) > conversations.size();
                    return read(rows, conversations, meta(page, conversations, hasMore));
                });
    }

    /** A page of conversations without their messages. */
    static Uni<Read> summaries(Statements reading, SyncPage page) {
        return (page.isFirst() ? reading.run(SUMMARIES, page.size())
                : reading.run(NEXT_SUMMARIES, page.size(), page.time(), page.id()))
                .map(rows -> {
                    List<Conversation> found = conversations(rows, false);
                    boolean hasMore = found.size() > page.size();
                    List<Conversation> conversations = hasMore ? found.subList(0, page.size()) : found;
                    return new Read(new Downloaded(conversations, meta(page, conversations, hasMore), time(rows)), true, 0);
                });
    }

    private static Meta meta(SyncPage page, List<Conversation> conversations, boolean hasMore) {
        return new Meta(page.size(), hasMore,
                hasMore ? SyncPage.after(conversations.get(conversations.size() - 1)) : null);
    }

    private static Read read(RowSet<Row> rows, List<Conversation> conversations, Meta meta) {
        Row first = rows.iterator().next();
        boolean hasMessages = !Boolean.FALSE.equals(first.getBoolean(IS_SMALL));
        return new Read(new Downloaded(conversations, meta, time(rows)), hasMessages,
                hasMessages ? 0 : first.getLong(LARGEST));
    }

    private static Instant time(RowSet<Row> rows) {
        return Timestamps.of(rows.iterator().next(), 0);
    }

    private static List<Conversation> conversations(RowSet<Row> rows, boolean haveMessages) {
        List<Conversation> conversations = new ArrayList<>();
        Conversation conversation = null;
        for (Row row : rows) {
            String id = row.getString(1);
            if (id != null && (conversation == null || !conversation.id().equals(id))) {
                conversation = conversation(row);
                conversations.add(conversation);
            }
            if (haveMessages && row.getString(MESSAGE) != null) {
                conversation.messages().add(MessageInput.of(row, MESSAGE));
            }
        }
        return conversations;
    }

    private static Conversation conversation(Row row) {
        return new Conversation(row.getString(1), row.getString(2), row.getUUID(3).toString(), new ArrayList<>(),
                Timestamps.of(row, 4), Timestamps.of(row, 5), row.getInteger(6), row.getLong(7), row.getString(8),
                row.getString(9), Timestamps.of(row, 10), row.getBoolean(11));
    }
}

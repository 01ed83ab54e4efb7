package dev.chatkeep.message;

import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;

import dev.chatkeep.database.Statements;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Reads the messages of a session in time order, ties in the order of arrival, in parts that are small enough to be held for
 * many
 * readers at once. A part goes on after the last message of the one before, so all parts cost the same. A message that is too
 * large for a part is one by itself, which is read once there is room for it.
 */
public final class MessageReader {

    /** A part ends before it exceeds either, but for a message that is larger itself. */
    public static final int PART_MESSAGES = 500;
    public static final long PART_BYTES = ResponseMemory.SMALL_BYTES;

    /**
     * {@code $1} user, {@code $2} session, {@code $3} how many messages, {@code $4} how many bytes of content. A message too
     * many, or too large, comes without its content, to know that it is there. No row where there is no such session, and one
     * without a
     * message where it has none.
     */
    private static final String FIRST = part("");
    private static final String AFTER = "and (m.message_timestamp, m.ordinal) > ($5, $6)";
    /** As {@link #FIRST}, after {@code $5} message_timestamp, {@code $6} ordinal. */
    private static final String NEXT = part(AFTER);
    /**
     * What is new or has changed. A client may know no time but those of messages, and of its own clock: what is said later
     * is new in any case.
     */
    private static final String SINCE = "and (m.updated_at > $%1$d or m.message_timestamp > $%1$d)";
    /** As {@link #FIRST}, since {@code $5}. */
    private static final String FIRST_SINCE = part(SINCE.formatted(5));
    /** As {@link #NEXT}, since {@code $7}. */
    private static final String NEXT_SINCE = part(AFTER + " " + SINCE.formatted(7));
    private static final int BYTES = 14;
    private static final int ORDINAL = 15;
    private static final int CONTENT = 2;

    /** {@code $1} user, {@code $2} message, {@code $3} the bytes for which there is room. */
    private static final String LARGE = "select " + MessageInput.COLUMNS
            + " from public.chat_messages m where m.user_id = $1 and m.id = $2 and " + MessageInput.BYTES + " <= $3";

    private final Statements reading;
    private final PartMemory memory;
    private final String sessionId;
    private final int most;
    private final long mostBytes;
    private OffsetDateTime since;
    private OffsetDateTime lastTime;
    private Long lastOrdinal;
    private int count;
    private long bytes;
    private boolean known;
    private boolean ended;
    private boolean hasLarge;

    /**
     * @param memory what the parts are held in
     * @param most how many messages there may be in all
     * @param mostBytes of content in all, the first message excepted
     */
    public MessageReader(Statements reading, PartMemory memory, String sessionId, int most, long mostBytes) {
        this.reading = reading;
        this.memory = memory;
        this.sessionId = sessionId;
        this.most = most;
        this.mostBytes = mostBytes;
    }

    /** Begins after a message, as a cursor names it; 422 {@code invalid_cursor} where it names none. */
    MessageReader after(Cursor cursor) {
        lastTime = cursor.time(0);
        lastOrdinal = cursor.number(1);
        return this;
    }

    /** Reads only what is new or has changed since then; null for all. */
    MessageReader since(OffsetDateTime time) {
        since = time;
        return this;
    }

    private static String part(String after) {
        return """
                select %1$s, m.bytes, m.ordinal
                  from public.chat_sessions s
                  left join lateral (
                       select m.*, row_number() over place as position, sum(%2$s) over place as bytes
                         from public.chat_messages m
                        where m.user_id = $1 and m.session_id = $2 %3$s
                       window place as (order by m.message_timestamp, m.ordinal rows unbounded preceding)
                        order by m.message_timestamp, m.ordinal
                        limit $3) m on m.bytes - %2$s <= $4 or m.position = 2
                 where s.user_id = $1 and s.id = $2
                 order by m.message_timestamp, m.ordinal""".formatted(MessageInput.COLUMNS
                .replace("m.content,", "case when m.bytes <= $4 then m.content end,")
                .replace("m.extras", "case when m.bytes <= $4 then m.extras end"), MessageInput.BYTES, after);
    }

    /**
     * The first part; without messages where there are none, or no such session. It takes no memory unless it is large, and is
     * refused (429, 503) where there is none: nothing has been sent yet.
     */
    Uni<List<MessageInput>> first() {
        return rows(bytes -> {
            memory.takeNow(bytes);
            return Uni.createFrom().voidItem();
        });
    }

    /** The next part; without messages where there are none left, or no such session. */
    Uni<List<MessageInput>> next() {
        return memory.take(ResponseMemory.expanded(PART_BYTES)).chain(() -> rows(memory::take));
    }

    private Uni<List<MessageInput>> rows(LongFunction<Uni<Void>> room) {
        int limit = Math.min(PART_MESSAGES, most - count) + 1;
        return read(limit).chain(found -> {
            Row first = found.size() == 0 ? null : found.iterator().next();
            return first == null || first.getString(0) == null || first.getString(CONTENT) != null
                    ? Uni.createFrom().item(part(found, limit - 1))
                    : large(found, room);
        });
    }

    private Uni<RowSet<Row>> read(int limit) {
        if (lastOrdinal == null) {
            return since == null ? reading.run(FIRST, sessionId, limit, PART_BYTES)
                    : reading.run(FIRST_SINCE, sessionId, limit, PART_BYTES, since);
        }
        return since == null ? reading.run(NEXT, sessionId, limit, PART_BYTES, lastTime, lastOrdinal)
                : reading.run(NEXT_SINCE, sessionId, limit, PART_BYTES, lastTime, lastOrdinal, since);
    }

    /** One message, whose size is known and whose content is not. What has changed meanwhile is looked at again. */
    private Uni<List<MessageInput>> large(RowSet<Row> rows, LongFunction<Uni<Void>> room) {
        known = true;
        Row row = rows.iterator().next();
        long size = row.getLong(BYTES);
        if (count > 0 && bytes + size > mostBytes) {
            bytes = mostBytes;
            return Uni.createFrom().item(List.of());
        }
        String id = row.getString(0);
        return room.apply(ResponseMemory.expanded(size)).chain(() -> reading.run(LARGE, id, size)).chain(found -> {
            if (found.size() == 0) {
                return rows(room);
            }
            count++;
            bytes += size;
            ended = rows.size() == 1;
            hasLarge = true;
            lastTime = row.getOffsetDateTime(3);
            lastOrdinal = row.getLong(ORDINAL);
            return Uni.createFrom().item(List.of(MessageInput.of(found.iterator().next(), 0)));
        });
    }

    /** The parts from here on, each when it is asked for; at least one, which may be empty. */
    public Multi<List<MessageInput>> rest() {
        return Multi.createBy().repeating().uni(this::next).whilst(part -> hasMore());
    }

    private List<MessageInput> part(RowSet<Row> rows, int limit) {
        known |= rows.size() > 0;
        List<MessageInput> messages = new ArrayList<>(rows.size());
        Row last = null;
        long before = 0;
        ended = true;
        for (Row row : rows) {
            if (row.getString(0) == null) {
                break;
            }
            long upTo = row.getLong(BYTES);
            if (messages.size() == limit || last != null && upTo > PART_BYTES
                    || count > 0 && bytes + upTo - before > mostBytes) {
                ended = false;
                break;
            }
            messages.add(MessageInput.of(row, 0));
            count++;
            bytes += upTo - before;
            before = upTo;
            last = row;
        }
        if (last != null) {
            lastTime = last.getOffsetDateTime(3);
            lastOrdinal = last.getLong(ORDINAL);
        }
        return messages;
    }

    /** Whether there is such a session; after the first part. */
    boolean isKnown() {
        return known;
    }

    /** Whether another part would hold something that may still be read. */
    boolean hasMore() {
        return !ended && count < most && bytes < mostBytes;
    }

    /** Whether a message was one that is too large for a part. */
    boolean hasLarge() {
        return hasLarge;
    }

    int count() {
        return count;
    }

    /** Where to go on when there is more than may be read; else null. */
    String nextCursor() {
        return ended ? null : Cursor.of(lastTime.toInstant(), lastOrdinal);
    }
}

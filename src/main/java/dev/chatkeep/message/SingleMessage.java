package dev.chatkeep.message;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;

/** Reads one message as it is stored. */
final class SingleMessage {

    /** {@code $1} user, {@code $2} message, {@code $3} the most bytes with which it is read. What is larger comes without. */
    private static final String READ = "select " + MessageRow.COLUMNS + ", m.bytes from (select "
            + MessageRow.COLUMNS.replace("m.content,", "case when s.bytes <= $3 then m.content end as content,")
                    .replace("m.metadata::text", "case when s.bytes <= $3 then m.metadata else '{}' end as metadata")
                    .replace("m.extras", "case when s.bytes <= $3 then m.extras end as extras")
            + ", s.bytes from public.chat_messages m"
            // Of what is small it is not worth knowing more.
            + " cross join lateral (select " + MessageInput.BYTES + " + case when pg_column_size(m.metadata) < 1000 then 0"
            + " else octet_length(m.metadata::text) end::bigint as bytes) s"
            + " where m.user_id = $1 and m.id = $2) m";
    private static final int CONTENT = 4;
    private static final int BYTES = 18;

    private SingleMessage() {
    }

    /** @return as {@link MessageResponse#of} does; null where there is none */
    static Uni<Object> read(Statements reading, PartMemory memory, String id, ObjectMapper json) {
        return read(reading, memory, id, ResponseMemory.SMALL_BYTES, json);
    }

    private static Uni<Object> read(Statements reading, PartMemory memory, String id, long room, ObjectMapper json) {
        return reading.row(READ, id, room).chain(row -> {
            if (row != null && row.getString(CONTENT) == null) {
                return again(reading, memory, id, row, json);
            }
            return Uni.createFrom().item(row == null ? null
                    : MessageResponse.of(MessageRow.of(row), row.getLong(BYTES), memory, json));
        });
    }

    private static Uni<Object> again(Statements reading, PartMemory memory, String id, Row row, ObjectMapper json) {
        long bytes = row.getLong(BYTES);
        memory.takeNow(ResponseMemory.expanded(bytes));
        return read(reading, memory, id, bytes, json);
    }
}

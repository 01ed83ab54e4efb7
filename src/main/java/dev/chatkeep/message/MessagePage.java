package dev.chatkeep.message;

import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.message.MessageResource.Messages;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.JsonParts;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.Parts;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/**
 * Answers with the messages of a session. An answer ends early rather than grow without bound, and then says where to go on.
 */
final class MessagePage {

    /** How many bytes of content an answer holds at the most; the first message is never too large. */
    private static final long MAX_BYTES = 64 << 20;

    private MessagePage() {
    }

    /**
     * @param since a time, for what is new or has changed since then, or null
     * @param cursor that an answer carried, or null; 422 {@code invalid_cursor} where none did
     * @return {@link Messages}, or {@link Parts} of the same where they are many; 404 where there is no such session
     */
    static Uni<Object> read(Statements reading, PartMemory memory, String sessionId, int size, String since,
            String cursor, ObjectMapper json) {
        MessageReader reader = new MessageReader(reading, memory, sessionId, size, MAX_BYTES)
                .since(since == null ? null : OffsetDateTime.parse(since).withOffsetSameInstant(ZoneOffset.UTC));
        if (cursor != null) {
            reader.after(Cursor.parse(cursor, 2, json));
        }
        return reader.first().map(messages -> {
            if (!reader.isKnown()) {
                throw Problem.notFound("session_not_found", "There is no such session.");
            }
            if (!reader.hasMore() && !reader.hasLarge()) {
                return new Messages(messages, reader.count(), reader.nextCursor());
            }
            if (!reader.hasLarge()) {
                memory.takeNow(ResponseMemory.expanded(MessageReader.PART_BYTES));
            }
            return new Parts(parts(reader, messages, new JsonParts(json)), memory);
        });
    }

    private static Multi<List<byte[]>> parts(MessageReader reader, List<MessageInput> first, JsonParts json) {
        json.write(generator -> {
            generator.writeStartObject();
            generator.writeArrayFieldStart("messages");
        }).writeAll(first);
        // Taken out when it is written: it may be large, and the response goes on for long.
        Multi<List<byte[]>> begin = Multi.createFrom().item(json::take);
        Multi<List<byte[]>> rest = reader.hasMore() ? reader.rest().map(messages -> json.writeAll(messages).take())
                : Multi.createFrom().empty();
        Multi<List<byte[]>> end = Multi.createFrom().item(() -> json.write(generator -> {
            generator.writeEndArray();
            generator.writeNumberField("count", reader.count());
            generator.writeStringField("next_cursor", reader.nextCursor());
            generator.writeEndObject();
        }).take());
        return Multi.createBy().concatenating().streams(begin, rest, end);
    }
}

package dev.chatkeep.message;

import java.util.List;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Database;
import dev.chatkeep.message.MessageResource.Stored;
import dev.chatkeep.wire.JsonParts;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.Parts;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Multi;

/** Answers with messages as they are stored, written as their client takes them where they are large. */
final class MessageResponse {

    /** Of what is stored: as a row, and as JSON, in which a single message stands twice. */
    private static final int COPIES = 3;

    private MessageResponse() {
    }

    /** Room for the response to messages that are about to be stored: what is refused has stored nothing. */
    static PartMemory room(ResponseMemory memory, Database database, byte[] body) {
        PartMemory held = memory.forUser(database.asCaller().userId());
        if (body.length > ResponseMemory.SMALL_BYTES) {
            held.takeNow((long) COPIES * body.length);
        }
        return held;
    }

    /** @return {@link Stored}, or {@link Parts} of it where it is large */
    static Object of(MessageRow message, long bytes, PartMemory memory, ObjectMapper json) {
        return of(new Stored(message, true), List.of(message), bytes, memory, json);
    }

    /**
     * @param bytes that were sent or read, which the rows may have more of
     * @return what was given, or {@link Parts} of it where its messages are large
     */
    static Object of(Object response, List<MessageRow> messages, long bytes, PartMemory memory, ObjectMapper json) {
        if (Math.max(bytes, messages.stream().mapToLong(MessageRow::length).sum()) <= ResponseMemory.SMALL_BYTES) {
            memory.end();
            return response;
        }
        JsonParts parts = new JsonParts(json).writeAll(List.of(response));
        return new Parts(Multi.createFrom().item(parts::take), memory);
    }
}

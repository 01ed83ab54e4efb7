package dev.chatkeep.sync;

import java.io.IOException;
import java.util.List;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.message.MessageReader;
import dev.chatkeep.sync.SyncQueries.Read;
import dev.chatkeep.sync.SyncResponses.Conversation;
import dev.chatkeep.sync.SyncResponses.Downloaded;
import dev.chatkeep.wire.JsonParts;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.Parts;
import dev.chatkeep.wire.ResponseMemory;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/** Creates the responses with conversations, each with all its messages. */
final class SyncDownload {

    private SyncDownload() {
    }

    /** @return the newest: {@link Downloaded}, or {@link Parts} of the same document if it is large */
    static Uni<Object> newest(Statements reading, PartMemory memory, ObjectMapper json) {
        return SyncQueries.newest(reading).map(newest -> response(reading, memory, newest, json));
    }

    /** @return a page, as {@link #newest} returns the newest */
    static Uni<Object> page(Statements reading, PartMemory memory, SyncPage page, ObjectMapper json) {
        return (page.isSummary() ? SyncQueries.summaries(reading, page) : SyncQueries.page(reading, page))
                .map(read -> response(reading, memory, read, json));
    }

    private static Object response(Statements reading, PartMemory memory, Read read, ObjectMapper json) {
        if (read.hasMessages()) {
            return read.downloaded();
        }
        // A download that has begun waits for room; one for which there is none now does not begin.
        memory.takeNow(ResponseMemory.expanded(Math.max(read.largest(), MessageReader.PART_BYTES)));
        return new Parts(parts(reading, memory, read.downloaded(), new JsonParts(json)), memory);
    }

    private static Multi<List<byte[]>> parts(Statements reading, PartMemory memory, Downloaded downloaded, JsonParts json) {
        json.write(generator -> {
            generator.writeStartObject();
            generator.writeArrayFieldStart("conversations");
        });
        Multi<List<byte[]>> conversations = Multi.createFrom().iterable(downloaded.conversations())
                .onItem().transformToMultiAndConcatenate(conversation -> parts(reading, memory, conversation, json));
        Multi<List<byte[]>> end = Multi.createFrom().item(() -> json.write(generator -> {
            generator.writeEndArray();
            if (downloaded.meta() != null) {
                generator.writeObjectField("meta", downloaded.meta());
            }
            generator.writeStringField("syncTime", Timestamps.format(downloaded.syncTime()));
            generator.writeEndObject();
        }).take());
        return Multi.createBy().concatenating().streams(conversations, end);
    }

    private static Multi<List<byte[]>> parts(Statements reading, PartMemory memory, Conversation conversation, JsonParts json) {
        MessageReader reader = new MessageReader(reading, memory, conversation.id(), Integer.MAX_VALUE, Long.MAX_VALUE);
        Multi<List<byte[]>> messages = reader.rest().map(part -> json.writeAll(part).take());
        return Multi.createBy().concatenating().streams(
                Multi.createFrom().item(() -> json.write(generator -> writeHead(generator, conversation)).take()),
                messages,
                Multi.createFrom().item(() -> json.write(generator -> writeTail(generator, conversation)).take()));
    }

    private static void writeHead(JsonGenerator generator, Conversation conversation) throws IOException {
        generator.writeStartObject();
        generator.writeStringField("id", conversation.id());
        generator.writeStringField("title", conversation.title());
        generator.writeStringField("userId", conversation.userId());
        generator.writeArrayFieldStart("messages");
    }

    private static void writeTail(JsonGenerator generator, Conversation conversation) throws IOException {
        generator.writeEndArray();
        generator.writeObjectField("createdAt", conversation.createdAt());
        generator.writeObjectField("updatedAt", conversation.updatedAt());
        generator.writeNumberField("messageCount", conversation.messageCount());
        generator.writeNumberField("totalTokens", conversation.totalTokens());
        generator.writeStringField("lastModel", conversation.lastModel());
        generator.writeStringField("lastMessagePreview", conversation.lastMessagePreview());
        generator.writeObjectField("lastMessageTimestamp", conversation.lastMessageTimestamp());
        generator.writeBooleanField("isActive", conversation.isActive());
        generator.writeEndObject();
    }
}

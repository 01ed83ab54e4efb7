package dev.chatkeep.sync;

import java.io.IOException;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.message.MessageReader;
import dev.chatkeep.sync.SyncResponses.Conversation;
import dev.chatkeep.sync.SyncResponses.Downloaded;
import dev.chatkeep.wire.JsonParts;
import dev.chatkeep.wire.Parts;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/** Creates the response with the newest conversations, each with all its messages. */
final class SyncDownload {

    private SyncDownload() {
    }

    /** @return {@link Downloaded}, or {@link Parts} of the same document if it is large */
    static Uni<Object> read(Statements reading, ObjectMapper json) {
        return SyncQueries.newest(reading).map(newest -> newest.hasMessages() ? newest.downloaded()
                : new Parts(parts(reading, newest.downloaded(), new JsonParts(json))));
    }

    private static Multi<byte[]> parts(Statements reading, Downloaded downloaded, JsonParts json) {
        json.write(generator -> {
            generator.writeStartObject();
            generator.writeArrayFieldStart("conversations");
        });
        Multi<byte[]> conversations = Multi.createFrom().iterable(downloaded.conversations())
                .onItem().transformToMultiAndConcatenate(conversation -> parts(reading, conversation, json));
        Multi<byte[]> end = Multi.createFrom().item(() -> json.write(generator -> {
            generator.writeEndArray();
            generator.writeStringField("syncTime", Timestamps.format(downloaded.syncTime()));
            generator.writeEndObject();
        }).take());
        return Multi.createBy().concatenating().streams(conversations, end);
    }

    private static Multi<byte[]> parts(Statements reading, Conversation conversation, JsonParts json) {
        MessageReader reader = new MessageReader(reading, conversation.id(), Integer.MAX_VALUE, Long.MAX_VALUE);
        Multi<byte[]> messages = reader.rest().map(part -> json.writeAll(part).take());
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

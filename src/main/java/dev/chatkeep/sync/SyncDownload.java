package dev.chatkeep.sync;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.message.MessageInput;
import dev.chatkeep.message.MessageReader;
import dev.chatkeep.sync.SyncResponses.Conversation;
import dev.chatkeep.sync.SyncResponses.Downloaded;
import dev.chatkeep.wire.JsonParts;
import dev.chatkeep.wire.Parts;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** Reads the newest conversations, each with all its messages. */
final class SyncDownload {

    /** How many conversations a download holds. */
    static final int NEWEST = 10;
    /** How many bytes of content a download holds at the most. */
    private static final long MAX_BYTES = 64 << 20;
    /** Up to so much it is read at once, beyond that in parts. */
    private static final long SMALL_BYTES = 2 * MessageReader.PART_BYTES;
    private static final long SMALL_MESSAGES = 2 * MessageReader.PART_MESSAGES;

    private static final int MESSAGE = 13;

    /**
     * {@code $1} user, {@code $2} how many bytes of content, {@code $3} and {@code $4} up to how many bytes and messages it is
     * read at once. A conversation is there as a whole or not at all. A row a message, one without for a conversation that has
     * none or where they are too many, and one without either for who has no conversation.
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
                select s.*, sum(c.bytes) over (order by s.position) as bytes, sum(c.messages) over () as messages
                  from newest s
                 cross join lateral (
                       select coalesce(sum(octet_length(m.content)), 0) as bytes, count(*) as messages
                         from public.chat_messages m
                        where m.user_id = $1 and m.session_id = s.id) c
            ), chosen as (
                select s.*, max(s.bytes) over () <= $3 and s.messages <= $4 as is_small from sized s where s.bytes <= $2
            )
            select now(), s.id, s.title, s.user_id, s.created_at, s.updated_at, s.message_count, s.total_tokens,
                   s.last_model, s.last_message_preview, s.last_message_timestamp, s.is_active, s.is_small, %s
              from (select) as always
              left join chosen s on true
              left join public.chat_messages m on s.is_small and m.user_id = $1 and m.session_id = s.id
             order by s.position, m.message_timestamp, m.id""".formatted(NEWEST, MessageInput.COLUMNS);

    private SyncDownload() {
    }

    /** @return {@link Downloaded}, or {@link Parts} of the same where it is large */
    static Uni<Object> read(Statements reading, ObjectMapper json) {
        return reading.run(DOWNLOAD, MAX_BYTES, SMALL_BYTES, SMALL_MESSAGES).map(rows -> {
            Downloaded downloaded = downloaded(rows);
            return Boolean.FALSE.equals(rows.iterator().next().getBoolean(12))
                    ? new Parts(parts(reading, downloaded, new JsonParts(json)))
                    : downloaded;
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

package dev.chatkeep.session;

import java.time.Instant;
import java.util.UUID;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Timestamps;
import io.vertx.sqlclient.Row;

/** A session as it is stored. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "Session")
public record SessionView(
        @Schema(examples = "conv_1752734987703_j9spjufk8") String id,
        UUID userId,
        @Schema(examples = "A week in Lisbon") String title,
        @Schema(description = "Messages that did not fail") int messageCount,
        long totalTokens,
        @Schema(examples = "openai/gpt-4o-mini") @Nullable String lastModel,
        @Schema(description = "The first 200 characters of the newest message") @Nullable String lastMessagePreview,
        @Nullable Instant lastMessageTimestamp,
        @JsonProperty("is_active") boolean isActive,
        Instant createdAt,
        Instant updatedAt,
        Instant lastActivity) {

    /** Columns of chat_sessions, or of anything with the same columns, in the order that {@link #of(Row)} reads. */
    static final String COLUMNS = "s.id, s.user_id, s.title, s.message_count, s.total_tokens, s.last_model,"
            + " s.last_message_preview, s.last_message_timestamp, s.is_active, s.created_at, s.updated_at, s.last_activity";

    static SessionView of(Row row) {
        return new SessionView(row.getString(0), row.getUUID(1), row.getString(2), row.getInteger(3), row.getLong(4),
                row.getString(5), row.getString(6), Timestamps.of(row, 7), row.getBoolean(8), Timestamps.of(row, 9),
                Timestamps.of(row, 10), Timestamps.of(row, 11));
    }

    static SessionView of(ChatSession session) {
        return new SessionView(session.id, session.userId, session.title, session.messageCount, session.totalTokens,
                session.lastModel, session.lastMessagePreview, session.lastMessageTimestamp, session.isActive,
                session.createdAt, session.updatedAt, session.lastActivity);
    }
}

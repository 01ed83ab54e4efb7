package dev.chatkeep.session;

import java.time.Instant;
import java.util.UUID;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Timestamps;

/** A session as it is stored. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "Session")
public record SessionView(
        @Schema(examples = "conv_1752734987703_j9spjufk8") String id,
        UUID userId,
        @Schema(examples = "A week in Lisbon") String title,
        @Schema(description = "Messages that did not fail") int messageCount,
        long totalTokens,
        @Schema(examples = "openai/gpt-4o-mini") String lastModel,
        @Schema(description = "The first 200 characters of the newest message") String lastMessagePreview,
        Instant lastMessageTimestamp,
        @JsonProperty("is_active") boolean isActive,
        Instant createdAt,
        Instant updatedAt,
        Instant lastActivity) {

    /** SQL that writes the row {@code s} of chat_sessions, or anything with its columns, in this shape. */
    public static final String SQL = "json_build_object('id', s.id, 'user_id', s.user_id, 'title', s.title,"
            + " 'message_count', s.message_count, 'total_tokens', s.total_tokens, 'last_model', s.last_model,"
            + " 'last_message_preview', s.last_message_preview,"
            + " 'last_message_timestamp', " + Timestamps.sql("s.last_message_timestamp") + ","
            + " 'is_active', s.is_active, 'created_at', " + Timestamps.sql("s.created_at") + ","
            + " 'updated_at', " + Timestamps.sql("s.updated_at") + ","
            + " 'last_activity', " + Timestamps.sql("s.last_activity") + ")";

    static SessionView of(ChatSession session) {
        return new SessionView(session.id, session.userId, session.title, session.messageCount, session.totalTokens,
                session.lastModel, session.lastMessagePreview, session.lastMessageTimestamp, session.isActive,
                session.createdAt, session.updatedAt, session.lastActivity);
    }
}

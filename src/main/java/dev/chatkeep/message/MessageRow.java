package dev.chatkeep.message;

import java.time.Instant;
import java.util.Map;
import java.util.UUID;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Timestamps;

/** A message as it is stored. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "MessageRow")
public record MessageRow(
        String id,
        UUID userId,
        String sessionId,
        String role,
        String content,
        String model,
        Integer totalTokens,
        Integer inputTokens,
        Integer outputTokens,
        String userMessageId,
        String contentType,
        @Schema(description = "Milliseconds") Integer elapsedMs,
        String completionId,
        Instant messageTimestamp,
        String errorMessage,
        @JsonProperty("is_streaming") boolean isStreaming,
        Map<String, Object> metadata) {

    /** SQL that writes the row {@code m} of chat_messages in this shape. */
    static final String SQL = "json_build_object('id', m.id, 'user_id', m.user_id, 'session_id', m.session_id,"
            + " 'role', m.role, 'content', m.content, 'model', m.model, 'total_tokens', m.total_tokens,"
            + " 'input_tokens', m.input_tokens, 'output_tokens', m.output_tokens, 'user_message_id', m.user_message_id,"
            + " 'content_type', m.content_type, 'elapsed_ms', m.elapsed_ms, 'completion_id', m.completion_id,"
            + " 'message_timestamp', " + Timestamps.sql("m.message_timestamp") + ", 'error_message', m.error_message,"
            + " 'is_streaming', m.is_streaming, 'metadata', m.metadata)";
}

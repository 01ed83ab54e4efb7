package dev.chatkeep.message;

import java.time.Instant;
import java.util.List;
import java.util.UUID;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Timestamps;
import io.vertx.core.json.JsonObject;
import io.vertx.sqlclient.Row;

/** A message as it is stored. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "MessageRow")
public record MessageRow(
        String id,
        UUID userId,
        String sessionId,
        @Schema(enumeration = {
                "user", "assistant", "system", "tool" }) String role,
        String content,
        @Nullable String model,
        @Nullable Integer totalTokens,
        @Nullable Integer inputTokens,
        @Nullable Integer outputTokens,
        @Nullable String userMessageId,
        @Schema(enumeration = { "text", "markdown" }) @Nullable String contentType,
        @Schema(description = "Milliseconds") @Nullable Integer elapsedMs,
        @Nullable String completionId,
        Instant messageTimestamp,
        @Nullable String errorMessage,
        @JsonProperty("is_streaming") boolean isStreaming,
        @Schema(type = SchemaType.OBJECT, additionalProperties = Object.class) @JsonRawValue String metadata,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String reasoning,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Object reasoningDetails,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<Object> annotations,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String errorCode,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Boolean retryAvailable,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Boolean hasWebsearch,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer websearchResultCount,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String originalModel,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Boolean wasStreaming,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Boolean requestedWebSearch,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer requestedWebMaxResults,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String requestedReasoningEffort){

    /** Of chat_messages, as {@link #of} reads them. */
    static final String COLUMNS = "m.id, m.user_id, m.session_id, m.role, m.content, m.model, m.total_tokens,"
            + " m.input_tokens, m.output_tokens, m.user_message_id, m.content_type, m.elapsed_ms, m.completion_id,"
            + " m.message_timestamp, m.error_message, m.is_streaming, m.metadata::text, m.extras";

    /** How long its texts are, without those inside of JSON. */
    long length() {
        return (long) content.length() + metadata.length() + (reasoning == null ? 0 : reasoning.length());
    }

    static MessageRow of(Row row) {
        Extras extras = Extras.of(row.getJsonObject(17));
        return new MessageRow(row.getString(0), row.getUUID(1), row.getString(2), row.getString(3), row.getString(4),
                row.getString(5), row.getInteger(6), row.getInteger(7), row.getInteger(8), row.getString(9),
                row.getString(10), row.getInteger(11), row.getString(12), Timestamps.of(row, 13), row.getString(14),
                row.getBoolean(15), row.getString(16), extras.text("reasoning"), extras.value("reasoning_details"),
                extras.list("annotations"), extras.text("error_code"), extras.truth("retry_available"),
                extras.truth("has_websearch"), extras.number("websearch_result_count"), extras.text("original_model"),
                extras.truth("was_streaming"), extras.truth("requested_web_search"),
                extras.number("requested_web_max_results"), extras.text("requested_reasoning_effort"));
    }

    static MessageRow of(ChatMessage message) {
        Extras extras = Extras.of(message.extras == null ? null : new JsonObject(message.extras));
        return new MessageRow(message.id, message.userId, message.sessionId, message.role, message.content, message.model,
                message.totalTokens, message.inputTokens, message.outputTokens, message.userMessageId, message.contentType,
                message.elapsedMillis, message.completionId, message.messageTimestamp, message.errorMessage,
                message.isStreaming, message.metadata, extras.text("reasoning"), extras.value("reasoning_details"),
                extras.list("annotations"), extras.text("error_code"), extras.truth("retry_available"),
                extras.truth("has_websearch"), extras.number("websearch_result_count"), extras.text("original_model"),
                extras.truth("was_streaming"), extras.truth("requested_web_search"),
                extras.number("requested_web_max_results"), extras.text("requested_reasoning_effort"));
    }
}

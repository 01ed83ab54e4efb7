package dev.chatkeep.message;

import java.math.BigDecimal;

import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.PositiveOrZero;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Timestamp;
import dev.chatkeep.wire.Timestamps;

/** A message as clients send and read it. What a client does not say is not stored, and not invented when it is read. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
@Schema(name = "Message")
public record MessageInput(
        @Schema(description = "Made by the client", examples = "msg_1752735003369_o159ep4bq") @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id,
        @Schema(enumeration = {
                "user", "assistant", "system",
                "tool" }) @NotNull @Pattern(regexp = "user|assistant|system|tool", message = "must be user, assistant, system or tool") String role,
        @Schema(description = "At most 16 MiB", examples = "What should I see in Lisbon?") @NotNull @Text(maxBytes = CONTENT_BYTES) String content,
        @Schema(examples = "2026-09-01T08:00:00.000Z") @Timestamp String timestamp,
        @Schema(examples = "openai/gpt-4o-mini") @Text(max = 100) String model,
        @PositiveOrZero Integer totalTokens,
        @Schema(description = "Counted for user messages") @PositiveOrZero Integer inputTokens,
        @Schema(description = "Counted for assistant messages") @PositiveOrZero Integer outputTokens,
        @Schema(description = "The user message that this answer answers") @Text(min = 1, max = Text.ID_LENGTH) String userMessageId,
        @Schema(enumeration = { "text",
                "markdown" }) @JsonProperty("contentType") @Pattern(regexp = "text|markdown", message = "must be text or markdown") String contentType,
        @Schema(description = "Seconds, kept to the millisecond", examples = "1.53") @PositiveOrZero @DecimalMax("2000000") BigDecimal elapsedTime,
        @Schema(description = "The provider's id of the answer", examples = "gen-CXosyTZmtJ4QuHqGzAb7qf") @Text(max = 255) String completionId,
        @Schema(description = "The message failed: it is kept and not counted") Boolean error){

    /** What a client may send is bounded by the request already. */
    public static final int CONTENT_BYTES = 16 << 20;

    /** SQL that writes the row {@code m} of chat_messages in this shape. */
    public static final String SQL = "json_strip_nulls(json_build_object('id', m.id, 'role', m.role, 'content', m.content,"
            + " 'timestamp', " + Timestamps.sql("m.message_timestamp") + ", 'model', m.model,"
            + " 'total_tokens', m.total_tokens, 'input_tokens', m.input_tokens, 'output_tokens', m.output_tokens,"
            + " 'user_message_id', m.user_message_id, 'contentType', m.content_type,"
            + " 'elapsed_time', trim_scale(m.elapsed_ms / 1000.0), 'completion_id', m.completion_id,"
            + " 'error', case when m.error_message is not null then true end))";
}

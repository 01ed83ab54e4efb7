package dev.chatkeep.message;

import java.math.BigDecimal;
import java.util.List;

import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.PositiveOrZero;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.StorableJson;
import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Timestamp;
import dev.chatkeep.wire.Timestamps;
import io.vertx.sqlclient.Row;

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
        @Schema(description = "The message failed: it is kept and not counted") Boolean error,
        @Schema(description = "As `elapsed_time`, in milliseconds; of the two it is the one that counts", examples = "1530") @PositiveOrZero @Max(2_000_000_000) Integer elapsedMs,
        @Schema(description = "What the model thought", examples = "They like walking.") @Text(maxBytes = CONTENT_BYTES) String reasoning,
        @Schema(description = "The same as the provider has it: any JSON") @StorableJson Object reasoningDetails,
        @Schema(description = "Sources and the like, as the provider has them") @StorableJson List<Object> annotations,
        @Schema(description = "Why the message failed, as a word", examples = "rate_limited") @Text(max = 255) String errorCode,
        Boolean retryAvailable,
        Boolean hasWebsearch,
        @PositiveOrZero Integer websearchResultCount,
        @Schema(description = "The model that was asked first") @JsonProperty("original_model") @Text(max = 255) String firstModel,
        @Schema(description = "The same as `original_model`; of the two that one counts") @JsonProperty("originalModel") @Text(max = 255) String sameFirstModel,
        Boolean wasStreaming,
        @Schema(description = "Whether the web was to be searched") Boolean requestedWebSearch,
        @PositiveOrZero Integer requestedWebMaxResults,
        @Schema(description = "How much the model was to think", examples = "low") @Text(max = 255) String requestedReasoningEffort){

    /** What a client may send is bounded by the request already. */
    public static final int CONTENT_BYTES = 16 << 20;

    /** Of chat_messages, as {@link #of} reads them. */
    public static final String COLUMNS = "m.id, m.role, m.content, m.message_timestamp, m.model, m.total_tokens,"
            + " m.input_tokens, m.output_tokens, m.user_message_id, m.content_type, m.elapsed_ms, m.completion_id,"
            + " m.error_message is not null, m.extras";

    /** How many bytes of texts a message of chat_messages has. */
    public static final String BYTES = "m.stored_bytes";

    /** @param first where {@link #COLUMNS} begin */
    public static MessageInput of(Row row, int first) {
        Integer elapsedMillis = row.getInteger(first + 10);
        Extras extras = Extras.of(row.getJsonObject(first + 13));
        return new MessageInput(row.getString(first), row.getString(first + 1), row.getString(first + 2),
                Timestamps.format(Timestamps.of(row, first + 3)), row.getString(first + 4), row.getInteger(first + 5),
                row.getInteger(first + 6), row.getInteger(first + 7), row.getString(first + 8), row.getString(first + 9),
                elapsedMillis == null ? null : BigDecimal.valueOf(elapsedMillis, 3).stripTrailingZeros(),
                row.getString(first + 11), row.getBoolean(first + 12) ? true : null, elapsedMillis, extras.text("reasoning"),
                extras.value("reasoning_details"), extras.list("annotations"), extras.text("error_code"),
                extras.truth("retry_available"), extras.truth("has_websearch"), extras.number("websearch_result_count"),
                extras.text("original_model"), extras.text("original_model"), extras.truth("was_streaming"),
                extras.truth("requested_web_search"), extras.number("requested_web_max_results"),
                extras.text("requested_reasoning_effort"));
    }
}

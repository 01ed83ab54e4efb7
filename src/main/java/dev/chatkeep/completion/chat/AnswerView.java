package dev.chatkeep.completion.chat;

import java.math.BigDecimal;
import java.util.List;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.completion.AnswerExtras;
import dev.chatkeep.completion.Citation;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.Usage;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** An answer as front ends read it. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
@Schema(name = "ChatAnswer")
@RegisterForReflection // written by hand
record AnswerView(
        @Schema(examples = "Start in Alfama, early in the morning.") String response,
        Usage usage,
        @Schema(description = "The id of the question", examples = "msg_1752735003369_o159ep4bq") @Nullable String requestId,
        @Schema(examples = "2026-09-01T08:00:01.530Z", format = "date-time") String timestamp,
        @Schema(description = "Seconds", examples = "1.53") BigDecimal elapsedTime,
        @Schema(description = "The same in milliseconds", examples = "1530") long elapsedMs,
        @Schema(enumeration = {
                "text", "markdown" }) @JsonProperty("contentType") @Nullable String contentType,
        @Schema(description = "The provider's id of the answer", examples = "gen-CXosyTZmtJ4QuHqGzAb7qf") @JsonProperty("id") @Nullable String completionId,
        @Schema(examples = "openai/gpt-4o-mini") String model,
        @Schema(description = "What `GET /api/chat/streams/{id}` knows it by") String streamId,
        @Schema(description = "The session that it is stored in") @Nullable String sessionId,
        @Schema(description = "The message that it is stored as") @Nullable String messageId,
        @Schema(description = "Why the model does not answer; without any other text it is the response, too") @Nullable String refusal,
        @Schema(description = "What the model thought, as far as the provider says it") @Nullable String reasoning,
        @Schema(description = "The same as the provider has it") @Nullable List<Object> reasoningDetails,
        @Schema(description = "The pages that the answer names as its sources") @Nullable List<Citation> annotations,
        @Schema(description = "The web was searched, or the answer has sources") @Nullable Boolean hasWebsearch,
        @Schema(description = "How many sources there are, where the web was searched") @Nullable Integer websearchResultCount,
        @Schema(description = "Pictures as data URLs; they are not stored") @Nullable List<String> images){

    static AnswerView of(Answered answer) {
        AnswerExtras extras = answer.extras();
        return new AnswerView(answer.text(), answer.usage(), answer.questionId(), answer.timestamp(),
                BigDecimal.valueOf(answer.elapsed().toMillis(), 3), answer.elapsed().toMillis(), answer.contentType(),
                answer.completionId(),
                answer.model(), answer.streamId(), answer.sessionId(), answer.messageId(), answer.refusal(),
                extras.reasoning(), extras.reasoningDetails() == null ? null : List.copyOf(extras.reasoningDetails()),
                extras.annotations(), extras.hasWebsearch(), extras.websearchResults(), extras.images());
    }
}

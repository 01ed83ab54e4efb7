package dev.chatkeep.completion.chat;

import java.math.BigDecimal;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

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
        @Schema(enumeration = {
                "text", "markdown" }) @JsonProperty("contentType") @Nullable String contentType,
        @Schema(description = "The provider's id of the answer", examples = "gen-CXosyTZmtJ4QuHqGzAb7qf") @JsonProperty("id") @Nullable String completionId,
        @Schema(examples = "openai/gpt-4o-mini") String model,
        @Schema(description = "What `GET /api/chat/streams/{id}` knows it by") String streamId,
        @Schema(description = "The session that it is stored in") @Nullable String sessionId,
        @Schema(description = "The message that it is stored as") @Nullable String messageId,
        @Schema(description = "Why the model does not answer; without any other text it is the response, too") @Nullable String refusal){

    static AnswerView of(Answered answer) {
        return new AnswerView(answer.text(), answer.usage(), answer.questionId(), answer.timestamp(),
                BigDecimal.valueOf(answer.elapsed().toMillis(), 3), answer.contentType(), answer.completionId(),
                answer.model(), answer.streamId(), answer.sessionId(), answer.messageId(), answer.refusal());
    }
}

package dev.chatkeep.completion.chat;

import java.math.BigDecimal;
import java.util.List;

import jakarta.validation.Valid;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Size;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.message.MessageInput;
import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Timestamp;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** What front ends send. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "ChatRequest")
@RegisterForReflection // Jackson reads it from the body, not as the parameter of a resource
record ChatRequest(
        @Schema(description = "The question: text, or a message with an id of its own. Left out where the last of `messages` is the user's", examples = "What should I see in Lisbon?", anyOf = {
                String.class, Question.class }) JsonNode message,
        @Schema(description = "The user's default model if it is left out", examples = "openai/gpt-4o-mini") @Text(min = 1, max = 100) String model,
        @Schema(description = "What the model is to see; with a session and without this, it is the stored session") @Size(max = 50_000) List<@NotNull @Valid RequestMessage> messages,
        @Schema(description = "Where question and answer are stored; `conversationId` is the same. Without it nothing is stored", examples = "conv_1752734987703_j9spjufk8") @JsonProperty("sessionId") @JsonAlias({
                "conversationId", "session_id" }) @Text(min = 1, max = Text.ID_LENGTH) String sessionId,
        @Schema(description = "The answer as server-sent events; `Accept: text/event-stream` does the same") Boolean stream,
        @Schema(description = "Instead of the user's own") @Text(maxBytes = 65_536) String systemPrompt,
        @Schema(description = "Instead of the user's own") @DecimalMin("0") @DecimalMax("2") BigDecimal temperature,
        @Schema(description = "The most tokens that the answer may have") @Min(1) Integer maxTokens,
        @Schema(description = "The id of the question, also of one in `messages`. One there that has it is the question, and what follows it is not shown to the model", examples = "msg_1752735003369_o159ep4bq") @Text(min = 1, max = Text.ID_LENGTH) String currentMessageId,
        @Schema(description = "How much the model is to think. Where the operator allows it to the tier") @Valid Reasoning reasoning,
        @Schema(description = "The provider is to search the web. Where the operator allows it to the tier") @JsonProperty("webSearch") Boolean webSearch,
        @Schema(description = "The most results of that search") @JsonProperty("webMaxResults") @Min(1) @Max(10) Integer webMaxResults,
        @Schema(description = "The answer may have pictures. Where the operator allows it to the tier") @JsonProperty("imageOutput") Boolean imageOutput,
        @Schema(description = "Must be empty: there are no attachments", maxItems = 0) @JsonProperty("attachmentIds") List<String> attachmentIds,
        // Not used here. Clients of OpenAI's API send them, and get to know of what they send wrong.
        @Schema(hidden = true) JsonNode streamOptions, @Schema(hidden = true) JsonNode metadata,
        @Schema(hidden = true) JsonNode tools){

    @Schema(name = "ReasoningOption")
    @RegisterForReflection // as above
    record Reasoning(@Schema(enumeration = {
            "minimal", "low", "medium",
            "high" }) @Pattern(regexp = "minimal|low|medium|high", message = "must be minimal, low, medium or high") String effort){
    }

    /** A question with an id of its own, for the OpenAPI document: it is read as a {@link RequestMessage}. */
    @Schema(name = "Question")
    record Question(@Text(min = 1, max = Text.ID_LENGTH) String id, @NotNull String content, @Timestamp String timestamp) {
    }

    /** A message as clients hold it. What else they hold about it is ignored. */
    @Schema(name = "ContextMessage")
    @RegisterForReflection // as above
    record RequestMessage(
            @Text(min = 1, max = Text.ID_LENGTH) String id,
            @Schema(enumeration = {
                    "user", "assistant", "system",
                    "tool" }) @NotNull @Pattern(regexp = "user|assistant|system|tool", message = "must be user, assistant, system or tool") String role,
            @NotNull @Text(maxBytes = MessageInput.CONTENT_BYTES) String content, @Timestamp String timestamp,
            @Schema(description = "It failed, so the model does not get to see it") Boolean error){

        boolean isQuestion() {
            return role.equals("user");
        }

        boolean isSeen() {
            return !Boolean.TRUE.equals(error) && !role.equals("tool") && !content.isEmpty();
        }
    }
}

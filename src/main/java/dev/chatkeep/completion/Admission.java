package dev.chatkeep.completion;

import java.math.BigDecimal;
import java.util.List;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import io.quarkus.runtime.annotations.RegisterForReflection;

/**
 * What begin_completion says to a call: that it is admitted, or why it is not.
 *
 * @param refused null if the call may go on
 * @param policies the limits that apply to the call
 * @param contextLength in tokens
 * @param context the stored session up to the question, oldest message first, if the call asked for it
 */
@JsonNaming(SnakeCaseStrategy.class)
@JsonIgnoreProperties(ignoreUnknown = true)
@RegisterForReflection // read from the result of the database
public record Admission(Refusal refused, List<RateLimit> policies, String model, int contextLength, String systemPrompt,
        BigDecimal temperature, String sessionId, String questionId, List<StoredMessage> context) {

    /** The same without what is not needed after the call. */
    Admission withoutContext() {
        return new Admission(refused, policies, model, contextLength, null, temperature, sessionId, questionId, null);
    }

    /** @param userMessageId the question that this one answers; null: it answers none, or does not say which */
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // as above
    public record StoredMessage(String id, String role, String content, String userMessageId) {
    }

    /**
     * @param streamId of the call that answers the same already, if that is why
     * @param field of the request, if that is why
     */
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // as above
    public record Refusal(int status, String code, String detail, Integer retryAfter, String streamId,
            String field) {
    }
}

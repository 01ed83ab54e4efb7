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
 * @param context the stored session, oldest message first, if the call asked for it
 */
@JsonNaming(SnakeCaseStrategy.class)
@JsonIgnoreProperties(ignoreUnknown = true)
@RegisterForReflection // read from the result of the database
public record Admission(Refusal refused, List<RateLimit> policies, String model, int contextLength, String systemPrompt,
        BigDecimal temperature, String sessionId, String questionId, List<ContextMessage> context) {

    /** The same without what is not needed after the call. */
    Admission withoutContext() {
        return new Admission(refused, policies, model, contextLength, null, temperature, sessionId, questionId, null);
    }

    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // as above
    public record Refusal(int status, String code, String detail, Integer retryAfter) {
    }
}

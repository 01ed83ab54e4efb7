package dev.chatkeep.completion;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import io.quarkus.runtime.annotations.RegisterForReflection;

/**
 * The tokens that a call used.
 *
 * @param cachedTokens prompt tokens that came from the provider's cache; null if it did not say
 * @param reasoningTokens completion tokens that nobody sees; null likewise
 * @param estimated whether the provider did not report all of it
 */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "CompletionUsage")
@RegisterForReflection // written to clients and into the metadata of messages
public record Usage(int promptTokens, int completionTokens, int totalTokens, @JsonIgnore Integer cachedTokens,
        @JsonIgnore Integer reasoningTokens, @JsonIgnore boolean estimated) {

    /** What a provider reported; null where it reported nothing of use. */
    record Reported(Integer prompt, Integer completion, Integer cached, Integer reasoning) {

        /** More than any call takes. Sums of what is counted must stay within their types. */
        private static final int MAX_TOKENS = 100_000_000;

        static final Reported NOTHING = new Reported(null, null, null, null);

        static Reported of(JsonNode usage) {
            return new Reported(count(usage.path("prompt_tokens")), count(usage.path("completion_tokens")),
                    count(usage.path("prompt_tokens_details").path("cached_tokens")),
                    count(usage.path("completion_tokens_details").path("reasoning_tokens")));
        }

        boolean isComplete() {
            return prompt != null && completion != null;
        }

        private static Integer count(JsonNode number) {
            return number.isNumber() && number.doubleValue() >= 0 ? (int) Math.min(number.doubleValue(), MAX_TOKENS)
                    : null;
        }
    }

    static Usage of(Reported reported, int estimatedPrompt, int estimatedCompletion) {
        int prompt = reported.prompt() != null ? reported.prompt() : estimatedPrompt;
        int completion = reported.completion() != null ? reported.completion() : estimatedCompletion;
        return new Usage(prompt, completion, (int) Math.min((long) prompt + completion, Integer.MAX_VALUE), reported.cached(),
                reported.reasoning(), !reported.isComplete());
    }
}

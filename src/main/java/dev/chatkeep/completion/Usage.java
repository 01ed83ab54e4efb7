package dev.chatkeep.completion;

import java.math.BigDecimal;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import io.quarkus.runtime.annotations.RegisterForReflection;

/**
 * The tokens that a call used, as they are counted.
 *
 * @param cachedTokens prompt tokens that came from the provider's cache; null if it did not say
 * @param reasoningTokens completion tokens that nobody sees; null likewise
 * @param estimated whether the provider did not report all of it
 * @param providerCost what the provider says that the call cost; null if it did not
 */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "CompletionUsage", description = "As it is counted: reasoning is part of the completion and the cache part of the"
        + " prompt, however the provider reports them")
@RegisterForReflection // written to clients and into the metadata of messages
public record Usage(int promptTokens, int completionTokens, int totalTokens, @JsonIgnore Integer cachedTokens,
        @JsonIgnore Integer reasoningTokens, @JsonIgnore boolean estimated, @JsonIgnore BigDecimal providerCost) {

    static Usage of(ReportedUsage reported, int estimatedPrompt, int estimatedCompletion) {
        int prompt = reported.prompt() != null ? reported.prompt() : estimatedPrompt;
        int completion = reported.completion() != null ? reported.completion() : estimatedCompletion;
        return new Usage(prompt, completion, (int) Math.min((long) prompt + completion, Integer.MAX_VALUE),
                reported.cached() == null ? null : Math.min(reported.cached(), prompt), reported.reasoning(),
                !reported.isComplete(), reported.cost());
    }
}

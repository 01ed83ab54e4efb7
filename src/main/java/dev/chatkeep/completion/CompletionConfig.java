package dev.chatkeep.completion;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How models are called and answers are kept. */
@ConfigMapping(prefix = "chatkeep.completion")
public interface CompletionConfig {

    /** For requests without a model, of users without one. If it is not set, the first model that the tier opens is called. */
    Optional<String> defaultModel();

    /** Tokens that question and answer may have together. A row in model_access may say otherwise for its model. */
    @WithDefault("128000")
    int contextLength();

    /** How long an answer goes on without its client, which may come back. */
    @WithDefault("3S")
    Duration resumeGrace();

    /** How often running answers are stored as far as they have come, in case the instance is killed. */
    @WithDefault("2S")
    Duration checkpointInterval();

    /**
     * Options of requests under {@code /v1} that go to the provider beside those that are known to be harmless, also members of
     * messages and types of their parts. They may choose another model than the one that was admitted, or cost more.
     */
    Optional<Set<String>> allowedOptions();

    /** How many answers one request under {@code /v1} may ask for ({@code n}). Limits count each of them. */
    @WithDefault("1")
    int maxChoices();
}

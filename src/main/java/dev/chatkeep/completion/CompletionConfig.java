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

    /** What front ends may ask {@code POST /api/chat} for besides, with the tiers that may. */
    Options options();

    /** Each costs more than the tokens of the answer that is shown. Nobody may where it is not set. */
    interface Options {

        /** An effort of reasoning ({@code reasoning}): the provider charges for tokens that nobody reads. */
        Optional<Set<TierName>> reasoning();

        /** A search of the web ({@code webSearch}): the provider charges for each. */
        Optional<Set<TierName>> webSearch();

        /** Pictures in the answer ({@code imageOutput}). */
        Optional<Set<TierName>> imageOutput();
    }

    /** As the database knows them, in small letters. */
    enum TierName {
        FREE,
        PRO,
        ENTERPRISE,
        ADMIN
    }

    /** How many answers one request under {@code /v1} may ask for ({@code n}). Limits count each of them. */
    @WithDefault("1")
    int maxChoices();
}

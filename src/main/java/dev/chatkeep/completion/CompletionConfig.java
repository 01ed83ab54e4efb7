package dev.chatkeep.completion;

import java.time.Duration;
import java.util.Optional;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How answers are asked for and kept. */
@ConfigMapping(prefix = "chatkeep.completion")
public interface CompletionConfig {

    /** Called where neither the request nor the user names a model; without it, the first of the models that the tier opens. */
    Optional<String> defaultModel();

    /** Tokens that question and answer may have together, for models whose row in model_access does not say. */
    @WithDefault("128000")
    int contextLength();

    /** How long an answer goes on when its client has gone away, so that the client can come back to it. */
    @WithDefault("3S")
    Duration resumeGrace();

    /** How often what has arrived of an answer is stored, in case the instance is killed. */
    @WithDefault("2S")
    Duration checkpointInterval();
}

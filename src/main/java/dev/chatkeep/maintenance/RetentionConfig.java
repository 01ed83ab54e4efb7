package dev.chatkeep.maintenance;

import java.util.Optional;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Settings of the retention. */
@ConfigMapping(prefix = "chatkeep.retention")
public interface RetentionConfig {

    /** When the job runs, a cron expression (Quartz: seconds first) in UTC, or {@code off}. */
    String schedule();

    /** Days for which activity and daily usage are kept. */
    @WithDefault("90")
    @Min(1)
    @Max(36_500)
    int days();

    /** Days without activity after which a conversation is deleted; conversations are kept if it is not set. */
    Optional<@Min(1) @Max(36_500) Integer> conversationsDays();
}

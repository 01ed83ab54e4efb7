package dev.chatkeep.usage;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/** What clients are answered about usage, for the description of the API: PostgreSQL writes these. */
final class UsageAnswers {

    private UsageAnswers() {
    }

    @Schema(name = "UsageFigures")
    @JsonNaming(SnakeCaseStrategy.class)
    record Figures(long messagesSent, long messagesReceived, long inputTokens, long outputTokens, long totalTokens,
            long sessionsCreated, @Schema(description = "Distinct minutes with activity") long activeMinutes,
            @Schema(description = "In the currency of the model prices", examples = "0.00025") BigDecimal estimatedCost) {
    }

    @Schema(name = "UsageDay")
    @JsonNaming(SnakeCaseStrategy.class)
    record Day(LocalDate date, @Schema(description = "Model id to number of answers") Map<String, Long> modelsUsed,
            long messagesSent, long messagesReceived, long inputTokens, long outputTokens, long totalTokens,
            long sessionsCreated, long activeMinutes, BigDecimal estimatedCost) {
    }

    @Schema(name = "UsageDays")
    record Days(LocalDate from, LocalDate to, List<Day> days, Figures total) {
    }

    @Schema(name = "UsageOfModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record OfModel(String model, long messagesSent, long messagesReceived, long inputTokens, long outputTokens,
            long totalTokens, BigDecimal estimatedCost) {
    }

    @Schema(name = "UsageOfModels")
    record Models(LocalDate from, LocalDate to, List<OfModel> models) {
    }

    @Schema(name = "UsageOfAllTimes")
    @JsonNaming(SnakeCaseStrategy.class)
    record AllTime(long totalMessages, long totalTokens, long sessionsCreated, BigDecimal estimatedCost, Instant since) {
    }

    @Schema(name = "UsageSummary")
    record Summary(Figures today, @Schema(name = "last_7_days") Figures last7Days,
            @Schema(name = "last_30_days") Figures last30Days, @Schema(name = "all_time") AllTime allTime) {
    }
}

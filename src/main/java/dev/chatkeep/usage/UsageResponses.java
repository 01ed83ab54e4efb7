package dev.chatkeep.usage;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/** The responses about usage. */
public final class UsageResponses {

    private UsageResponses() {
    }

    @Schema(name = "UsageFigures")
    @JsonNaming(SnakeCaseStrategy.class)
    record Figures(long messagesSent, long messagesReceived, long inputTokens, long outputTokens, long totalTokens,
            long sessionsCreated, @Schema(description = "Distinct minutes with activity") long activeMinutes,
            @Schema(description = "In the currency of the model prices", examples = "0.00025") BigDecimal estimatedCost) {

        static final Figures NONE = new Figures(0, 0, 0, 0, 0, 0, 0, BigDecimal.ZERO);

        Figures plus(Figures other) {
            return new Figures(messagesSent + other.messagesSent, messagesReceived + other.messagesReceived,
                    inputTokens + other.inputTokens, outputTokens + other.outputTokens, totalTokens + other.totalTokens,
                    sessionsCreated + other.sessionsCreated, activeMinutes + other.activeMinutes,
                    estimatedCost.add(other.estimatedCost).stripTrailingZeros());
        }
    }

    @Schema(name = "UsageDay")
    @JsonNaming(SnakeCaseStrategy.class)
    record Day(LocalDate date,
            @Schema(description = "Model id to number of answers", type = SchemaType.OBJECT, additionalProperties = Long.class) @JsonRawValue String modelsUsed,
            long messagesSent, long messagesReceived, long inputTokens, long outputTokens, long totalTokens,
            long sessionsCreated, long activeMinutes, BigDecimal estimatedCost) {

        static Day of(LocalDate date, String modelsUsed, Figures figures) {
            return new Day(date, modelsUsed, figures.messagesSent, figures.messagesReceived, figures.inputTokens,
                    figures.outputTokens, figures.totalTokens, figures.sessionsCreated, figures.activeMinutes,
                    figures.estimatedCost);
        }

        Figures figures() {
            return new Figures(messagesSent, messagesReceived, inputTokens, outputTokens, totalTokens, sessionsCreated,
                    activeMinutes, estimatedCost);
        }
    }

    @Schema(name = "UsageDays")
    public record Days(LocalDate from, LocalDate to, List<Day> days, Figures total) {
    }

    @Schema(name = "UsageOfModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record OfModel(String model, long messagesSent, long messagesReceived, long inputTokens, long outputTokens,
            long totalTokens, BigDecimal estimatedCost) {
    }

    @Schema(name = "UsageOfModels")
    record Models(LocalDate from, LocalDate to, List<OfModel> models) {
    }

    @Schema(name = "UsageOfAllTime")
    @JsonNaming(SnakeCaseStrategy.class)
    record AllTime(long totalMessages, long totalTokens, long sessionsCreated, BigDecimal estimatedCost,
            @Nullable Instant since) {
    }

    @Schema(name = "UsageSummary")
    public record Summary(Figures today, @JsonProperty("last_7_days") Figures last7Days,
            @JsonProperty("last_30_days") Figures last30Days, @JsonProperty("all_time") AllTime allTime) {
    }
}

package dev.chatkeep.usage;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/** The responses about costs, charge by charge and day by day. */
final class CostResponses {

    private CostResponses() {
    }

    @Schema(name = "Costs")
    record Costs(List<Item> items, Pagination pagination, Summary summary, CostRange range) {
    }

    @Schema(name = "CostItem", description = "What was charged for an answer with its question; or for a question that is charged by itself, or for what was reported of no message")
    @JsonNaming(SnakeCaseStrategy.class)
    record Item(
            @Schema(description = "Also of an answer that is not stored, or not any more; null where it was none") @Nullable String assistantMessageId,
            @Nullable String userMessageId,
            @Schema(description = "The provider's id of the answer") @Nullable String completionId,
            @Schema(description = "Null where it was never stored, or is deleted") @Nullable String sessionId,
            String modelId,
            @Schema(description = "Of the message; where it is not stored, when it was charged") Instant messageTimestamp,
            long promptTokens, long completionTokens, long totalTokens,
            @Schema(description = "Of the prompt, from the provider's cache") long cachedTokens,
            @Schema(description = "Of the completion") long reasoningTokens,
            @Nullable Integer elapsedMs,
            @Schema(description = "In the currency of the model prices; 0 where the provider said what the call cost in all", examples = "0.00025") BigDecimal promptCost,
            BigDecimal completionCost,
            @Schema(description = "0: it is in the others", examples = "0") BigDecimal imageCost,
            @Schema(description = "Likewise", examples = "0") BigDecimal outputImageCost,
            @Schema(description = "Likewise", examples = "0") BigDecimal websearchCost, BigDecimal totalCost) {
    }

    @Schema(name = "Pagination")
    @JsonNaming(SnakeCaseStrategy.class)
    record Pagination(int page, int pageSize, long total, long totalPages) {

        static Pagination of(int page, int size, long total) {
            return new Pagination(page, size, total, (total + size - 1) / size);
        }
    }

    @Schema(name = "CostSummary", description = "Of all items of the range, not of the page alone")
    @JsonNaming(SnakeCaseStrategy.class)
    record Summary(BigDecimal totalCost, BigDecimal promptCost, BigDecimal completionCost,
            @Schema(description = "Of 1,000 tokens on average, to six decimals") @JsonProperty("cost_per_1k") BigDecimal costPer1k,
            long totalTokens, long promptTokens,
            long completionTokens, long count, TopModels topModels) {

        Summary with(TopModels top) {
            return new Summary(totalCost, promptCost, completionCost, costPer1k, totalTokens, promptTokens, completionTokens,
                    count, top);
        }
    }

    @Schema(name = "TopModels")
    @JsonNaming(SnakeCaseStrategy.class)
    record TopModels(List<TopModel> byTokens, List<TopModel> byCost) {
    }

    @Schema(name = "TopModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record TopModel(String modelId, long totalTokens, BigDecimal totalCost, long count,
            @Schema(description = "Of all tokens of the range, in percent to two decimals") BigDecimal shareTokens,
            @Schema(description = "Of the whole cost, likewise") BigDecimal shareCost) {
    }

    @Schema(name = "DailyCosts")
    record Daily(CostRange range, Charts charts) {
    }

    @Schema(name = "CostCharts")
    record Charts(Chart tokens, Chart cost) {
    }

    @Schema(name = "CostChart")
    record Chart(@Schema(description = "Those that have a segment, the largest first") List<String> models,
            List<Bar> days) {
    }

    /** @param others what the models without a segment have together */
    @Schema(name = "CostBar")
    record Bar(LocalDate date,
            @Schema(description = "By model; those of no use that day are left out") Map<String, BigDecimal> segments,
            BigDecimal others, BigDecimal total) {
    }
}

package dev.chatkeep.catalog;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/** What clients are answered about models, for the description of the API: PostgreSQL writes these. */
final class ModelAnswers {

    private ModelAnswers() {
    }

    @Schema(name = "ModelList")
    @JsonNaming(SnakeCaseStrategy.class)
    record Many(List<Model> models, int count, String subscriptionTier) {
    }

    @Schema(name = "Model")
    @JsonNaming(SnakeCaseStrategy.class)
    record Model(@Schema(examples = "deepseek/deepseek-r1-0528:free") String id,
            @Schema(examples = "DeepSeek R1") String name, String description, List<String> tags,
            @Schema(description = "The tier that opens it") String tier,
            @Schema(examples = "0.0000005") BigDecimal inputCostPerToken, BigDecimal outputCostPerToken,
            @Schema(description = "Tokens; null is unknown") Integer contextLength, boolean isDefault, Limits limits) {
    }

    @Schema(name = "ModelLimits", description = "Answers a day and a month (UTC); null is unlimited")
    record Limits(Limit daily, Limit monthly) {
    }

    @Schema(name = "ModelLimit")
    @JsonNaming(SnakeCaseStrategy.class)
    record Limit(int limit, long used, long remaining, Instant resetsAt) {
    }

    @Schema(name = "ModelAccess")
    @JsonNaming(SnakeCaseStrategy.class)
    record Access(String modelId, boolean allowed,
            @Schema(description = "Why not", enumeration = {
                    "unknown_model", "tier" }) String reason,
            @Schema(description = "The lowest tier that opens it") String requiredTier, Limits limits){
    }

    @Schema(name = "AdminModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record Row(UUID id, String modelId, String tier, boolean isActive, BigDecimal inputCostPerToken,
            BigDecimal outputCostPerToken, Integer dailyLimit, Integer monthlyLimit, String modelName,
            String modelDescription, List<String> modelTags, Integer contextLength, Instant createdAt, Instant updatedAt) {
    }

    @Schema(name = "AdminModelList")
    @JsonNaming(SnakeCaseStrategy.class)
    record Rows(List<Row> models, int count, @Schema(description = "Null on the last page") String nextCursor) {
    }
}

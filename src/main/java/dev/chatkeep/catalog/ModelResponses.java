package dev.chatkeep.catalog;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.UUID;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Tier;
import dev.chatkeep.wire.Timestamps;
import io.vertx.sqlclient.Row;

/** The responses about models. */
final class ModelResponses {

    private ModelResponses() {
    }

    @Schema(name = "ModelList")
    @JsonNaming(SnakeCaseStrategy.class)
    record Many(List<Model> models, int count, @Tier String subscriptionTier) {
    }

    @Schema(name = "Model")
    @JsonNaming(SnakeCaseStrategy.class)
    record Model(@Schema(examples = "deepseek/deepseek-r1-0528:free") String id,
            @Schema(examples = "DeepSeek R1") @Nullable String name, @Nullable String description, List<String> tags,
            @Schema(description = "The tier that opens it") @Tier String tier,
            @Schema(examples = "0.0000005") BigDecimal inputCostPerToken, BigDecimal outputCostPerToken,
            @Schema(description = "Of an input token from the provider's cache; null is as any other") @Nullable BigDecimal cachedInputCostPerToken,
            @Schema(description = "Tokens; null is unknown") @Nullable Integer contextLength,
            @JsonProperty("is_default") boolean isDefault, Limits limits, Pricing pricing, Architecture architecture,
            List<String> inputModalities, List<String> outputModalities,
            @Schema(description = "Options that the model takes; empty is unknown") List<String> supportedParameters,
            @Schema(description = "When the provider began to offer it, or else when it was opened here, in seconds since 1970") long created) {

        /** Columns of models_of_user, in the order that {@link #of} reads. */
        static final String COLUMNS = "m.id, m.name, m.description, m.tags, m.tier, m.input_cost_per_token,"
                + " m.output_cost_per_token, m.cached_input_cost_per_token, m.context_length, m.is_default, m.input_modalities,"
                + " m.output_modalities, m.supported_parameters, m.created, " + Limits.COLUMNS + ", " + OtherPrices.COLUMNS;

        static Model of(Row row, int first) {
            BigDecimal input = row.getBigDecimal(first + 5);
            BigDecimal output = row.getBigDecimal(first + 6);
            BigDecimal cached = row.getBigDecimal(first + 7);
            List<String> inputs = List.of(row.getArrayOfStrings(first + 10));
            List<String> outputs = List.of(row.getArrayOfStrings(first + 11));
            return new Model(row.getString(first), row.getString(first + 1), row.getString(first + 2),
                    List.of(row.getArrayOfStrings(first + 3)), row.getString(first + 4), input, output, cached,
                    row.getInteger(first + 8), row.getBoolean(first + 9), Limits.of(row, first + 14),
                    Pricing.of(input, output, cached, OtherPrices.of(row, first + 14 + Limits.SIZE)),
                    new Architecture(inputs, outputs), inputs, outputs, List.of(row.getArrayOfStrings(first + 12)),
                    row.getLong(first + 13));
        }
    }

    /** Under OpenRouter's names, whose text has no exponent. What is not known costs nothing beside the tokens. */
    @Schema(name = "ModelPricing", description = "Prices as decimal text; those of tokens are those of `input_cost_per_token` and the others")
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @JsonNaming(SnakeCaseStrategy.class)
    record Pricing(@Schema(examples = "0.0000005") String prompt, String completion,
            @Schema(description = "For one request") String request, @Schema(description = "For one picture") String image,
            @Schema(description = "For one search") String webSearch, String internalReasoning,
            @Schema(description = "For one token from the provider's cache") @Nullable String inputCacheRead,
            @Nullable String inputCacheWrite, @Nullable String audio) {

        private static final String NOTHING = "0";

        private static Pricing of(BigDecimal input, BigDecimal output, BigDecimal cached, OtherPrices others) {
            return new Pricing(input.toPlainString(), output.toPlainString(), orNothing(others.request()),
                    orNothing(others.image()), orNothing(others.webSearch()), orNothing(others.internalReasoning()),
                    cached == null ? null : cached.toPlainString(), others.inputCacheWrite(), others.audio());
        }

        private static String orNothing(String price) {
            return price == null ? NOTHING : price;
        }
    }

    @Schema(name = "ModelArchitecture", description = "What the model reads and writes, such as `text`, `image`, `file` or `audio`")
    @JsonNaming(SnakeCaseStrategy.class)
    record Architecture(List<String> inputModalities, List<String> outputModalities) {
    }

    @Schema(name = "ModelLimits", description = "Answers per day and per month (UTC); null is unlimited")
    record Limits(@Nullable Limit daily, @Nullable Limit monthly) {

        static final String COLUMNS = "m.daily_limit, m.daily_used, m.day_ends, m.monthly_limit, m.monthly_used, m.month_ends";
        static final int SIZE = 6;

        static Limits of(Row row, int first) {
            return new Limits(Limit.of(row, first), Limit.of(row, first + 3));
        }
    }

    @Schema(name = "ModelLimit")
    @JsonNaming(SnakeCaseStrategy.class)
    record Limit(int limit, long used, long remaining, Instant resetsAt) {

        private static Limit of(Row row, int first) {
            Integer limit = row.getInteger(first);
            return limit == null ? null
                    : new Limit(limit, row.getLong(first + 1), Math.max(limit - row.getLong(first + 1), 0),
                            Timestamps.of(row, first + 2));
        }
    }

    @Schema(name = "ModelAccess")
    @JsonNaming(SnakeCaseStrategy.class)
    record Access(String modelId, boolean allowed,
            @Schema(description = "Why the model is not allowed", enumeration = {
                    "unknown_model", "tier" }) @Nullable String reason,
            @Schema(description = "The lowest tier that opens it") @Nullable @Tier String requiredTier,
            @Nullable Limits limits){

        /** @param row of access_to_model: allowed, required tier, and the columns of {@link Limits} */
        static Access of(String modelId, Row row) {
            boolean allowed = row.getBoolean(0);
            String tier = row.getString(1);
            return new Access(modelId, allowed, allowed ? null : tier == null ? "unknown_model" : "tier", tier,
                    allowed ? Limits.of(row, 2) : null);
        }
    }

    @Schema(name = "AdminModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record AdminModel(UUID id, String modelId, @Tier String tier, @JsonProperty("is_active") boolean isActive,
            BigDecimal inputCostPerToken,
            BigDecimal outputCostPerToken,
            @Schema(description = "Of an input token from the provider's cache; null is as any other") @Nullable BigDecimal cachedInputCostPerToken,
            @Nullable Integer dailyLimit, @Nullable Integer monthlyLimit,
            @Nullable String modelName,
            @Nullable String modelDescription, List<String> modelTags, @Nullable Integer contextLength,
            OtherPrices otherPrices, List<String> inputModalities, List<String> outputModalities,
            List<String> supportedParameters,
            @Schema(description = "As the catalogue says; null is unknown") @Nullable Instant releasedAt, Instant createdAt,
            Instant updatedAt) {

        /** Columns of model_access, in the order that {@link #of} reads. */
        static final String COLUMNS = "m.id, m.model_id, m.tier, m.is_active, trim_scale(m.input_cost_per_token),"
                + " trim_scale(m.output_cost_per_token), trim_scale(m.cached_input_cost_per_token), m.daily_limit,"
                + " m.monthly_limit, m.model_name, m.model_description, m.model_tags, m.context_length, m.input_modalities,"
                + " m.output_modalities, m.supported_parameters, m.released_at, m.created_at, m.updated_at, "
                + OtherPrices.COLUMNS;

        static AdminModel of(Row row) {
            return new AdminModel(row.getUUID(0), row.getString(1), row.getString(2), row.getBoolean(3),
                    row.getBigDecimal(4), row.getBigDecimal(5), row.getBigDecimal(6), row.getInteger(7), row.getInteger(8),
                    row.getString(9), row.getString(10), List.of(row.getArrayOfStrings(11)), row.getInteger(12),
                    OtherPrices.of(row, 19), List.of(row.getArrayOfStrings(13)), List.of(row.getArrayOfStrings(14)),
                    List.of(row.getArrayOfStrings(15)), Timestamps.of(row, 16), Timestamps.of(row, 17),
                    Timestamps.of(row, 18));
        }
    }

    @Schema(name = "AdminModelList")
    @JsonNaming(SnakeCaseStrategy.class)
    record AdminModels(List<AdminModel> models, int count,
            @Schema(description = "Null on the last page") @Nullable String nextCursor) {
    }
}

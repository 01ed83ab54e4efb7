package dev.chatkeep.profile;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Tier;

/** The responses about the user, for the OpenAPI document only: PostgreSQL creates the JSON. */
final class ProfileResponses {

    private ProfileResponses() {
    }

    @Schema(name = "UserData")
    record Data(Today today, AllTime allTime, Summary profile, Preferences preferences, List<AvailableModel> availableModels,
            Times timestamps, Storage storage) {
    }

    @Schema(name = "UsageToday")
    @JsonNaming(SnakeCaseStrategy.class)
    record Today(long messagesSent, long messagesReceived, long inputTokens, long outputTokens, long totalTokens,
            @Schema(description = "Model id to number of answers") Map<String, Long> modelsUsed, long sessionsCreated,
            @Schema(description = "Distinct minutes with activity") long activeMinutes) {
    }

    @Schema(name = "UserTotals")
    @JsonNaming(SnakeCaseStrategy.class)
    record AllTime(long totalMessages, long totalTokens, long sessionsCreated, @Nullable Instant lastReset) {
    }

    @Schema(name = "ProfileSummary")
    @JsonNaming(SnakeCaseStrategy.class)
    record Summary(@Nullable String email, @Nullable String fullName, @Nullable String avatarUrl,
            @Tier String subscriptionTier,
            int credits) {
    }

    @Schema(name = "Preferences")
    record Preferences(Map<String, Object> ui, Map<String, Object> session, UserDataChange.ModelPreferences model) {
    }

    @Schema(name = "AvailableModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record AvailableModel(String modelId, @Nullable String modelName, @Nullable String modelDescription, List<String> modelTags,
            BigDecimal inputCostPerToken, BigDecimal outputCostPerToken,
            @Schema(description = "Answers per day; null is unlimited") @Nullable Integer dailyLimit,
            @Nullable Integer monthlyLimit) {
    }

    @Schema(name = "UserTimes")
    @JsonNaming(SnakeCaseStrategy.class)
    record Times(Instant createdAt, Instant updatedAt, @Nullable Instant lastActive) {
    }

    @Schema(name = "CompleteProfile")
    @JsonNaming(SnakeCaseStrategy.class)
    record Complete(UUID id, @Nullable String email, @Nullable String fullName, @Nullable String avatarUrl,
            @Tier String subscriptionTier,
            int credits, Preferences preferences, List<AvailableModel> availableModels, UsageStats usageStats,
            Times timestamps) {
    }

    @Schema(name = "UsageStats")
    record UsageStats(@Schema(description = "Null without usage today") @Nullable StoredDay today, StoredTotals total,
            @Schema(description = "The newest days with usage") List<StoredDay> recent) {
    }

    @Schema(name = "StoredTotals")
    @JsonNaming(SnakeCaseStrategy.class)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record StoredTotals(long totalMessages, long totalTokens, long sessionsCreated, Instant lastReset,
            @Nullable BigDecimal totalCost) {
    }

    @Schema(name = "StoredUsageDay")
    @JsonNaming(SnakeCaseStrategy.class)
    record StoredDay(LocalDate usageDate, Map<String, Long> modelsUsed, long messagesSent, long messagesReceived,
            long inputTokens,
            long outputTokens, long totalTokens, long sessionsCreated, long activeMinutes, BigDecimal estimatedCost,
            Instant createdAt, Instant updatedAt) {
    }

    @Schema(name = "Export", description = "Everything that is stored about a user, list by list; rows have the columns of their tables", additionalProperties = Schema.True.class)
    @JsonNaming(SnakeCaseStrategy.class)
    record Export(Map<String, Object> profile, List<Map<String, Object>> conversations, List<Map<String, Object>> activityLog,
            List<Map<String, Object>> usage) {
    }

    @Schema(name = "ExportLine", description = "A line: what it is, and the item", additionalProperties = Schema.True.class)
    record ExportLine(@Schema(examples = "message") String type) {
    }

    @Schema(name = "Storage")
    record Storage(long sessions, long messages,
            @Schema(description = "Content of the messages, and calls of tools in answers") long bytes, Quotas limits) {
    }

    @Schema(name = "Quotas")
    record Quotas(@Schema(description = "Of the tier; null is no quota") @Nullable Long sessions, @Nullable Long messages,
            @Nullable Long bytes) {
    }

    @Schema(name = "Synced")
    record Synced(boolean success, boolean updated,
            @Schema(description = "Field to `{old, new}`") Map<String, Object> changes) {
    }

    @Schema(name = "ActivityList")
    record Activities(List<Activity> activities, int count,
            @Schema(description = "Null on the last page") @JsonProperty("next_cursor") @Nullable String nextCursor) {
    }

    @Schema(name = "Activity")
    @JsonNaming(SnakeCaseStrategy.class)
    record Activity(UUID id, @Schema(examples = "preferences_updated") String action,
            @Schema(examples = "profile") @Nullable String resourceType, @Nullable String resourceId,
            @Schema(type = SchemaType.OBJECT, additionalProperties = Object.class) @JsonRawValue String details,
            Instant timestamp,
            @Schema(examples = "203.0.113.7") @Nullable String ipAddress, @Nullable String userAgent) {
    }

    @Schema(name = "Erased")
    @JsonNaming(SnakeCaseStrategy.class)
    record Erased(boolean success, Instant erasedAt,
            @Schema(description = "The number of deleted rows by kind", examples = "{\"profiles\": 1, \"accounts\": 1, \"sessions\": 20, \"messages\": 96, \"activity_logs\": 3, \"usage_records\": 2}") Map<String, Long> deleted) {
    }
}

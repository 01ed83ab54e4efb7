package dev.chatkeep.profile;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

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

    @Schema(name = "UsageOfAllTime")
    @JsonNaming(SnakeCaseStrategy.class)
    record AllTime(long totalMessages, long totalTokens, long sessionsCreated, Instant lastReset) {
    }

    @Schema(name = "ProfileSummary")
    @JsonNaming(SnakeCaseStrategy.class)
    record Summary(String email, String fullName, String avatarUrl,
            @Schema(enumeration = {
                    "free", "pro", "enterprise", "admin" }) String subscriptionTier,
            int credits){
    }

    @Schema(name = "Preferences")
    record Preferences(Map<String, Object> ui, Map<String, Object> session, UserDataChange.ModelPreferences model) {
    }

    @Schema(name = "AvailableModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record AvailableModel(String modelId, String modelName, String modelDescription, List<String> modelTags,
            BigDecimal inputCostPerToken, BigDecimal outputCostPerToken,
            @Schema(description = "Answers per day; null is unlimited") Integer dailyLimit, Integer monthlyLimit) {
    }

    @Schema(name = "UserTimes")
    @JsonNaming(SnakeCaseStrategy.class)
    record Times(Instant createdAt, Instant updatedAt, Instant lastActive) {
    }

    @Schema(name = "Storage")
    record Storage(long sessions, long messages,
            @Schema(description = "Content of the messages, and calls of tools in answers") long bytes, Quotas limits) {
    }

    @Schema(name = "Quotas")
    record Quotas(@Schema(description = "Of the tier; null is no quota") Long sessions, Long messages, Long bytes) {
    }

    @Schema(name = "Synced")
    record Synced(boolean success, boolean updated,
            @Schema(description = "Field to `{old, new}`") Map<String, Object> changes) {
    }

    @Schema(name = "ActivityList")
    record Activities(List<Activity> activities, int count,
            @Schema(description = "Null on the last page") @JsonProperty("next_cursor") String nextCursor) {
    }

    @Schema(name = "Activity")
    @JsonNaming(SnakeCaseStrategy.class)
    record Activity(UUID id, @Schema(examples = "preferences_updated") String action,
            @Schema(examples = "profile") String resourceType, String resourceId,
            @Schema(type = SchemaType.OBJECT, additionalProperties = Object.class) @JsonRawValue String details,
            Instant timestamp,
            @Schema(examples = "203.0.113.7") String ipAddress, String userAgent) {
    }

    @Schema(name = "Erased")
    @JsonNaming(SnakeCaseStrategy.class)
    record Erased(boolean success, Instant erasedAt,
            @Schema(description = "The number of deleted rows by kind", examples = "{\"profiles\": 1, \"accounts\": 1, \"sessions\": 20, \"messages\": 96, \"activity_logs\": 3, \"usage_records\": 2}") Map<String, Long> deleted) {
    }
}

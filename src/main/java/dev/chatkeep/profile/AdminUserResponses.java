package dev.chatkeep.profile;

import java.time.Instant;
import java.util.List;
import java.util.UUID;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.usage.UsageResponses;
import dev.chatkeep.wire.Tier;
import dev.chatkeep.wire.Timestamps;
import io.vertx.sqlclient.Row;

/** The responses about users, for administrators. */
final class AdminUserResponses {

    private AdminUserResponses() {
    }

    @Schema(name = "AdminUserList")
    @JsonNaming(SnakeCaseStrategy.class)
    record Users(List<User> users, int count, @Schema(description = "Null on the last page") @Nullable String nextCursor) {
    }

    @Schema(name = "AdminUser")
    @JsonNaming(SnakeCaseStrategy.class)
    record User(UUID id, @Schema(examples = "ada@example.org") @Nullable String email, @Nullable String fullName,
            @Nullable String avatarUrl,
            @Tier String subscriptionTier, int credits, Instant createdAt, Instant updatedAt, @Nullable Instant lastActive,
            @Nullable Instant bannedAt, @Schema(description = "A time that is over is no ban") @Nullable Instant bannedUntil,
            @Nullable String banReason) {

        /** Columns of profiles, in the order that {@link #of} reads. */
        static final String COLUMNS = "u.id, u.email, u.full_name, u.avatar_url, u.subscription_tier, u.credits,"
                + " u.created_at, u.updated_at, u.last_active, u.banned_at, u.banned_until, u.ban_reason";

        static User of(Row row) {
            return new User(row.getUUID(0), row.getString(1), row.getString(2), row.getString(3), row.getString(4),
                    row.getInteger(5), Timestamps.of(row, 6), Timestamps.of(row, 7), Timestamps.of(row, 8),
                    Timestamps.of(row, 9), Timestamps.of(row, 10), row.getString(11));
        }
    }

    @Schema(name = "AdminUserWithUsage")
    record UserWithUsage(
            @Schema(description = "As `GET /api/user/profile`", implementation = ProfileResponses.Complete.class) @JsonRawValue String profile,
            @Schema(description = "As `GET /api/usage/summary`") UsageResponses.Summary usage) {
    }

    @Schema(name = "AdminUserChanged")
    @JsonNaming(SnakeCaseStrategy.class)
    record UserChanged(boolean success, User user, @Schema(examples = "free") @Tier String oldTier, int oldCredits) {
    }
}

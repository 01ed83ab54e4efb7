package dev.chatkeep.profile;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

/** What administrators are answered about users, for the description of the API: PostgreSQL writes these. */
final class AdminAnswers {

    private AdminAnswers() {
    }

    @Schema(name = "AdminUserList")
    @JsonNaming(SnakeCaseStrategy.class)
    record Users(List<User> users, int count, @Schema(description = "Null on the last page") String nextCursor) {
    }

    @Schema(name = "AdminUser")
    @JsonNaming(SnakeCaseStrategy.class)
    record User(UUID id, @Schema(examples = "ada@example.org") String email, String fullName, String avatarUrl,
            String subscriptionTier, int credits, Instant createdAt, Instant updatedAt, Instant lastActive) {
    }

    @Schema(name = "AdminUserWithUsage")
    record UserWithUsage(@Schema(description = "As `GET /api/user/profile`") Map<String, Object> profile,
            @Schema(description = "As `GET /api/usage/summary`") Map<String, Object> usage) {
    }

    @Schema(name = "AdminUserChanged")
    @JsonNaming(SnakeCaseStrategy.class)
    record UserChanged(boolean success, User user, @Schema(examples = "free") String oldTier, int oldCredits) {
    }
}

package dev.chatkeep.profile;

import java.time.Instant;
import java.util.UUID;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.wire.Tier;

/** The profile of the caller. */
@JsonNaming(SnakeCaseStrategy.class)
@Schema(name = "Profile")
record ProfileView(
        UUID id,
        @Schema(examples = "ada@example.org") @Nullable String email,
        @Schema(examples = "Ada Lovelace") @Nullable String fullName,
        @Nullable String avatarUrl,
        @Tier String subscriptionTier,
        int credits,
        Instant createdAt,
        Instant updatedAt,
        @Nullable Instant lastActive) {

    static ProfileView of(Profile profile) {
        return new ProfileView(profile.id, profile.email, profile.fullName, profile.avatarUrl, profile.subscriptionTier,
                profile.credits, profile.createdAt, profile.updatedAt, profile.lastActive);
    }
}

package dev.chatkeep.session;

import java.util.List;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonProperty;

import io.quarkus.runtime.annotations.RegisterForReflection;

/** The responses about sessions. */
final class SessionResponses {

    private SessionResponses() {
    }

    @Schema(name = "SessionAnswer")
    record One(SessionView session, boolean success) {
    }

    @Schema(name = "SessionList")
    @RegisterForReflection(targets = { Many.class, SessionView.class }) // The declared type of the response is Object
    record Many(List<SessionView> sessions, int count,
            @Schema(description = "Null on the last page") @JsonProperty("next_cursor") @Nullable String nextCursor) {
    }

    @Schema(name = "Deleted")
    record Deleted(boolean success, @Schema(examples = "The session was deleted.") String message) {
    }

    @Schema(name = "Cleared")
    record Cleared(boolean success, @Schema(examples = "3 sessions were deleted.") String message, long deletedCount) {
    }
}

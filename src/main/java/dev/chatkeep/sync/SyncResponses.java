package dev.chatkeep.sync;

import java.time.Instant;
import java.util.List;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

import dev.chatkeep.message.MessageInput;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** The responses about a sync. */
public final class SyncResponses {

    private SyncResponses() {
    }

    @Schema(name = "SyncUpload")
    record Uploaded(boolean success, Results results, Instant syncTime) {
    }

    @Schema(name = "SyncReport")
    @RegisterForReflection(targets = { Results.class, Detail.class }) // Jackson reads them from the result of PostgreSQL
    public record Results(int synced, int errors, @Schema(description = "In the order of the upload") List<Detail> details) {
    }

    /** Either {@code status} and {@code messageCount}, or {@code error}. */
    @Schema(name = "SyncDetail")
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Detail(@Nullable String conversationId, @Schema(examples = "synced") @Nullable String status,
            @Nullable Integer messageCount,
            @Nullable String error) {
    }

    @Schema(name = "SyncDownload")
    @RegisterForReflection(targets = { Downloaded.class, Conversation.class }) // The declared type of the response is Object
    record Downloaded(List<Conversation> conversations, Instant syncTime) {
    }

    @Schema(name = "Conversation")
    record Conversation(String id, String title, String userId, List<MessageInput> messages, Instant createdAt,
            Instant updatedAt, int messageCount, long totalTokens, @Nullable String lastModel,
            @Nullable String lastMessagePreview,
            @Nullable Instant lastMessageTimestamp, @JsonProperty("isActive") boolean isActive) {
    }
}

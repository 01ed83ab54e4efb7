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
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Downloaded(List<Conversation> conversations,
            @Schema(description = "Of a page; a download without parameters has none") @Nullable Meta meta, Instant syncTime) {
    }

    @Schema(name = "SyncMeta")
    @RegisterForReflection // as above
    record Meta(@Schema(description = "The most conversations of a page") int pageSize,
            @JsonProperty("hasMore") boolean hasMore,
            @Schema(description = "Where the next page begins; null if there is none") @Nullable Next nextCursor) {
    }

    @Schema(name = "SyncCursor")
    @RegisterForReflection // as above
    record Next(@Schema(description = "To be sent as `cursor_ts`") Instant ts,
            @Schema(description = "To be sent as `cursor_id`") String id) {
    }

    @Schema(name = "Conversation")
    record Conversation(String id, String title, String userId, List<MessageInput> messages, Instant createdAt,
            Instant updatedAt, int messageCount, long totalTokens, @Nullable String lastModel,
            @Nullable String lastMessagePreview,
            @Nullable Instant lastMessageTimestamp, @JsonProperty("isActive") boolean isActive) {
    }
}

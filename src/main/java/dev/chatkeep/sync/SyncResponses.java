package dev.chatkeep.sync;

import java.time.Instant;
import java.util.List;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

import dev.chatkeep.message.MessageInput;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** The responses about a sync. */
public final class SyncResponses {

    private SyncResponses() {
    }

    @Schema(name = "SyncResult")
    record Uploaded(boolean success, Results results, Instant syncTime) {
    }

    @Schema(name = "SyncResults")
    @RegisterForReflection(targets = { Results.class, Detail.class }) // Jackson reads them from the result of PostgreSQL
    public record Results(int synced, int errors, @Schema(description = "In the order of the upload") List<Detail> details) {
    }

    /** Either {@code status} and {@code messageCount}, or {@code error}. */
    @Schema(name = "SyncDetail")
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Detail(String conversationId, @Schema(examples = "synced") String status, Integer messageCount,
            String error) {
    }

    @Schema(name = "SyncDownload")
    @RegisterForReflection(targets = { Downloaded.class, Conversation.class }) // The declared type of the response is Object
    record Downloaded(List<Conversation> conversations, Instant syncTime) {
    }

    @Schema(name = "Conversation")
    record Conversation(String id, String title, String userId, List<MessageInput> messages, Instant createdAt,
            Instant updatedAt, int messageCount, long totalTokens, String lastModel, String lastMessagePreview,
            Instant lastMessageTimestamp, @JsonProperty("isActive") boolean isActive) {
    }
}

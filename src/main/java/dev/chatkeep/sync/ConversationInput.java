package dev.chatkeep.sync;

import java.util.List;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;

import dev.chatkeep.message.MessageInput;
import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Timestamp;
import io.quarkus.runtime.annotations.RegisterForReflection;

/**
 * A conversation as clients upload it. Counts that clients send are ignored, because the server computes them from the
 * messages.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@Schema(name = "UploadedConversation")
@RegisterForReflection(targets = { ConversationInput.class, MessageInput.class }) // Jackson reads and writes them by hand
record ConversationInput(
        @Schema(examples = "conv_1752734987703_j9spjufk8") @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id,
        @Schema(examples = "A week in Lisbon") @Text(max = 255) String title,
        @Schema(description = "The caller; optional") @Text(max = Text.ID_LENGTH) String userId,
        List<@NotNull @Valid MessageInput> messages,
        @Schema(description = "Kept when the conversation is new") @Timestamp String createdAt,
        @Schema(description = "Kept when the conversation is new; decides whether the title is newer") @Timestamp String updatedAt) {
}

package dev.chatkeep.session;

import jakarta.validation.constraints.NotNull;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import dev.chatkeep.wire.Text;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** The requests about sessions. */
final class SessionRequests {

    static final int TITLE_LENGTH = 255;

    private SessionRequests() {
    }

    @Schema(name = "NewSession")
    @RegisterForReflection // read by JsonBody
    record Create(
            @Schema(description = "Made by the client", examples = "conv_1752734987703_j9spjufk8") @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id,
            @Schema(examples = "A week in Lisbon", defaultValue = "New Chat") @Text(max = TITLE_LENGTH) String title) {
    }

    @Schema(name = "SessionTitle")
    @RegisterForReflection // read by JsonBody
    record Rename(
            @Schema(examples = "conv_1752734987703_j9spjufk8") @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id,
            @Schema(examples = "Ten days in Lisbon") @NotNull @Text(min = 1, max = TITLE_LENGTH) String title) {
    }
}

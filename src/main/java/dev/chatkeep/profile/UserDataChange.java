package dev.chatkeep.profile;

import java.math.BigDecimal;
import java.util.List;

import jakarta.annotation.Nullable;
import jakarta.validation.Valid;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;

import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.wire.Text;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** Sections of preferences that are merged into the stored ones. */
@Schema(name = "UserDataChange", minProperties = 1, additionalProperties = Schema.False.class)
@RegisterForReflection // read by StrictJson
record UserDataChange(
        @Schema(type = SchemaType.OBJECT, additionalProperties = Object.class, examples = "{\"theme\": \"dark\"}") ObjectNode ui,
        @Schema(type = SchemaType.OBJECT, additionalProperties = Object.class, examples = "{\"sort\": \"newest\"}") ObjectNode session,
        @Valid ModelPreferences model) {

    static final int SECTION_BYTES = 16_384;

    @Schema(name = "ModelPreferences", additionalProperties = Schema.False.class)
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // as above
    record ModelPreferences(
            @Schema(description = "A model that the caller's tier opens; null or empty clears it", examples = "deepseek/deepseek-r1-0528:free") @Text(max = 100) @Nullable String defaultModel,
            @Schema(description = "0 to 2, kept to two decimals", examples = "0.7") @DecimalMin("0") @DecimalMax("2") BigDecimal temperature,
            @Schema(examples = "Answer in short sentences.") @Text(maxBytes = SECTION_BYTES) @Nullable String systemPrompt,
            @Schema(description = "The models that a front end offers this user; null is all") @Size(max = 1000) @Nullable List<@NotNull @Text(min = 1, max = 100) String> allowedModels,
            @Schema(description = "How the user wants to be answered: one of the presets of `chatkeep.preferences.personality-presets`; null or empty clears it", examples = "concise") @Text(max = 100) @Nullable String personalityPreset) {

        boolean hasPreset() {
            return personalityPreset != null && !personalityPreset.isEmpty();
        }
    }
}

package dev.chatkeep.completion;

import jakarta.annotation.Nullable;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import io.quarkus.runtime.annotations.RegisterForReflection;

/** A page of the web that an answer names as its source. */
@JsonNaming(SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
@Schema(name = "Citation")
@RegisterForReflection // written by hand
public record Citation(@Schema(enumeration = "url_citation") String type,
        @Schema(examples = "https://example.org/lisbon") String url,
        @Nullable String title, @Nullable String content,
        @Schema(description = "Where in the text it is named") @Nullable Integer startIndex, @Nullable Integer endIndex) {

    static final String TYPE = "url_citation";
    private static final int URL_CHARACTERS = 2_048;
    private static final int TITLE_CHARACTERS = 500;
    private static final int CONTENT_CHARACTERS = 4_000;

    /** @return null where the annotation is something else, or its address is longer than any that is one */
    static Citation of(JsonNode annotation) {
        JsonNode said = annotation.path(TYPE).isObject() ? annotation.path(TYPE) : annotation;
        String url = said.path("url").textValue();
        return !TYPE.equals(annotation.path("type").textValue()) || url == null || url.isBlank()
                || url.length() > URL_CHARACTERS
                        ? null
                        : new Citation(TYPE, StorableText.of(url), text(said.path("title"), TITLE_CHARACTERS),
                                text(said.path("content"), CONTENT_CHARACTERS), index(said.path("start_index")),
                                index(said.path("end_index")));
    }

    private static String text(JsonNode member, int most) {
        return member.isTextual() ? StorableText.ofCharacters(member.textValue(), most) : null;
    }

    private static Integer index(JsonNode member) {
        return member.isIntegralNumber() && member.canConvertToInt() ? Integer.valueOf(member.intValue()) : null;
    }
}

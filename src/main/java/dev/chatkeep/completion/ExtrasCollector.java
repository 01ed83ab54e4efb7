package dev.chatkeep.completion;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Collects what comes beside the text of an answer, each within bounds: what is beyond is left out. Reasoning comes in pieces
 * of a few characters; those that go on with the one before them become one with it.
 */
final class ExtrasCollector {

    static final int REASONING_CHARACTERS = 200_000;
    static final int DETAILS = 500;
    static final int CITATIONS = 100;
    /** Of all pictures together. */
    static final int IMAGE_CHARACTERS = 8 << 20;
    private static final Set<String> TEXTS = Set.of("text", "summary", "data");

    private final StringBuilder reasoning = new StringBuilder();
    private final List<ObjectNode> details = new ArrayList<>();
    private final List<Citation> citations = new ArrayList<>();
    private final List<String> images = new ArrayList<>();
    private int detailCharacters;
    private int imageCharacters;

    /** @param message a message of the provider, or the next piece of one */
    void add(JsonNode message) {
        JsonNode thought = message.path(message.hasNonNull("reasoning_content") ? "reasoning_content" : "reasoning");
        if (thought.isTextual()) {
            reasoning.append(thought.textValue(), 0,
                    Math.min(thought.textValue().length(), REASONING_CHARACTERS - reasoning.length()));
        }
        for (JsonNode detail : message.path("reasoning_details")) {
            if (detail instanceof ObjectNode object) {
                addDetail(object);
            }
        }
        for (JsonNode annotation : message.path("annotations")) {
            Citation citation = citations.size() < CITATIONS ? Citation.of(annotation) : null;
            if (citation != null && !citations.contains(citation)) {
                citations.add(citation);
            }
        }
        for (JsonNode image : message.path("images")) {
            addImage(image.path("image_url").path("url").asText(""));
        }
    }

    private void addDetail(ObjectNode detail) {
        int length = detail.toString().length();
        if (detailCharacters + length > REASONING_CHARACTERS) {
            return;
        }
        ObjectNode last = details.isEmpty() ? null : details.get(details.size() - 1);
        if (last != null && last.path("type").equals(detail.path("type")) && last.path("index").equals(detail.path("index"))
                && (!last.hasNonNull("id") || !detail.hasNonNull("id") || last.path("id").equals(detail.path("id")))) {
            detail.properties().forEach(member -> {
                boolean goesOn = TEXTS.contains(member.getKey()) && last.path(member.getKey()).isTextual()
                        && member.getValue().isTextual();
                if (goesOn) {
                    last.put(member.getKey(), last.path(member.getKey()).textValue() + member.getValue().textValue());
                } else if (!member.getValue().isNull()) {
                    last.set(member.getKey(), member.getValue());
                }
            });
        } else if (details.size() < DETAILS) {
            details.add(detail.deepCopy());
        } else {
            return;
        }
        detailCharacters += length;
    }

    private void addImage(String url) {
        if (url.startsWith("data:image/") && imageCharacters + url.length() <= IMAGE_CHARACTERS && !images.contains(url)) {
            images.add(url);
            imageCharacters += url.length();
        }
    }

    /** Grows while the answer arrives; not to be changed. */
    CharSequence reasoning() {
        return reasoning;
    }

    /** As above. */
    List<Citation> citations() {
        return citations;
    }

    boolean hasImages() {
        return !images.isEmpty();
    }

    /** Changes whenever there is more for readers. */
    int size() {
        return reasoning.length() + citations.size();
    }

    /** @param searched whether the web was to be searched */
    AnswerExtras extras(boolean searched) {
        return new AnswerExtras(reasoning.isEmpty() ? null : StorableText.of(reasoning),
                details.isEmpty() ? null : details.stream().map(StorableText::of).toList(),
                citations.isEmpty() ? null : List.copyOf(citations), searched || !citations.isEmpty() ? true : null,
                images.isEmpty() ? null : List.copyOf(images));
    }
}

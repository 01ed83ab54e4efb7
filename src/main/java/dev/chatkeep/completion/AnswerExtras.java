package dev.chatkeep.completion;

import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What there is of an answer beside its text. Each can be stored as it is; null: there is none.
 *
 * @param reasoningDetails the same as {@code reasoning}, as the provider has it
 * @param hasWebsearch whether the web was searched for it; null: no
 * @param images as data URLs; they are not stored
 */
public record AnswerExtras(String reasoning, List<JsonNode> reasoningDetails, List<Citation> annotations, Boolean hasWebsearch,
        List<String> images) {

    public static final AnswerExtras NONE = new AnswerExtras(null, null, null, null, null);

    private static final String REASONING = "reasoning";
    private static final String DETAILS = "reasoning_details";
    private static final String ANNOTATIONS = "annotations";
    private static final String WEBSEARCH = "has_websearch";
    private static final String RESULTS = "websearch_result_count";

    /** How many pages a search has found; null where there was none. */
    public Integer websearchResults() {
        return hasWebsearch == null ? null : annotations == null ? 0 : annotations.size();
    }

    /** As messages have them; null if there is nothing to store. */
    ObjectNode stored(ObjectMapper json) {
        ObjectNode extras = json.createObjectNode();
        if (reasoning != null) {
            extras.put(REASONING, reasoning);
        }
        if (reasoningDetails != null) {
            extras.putArray(DETAILS).addAll(reasoningDetails);
        }
        if (annotations != null) {
            extras.set(ANNOTATIONS, json.valueToTree(annotations));
        }
        if (hasWebsearch != null) {
            extras.put(WEBSEARCH, hasWebsearch).put(RESULTS, websearchResults());
        }
        return extras.isEmpty() ? null : extras;
    }

    /** @param extras of a message; what a client has sent of another type is left out */
    static AnswerExtras of(JsonNode extras) {
        List<Citation> citations = new ArrayList<>();
        extras.path(ANNOTATIONS).forEach(annotation -> {
            Citation citation = Citation.of(annotation);
            if (citation != null) {
                citations.add(citation);
            }
        });
        List<JsonNode> details = new ArrayList<>();
        extras.path(DETAILS).forEach(details::add);
        return new AnswerExtras(extras.path(REASONING).textValue(), details.isEmpty() ? null : details,
                citations.isEmpty() ? null : citations, extras.path(WEBSEARCH).asBoolean() ? true : null, null);
    }
}

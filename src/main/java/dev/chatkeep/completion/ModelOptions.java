package dev.chatkeep.completion;

import java.util.Set;
import java.util.TreeSet;

/**
 * What a model may be asked for besides an answer. Each costs more than the answer alone, so the operator says which tiers may.
 *
 * @param reasoningEffort null: as the model has it
 * @param webSearch whether the provider is to search the web
 * @param webResults at most; null: the provider decides
 * @param imageOutput whether the answer may have pictures
 */
public record ModelOptions(String reasoningEffort, boolean webSearch, Integer webResults, boolean imageOutput) {

    public static final ModelOptions NONE = new ModelOptions(null, false, null, false);

    static final String REASONING = "reasoning";
    static final String WEB_SEARCH = "webSearch";
    static final String IMAGE_OUTPUT = "imageOutput";

    /** The names of what is asked for. */
    Set<String> names() {
        Set<String> names = new TreeSet<>();
        if (reasoningEffort != null) {
            names.add(REASONING);
        }
        if (webSearch) {
            names.add(WEB_SEARCH);
        }
        if (imageOutput) {
            names.add(IMAGE_OUTPUT);
        }
        return names;
    }
}

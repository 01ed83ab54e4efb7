package dev.chatkeep.completion;

import dev.chatkeep.wire.JsonRules;

/** Text as PostgreSQL can hold it. */
final class StorableText {

    private StorableText() {
    }

    /** PostgreSQL holds neither NUL nor half a surrogate pair. */
    static String of(CharSequence text) {
        return JsonRules.wellFormed(text.toString()).replace('\0', '\uFFFD');
    }
}

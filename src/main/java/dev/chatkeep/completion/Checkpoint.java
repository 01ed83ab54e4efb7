package dev.chatkeep.completion;

import java.util.UUID;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** Knows which part of an answer the stored row has, and gives out what is missing there. */
final class Checkpoint {

    /** The most that one checkpoint has of an answer, in UTF-16 units. What is beyond goes with the next ones. */
    static final int MAX_PART = 1 << 20;

    private int confirmed;
    private int sent;

    /** What the row lacks. It says that the call is alive, even if there is nothing new. */
    ObjectNode next(ObjectMapper json, UUID userId, String streamId, CharSequence text) {
        // What was not confirmed is sent again as it was: it may have been stored.
        if (sent <= confirmed) {
            sent = endOf(text, Math.min(text.length(), confirmed + MAX_PART));
        }
        ObjectNode part = json.createObjectNode().put("user_id", userId.toString()).put("id", streamId)
                .put("position", confirmed);
        if (sent > confirmed) {
            part.put("content", StorableText.of(text.subSequence(confirmed, sent)));
        }
        return part;
    }

    /** The first half of a surrogate pair waits for the second. */
    private static int endOf(CharSequence text, int length) {
        return length > 0 && Character.isHighSurrogate(text.charAt(length - 1)) ? length - 1 : length;
    }

    /** The database has stored what was last given out. */
    void confirm() {
        confirmed = Math.max(confirmed, sent);
    }
}

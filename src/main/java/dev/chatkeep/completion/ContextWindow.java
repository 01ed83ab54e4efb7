package dev.chatkeep.completion;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import dev.chatkeep.wire.OffEventLoop;
import io.smallrye.mutiny.Uni;

/** Cuts a conversation to what a model can hold. The oldest messages go first. */
final class ContextWindow {

    /** Of the frame around the text of a message. */
    private static final int TOKENS_A_MESSAGE = 4;
    /** The answer needs room as well. */
    private static final int MAX_ANSWER_TOKENS = 4_096;
    private static final int SHARE_OF_THE_ANSWER = 4;

    private ContextWindow() {
    }

    /**
     * The messages that fit. Instructions of role system stay, and so does the last message, whatever its size.
     *
     * @param tokens that question and answer may have together
     * @param answer tokens to leave for the answer; null: a quarter, or 4,096 where that is less
     */
    static Uni<List<ContextMessage>> fit(List<ContextMessage> messages, int tokens, Integer answer) {
        long room = tokens
                - (answer != null ? Math.min(answer, tokens / 2) : Math.min(MAX_ANSWER_TOKENS, tokens / SHARE_OF_THE_ANSWER));
        // No text has more tokens than bytes, nor more bytes than three times its UTF-16 units.
        long upperBound = messages.stream().mapToLong(message -> TOKENS_A_MESSAGE + 3L * message.content().length()).sum();
        return upperBound <= room ? Uni.createFrom().item(messages) : OffEventLoop.run(() -> cut(messages, room));
    }

    private static List<ContextMessage> cut(List<ContextMessage> messages, long room) {
        long left = room;
        for (ContextMessage message : messages) {
            left -= message.role().equals(ContextMessage.SYSTEM) ? tokens(message) : 0;
        }
        List<ContextMessage> kept = new ArrayList<>();
        boolean full = false;
        for (int i = messages.size() - 1; i >= 0; i--) {
            ContextMessage message = messages.get(i);
            if (message.role().equals(ContextMessage.SYSTEM)) {
                kept.add(message);
                continue;
            }
            long tokens = full ? 0 : tokens(message);
            full |= left < tokens && i < messages.size() - 1;
            if (!full) {
                left -= tokens;
                kept.add(message);
            }
        }
        Collections.reverse(kept);
        return kept;
    }

    private static long tokens(ContextMessage message) {
        return TOKENS_A_MESSAGE + (long) TokenEstimate.of(message.content());
    }
}

package dev.chatkeep.sync;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;

import dev.chatkeep.problem.Problem;
import dev.chatkeep.sync.SyncResponses.Conversation;
import dev.chatkeep.sync.SyncResponses.Next;

/**
 * Which conversations a page has: those after a cursor, by the time of their last message, newest first. Where there is no
 * message it is the time at which they were made.
 *
 * @param size the most of them
 * @param isSummary whether they come without their messages
 * @param time of the last conversation of the page before, or null
 * @param id of the same
 */
record SyncPage(int size, boolean isSummary, OffsetDateTime time, String id) {

    static final int DEFAULT_SIZE = 20;
    static final int MAX_SIZE = 100;

    /** Null where none of the parameters was sent; 422 {@code invalid_cursor} where half of a cursor was. */
    static SyncPage of(Integer limit, Boolean summaryOnly, String cursorTime, String cursorId) {
        boolean hasTime = isThere(cursorTime);
        if (hasTime != isThere(cursorId)) {
            throw Problem.invalidCursor();
        }
        if (limit == null && summaryOnly == null && !hasTime) {
            return null;
        }
        return new SyncPage(limit == null ? DEFAULT_SIZE : limit, Boolean.TRUE.equals(summaryOnly),
                hasTime ? OffsetDateTime.parse(cursorTime).withOffsetSameInstant(ZoneOffset.UTC) : null,
                hasTime ? cursorId : null);
    }

    private static boolean isThere(String parameter) {
        return parameter != null && !parameter.isEmpty();
    }

    boolean isFirst() {
        return time == null;
    }

    /** Where the page after this conversation begins. */
    static Next after(Conversation last) {
        Instant time = last.lastMessageTimestamp() == null ? last.createdAt() : last.lastMessageTimestamp();
        return new Next(time, last.id());
    }
}

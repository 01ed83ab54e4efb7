package dev.chatkeep.completion;

/** Follows an answer. Its methods are called on the context of the call. */
public interface AnswerReader {

    /** Whether there is a client behind it already. */
    default boolean isFollowing() {
        return true;
    }

    /** There is more text, or more of what comes beside it. */
    default void textAdded() {
    }

    /** A piece as the provider sent it. */
    default void received(String piece, PieceKind kind) {
    }

    /** Time has passed. If nothing was sent meanwhile, the reader should show that it is alive. */
    default void idle() {
    }

    /** There will be no more. */
    void finished(CompletionResult result);
}

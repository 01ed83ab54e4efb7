package dev.chatkeep.completion;

/** What one piece of an answer is. */
public enum PieceKind {
    /** Part of the answer, or about it. */
    CHUNK,
    /** A whole answer in one piece, streamed or not. */
    WHOLE,
    /** Usage alone, after the answer. */
    USAGE,
    /** The provider's word that this is all. */
    LAST,
    /** The provider says that it failed. */
    ERROR,
    /** Not what the API allows. */
    MALFORMED
}

package dev.chatkeep.completion.chat;

/** Cuts a text that grows into what a client is sent at once. */
final class Pieces {

    private Pieces() {
    }

    /**
     * Where the piece from a position on ends. The halves of a surrogate pair go out together.
     *
     * @param most how many UTF-16 units it may have
     * @param grows whether there may be more text to come
     */
    static int end(CharSequence text, int from, int most, boolean grows) {
        int end = Math.min(text.length(), from + most);
        boolean mayGoOn = end < text.length() || grows;
        return end > from && mayGoOn && Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end;
    }
}

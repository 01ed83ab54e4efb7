package dev.chatkeep.completion;

import java.util.regex.Pattern;

/** Tells whether front ends show a text as Markdown. */
final class ContentType {

    private static final int LOOKED_AT = 4_000;

    /** Signs of Markdown (CommonMark): headings, lists, quotes, fences, tables, emphasis, code, links. */
    private static final Pattern MARKDOWN = Pattern.compile(
            "^ {0,3}(?:#{1,6} |[-*+] |\\d{1,9}[.)] |> |```|~~~|\\|.*\\|)|\\*\\*[^*\\n]+\\*\\*|`[^`\\n]+`|\\[[^\\]\\n]+\\]\\([^)\\n]+\\)",
            Pattern.MULTILINE);

    private ContentType() {
    }

    static String of(CharSequence text) {
        return MARKDOWN.matcher(text.subSequence(0, Math.min(text.length(), LOOKED_AT))).find() ? "markdown" : "text";
    }
}

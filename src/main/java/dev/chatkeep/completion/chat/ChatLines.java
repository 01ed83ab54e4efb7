package dev.chatkeep.completion.chat;

import java.util.List;

import jakarta.enterprise.context.ApplicationScoped;

import com.fasterxml.jackson.annotation.JsonProperty;

import dev.chatkeep.completion.Citation;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.stream.CompletionProblems;
import dev.chatkeep.completion.stream.ServerSentEvents;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.vertx.core.buffer.Buffer;

/**
 * What a stream of text consists of: the text as it is, and between it lines that begin with the name of what they hold. Its
 * readers look for these names at the beginning of whatever has arrived, so where the text itself has one, a space without
 * width breaks it. The text as it is stands in the last line.
 */
@ApplicationScoped
class ChatLines {

    private static final String REASONING = "__REASONING_CHUNK__";
    private static final String ANNOTATIONS = "__ANNOTATIONS_CHUNK__";
    private static final String BEFORE_NAMES = "__";
    /** What follows these two characters in names that readers know. */
    private static final List<String> NAMES = List.of("REASONING_CHUNK__", "ANNOTATIONS_CHUNK__", "IMAGE_DELTA_CHUNK__",
            "FINAL_METADATA__");
    private static final char NO_SPACE = '\u200B';

    @RegisterForReflection // written by hand
    record Piece(String type, Object data) {
    }

    @RegisterForReflection // as above
    record LastLine(@JsonProperty("__FINAL_METADATA__") Object metadata) {
    }

    private final ServerSentEvents json;

    ChatLines(ServerSentEvents json) {
        this.json = json;
    }

    /** @param piece empty: the line says that there is still somebody at work */
    Buffer reasoning(String piece) {
        return Buffer.buffer(REASONING + json.write(new Piece("reasoning", piece)) + "\n");
    }

    Buffer annotations(List<Citation> citations) {
        return Buffer.buffer(ANNOTATIONS + json.write(new Piece("annotations", citations)) + "\n");
    }

    /** @return what {@code data} of a whole answer is, or the problem document of the failure */
    Buffer last(CompletionResult result) {
        return Buffer.buffer(json.write(new LastLine(result instanceof Failed failed ? CompletionProblems.of(failed.failure())
                : AnswerView.of((Answered) result))) + "\n");
    }

    /** A part of a text that may still grow. */
    static String text(CharSequence text, int from, int to) {
        StringBuilder part = new StringBuilder(to - from);
        for (int i = from; i < to; i++) {
            if (mayBeName(text, i)) {
                part.append(NO_SPACE);
            }
            part.append(text.charAt(i));
        }
        return part.toString();
    }

    private static boolean mayBeName(CharSequence text, int at) {
        return at >= BEFORE_NAMES.length() && text.charAt(at - 1) == '_' && text.charAt(at - 2) == '_'
                && NAMES.stream().anyMatch(name -> {
                    int known = Math.min(name.length(), text.length() - at);
                    return name.startsWith(text.subSequence(at, at + known).toString());
                });
    }
}

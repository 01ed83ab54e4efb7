package dev.chatkeep.completion.chat;

import java.io.IOException;
import java.util.List;

import dev.chatkeep.completion.AnswerReader;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.LiveCompletion;
import dev.chatkeep.completion.stream.EventSink;
import dev.chatkeep.completion.stream.StreamingResponse;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Multi;
import io.vertx.core.buffer.Buffer;

/**
 * Sends an answer to a client as text and lines ({@link ChatLines}), as fast as it reads. A line in the middle of the text
 * comes after a line end that is no part of the text, which its readers leave out. Of an answer that fails the last line says
 * why, and then the connection breaks off: readers who do not look at the line notice that, too.
 */
final class TextStream implements AnswerReader {

    /** UTF-16 units of text that one piece may have. */
    private static final int MAX_CHARACTERS = 16 << 10;
    /** How far white space at the end of what has come is held back. */
    private static final int MAX_HELD = 1_024;

    private final LiveCompletion live;
    private final ChatLines lines;
    private final PartMemory memory;
    private final EventSink sink = new EventSink();
    private int position;
    private int thought;
    private int cited;
    /** The last piece has not ended its line. */
    private boolean inLine;
    private CompletionResult result;
    private boolean silent;
    private boolean ended;

    private TextStream(LiveCompletion live, ChatLines lines, PartMemory memory) {
        this.live = live;
        this.lines = lines;
        this.memory = memory;
    }

    /** From its beginning. */
    static Multi<Buffer> of(LiveCompletion live, ChatLines lines, PartMemory memory) {
        TextStream stream = new TextStream(live, lines, memory);
        return stream.sink.open(live::onContext, () -> live.attach(stream), stream::pump, () -> live.detach(stream));
    }

    @Override
    public void textAdded() {
        sink.guard(this::pump);
    }

    @Override
    public void idle() {
        silent = true;
        sink.guard(this::pump);
    }

    @Override
    public void finished(CompletionResult result) {
        this.result = result;
        // From now on the text stays for its readers' sake alone.
        StreamingResponse.hold(ResponseMemory.expanded(live.text().length() + live.reasoning().length()), memory);
        sink.guard(this::pump);
    }

    private void pump() {
        while (sink.takesMore()) {
            int thoughtEnd = Pieces.end(live.reasoning(), thought, MAX_CHARACTERS, result == null);
            int end = end();
            if (ended) {
                // The last line has been taken.
                sink.fail(new IOException("The answer failed"));
                return;
            } else if (thoughtEnd > thought) {
                emitLine(lines.reasoning(live.reasoning().subSequence(thought, thoughtEnd).toString()));
                thought = thoughtEnd;
            } else if (live.citations().size() > cited) {
                emitLine(lines.annotations(List.copyOf(live.citations().subList(cited, live.citations().size()))));
                cited = live.citations().size();
            } else if (end > position) {
                emitText(end);
            } else if (result != null) {
                emitLine(lines.last(result));
                ended = true;
                if (!(result instanceof Failed)) {
                    sink.complete();
                    return;
                }
            } else if (silent) {
                emitLine(lines.reasoning(""));
            } else {
                return;
            }
        }
    }

    private void emitLine(Buffer line) {
        sink.emit(inLine ? Buffer.buffer("\n").appendBuffer(line) : line);
        inLine = false;
        silent = false;
    }

    private void emitText(int end) {
        String piece = ChatLines.text(live.text(), position, end);
        inLine = !piece.endsWith("\n");
        if (inLine && result != null && end == live.text().length()) {
            // In one piece with the text, so that its reader ends the line even where the last one comes in several.
            piece += "\n";
            inLine = false;
        }
        position = end;
        silent = false;
        sink.emit(Buffer.buffer(piece));
    }

    /** Of text that may go on the last visible character waits, so that there is one to end the last line with. */
    private int end() {
        CharSequence text = live.text();
        int end = Pieces.end(text, position, MAX_CHARACTERS, result == null);
        if (result != null || end < text.length()) {
            return end;
        }
        int shown = end;
        while (shown > position && Character.isWhitespace(text.charAt(shown - 1))) {
            shown--;
        }
        if (end - shown > MAX_HELD) {
            return end;
        }
        int last = shown > position ? shown - 1 : position;
        return last > position && Character.isLowSurrogate(text.charAt(last)) ? last - 1 : last;
    }
}

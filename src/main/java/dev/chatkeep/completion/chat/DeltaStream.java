package dev.chatkeep.completion.chat;

import dev.chatkeep.completion.AnswerReader;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.LiveCompletion;
import dev.chatkeep.completion.stream.EventSink;
import dev.chatkeep.completion.stream.ServerSentEvents;
import dev.chatkeep.completion.stream.StreamingResponse;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Multi;
import io.vertx.core.buffer.Buffer;

/**
 * Sends an answer as events, from any position on. For a client that reads slowly it keeps nothing but the position: what
 * has come meanwhile goes out in one piece.
 */
final class DeltaStream implements AnswerReader {

    private static final int MAX_CHARACTERS = 32_768;

    private final LiveCompletion live;
    private final ChatEvents events;
    private final PartMemory memory;
    private final EventSink sink = new EventSink();
    private int position;
    private CompletionResult result;
    private boolean silent;

    private DeltaStream(LiveCompletion live, int position, ChatEvents events, PartMemory memory) {
        this.live = live;
        this.memory = memory;
        this.position = position;
        this.events = events;
    }

    /** From its beginning. */
    static Multi<Buffer> of(LiveCompletion live, ChatEvents events, PartMemory memory) {
        return new DeltaStream(live, 0, events, memory).pieces();
    }

    /**
     * From where a client had stopped. The stream begins with a comment if there is nothing new yet.
     *
     * @param from how many UTF-16 units of the text the client has already
     */
    static Multi<Buffer> again(LiveCompletion live, int from, ChatEvents events, PartMemory memory) {
        DeltaStream stream = new DeltaStream(live, from, events, memory);
        stream.silent = true;
        return stream.pieces();
    }

    private Multi<Buffer> pieces() {
        return sink.open(live::onContext, () -> {
            position = Math.min(position, live.text().length());
            live.attach(this);
        }, this::pump, () -> live.detach(this));
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
        StreamingResponse.hold(ResponseMemory.expanded(live.text().length()), memory);
        sink.guard(this::pump);
    }

    private void pump() {
        while (sink.takesMore()) {
            int end = Pieces.end(live.text(), position, MAX_CHARACTERS, result == null);
            if (end > position) {
                String piece = live.text().subSequence(position, end).toString();
                position = end;
                silent = false;
                sink.emit(events.delta(live.streamId(), position, piece));
            } else if (result != null) {
                sink.emit(events.result(live.streamId(), position, result));
                sink.complete();
            } else if (silent) {
                silent = false;
                sink.emit(ServerSentEvents.comment());
            } else {
                return;
            }
        }
    }
}

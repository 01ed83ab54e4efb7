package dev.chatkeep.completion;

import io.smallrye.mutiny.Multi;
import io.vertx.core.buffer.Buffer;

/**
 * An answer as events, from any place in it on. It keeps nothing for a client that reads slowly but the place: what has
 * come meanwhile goes out in one piece.
 */
final class DeltaStream implements LiveCompletion.Reader {

    private static final int MAX_CHARACTERS = 32_768;

    private final LiveCompletion live;
    private final ServerSentEvents events;
    private final EventSink sink = new EventSink();
    private int position;
    private CompletionResult outcome;
    private boolean silent;

    private DeltaStream(LiveCompletion live, int position, ServerSentEvents events) {
        this.live = live;
        this.position = position;
        this.events = events;
    }

    /** From its beginning. */
    static Multi<Buffer> of(LiveCompletion live, ServerSentEvents events) {
        return new DeltaStream(live, 0, events).pieces();
    }

    /**
     * From where a client had come to. It hears at once that the stream is there, even if there is nothing new.
     *
     * @param from how many UTF-16 units of the text the client has already
     */
    static Multi<Buffer> again(LiveCompletion live, int from, ServerSentEvents events) {
        DeltaStream stream = new DeltaStream(live, from, events);
        stream.silent = true;
        return stream.pieces();
    }

    private Multi<Buffer> pieces() {
        return sink.open(live::onContext, () -> {
            position = Math.min(position, live.transcript().text().length());
            live.attach(this);
        }, this::pump, () -> live.detach(this));
    }

    @Override
    public void advanced() {
        sink.guard(this::pump);
    }

    @Override
    public void idle() {
        silent = true;
        sink.guard(this::pump);
    }

    @Override
    public void finished(CompletionResult outcome) {
        this.outcome = outcome;
        sink.guard(this::pump);
    }

    private void pump() {
        while (sink.takesMore()) {
            int end = end();
            if (end > position) {
                String piece = live.transcript().text().substring(position, end);
                position = end;
                silent = false;
                sink.emit(events.delta(live.id(), position, piece));
            } else if (outcome != null) {
                sink.emit(outcome.problem() != null ? events.error(outcome.problem())
                        : events.done(live.id(), position, outcome.answer()));
                sink.complete();
            } else if (silent) {
                silent = false;
                sink.emit(ServerSentEvents.comment());
            } else {
                return;
            }
        }
    }

    /** Halves of a surrogate pair go out together. */
    private int end() {
        StringBuilder text = live.transcript().text();
        int end = Math.min(text.length(), position + MAX_CHARACTERS);
        boolean mayGoOn = end < text.length() || outcome == null;
        return end > position && mayGoOn && Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end;
    }
}

package dev.chatkeep.completion;

import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The readers that follow one answer. They come and go while it arrives; when there has been none for the grace of the call,
 * the answer is abandoned. Everything happens on the context of the call.
 */
final class AnswerReaders {

    /** Between the first byte of an answer and its first reader. */
    static final Duration TO_ATTACH = Duration.ofSeconds(2);
    static final Duration KEEP_ALIVE = Duration.ofSeconds(15);

    private final Timers timers;
    private final Duration grace;
    private final Runnable abandoned;
    private final Set<AnswerReader> readers = new LinkedHashSet<>();
    private boolean open;
    private long graceTimer = Timers.NONE;
    private long idleTimer = Timers.NONE;
    private CompletionResult result;

    /**
     * @param grace how long the answer goes on without a reader
     * @param abandoned runs when the grace is over
     */
    AnswerReaders(Timers timers, Duration grace, Runnable abandoned) {
        this.timers = timers;
        this.grace = grace;
        this.abandoned = abandoned;
    }

    /** Readers that follow the answer from its first piece, also when their clients come later. */
    void addPresent(List<AnswerReader> present) {
        readers.addAll(present);
    }

    /** The answer begins. */
    void open() {
        open = true;
        awaitReaders(TO_ATTACH);
        idleTimer = timers.periodically(KEEP_ALIVE, () -> List.copyOf(readers).forEach(AnswerReader::idle));
    }

    /** Nothing more of the answer comes. Nobody needs to follow it; the readers wait for its result. */
    void close() {
        open = false;
        timers.cancel(graceTimer);
        timers.cancel(idleTimer);
    }

    /** A late reader gets the result at once. */
    void attach(AnswerReader reader) {
        readers.add(reader);
        timers.cancel(graceTimer);
        if (result != null) {
            reader.finished(result);
        }
    }

    void detach(AnswerReader reader) {
        if (readers.remove(reader) && readers.isEmpty() && open) {
            if (grace.isZero()) {
                abandoned.run();
            } else {
                awaitReaders(grace);
            }
        }
    }

    private void awaitReaders(Duration patience) {
        timers.cancel(graceTimer);
        graceTimer = timers.once(patience, () -> {
            if (readers.stream().noneMatch(AnswerReader::isFollowing)) {
                abandoned.run();
            }
        });
    }

    void received(String piece, PieceKind kind) {
        List.copyOf(readers).forEach(reader -> reader.received(piece, kind));
    }

    void textAdded() {
        List.copyOf(readers).forEach(AnswerReader::textAdded);
    }

    /** Whether the readers have got a result. */
    boolean isFinished() {
        return result != null;
    }

    /** Gives all readers the result, and every later one. Only the first result counts. */
    void finish(CompletionResult result) {
        if (this.result != null) {
            return;
        }
        this.result = result;
        List<AnswerReader> present = List.copyOf(readers);
        readers.clear();
        present.forEach(reader -> reader.finished(result));
    }
}

package dev.chatkeep.completion;

import java.time.Duration;

import dev.chatkeep.completion.CompletionState.Answering;
import dev.chatkeep.completion.CompletionState.Running;
import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;
import dev.chatkeep.provider.ProviderListener;

/** Takes in what the provider sends: into the transcript, and on to the readers. What comes too late is ignored. */
final class AnswerReceiver implements ProviderListener {

    /** How long usage may come after the last piece of an answer. Most providers end the response right then. */
    static final Duration LATE_USAGE = Duration.ofMillis(500);

    private final CompletionRun run;
    private final Transcript transcript;
    private final AnswerReaders readers;
    private final Timers timers;
    /** The provider has said that this is all. */
    private boolean ending;
    private long lateTimer = Timers.NONE;

    AnswerReceiver(CompletionRun run, Transcript transcript, AnswerReaders readers, Timers timers) {
        this.timers = timers;
        this.run = run;
        this.transcript = transcript;
        this.readers = readers;
    }

    @Override
    public void opened() {
        run.open();
    }

    @Override
    public void received(String data) {
        if (ending) {
            receivedLate(data);
            return;
        }
        if (!(run.state() instanceof Running)) {
            return;
        }
        int size = transcript.size();
        PieceKind kind = transcript.add(data);
        if (kind == PieceKind.ERROR) {
            // If it is the first piece, whoever waits for the answer is told so instead of the answer's beginning.
            run.breakOff(run.state().provider().failure(transcript.error()));
            return;
        }
        run.open();
        readers.received(data, kind);
        if (transcript.isTooLarge()) {
            run.breakOff(ProviderFailure.of(Kind.TOO_LARGE));
            return;
        }
        if (transcript.size() > size) {
            readers.textAdded();
        }
        if (kind == PieceKind.LAST) {
            ending = true;
            if (transcript.usage().isComplete()) {
                end();
            } else {
                lateTimer = timers.once(LATE_USAGE, this::end);
            }
        }
    }

    /** Some providers say what was used after they have said that this is all. */
    private void receivedLate(String data) {
        if (run.state() instanceof Answering && transcript.addLate(data) == PieceKind.USAGE) {
            readers.received(data, PieceKind.USAGE);
            end();
        }
    }

    /** Waits for nothing more. */
    void end() {
        timers.cancel(lateTimer);
        if (run.state() instanceof Answering answering) {
            answering.provider().finish();
            run.complete();
        }
    }

    /** Whether the provider has said that this is all, whatever may happen yet. */
    boolean isEnding() {
        return ending;
    }

    @Override
    public void ended() {
        if (transcript.isComplete()) {
            timers.cancel(lateTimer);
            run.complete();
        } else if (run.state() instanceof Running) {
            run.fail(ProviderFailure.of(Kind.BROKEN_OFF));
        }
    }

    @Override
    public void failed(ProviderFailure failure) {
        if (ending) {
            timers.cancel(lateTimer);
            run.complete();
        } else {
            run.fail(failure);
        }
    }
}

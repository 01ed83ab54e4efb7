package dev.chatkeep.completion;

import dev.chatkeep.completion.CompletionState.Answering;
import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;
import dev.chatkeep.provider.ProviderListener;

/** Takes in what the provider sends: into the transcript, and on to the readers. What comes too late is ignored. */
final class AnswerReceiver implements ProviderListener {

    private final CompletionRun run;
    private final Transcript transcript;
    private final AnswerReaders readers;

    AnswerReceiver(CompletionRun run, Transcript transcript, AnswerReaders readers) {
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
        if (!(run.state() instanceof Answering answering)) {
            return;
        }
        int length = transcript.text().length();
        PieceKind kind = transcript.add(data);
        if (kind == PieceKind.ERROR) {
            run.breakOff(Kind.BROKEN_OFF);
            return;
        }
        readers.received(data, kind);
        if (transcript.isTooLarge()) {
            run.breakOff(Kind.TOO_LARGE);
            return;
        }
        if (transcript.text().length() > length) {
            readers.textAdded();
        }
        if (kind == PieceKind.LAST) {
            answering.provider().finish();
            ended();
        }
    }

    @Override
    public void ended() {
        if (transcript.isComplete()) {
            run.complete();
        } else if (run.state() instanceof Answering) {
            run.fail(ProviderFailure.of(Kind.BROKEN_OFF));
        }
    }

    @Override
    public void failed(ProviderFailure failure) {
        run.fail(failure);
    }
}

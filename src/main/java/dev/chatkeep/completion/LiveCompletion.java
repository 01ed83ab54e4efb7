package dev.chatkeep.completion;

import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.provider.ModelProvider;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Vertx;

/**
 * A call, as those see it who follow its answer. It belongs to no request: readers come and go, and when the last one has
 * been away for the grace that was agreed on, it ends. {@link CompletionRun} is how it gets there.
 */
public final class LiveCompletion {

    private final ObjectMapper json;
    private final UUID userId;
    private final CompletionRun run;
    private final Checkpoint checkpoint = new Checkpoint();

    LiveCompletion(Vertx vertx, ObjectMapper json, CompletionStore.ForCaller store, CompletionCall call,
            Consumer<LiveCompletion> whenAdmitted, Runnable whenOver) {
        this.json = json;
        this.userId = store.userId();
        this.run = new CompletionRun(vertx, json, store, call, () -> whenAdmitted.accept(this), whenOver);
    }

    /** See {@link Completions.ForCaller#start}. */
    Uni<LiveCompletion> start(ProviderRequestWriter requests, ModelProvider provider, AnswerReader... present) {
        return run.start(requests, provider, present).replaceWith(this);
    }

    public String streamId() {
        return run.call().streamId();
    }

    UUID userId() {
        return userId;
    }

    /** The limits that apply to the call, and what is left of them. */
    public List<RateLimit> rateLimits() {
        return run.state().admission().policies();
    }

    /** What has arrived. It grows while the answer arrives; to be read only on the context of the call. */
    public CharSequence text() {
        return run.transcript().text();
    }

    /** What has arrived of the model's reasoning, as {@link #text()}. */
    public CharSequence reasoning() {
        return run.transcript().extras().reasoning();
    }

    /** The sources that have arrived, as {@link #text()}. */
    public List<Citation> citations() {
        return run.transcript().extras().citations();
    }

    /** Runs work on the context of the call. If it goes wrong nobody else would notice, so the call ends with it. */
    public void onContext(Runnable work) {
        run.onContext(work);
    }

    /** Follows the answer from here on. */
    public void attach(AnswerReader reader) {
        run.readers().attach(reader);
    }

    public void detach(AnswerReader reader) {
        run.readers().detach(reader);
    }

    /** Has the provider wait for a reader. */
    public void pause() {
        if (run.state().provider() != null) {
            run.state().provider().pause();
        }
    }

    public void resume() {
        if (run.state().provider() != null) {
            run.state().provider().resume();
        }
    }

    /** Ends the call with what has arrived. */
    void interrupt() {
        run.interrupt();
    }

    /** Whether question and answer are stored in a session. */
    boolean isStored() {
        return run.state().admission().sessionId() != null;
    }

    /** Whether its clients may come back to it. */
    boolean isResumable() {
        return !run.call().grace().isZero();
    }

    /** How it ended; null while it runs. */
    Ending ending() {
        return run.state().ending();
    }

    /** What it used; null while that is not counted. */
    Usage usage() {
        return run.state().usage();
    }

    /** Completes when there is nothing left to store. */
    CompletableFuture<Void> settled() {
        return run.settled();
    }

    /** What the stored row lacks; null where there is no row to keep alive. */
    ObjectNode checkpoint() {
        return run.state().isEntered() ? checkpoint.next(json, userId, streamId(), text()) : null;
    }

    /** The last checkpoint was stored. */
    void checkpointed() {
        checkpoint.confirm();
    }
}

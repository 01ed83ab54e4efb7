package dev.chatkeep.completion;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.CompletionState.Admitting;
import dev.chatkeep.completion.CompletionState.Answering;
import dev.chatkeep.completion.CompletionState.Calling;
import dev.chatkeep.completion.CompletionState.Running;
import dev.chatkeep.completion.CompletionState.Settling;
import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.provider.ModelProvider;
import dev.chatkeep.provider.ProviderCall;
import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;

/**
 * Takes a call from its admission to its settlement. Everything happens on one Vert.x context.
 *
 * <pre>
 *              refused
 *   Admitting ─────────▶ Refused
 *       │
 *       │ admitted
 *       ▼
 *    Calling ──────────────────────┐
 *       │      failed, interrupted │
 *       │ first byte               │
 *       ▼                          ▼
 *   Answering ────────────────▶ Settling ──────────────────▶ Settled
 *              complete,                  stored, or given up
 *              failed, interrupted
 * </pre>
 *
 * Only the first end of a call counts: it leaves Calling or Answering, and what ends a call is ignored in all other states.
 * A call that its client gives up during Admitting is interrupted as soon as it is admitted. The readers get their result
 * when the call leaves Settling, or earlier if storing takes too long; whoever waits for an answer that has not begun is one
 * of them.
 */
final class CompletionRun {

    private static final Logger LOG = Logger.getLogger(CompletionRun.class);

    /** How long readers wait for an answer to be stored. Storing it is tried for longer. */
    private static final Duration READERS_PATIENCE = Duration.ofSeconds(10);

    private final Context context;
    private final Timers timers;
    private final ObjectMapper json;
    private final CompletionStore.ForCaller store;
    private final Runnable whenAdmitted;
    private final Runnable whenOver;
    private final Transcript transcript;
    private final AnswerReaders readers;
    private final CompletableFuture<Void> settled = new CompletableFuture<>();
    private final AnswerReceiver receiver;
    private CompletionCall call;
    private CompletionState state;
    private long startedAt;

    /** @param whenOver runs once, before whoever waits for the end of the call gets to know of it */
    CompletionRun(Vertx vertx, ObjectMapper json, CompletionStore.ForCaller store, CompletionCall call,
            Runnable whenAdmitted, Runnable whenOver) {
        this.context = vertx.getOrCreateContext();
        this.timers = Timers.of(vertx);
        this.json = json;
        this.store = store;
        this.call = call;
        this.transcript = new Transcript(json);
        this.readers = new AnswerReaders(timers, call.grace(), this::interrupt);
        this.receiver = new AnswerReceiver(this, transcript, readers, timers);
        this.whenAdmitted = whenAdmitted;
        this.whenOver = whenOver;
    }

    CompletionState state() {
        return state;
    }

    CompletionCall call() {
        return call;
    }

    Transcript transcript() {
        return transcript;
    }

    AnswerReaders readers() {
        return readers;
    }

    /** Completes when there is nothing left to store. */
    CompletableFuture<Void> settled() {
        return settled;
    }

    /** Runs work on the context of the call. If it goes wrong nobody else would notice, so the call ends with it. */
    void onContext(Runnable work) {
        context.runOnContext(now -> {
            try {
                work.run();
            } catch (RuntimeException e) {
                LOG.error("A call of the provider went wrong", e);
                breakOff(ProviderFailure.of(Kind.INTERNAL));
            }
        });
    }

    /** An item when the answer begins; see {@link Completions.ForCaller#start}. */
    Uni<Void> start(ProviderRequestWriter requests, ModelProvider provider, AnswerReader... present) {
        return Uni.createFrom().emitter(client -> {
            state = new Admitting(client, false);
            client.onTermination(() -> onContext(this::abandon));
            onContext(() -> {
                readers.addPresent(List.of(present));
                startedAt = System.nanoTime();
                Uni.createFrom().deferred(() -> store.begin(call)).subscribe().with(
                        admission -> onContext(() -> admitted(admission, requests, provider)),
                        failure -> onContext(() -> refused(failure)));
            });
        });
    }

    private void refused(Throwable failure) {
        Admitting admitting = (Admitting) state;
        state = admitting.refuse();
        whenOver.run();
        settled.complete(null);
        admitting.client().fail(failure);
    }

    private void admitted(Admission admission, ProviderRequestWriter requests, ModelProvider provider) {
        Admitting admitting = (Admitting) state;
        state = admitting.admit(admission);
        whenAdmitted.run();
        if (admitting.abandoned()) {
            interrupt();
            return;
        }
        requests.write(call.request(), admission).subscribe().with(
                request -> onContext(() -> {
                    if (state instanceof Calling calling) {
                        state = calling.send(request,
                                provider.call(admission.model(), request.json(), request.streamed(), receiver));
                    }
                }),
                failure -> onContext(() -> {
                    LOG.error("A request to the provider could not be made", failure);
                    if (state instanceof Calling calling) {
                        settle(calling, Ending.RELEASED, CompletionFailure.of(Kind.INTERNAL));
                    }
                }));
    }

    /** Whoever asked for the call has gone before the answer began. */
    private void abandon() {
        if (state instanceof Admitting admitting) {
            state = admitting.abandon();
        } else if (state instanceof Calling) {
            interrupt();
        }
    }

    /** The answer begins. */
    void open() {
        if (state instanceof Calling calling) {
            state = calling.open();
            readers.open();
            calling.client().complete(null);
        }
    }

    /** The provider has said that this is all. */
    void complete() {
        if (state instanceof Answering answering) {
            settle(answering, Ending.COMPLETE, null);
        }
    }

    /** What the provider may still send is not wanted. */
    void breakOff(ProviderFailure failure) {
        cancelProvider();
        fail(failure);
    }

    private void cancelProvider() {
        ProviderCall provider = state.provider();
        if (provider != null) {
            provider.cancel();
        }
    }

    /** Ends the call with what has arrived. */
    void interrupt() {
        if (receiver.isEnding()) {
            receiver.end();
        } else if (state instanceof Running running) {
            cancelProvider();
            settle(running, Ending.ofInterruption(transcript.isEmpty()), CompletionFailure.interrupted());
        }
    }

    void fail(ProviderFailure failure) {
        if (state instanceof Running running) {
            LOG.warnf("A call of %s failed: %s", running.admission().model(), failure.describe());
            settle(running, Ending.ofFailure(transcript.isEmpty(), failure.kind()), CompletionFailure.of(failure));
        }
    }

    /** @param failure null if the answer is complete */
    private void settle(Running running, Ending ending, CompletionFailure failure) {
        if (transcript.end()) {
            readers.textAdded();
        }
        readers.close();
        if (transcript.malformed() > 0) {
            LOG.warnf("%d pieces of an answer of %s were malformed and are missing from it", transcript.malformed(),
                    running.admission().model());
        }
        Settlement settlement = new Settlement(json, new Settlement.Call(call.streamId(), running.admission().model(),
                running.request() == null ? null : running.request().prompt(), ending, failure,
                Duration.ofNanos(System.nanoTime() - startedAt), call.options().webSearch()), transcript);
        state = running.settle(settlement, timers.once(READERS_PATIENCE, () -> publish(notStored())));
        settlement.run(store::finish).subscribe().with(
                result -> onContext(() -> finish(result)),
                e -> onContext(() -> {
                    LOG.errorf("An answer could not be stored: %s", DatabaseProblems.describe(e));
                    finish(DatabaseProblems.isUnavailable(e) ? notStored() : new Failed(CompletionFailure.notStorable()));
                }));
    }

    private static CompletionResult notStored() {
        return new Failed(CompletionFailure.notStored());
    }

    private void finish(CompletionResult result) {
        whenOver.run();
        publish(result);
        Settling settling = (Settling) state;
        state = settling.settled();
        call = call.withoutRequest();
        timers.cancel(settling.patienceTimer());
        settled.complete(null);
    }

    private void publish(CompletionResult result) {
        if (readers.isFinished()) {
            return;
        }
        if (state instanceof Settling settling && settling.client() != null && result instanceof Failed failed) {
            settling.client().fail(failed.failure());
        }
        readers.finish(result);
    }
}

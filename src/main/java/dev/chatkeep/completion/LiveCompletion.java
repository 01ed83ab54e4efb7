package dev.chatkeep.completion;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.provider.ModelProvider;
import dev.chatkeep.provider.ProviderCall;
import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;
import dev.chatkeep.provider.ProviderListener;
import dev.chatkeep.wire.JsonRules;
import dev.chatkeep.wire.OffEventLoop;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Vertx;

/**
 * A call from its admission to its settlement. It belongs to no request: readers come and go, and when the last one has
 * been away for the grace that was agreed on, it ends. Everything in it happens on one Vert.x context.
 */
public final class LiveCompletion implements ProviderListener {

    private static final Logger LOG = Logger.getLogger(LiveCompletion.class);

    /** Where an answer is larger than a message can be, there is something wrong with it. */
    private static final int MAX_BYTES = 16 << 20;
    /** What is computed at once; more goes to a worker thread. */
    private static final int SMALL_CHARACTERS = 50_000;
    /** Between being ready and being read. */
    private static final Duration TO_ATTACH = Duration.ofSeconds(2);
    private static final Duration KEEP_ALIVE = Duration.ofSeconds(15);
    /** How long readers wait for an answer to be stored; storing it is tried for longer. */
    private static final Duration READERS_PATIENCE = Duration.ofSeconds(10);
    private static final Duration STORE_DELAY = Duration.ofMillis(200);
    private static final Duration MAX_STORE_DELAY = Duration.ofSeconds(5);
    private static final Duration STORE_PATIENCE = Duration.ofMinutes(10);

    private enum Stage {
        ADMISSION,
        CALL,
        ANSWER,
        SETTLEMENT,
        OVER
    }

    private final Context context;
    private final Vertx vertx;
    private final ObjectMapper json;
    private final CompletionStore.ForCaller store;
    private CompletionCall call;
    private final Transcript transcript;
    private final Set<AnswerReader> readers = new LinkedHashSet<>();
    private final CompletableFuture<Void> settled = new CompletableFuture<>();
    private final Consumer<LiveCompletion> whenAdmitted;

    private Stage stage = Stage.ADMISSION;
    private boolean unwanted;
    private UniEmitter<? super LiveCompletion> starter;
    private Admission admission;
    private ProviderRequest request;
    private ProviderCall provider;
    private CompletionResult result;
    private Ending ending;
    private Usage usage;
    private long startedAt;
    private long bytes;
    private long graceTimer = -1;
    private long idleTimer = -1;
    private long patienceTimer = -1;
    private int stored;
    private int storing;

    LiveCompletion(Vertx vertx, ObjectMapper json, CompletionStore.ForCaller store, CompletionCall call,
            Consumer<LiveCompletion> whenAdmitted) {
        this.context = vertx.getOrCreateContext();
        this.vertx = vertx;
        this.json = json;
        this.store = store;
        this.call = call;
        this.transcript = new Transcript(json);
        this.whenAdmitted = whenAdmitted;
    }

    public String streamId() {
        return call.streamId();
    }

    UUID userId() {
        return store.userId();
    }

    /** The limits that apply to the call, and what is left of them. */
    public List<RateLimit> rateLimits() {
        return admission.policies();
    }

    /** Whether question and answer are stored in a session. */
    boolean isStored() {
        return admission.sessionId() != null;
    }

    /** What has arrived. It grows while the answer arrives; to be read only on the context of the call. */
    public CharSequence text() {
        return transcript.text();
    }

    /** Whether its clients may come back to it. */
    boolean isResumable() {
        return !call.grace().isZero();
    }

    /** How it ended; null while it runs. */
    Ending ending() {
        return ending;
    }

    /** What it used; null while it runs. */
    Usage usage() {
        return usage;
    }

    /** Completes when there is nothing left to store. */
    CompletableFuture<Void> settled() {
        return settled;
    }

    /** What goes wrong here would be heard of by nobody: the call ends with it. */
    public void onContext(Runnable work) {
        context.runOnContext(now -> {
            try {
                work.run();
            } catch (RuntimeException e) {
                LOG.error("A call of the provider went wrong", e);
                if (provider != null) {
                    provider.cancel();
                }
                failed(ProviderFailure.of(Kind.INTERNAL));
            }
        });
    }

    /**
     * Has the call admitted and made. An item when the answer begins; a problem if it does not. Who cancels it gives up the
     * call.
     *
     * @param present follow the answer from its first piece
     */
    Uni<LiveCompletion> start(ProviderRequestWriter requests, ModelProvider provider, AnswerReader... present) {
        return Uni.createFrom().emitter(emitter -> {
            emitter.onTermination(() -> onContext(this::giveUp));
            onContext(() -> {
                starter = emitter;
                readers.addAll(List.of(present));
                startedAt = System.nanoTime();
                store.begin(call).subscribe().with(
                        admitted -> onContext(() -> admit(admitted, requests, provider)),
                        failure -> onContext(() -> {
                            stage = Stage.OVER;
                            settled.complete(null);
                            emitter.fail(failure);
                        }));
            });
        });
    }

    private void admit(Admission admitted, ProviderRequestWriter requests, ModelProvider provider) {
        admission = admitted;
        stage = Stage.CALL;
        whenAdmitted.accept(this);
        if (unwanted) {
            interrupt();
            return;
        }
        requests.write(call.request(), admitted).subscribe().with(
                body -> onContext(() -> {
                    if (stage == Stage.CALL) {
                        request = body;
                        this.provider = provider.call(body.json(), this);
                    }
                }),
                failure -> onContext(() -> {
                    LOG.error("A request to the provider could not be made", failure);
                    settle(Ending.RELEASED, new Failed(CompletionFailure.of(Kind.INTERNAL)), null);
                }));
    }

    @Override
    public void opened() {
        if (stage != Stage.CALL) {
            return;
        }
        stage = Stage.ANSWER;
        awaitReaders(TO_ATTACH);
        idleTimer = vertx.setPeriodic(KEEP_ALIVE.toMillis(), id -> List.copyOf(readers).forEach(AnswerReader::idle));
        starter.complete(this);
    }

    @Override
    public void received(String data) {
        if (stage != Stage.ANSWER) {
            return;
        }
        int length = transcript.text().length();
        PieceKind kind = transcript.add(data);
        if (kind == PieceKind.ERROR) {
            provider.cancel();
            failed(ProviderFailure.of(Kind.BROKEN_OFF));
            return;
        }
        List<AnswerReader> present = List.copyOf(readers);
        present.forEach(reader -> reader.received(data, kind));
        if (transcript.text().length() > length) {
            bytes += utf8Length(transcript.text(), length);
            if (bytes > MAX_BYTES) {
                provider.cancel();
                failed(ProviderFailure.of(Kind.TOO_LARGE));
                return;
            }
            present.forEach(AnswerReader::textAdded);
        }
        if (kind == PieceKind.LAST) {
            provider.finish();
            ended();
        }
    }

    @Override
    public void ended() {
        if (stage != Stage.ANSWER) {
            return;
        }
        if (transcript.isComplete()) {
            settle(Ending.COMPLETE, null, null);
        } else {
            failed(ProviderFailure.of(Kind.BROKEN_OFF));
        }
    }

    @Override
    public void failed(ProviderFailure failure) {
        if (stage == Stage.CALL || stage == Stage.ANSWER) {
            LOG.warnf("A call of %s failed: %s", admission.model(), failure.getMessage());
            settle(transcript.isEmpty() ? Ending.RELEASED : Ending.FAILED, new Failed(CompletionFailure.of(failure)),
                    failure.kind());
        }
    }

    /** Follows the answer from here on. */
    public void attach(AnswerReader reader) {
        readers.add(reader);
        vertx.cancelTimer(graceTimer);
        if (result != null) {
            reader.finished(result);
        }
    }

    public void detach(AnswerReader reader) {
        if (readers.remove(reader) && readers.isEmpty() && stage == Stage.ANSWER) {
            if (call.grace().isZero()) {
                interrupt();
            } else {
                awaitReaders(call.grace());
            }
        }
    }

    private void awaitReaders(Duration patience) {
        vertx.cancelTimer(graceTimer);
        graceTimer = vertx.setTimer(patience.toMillis(), id -> {
            if (readers.stream().noneMatch(AnswerReader::isFollowing)) {
                interrupt();
            }
        });
    }

    /** Has the provider wait for a reader. */
    public void pause() {
        if (provider != null) {
            provider.pause();
        }
    }

    public void resume() {
        if (provider != null) {
            provider.resume();
        }
    }

    /** Whoever asked for it has gone before it began. */
    private void giveUp() {
        unwanted = true;
        if (stage == Stage.CALL) {
            interrupt();
        }
    }

    /** Ends it with what has arrived. */
    void interrupt() {
        if (stage == Stage.CALL || stage == Stage.ANSWER) {
            if (provider != null) {
                provider.cancel();
            }
            settle(transcript.isEmpty() ? Ending.RELEASED : Ending.INTERRUPTED,
                    new Failed(CompletionFailure.interrupted()), null);
        }
    }

    /** @param result null where it is the complete answer */
    private void settle(Ending ending, CompletionResult result, Kind error) {
        Stage before = stage;
        stage = Stage.SETTLEMENT;
        this.ending = ending;
        vertx.cancelTimer(graceTimer);
        vertx.cancelTimer(idleTimer);
        long elapsedMillis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startedAt);
        if (transcript.malformed() > 0) {
            LOG.warnf("%d pieces of an answer of %s were malformed and are missing from it", transcript.malformed(),
                    admission.model());
        }
        usage(ending).invoke(counted -> usage = counted).map(counted -> new Settlement(ending, error, counted, elapsedMillis))
                .chain(settlement -> store(settlement).map(entry -> entry == null ? null
                        : result != null ? result : answer(settlement, entry)))
                .subscribe().with(
                        told -> onContext(() -> {
                            publish(told != null ? told : new Failed(CompletionFailure.unknownUser()), before);
                            finished();
                        }),
                        failure -> onContext(() -> {
                            LOG.error("An answer could not be stored", failure);
                            publish(new Failed(CompletionFailure.notStored()), before);
                            finished();
                        }));
        patienceTimer = vertx.setTimer(READERS_PATIENCE.toMillis(),
                id -> publish(new Failed(CompletionFailure.notStored()), before));
    }

    /** What is entered in the store. */
    private record Settlement(Ending ending, Kind error, Usage usage, long elapsedMillis) {
    }

    private Uni<Usage> usage(Ending ending) {
        boolean counts = ending.isCharged();
        if (!counts || transcript.usage().isComplete()) {
            return Uni.createFrom().item(Usage.of(transcript.usage(), 0, 0));
        }
        String prompt = request.prompt();
        return OffEventLoop
                .run(() -> Usage.of(transcript.usage(), TokenEstimate.of(prompt), transcript.estimatedTokens()));
    }

    private Uni<JsonNode> store(Settlement settlement) {
        return OffEventLoop.runIf(transcript.text().length() > SMALL_CHARACTERS, () -> entry(settlement)).chain(store::finish)
                .onFailure(DatabaseProblems::isUnavailable).retry().withBackOff(STORE_DELAY, MAX_STORE_DELAY)
                .expireIn(STORE_PATIENCE.toMillis());
    }

    private ObjectNode entry(Settlement settlement) {
        ObjectNode entry = json.createObjectNode().put("id", call.streamId()).put("state", settlement.ending().word())
                .put("completion_id", completionId());
        if (settlement.ending() == Ending.RELEASED) {
            return entry;
        }
        Usage usage = settlement.usage();
        entry.put("content", storable(transcript.text()))
                .put("content_type", ContentType.of(transcript.text()))
                .put("elapsed_ms", (int) Math.min(settlement.elapsedMillis(), Integer.MAX_VALUE))
                .put("input_tokens", usage.promptTokens()).put("output_tokens", usage.completionTokens())
                .put("error", settlement.error() == null ? null : settlement.error().name().toLowerCase(Locale.ROOT));
        ObjectNode metadata = entry.putObject("metadata");
        if (settlement.ending() == Ending.INTERRUPTED) {
            metadata.put("interrupted", true);
        }
        if (settlement.ending() != Ending.FAILED) {
            metadata.putPOJO("usage", json.valueToTree(usage));
            putUnlessNull(metadata, "cached_tokens", usage.cachedTokens());
            putUnlessNull(metadata, "reasoning_tokens", usage.reasoningTokens());
            if (usage.estimated()) {
                metadata.put("usage_estimated", true);
            }
        }
        if (transcript.finishReason() != null) {
            metadata.put("finish_reason", transcript.finishReason());
        }
        if (transcript.model() != null && !transcript.model().equals(admission.model())) {
            metadata.put("provider_model", transcript.model());
        }
        if (transcript.malformed() > 0) {
            metadata.put("malformed_pieces", transcript.malformed());
        }
        if (!transcript.toolCalls().isEmpty()) {
            metadata.putArray("tool_calls").addAll(transcript.toolCalls());
        }
        return entry;
    }

    private static void putUnlessNull(ObjectNode object, String name, Integer number) {
        if (number != null) {
            object.put(name, number);
        }
    }

    private Answered answer(Settlement settlement, JsonNode entry) {
        return new Answered(transcript.text().toString(), ContentType.of(transcript.text()), settlement.usage(),
                call.streamId(),
                completionId(), admission.model(), entry.path("question_id").textValue(),
                entry.path("session_id").textValue(), entry.path("message_id").textValue(),
                entry.path("timestamp").textValue(), Duration.ofMillis(settlement.elapsedMillis()));
    }

    /** Where the provider gives an answer no id, it goes by its stream's. */
    private String completionId() {
        return transcript.completionId() == null ? call.streamId() : storable(transcript.completionId());
    }

    /** PostgreSQL holds neither NUL nor half a surrogate pair. */
    private static String storable(CharSequence text) {
        return JsonRules.wellFormed(text.toString()).replace('\0', '\uFFFD');
    }

    private void publish(CompletionResult published, Stage before) {
        if (result != null) {
            return;
        }
        result = published;
        if (before == Stage.CALL && starter != null) {
            starter.fail(((Failed) published).failure());
        }
        List<AnswerReader> present = new ArrayList<>(readers);
        readers.clear();
        present.forEach(reader -> reader.finished(published));
    }

    private void finished() {
        stage = Stage.OVER;
        // What may be kept for late readers is the answer, not what led to it.
        request = null;
        provider = null;
        starter = null;
        call = call.withoutRequest();
        admission = admission.withoutContext();
        vertx.cancelTimer(patienceTimer);
        settled.complete(null);
    }

    /** What has arrived since the last checkpoint, or null where there is no call to keep alive. */
    ObjectNode checkpoint() {
        if (stage == Stage.ADMISSION || stage == Stage.OVER) {
            return null;
        }
        // What was not confirmed is sent again as it was: it may have been stored.
        if (storing <= stored) {
            storing = transcript.text().length();
            if (storing > 0 && Character.isHighSurrogate(transcript.text().charAt(storing - 1))) {
                storing--;
            }
        }
        ObjectNode part = json.createObjectNode().put("user_id", userId().toString()).put("id", call.streamId()).put("position",
                stored);
        if (storing > stored) {
            part.put("content", storable(transcript.text().substring(stored, storing)));
        }
        return part;
    }

    /** The last checkpoint was stored. */
    void checkpointed() {
        stored = Math.max(stored, storing);
    }

    private static int utf8Length(CharSequence text, int from) {
        int length = 0;
        for (int i = from; i < text.length(); i++) {
            char c = text.charAt(i);
            length += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
        }
        return length;
    }
}

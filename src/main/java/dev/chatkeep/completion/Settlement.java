package dev.chatkeep.completion;

import java.time.Duration;
import java.util.Locale;
import java.util.function.Function;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.wire.OffEventLoop;
import io.smallrye.mutiny.Uni;

/**
 * Counts what a call used, stores how it ended, and says what came of it. The transcript does not change any more. What was
 * used
 * must be counted: if the database does not take the answer, the call is settled without it.
 */
final class Settlement {

    private static final Logger LOG = Logger.getLogger(Settlement.class);

    /** What is computed at once; more goes to a worker thread. */
    private static final int SMALL_CHARACTERS = 50_000;
    private static final Duration STORE_DELAY = Duration.ofMillis(200);
    private static final Duration MAX_STORE_DELAY = Duration.ofSeconds(5);
    private static final Duration STORE_PATIENCE = Duration.ofMinutes(10);
    private static final int BYTES_A_TOKEN = 4;
    /** Of a refusal beside the text. It is a sentence. */
    private static final int REFUSAL_CHARACTERS = 10_000;

    /**
     * @param model as it was admitted
     * @param prompt null if the provider was not called
     * @param failure null if the answer is complete
     * @param searched whether the web was to be searched
     */
    record Call(String streamId, String model, String prompt, Ending ending, CompletionFailure failure, Duration elapsed,
            boolean searched) {
    }

    private final ObjectMapper json;
    private final Call call;
    private final Transcript transcript;
    private Usage usage;
    /** The database has not taken the answer, only what it used. */
    private boolean contentMissing;

    Settlement(ObjectMapper json, Call call, Transcript transcript) {
        this.json = json;
        this.call = call;
        this.transcript = transcript;
    }

    Ending ending() {
        return call.ending();
    }

    /** Null until it is counted. */
    Usage usage() {
        return usage;
    }

    /**
     * Tries again for a while if the database is away.
     *
     * @param store stores an entry; its item is the row, or null if the account is gone
     */
    Uni<CompletionResult> run(Function<ObjectNode, Uni<JsonNode>> store) {
        return count().invoke(counted -> usage = counted).chain(() -> store(store)).map(this::result);
    }

    private Uni<Usage> count() {
        if (!call.ending().isCharged() || transcript.usage().isComplete()) {
            return Uni.createFrom().item(Usage.of(transcript.usage(), 0, 0));
        }
        return OffEventLoop.run(
                () -> Usage.of(transcript.usage(), TokenEstimate.of(call.prompt()), transcript.estimatedTokens()))
                .onFailure().invoke(e -> LOG.error("Tokens could not be estimated by their text", e))
                .onFailure().recoverWithItem(() -> Usage.of(transcript.usage(),
                        call.prompt() == null ? 0 : call.prompt().length() / BYTES_A_TOKEN,
                        transcript.text().length() / BYTES_A_TOKEN));
    }

    private Uni<JsonNode> store(Function<ObjectNode, Uni<JsonNode>> store) {
        return OffEventLoop.runIf(transcript.text().length() > SMALL_CHARACTERS, this::entry).chain(entry -> store.apply(entry))
                .onFailure(DatabaseProblems::isUnavailable).retry().withBackOff(STORE_DELAY, MAX_STORE_DELAY)
                .expireIn(STORE_PATIENCE.toMillis())
                .onFailure().recoverWithUni(failure -> storeWithoutContent(store, failure));
    }

    private Uni<JsonNode> storeWithoutContent(Function<ObjectNode, Uni<JsonNode>> store, Throwable failure) {
        if (call.ending() == Ending.RELEASED) {
            return Uni.createFrom().failure(failure);
        }
        LOG.errorf("An answer could not be stored and is settled without its content: %s", DatabaseProblems.describe(failure));
        return store.apply(entryWithoutContent()).invoke(row -> contentMissing = true);
    }

    /** Holds nothing that came from the provider but numbers. */
    private ObjectNode entryWithoutContent() {
        ObjectNode entry = json.createObjectNode().put("id", call.streamId()).put("state", call.ending().word())
                .put("completion_id", call.streamId());
        putFigures(entry.put("content", "").put("content_type", "text"));
        putUsage(entry.putObject("metadata").put("content_missing", true));
        return entry;
    }

    private void putFigures(ObjectNode entry) {
        entry.put("elapsed_ms", (int) Math.min(call.elapsed().toMillis(), Integer.MAX_VALUE))
                .put("input_tokens", usage.promptTokens()).put("output_tokens", usage.completionTokens())
                .put("error", error());
    }

    private ObjectNode entry() {
        ObjectNode entry = json.createObjectNode().put("id", call.streamId()).put("state", call.ending().word())
                .put("completion_id", completionId());
        if (call.ending() == Ending.RELEASED) {
            return entry;
        }
        entry.put("content", StorableText.ofBytes(transcript.text(), Transcript.MAX_BYTES))
                .put("content_type", ContentType.of(transcript.text()));
        putFigures(entry);
        putMetadata(entry.putObject("metadata"));
        ObjectNode extras = extras().stored(json);
        if (extras != null) {
            entry.set("extras", extras);
        }
        return entry;
    }

    /** The kind of the provider's failure; null for any other end. */
    private String error() {
        return call.failure() == null || call.failure().providerFailure() == null ? null
                : call.failure().providerFailure().kind().name().toLowerCase(Locale.ROOT);
    }

    private void putUsage(ObjectNode metadata) {
        if (call.ending() == Ending.INTERRUPTED) {
            metadata.put("interrupted", true);
        }
        if (call.ending() != Ending.FAILED) {
            metadata.putPOJO("usage", json.valueToTree(usage));
            putUnlessNull(metadata, "cached_tokens", usage.cachedTokens());
            putUnlessNull(metadata, "reasoning_tokens", usage.reasoningTokens());
            if (usage.providerCost() != null) {
                metadata.put("provider_cost", usage.providerCost());
            }
            if (usage.estimated()) {
                metadata.put("usage_estimated", true);
            }
        }
    }

    private AnswerExtras extras() {
        return transcript.extras().extras(call.searched());
    }

    private void putMetadata(ObjectNode metadata) {
        putUsage(metadata);
        if (transcript.finishReason() != null) {
            metadata.put("finish_reason", transcript.finishReason());
        }
        if (transcript.model() != null && !transcript.model().equals(call.model())) {
            metadata.put("provider_model", transcript.model());
        }
        if (transcript.refusal() != null) {
            metadata.put("refusal", StorableText.ofCharacters(transcript.refusal(), REFUSAL_CHARACTERS));
        }
        if (transcript.malformed() > 0) {
            metadata.put("malformed_pieces", transcript.malformed());
        }
        if (!transcript.toolCalls().isEmpty()) {
            ArrayNode calls = metadata.putArray("tool_calls");
            transcript.toolCalls().forEach(toolCall -> calls.add(StorableText.of(toolCall)));
        }
    }

    private static void putUnlessNull(ObjectNode object, String name, Integer number) {
        if (number != null) {
            object.put(name, number);
        }
    }

    private CompletionResult result(JsonNode row) {
        if (row == null) {
            return new Failed(CompletionFailure.unknownUser());
        }
        if (contentMissing && call.failure() == null && row.hasNonNull("session_id")) {
            return new Failed(CompletionFailure.notStorable());
        }
        return call.failure() != null ? new Failed(call.failure())
                : new Answered(transcript.text().toString(), ContentType.of(transcript.text()), usage, call.streamId(),
                        completionId(), call.model(), row.path("question_id").textValue(),
                        row.path("session_id").textValue(), row.path("message_id").textValue(),
                        row.path("timestamp").textValue(), call.elapsed(), transcript.refusal(), extras());
    }

    /** Where the provider gives an answer no id, it goes by its stream's. */
    private String completionId() {
        return transcript.completionId() == null ? call.streamId() : transcript.completionId();
    }
}

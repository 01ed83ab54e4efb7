package dev.chatkeep.completion;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

import jakarta.enterprise.context.ApplicationScoped;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.CompletionConfig.TierName;
import dev.chatkeep.database.Database;
import dev.chatkeep.database.Statements;
import dev.chatkeep.provider.ProviderConfig;
import io.smallrye.mutiny.Uni;

/** Keeps calls in the database, which decides who may make one. */
@ApplicationScoped
class CompletionStore {

    private static final String BEGIN = "select chatkeep.begin_completion($1, chatkeep.clean_json($2))::text";
    private static final String FINISH = "select chatkeep.finish_completion($1, chatkeep.clean_json($2))::text";
    private static final String READ = "select chatkeep.completion($1, $2)::text";
    private static final String CHECKPOINT = "select chatkeep.checkpoint_completions(chatkeep.clean_json($1), $2)::text";
    private static final String RECOVER = "select chatkeep.recover_completions($1)";

    /** Calls that one statement settles. With more of them it would hold its connection for long. */
    private static final int MAX_RECOVERED = 50;

    private final Database database;
    private final ObjectMapper json;
    private final CompletionConfig config;
    private final Map<String, Integer> requestsPerMinute;
    private final Map<String, List<String>> tiersOfOptions;
    private final boolean trustCost;

    CompletionStore(Database database, ObjectMapper json, CompletionConfig config, LimitsConfig limits,
            ProviderConfig provider) {
        this.database = database;
        this.json = json;
        this.config = config;
        this.requestsPerMinute = limits.allRequestsPerMinute();
        this.tiersOfOptions = Map.of(ModelOptions.REASONING, tiers(config.options().reasoning()),
                ModelOptions.WEB_SEARCH, tiers(config.options().webSearch()),
                ModelOptions.IMAGE_OUTPUT, tiers(config.options().imageOutput()));
        this.trustCost = provider.trustCost();
    }

    private static List<String> tiers(Optional<Set<TierName>> tiers) {
        return tiers.orElse(Set.of()).stream().map(tier -> tier.name().toLowerCase(Locale.ROOT)).toList();
    }

    /** For the caller of this request, also after the request is over. */
    ForCaller forCaller() {
        UUID userId = database.asCaller().userId();
        return new ForCaller(userId, database.asCaller().read(), database.asCaller().writeByFunction(),
                database.asServiceFor(userId).write());
    }

    /**
     * @param parts {@code [{user_id, id, position, content}]}, for the calls of all users that run here
     * @return the ids of calls that were left for the next time, because somebody held them
     */
    Uni<Set<String>> checkpoint(ArrayNode parts) {
        return database.asService().write().row(CHECKPOINT, parts.toString(), leaseSeconds())
                .map(row -> Set.of(parse(row.getString(0), String[].class)));
    }

    /** Settles calls whose instance is gone, and says how many there were. */
    Uni<Integer> recover() {
        return database.asService().write().row(RECOVER, MAX_RECOVERED).map(row -> row.getInteger(0))
                .chain(count -> count < MAX_RECOVERED ? Uni.createFrom().item(count) : recover().map(more -> count + more));
    }

    /** Some checkpoints may be late without the call being lost. */
    private int leaseSeconds() {
        return (int) Math.max(10, config.checkpointInterval().toSeconds() * 5);
    }

    private <T> T parse(String answer, Class<T> type) {
        try {
            return json.readValue(answer, type);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("The database answered with something else than " + type.getSimpleName(), e);
        }
    }

    /** The calls of one caller. */
    final class ForCaller {

        private final UUID userId;
        private final Statements reading;
        private final Statements caller;
        /** How a call ended is not for users to say. */
        private final Statements service;

        private ForCaller(UUID userId, Statements reading, Statements caller, Statements service) {
            this.userId = userId;
            this.reading = reading;
            this.caller = caller;
            this.service = service;
        }

        UUID userId() {
            return userId;
        }

        /** What is known of a stream of the caller; null if there is none. */
        Uni<StoredCompletion> read(String streamId) {
            return reading.document(READ, streamId)
                    .map(call -> call == null ? null : StoredCompletion.of(parse(call.toString(), JsonNode.class)));
        }

        /** Admits a call; fails with {@link CompletionRefused} if it may not be made. */
        Uni<Admission> begin(CompletionCall call) {
            ObjectNode entry = json.createObjectNode().put("id", call.streamId()).put("model", call.model())
                    .put("fallback_model", config.defaultModel().orElse(null))
                    .put("session_id", call.sessionId())
                    .put("wants_context", call.wantsContext())
                    .put("context_length", config.contextLength())
                    .put("prompt_tokens", call.promptTokens())
                    .put("choices", call.choices())
                    .put("one_at_a_time", call.oneAtATime())
                    .put("request_hash", call.requestHash())
                    .put("lease_seconds", leaseSeconds());
            if (call.question() != null) {
                entry.putObject("question").put("id", call.question().id()).put("content", call.question().content())
                        .put("timestamp", call.question().timestamp());
            }
            ObjectNode options = entry.putObject("options");
            call.options().names().forEach(name -> options.set(name, json.valueToTree(tiersOfOptions.get(name))));
            entry.set("requests_per_minute", json.valueToTree(requestsPerMinute));
            return caller.run(BEGIN, entry.toString())
                    .map(rows -> parse(rows.iterator().next().getString(0), Admission.class))
                    .invoke(ForCaller::requireAdmitted);
        }

        /** Its item is the row as it was stored; null if the account is gone. */
        Uni<JsonNode> finish(ObjectNode result) {
            result.put("trust_cost", trustCost);
            return service.run(FINISH, result.toString()).map(rows -> {
                String answer = rows.iterator().next().getString(0);
                return answer == null ? null : parse(answer, JsonNode.class);
            });
        }

        private static void requireAdmitted(Admission admission) {
            if (admission.refused() != null) {
                throw new CompletionRefused(admission.refused(), admission.policies());
            }
        }
    }
}

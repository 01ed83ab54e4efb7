package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.provider.ProviderFailure.Kind;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import io.vertx.pgclient.PgException;

class SettlementTest {

    private static final String USAGE = "{'choices': [], 'usage': {'prompt_tokens': 10, 'completion_tokens': 7}}";
    private static final String ROW = "{'question_id': 'msg_q', 'session_id': 'conv_1', 'message_id': 'msg_1', 'timestamp': 't'}";

    private final ObjectMapper json = new ObjectMapper();
    private final Transcript transcript = new Transcript(json);
    private final List<ObjectNode> entries = new ArrayList<>();

    @Test
    void aCompleteAnswerIsStoredWithItsUsage() {
        // Given
        add("{'id': 'chatcmpl-1', 'model': 'gpt-a', 'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}",
                USAGE);
        Settlement settlement = settlement(Ending.COMPLETE, null);

        // When
        CompletionResult result = run(settlement, entry -> Uni.createFrom().item(parse(ROW))).awaitItem().getItem();

        // Then
        assertThat(result).isEqualTo(new Answered("Because", "text", new Usage(10, 7, 17, null, null, false, null), "msg_1",
                "chatcmpl-1", "gpt-a", "msg_q", "conv_1", "msg_1", "t", Duration.ofMillis(1_530), null, AnswerExtras.NONE));
        assertThat(entries).containsExactly((ObjectNode) parse("""
                {'id': 'msg_1', 'state': 'complete', 'completion_id': 'chatcmpl-1', 'content': 'Because',
                 'content_type': 'text', 'elapsed_ms': 1530, 'input_tokens': 10, 'output_tokens': 7, 'error': null,
                 'metadata': {'usage': {'prompt_tokens': 10, 'completion_tokens': 7, 'total_tokens': 17},
                              'finish_reason': 'stop'}}
                """));
        assertThat(settlement.usage()).isEqualTo(new Usage(10, 7, 17, null, null, false, null));
    }

    @Test
    void whatTheProviderSaysOfUsageIsStoredAsItIsCounted() {
        // Given
        add("{'id': 'chatcmpl-1', 'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}",
                """
                        {'choices': [], 'usage': {'prompt_tokens': 10, 'completion_tokens': 7, 'total_tokens': 117, 'reasoning_tokens': 100,
                                                  'prompt_tokens_details': {'cached_tokens': 12}, 'cost': 0.000012299999999999999,
                                                  'cost_details': {'upstream_inference_cost': 19}, 'is_byok': true}}
                        """);

        // When
        run(settlement(Ending.COMPLETE, null), entry -> Uni.createFrom().item(parse(ROW))).awaitItem();

        // Then
        assertThat(entries.get(0)).isEqualTo(parse("""
                {'id': 'msg_1', 'state': 'complete', 'completion_id': 'chatcmpl-1', 'content': 'Because',
                 'content_type': 'text', 'elapsed_ms': 1530, 'input_tokens': 10, 'output_tokens': 107, 'error': null,
                 'metadata': {'usage': {'prompt_tokens': 10, 'completion_tokens': 107, 'total_tokens': 117},
                              'cached_tokens': 10, 'reasoning_tokens': 100, 'provider_cost': 0.000012299999999999999,
                              'finish_reason': 'stop'}}
                """));
    }

    @Test
    void anAnswerWithoutAnIdGoesByThatOfItsStream() {
        // Given
        add("{'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}", USAGE);

        // When
        CompletionResult result = run(settlement(Ending.COMPLETE, null), entry -> Uni.createFrom().item(parse(ROW)))
                .awaitItem().getItem();

        // Then
        assertThat(result).isInstanceOfSatisfying(Answered.class,
                answer -> assertThat(answer.completionId()).isEqualTo("msg_1"));
    }

    @Test
    void aReleasedCallLeavesNothingButItsEnd() {
        // When
        CompletionResult result = run(settlement(Ending.RELEASED, CompletionFailure.interrupted()),
                entry -> Uni.createFrom().item(parse("{}"))).awaitItem().getItem();

        // Then
        assertThat(result).isInstanceOfSatisfying(Failed.class,
                failed -> assertThat(failed.failure().reason()).isEqualTo(CompletionFailure.Reason.INTERRUPTED));
        assertThat(entries)
                .containsExactly((ObjectNode) parse("{'id': 'msg_1', 'state': 'released', 'completion_id': 'msg_1'}"));
    }

    @Test
    void anInterruptedAnswerIsMarkedAndItsUsageEstimated() {
        // Given
        add("{'choices': [{'delta': {'content': 'Be'}}]}");

        // When
        run(settlement(Ending.INTERRUPTED, CompletionFailure.interrupted()), entry -> Uni.createFrom().item(parse("{}")))
                .awaitItem();

        // Then
        JsonNode metadata = entries.get(0).path("metadata");
        assertThat(metadata.path("interrupted").asBoolean()).isTrue();
        assertThat(metadata.path("usage_estimated").asBoolean()).isTrue();
        assertThat(entries.get(0).path("output_tokens").asInt()).isPositive();
    }

    @Test
    void aFailedAnswerIsStoredWithTheReasonAndIsNotCharged() {
        // Given
        add("{'choices': [{'delta': {'content': 'Be'}}]}");

        // When
        run(settlement(Ending.FAILED, CompletionFailure.of(Kind.BROKEN_OFF)), entry -> Uni.createFrom().item(parse("{}")))
                .awaitItem();

        // Then
        assertThat(entries.get(0).path("error").asText()).isEqualTo("broken_off");
        assertThat(entries.get(0).path("output_tokens").asInt()).isZero();
        assertThat(entries.get(0).path("metadata").has("usage")).isFalse();
    }

    @Test
    void withoutAnAccountThereIsNoAnswer() {
        // Given
        add("{'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}", USAGE);

        // When
        CompletionResult result = run(settlement(Ending.COMPLETE, null), entry -> Uni.createFrom().nullItem())
                .awaitItem().getItem();

        // Then
        assertThat(result).isInstanceOfSatisfying(Failed.class,
                failed -> assertThat(failed.failure().reason()).isEqualTo(CompletionFailure.Reason.UNKNOWN_USER));
    }

    @Test
    void storingIsTriedAgainWhileTheDatabaseIsAway() {
        // Given
        add("{'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}", USAGE);

        // When
        CompletionResult result = run(settlement(Ending.COMPLETE, null),
                entry -> entries.size() == 1 ? Uni.createFrom().failure(DatabaseProblems.unavailable())
                        : Uni.createFrom().item(parse(ROW)))
                .awaitItem().getItem();

        // Then
        assertThat(result).isInstanceOf(Answered.class);
        assertThat(entries).hasSize(2);
        assertThat(entries.get(1)).isEqualTo(entries.get(0));
    }

    @Test
    void whatTheDatabaseRefusesIsSettledOnceWithoutItsContent() {
        // Given
        add("{'id': 'chatcmpl-1', 'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}", USAGE);

        // When
        CompletionResult result = run(settlement(Ending.COMPLETE, null),
                entry -> entries.size() == 1 ? Uni.createFrom().failure(new PgException("bad", "ERROR", "22P05", "detail"))
                        : Uni.createFrom().item(parse(ROW)))
                .awaitItem().getItem();

        // Then
        assertThat(entries).hasSize(2);
        assertThat(entries.get(1)).isEqualTo(parse("""
                {'id': 'msg_1', 'state': 'complete', 'completion_id': 'msg_1', 'content': '', 'content_type': 'text',
                 'elapsed_ms': 1530, 'input_tokens': 10, 'output_tokens': 7, 'error': null,
                 'metadata': {'content_missing': true,
                              'usage': {'prompt_tokens': 10, 'completion_tokens': 7, 'total_tokens': 17}}}
                """));
        assertThat(result).isInstanceOfSatisfying(Failed.class,
                failed -> assertThat(failed.failure().reason()).isEqualTo(CompletionFailure.Reason.NOT_STORABLE));
    }

    @Test
    void anAnswerThatIsStoredNowhereIsCompleteWithoutItsContent() {
        // Given
        add("{'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}", USAGE);

        // When
        CompletionResult result = run(settlement(Ending.COMPLETE, null),
                entry -> entries.size() == 1 ? Uni.createFrom().failure(new IllegalStateException("refused"))
                        : Uni.createFrom().item(parse("{'session_id': null}")))
                .awaitItem().getItem();

        // Then
        assertThat(result).isInstanceOfSatisfying(Answered.class, answer -> assertThat(answer.text()).isEqualTo("Because"));
    }

    @Test
    void whatIsRefusedWithoutItsContentFails() {
        // Given
        IllegalStateException cause = new IllegalStateException("no such function");
        add("{'choices': [{'delta': {'content': 'Because'}, 'finish_reason': 'stop'}]}", USAGE);

        // When
        Throwable failure = run(settlement(Ending.COMPLETE, null), entry -> Uni.createFrom().failure(cause))
                .awaitFailure().getFailure();

        // Then
        assertThat(failure).isSameAs(cause);
        assertThat(entries).hasSize(2);
    }

    @Test
    void everythingThatComesFromTheProviderCanBeStored() {
        // Given
        add("""
                {'id': 'i\\u0000\\udc00', 'model': 'm\\u0000', 'choices': [{'finish_reason': 's\\u0000', 'delta': {
                    'content': 'c\\u0000\\ud83d', 'tool_calls': [{'index': 0, 'id': 't\\u0000', 'n\\u0000': 1,
                        'function': {'name': 'f\\u0000', 'arguments': 'a\\u0000\\ud83d'}}]}}]}
                """, USAGE);

        // When
        run(settlement(Ending.COMPLETE, null), entry -> Uni.createFrom().item(parse(ROW))).awaitItem();

        // Then
        assertThat(entries.get(0)).isEqualTo(parse("""
                {'id': 'msg_1', 'state': 'complete', 'completion_id': 'i??', 'content': 'c??',
                 'content_type': 'text', 'elapsed_ms': 1530, 'input_tokens': 10, 'output_tokens': 7, 'error': null,
                 'metadata': {'usage': {'prompt_tokens': 10, 'completion_tokens': 7, 'total_tokens': 17},
                              'finish_reason': 's?', 'provider_model': 'm?', 'tool_calls': [
                                  {'id': 't?', 'n?': 1, 'function': {'name': 'f?', 'arguments': 'a??'}}]}}
                """.replace('?', '\uFFFD')));
    }

    @Test
    void noMoreIsStoredThanAMessageMayHave() {
        // Given
        add("{'choices': [{'delta': {'content': '%s'}}]}".formatted("a".repeat((16 << 20) - 1) + "\uD83D\uDE00"), USAGE);

        // When
        run(settlement(Ending.INTERRUPTED, CompletionFailure.of(Kind.TOO_LARGE)), entry -> Uni.createFrom().item(parse(ROW)))
                .awaitItem();

        // Then
        assertThat(entries.get(0).path("content").textValue()).hasSize((16 << 20) - 1);
    }

    private Settlement settlement(Ending ending, CompletionFailure failure) {
        return new Settlement(json,
                new Settlement.Call("msg_1", "gpt-a", "Why?", ending, failure, Duration.ofMillis(1_530), false), transcript);
    }

    private UniAssertSubscriber<CompletionResult> run(Settlement settlement, Function<ObjectNode, Uni<JsonNode>> store) {
        return settlement.run(entry -> {
            // Read again, as the database does.
            entries.add((ObjectNode) parse(entry.toString()));
            return store.apply(entry);
        }).subscribe().withSubscriber(UniAssertSubscriber.create());
    }

    private void add(String... pieces) {
        for (String piece : pieces) {
            transcript.add(piece.replace('\'', '"'));
        }
    }

    private JsonNode parse(String text) {
        try {
            return json.readTree(text.replace('\'', '"'));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }
}

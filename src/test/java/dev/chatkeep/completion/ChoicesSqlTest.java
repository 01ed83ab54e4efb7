package dev.chatkeep.completion;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** A call that asks for several choices counts as so many answers in limits. */
@WithinOneDay
@Timeout(60)
class ChoicesSqlTest extends SqlTest {

    private static final int DAILY = 5;

    @BeforeAll
    void aModelWithLimits() {
        superuser.rows("insert into public.model_access (model_id, tier, daily_limit, monthly_limit, input_cost_per_token)"
                + " values ('gpt', 'free', ?, 100, 1)", DAILY);
    }

    @ParameterizedTest
    @ValueSource(strings = { "running", "complete", "interrupted", "failed" })
    void eachChoiceCounts(String state) {
        // Given
        begin("r1", 3);

        // When
        if (!state.equals("running")) {
            finish("r1", state);
        }

        // Then
        assertThat(used()).isEqualTo(3);
    }

    @Test
    void aCallThatProducedNothingGivesAllPlacesBack() {
        // Given
        begin("r1", 3);

        // When
        finish("r1", "released");

        // Then
        assertThat(used()).isZero();
    }

    @Test
    void aCallIsAdmittedWhileThereIsRoomForAllItsChoices() {
        // Given
        begin("r1", 3);

        // When
        JsonNode admitted = begin("r2", 2);

        // Then
        assertThat(admitted.has("refused")).isFalse();
        assertThat(remaining(admitted, "daily")).isZero();
        assertThat(remaining(admitted, "monthly")).isEqualTo(95);
        assertThat(remaining(admitted, "requests-per-minute")).isEqualTo(98);
    }

    @Test
    void aCallForMoreChoicesThanAreLeftIsRefusedAndTakesNothing() {
        // Given
        begin("r1", 3);
        finish("r1", "complete");

        // When
        JsonNode refused = begin("r2", 3);

        // Then
        assertThat(refused.at("/refused/code").textValue()).isEqualTo("quota_exceeded");
        assertThat(refused.at("/refused/detail").textValue())
                .isEqualTo("The daily limit of this model has 2 of these 3 answers left.");
        assertThat(remaining(refused, "daily")).isEqualTo(2);
        assertThat(used()).isEqualTo(3);
    }

    @Test
    void usageCountsTheCallOnceAndTheTokensOfAllChoices() {
        // Given
        begin("r1", 3);

        // When
        finish("r1", "complete");

        // Then
        assertThat(user.rows("select messages_received, calls, output_tokens, cost::int from chatkeep.usage_by_model"))
                .containsExactly(Map.of("messages_received", 1L, "calls", 1L, "output_tokens", 7L, "cost", 10));
        assertThat(database.service().rows("select * from chatkeep.check_usage(?)", id)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({ "0", "-7", "null" })
    void aCallAsksForOneAnswerAtLeast(String choices) {
        // When
        user.rows("select chatkeep.begin_completion(?, ?::jsonb)", id, call("r1", choices));

        // Then
        assertThat(used()).isEqualTo(1);
    }

    @Test
    void eachChoiceCountsWhenTheAccountComesBack() {
        // Given
        begin("r1", 3);
        finish("r1", "complete");

        // When
        superuser.rows("select chatkeep.keep_calls_of_erased(?)", id);

        // Then
        assertThat(superuser.<Long> column("select calls from chatkeep.calls_of_erased"
                + " where account = chatkeep.account_hash(?)", id)).isEqualTo(List.of(3L));
    }

    private JsonNode begin(String call, int choices) {
        return user.value("select chatkeep.begin_completion(?, ?::jsonb)", id, call(call, Integer.toString(choices)));
    }

    private static String call(String id, String choices) {
        return json("""
                {'id': '%s', 'model': 'gpt', 'lease_seconds': 600, 'prompt_tokens': 0, 'choices': %s,
                 'requests_per_minute': {'free': 100}}
                """.formatted(id, choices)).toString();
    }

    private void finish(String call, String state) {
        database.service().rows("select chatkeep.finish_completion(?, ?::jsonb)", id, json("""
                {'id': '%s', 'state': '%s', 'content': 'An answer', 'input_tokens': 10, 'output_tokens': 7, 'metadata': {}}
                """.formatted(call, state)).toString());
    }

    private static long remaining(JsonNode outcome, String policy) {
        return StreamSupport.stream(outcome.path("policies").spliterator(), false)
                .filter(one -> one.path("name").textValue().equals(policy)).findFirst().orElseThrow().path("remaining")
                .longValue();
    }

    private long used() {
        return user.<Long> value("select coalesce(max(daily), 0) from chatkeep.answers_used(?, 'gpt')", id);
    }
}

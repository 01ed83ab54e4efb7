package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** Every figure of usage is a sum of the ledger, and what is taken back is exactly what was charged. */
@WithinOneDay
@BesideOthers
class LedgerTest extends SqlTest {

    /** What was booked: of all days and models, and the totals of the profile. */
    private record Booked(long sent, long received, long input, long output, String cost) {
    }

    @BeforeAll
    void modelsHavePrices() {
        superuser.rows("""
                insert into public.model_access (model_id, tier, input_cost_per_token, output_cost_per_token)
                values ('cheap', 'free', 1, 2), ('dear', 'free', 10, 100)
                """);
        superuser.rows("""
                insert into public.model_access (
                    model_id, tier, input_cost_per_token, output_cost_per_token, cached_input_cost_per_token)
                values ('cached', 'free', 0.000003, 0.000015, 0.000000300001), ('free-cache', 'free', 1, 2, 0)
                """);
    }

    @BeforeEach
    void aUserWithASession() {
        user.rows("select chatkeep.create_session(?, 's1', 'A title')", id);
    }

    @Test
    void aMessageHasOneRowWithItsCharge() {
        // Given
        append("{'id': 'q1', 'role': 'user', 'content': 'a', 'input_tokens': 3}");

        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 5, 'user_message_id': 'q1'}");

        // Then
        assertThat(charges()).containsExactly(
                json("{'message_id': 'a1', 'question_id': 'q1', 'model': 'cheap', 'messages_received': 1, 'output_tokens': 5,"
                        + " 'question_tokens': 3, 'input_cost': 1, 'output_cost': 2, 'cost': 13}"),
                json("{'message_id': 'q1', 'messages_sent': 1, 'input_tokens': 3}"));
        assertFitsTheLedger();
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aMessageThatComesBackUnderADearerModelIsChargedAtItsPriceInstead(boolean deleted) {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 1000}");
        if (deleted) {
            user.rows("delete from public.chat_messages");
        }

        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'dear', 'output_tokens': 1000}");

        // Then
        assertThat(booked()).isEqualTo(new Booked(0, 1, 0, 1000, "100000"));
        assertThat(models()).containsExactly("dear 0 1 0 1000 100000");
        assertFitsTheLedger();
    }

    @Test
    void whatComesBackWithoutItsModelAndTokensCountsNothing() {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 7}");
        user.rows("delete from public.chat_messages");

        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b'}");

        // Then
        assertThat(booked()).isEqualTo(new Booked(0, 1, 0, 7, "14"));
        assertFitsTheLedger();
    }

    @Test
    void whatFailedAtFirstAndSucceedsWithoutNamingItsModelIsCharged() {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': '', 'model': 'cheap', 'output_tokens': 1000, 'error': true}");

        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b'}");

        // Then
        assertThat(booked()).isEqualTo(new Booked(0, 1, 0, 1000, "2000"));
        assertFitsTheLedger();
    }

    @Test
    void aRoleThatIsChangedAndChangedBackIsChargedAsBefore() {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 100}");
        append("{'id': 'a1', 'role': 'user', 'content': 'b', 'model': 'cheap', 'output_tokens': 100}");
        Booked asQuestion = booked();

        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 100}");

        // Then
        assertThat(asQuestion).isEqualTo(new Booked(1, 0, 0, 0, "0"));
        assertThat(booked()).isEqualTo(new Booked(0, 1, 0, 100, "200"));
        assertFitsTheLedger();
    }

    @Test
    void aCorrectionUnderAnotherModelGivesTheFirstModelBackWhatItHad() {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 10}");
        append("{'id': 'a2', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 1}");

        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'dear', 'output_tokens': 4}");

        // Then
        assertThat(models()).containsExactly("cheap 0 1 0 1 2", "dear 0 1 0 4 400");
        assertThat(user.<Object> value("select models_used from public.user_usage_daily"))
                .isEqualTo(json("{'cheap': 1, 'dear': 1}"));
        assertFitsTheLedger();
    }

    @Test
    void whatIsTakenBackIsTakenFromItsOwnDay() {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 10}");
        inDaysOfTheLedger("update %s set usage_date = usage_date - 1 where user_id = ?");

        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 4}");

        // Then
        assertThat(user.rows("select usage_date = current_date - 1 as yesterday, output_tokens from public.user_usage_daily"))
                .containsExactly(Map.of("yesterday", true, "output_tokens", 4L));
        assertFitsTheLedger();
    }

    @Test
    void historyIsBookedOnItsOwnDay() {
        // When
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 10,"
                + " 'timestamp': '2026-02-28T23:59:59.999Z'}");

        // Then
        assertThat(user.rows("select usage_date::text as day, messages_received, active_minutes from public.user_usage_daily"
                + " where messages_received > 0"))
                .containsExactly(Map.of("day", "2026-02-28", "messages_received", 1L, "active_minutes", 0L));
        assertThat(booked()).isEqualTo(new Booked(0, 1, 0, 10, "20"));
        assertFitsTheLedger();
    }

    @Test
    void whatIsAtMostTwoDaysLateIsBookedToday() {
        // When
        append(user.<String> value("select format('{\"id\": \"a1\", \"role\": \"assistant\", \"content\": \"b\","
                + " \"output_tokens\": 10, \"timestamp\": \"%s\"}', now() - interval '47 hours')"));

        // Then
        assertThat(user.<Long> column("select output_tokens from public.user_usage_daily where usage_date ="
                + " (now() at time zone 'UTC')::date")).containsExactly(10L);
    }

    @Test
    void limitsDoNotCountWhatClientsUpload() {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 10}");
        call("r1");
        finish("{'id': 'r1', 'state': 'complete'}");

        // When
        List<Map<String, Object>> used = user.rows("select daily, monthly from chatkeep.answers_used(?, 'cheap')", id);

        // Then
        assertThat(used).containsExactly(Map.of("daily", 1L, "monthly", 1L));
    }

    // Answers that are uploaded while they are on their way

    @Test
    void anAnswerThatIsUploadedByItsStreamWhileItRunsIsCountedOnce() {
        // Given
        call("r1");
        append("{'id': 'r1', 'role': 'assistant', 'content': 'Bec', 'model': 'dear', 'output_tokens': 2, 'user_message_id': 'q1'}");

        // When
        finish("{'id': 'r1', 'state': 'complete'}");

        // Then
        assertThat(messages()).containsExactly("q1 Why?", "r1 Because");
        assertThat(booked()).isEqualTo(new Booked(1, 1, 10, 7, "24"));
        assertThat(models()).containsExactly("cheap 1 1 10 7 24");
        assertFitsTheLedger();
    }

    @ParameterizedTest
    @ValueSource(strings = { "Because", "Bec", "" })
    void anAnswerThatIsUploadedUnderAnIdOfItsOwnWhileItRunsIsStoredAndCountedOnce(String seen) {
        // Given
        call("r1");
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': 4}", """
                {'id': 'a1', 'role': 'assistant', 'content': '%s', 'model': 'cheap', 'output_tokens': 2,
                 'completion_id': 'chatcmpl-1', 'user_message_id': 'q1'}
                """.formatted(seen));

        // When
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");

        // Then
        assertThat(messages()).containsExactly("a1 Because", "q1 Why?");
        assertThat(booked()).isEqualTo(new Booked(1, 1, 10, 7, "24"));
        assertThat(user.<String> value("select message_id from chatkeep.completions")).isEqualTo("a1");
        assertFitsTheLedger();
    }

    @Test
    void anAnswerWithoutASessionThatIsUploadedWhileItRunsIsCountedOnce() {
        // Given
        user.rows("select chatkeep.begin_completion(?, ?::jsonb)", id,
                json("""
                        {'id': 'r1', 'model': 'cheap', 'lease_seconds': 3600, 'prompt_tokens': 0, 'question': {'id': 'q1', 'content': 'Why?'}}
                        """)
                        .toString());
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?'}",
                "{'id': 'a1', 'role': 'assistant', 'content': 'Bec', 'completion_id': 'chatcmpl-1', 'user_message_id': 'q1'}");

        // When
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");

        // Then
        assertThat(messages()).containsExactly("a1 Because", "q1 Why?");
        assertThat(booked()).isEqualTo(new Booked(1, 1, 10, 7, "24"));
        assertFitsTheLedger();
    }

    @Test
    void aSessionThatIsDeletedDuringItsCallLeavesTheQuestionChargedOnce() {
        // Given
        append("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': 4, 'model': 'cheap'}");
        call("r1");
        user.rows("delete from public.chat_sessions");

        // When
        finish("{'id': 'r1', 'state': 'complete'}");
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': 4, 'model': 'cheap'}");

        // Then
        assertThat(booked()).isEqualTo(new Booked(1, 1, 10, 7, "24"));
        assertThat(user.<Integer> value("select input_tokens from public.chat_messages where id = 'q1'")).isEqualTo(10);
        assertFitsTheLedger();
    }

    // Cached tokens

    @ParameterizedTest
    @CsvSource({
            "cached, 0, 0.000135, 0.00003, 0.000105", "cached, 4, 0.000124200004, 0.000019200004, 0.000105",
            "cached, 10, 0.00010800001, 0.00000300001, 0.000105", "cached, 11, 0.00010800001, 0.00000300001, 0.000105",
            "cached, 2147483647, 0.00010800001, 0.00000300001, 0.000105", "free-cache, 10, 14, 0, 14",
            "free-cache, 4, 20, 6, 14", "cheap, 4, 24, 10, 14" })
    void cachedTokensCostTheirOwnPrice(String model, long cached, BigDecimal cost, BigDecimal ofQuestion, BigDecimal ofAnswer) {
        // Given
        call("r1", model);

        // When
        finish("{'id': 'r1', 'state': 'complete', 'metadata': {'cached_tokens': %d}}".formatted(cached));

        // Then
        assertThat(costs()).containsExactly(cost);
        assertThat(noted("r1", "cost")).isEqualTo(ofAnswer);
        assertThat(noted("r1", "question_cost")).isEqualTo(ofQuestion);
        assertThat(noted("q1", "cost")).isEqualTo(ofQuestion);
        assertThat(user.<Long> column("select cached_tokens from chatkeep.charges where messages_received = 1"))
                .containsExactly(Math.min(cached, 10));
        assertFitsTheLedger();
    }

    @Test
    void cachedTokensCostThePriceOfWhenTheCallBegan() {
        // Given
        superuser.rows("insert into public.model_access (model_id, tier, input_cost_per_token, cached_input_cost_per_token)"
                + " values ('repriced', 'free', 5, 3)");
        call("r1", "repriced");
        superuser.rows("update public.model_access set cached_input_cost_per_token = 1 where model_id = 'repriced'");

        // When
        finish("{'id': 'r1', 'state': 'complete', 'metadata': {'cached_tokens': 10}}");

        // Then
        assertThat(booked()).isEqualTo(new Booked(1, 1, 10, 7, "30"));
        assertFitsTheLedger();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            'input_tokens': 10, 'metadata': {'cached_tokens': 4} | 4 | 20
            'input_tokens': 10, 'metadata': {'cached_tokens': 6} | 6 | 18
            'input_tokens': 10, 'metadata': {}                   | 0 | 24
            'input_tokens': 12, 'metadata': {'cached_tokens': 6} | 6 | 20
            'input_tokens': 12, 'metadata': {'cached_tokens': 0} | 0 | 26
            'input_tokens': 9, 'metadata': {'cached_tokens': 9}  | 4 | 20
            'input_tokens': 0, 'metadata': {}                    | 4 | 20
            """)
    void cachedTokensThatAreToldAgainAreThoseOfTheInputThatCounts(String again, long cached, String cost) {
        // Given
        call("r1", "free-cache");
        finish("{'id': 'r1', 'state': 'interrupted', 'content': 'Bec', 'metadata': {'cached_tokens': 4}}");

        // When
        finish("{'id': 'r1', 'state': 'complete', %s}".formatted(again));

        // Then
        assertThat(user.<Long> column("select cached_tokens from chatkeep.charges where messages_received = 1"))
                .containsExactly(cached);
        assertThat(booked().cost()).isEqualTo(cost);
        assertThat(noted("r1", "cost").add(noted("r1", "question_cost"))).isEqualTo(new BigDecimal(cost));
        assertThat(noted("q1", "cost")).isEqualTo(noted("r1", "question_cost"));
        assertFitsTheLedger();
    }

    @Test
    void aQuestionThatIsAskedAgainCostsWhatBothCallsTookOfIt() {
        // Given
        call("r1", "free-cache");
        finish("{'id': 'r1', 'state': 'complete', 'metadata': {'cached_tokens': 4}}");
        call("r2", "free-cache");

        // When
        finish("{'id': 'r2', 'state': 'complete', 'metadata': {'cached_tokens': 9}}");

        // Then
        assertThat(noted("q1", "cost")).isEqualTo(new BigDecimal("7"));
        assertThat(models()).containsExactly("free-cache 1 2 20 14 35");
        assertFitsTheLedger();
    }

    // What the provider says that a call cost

    @ParameterizedTest
    @ValueSource(strings = { "0", "0.000012299999999999999", "5", "1000000", "0.0000000000000000000000000000000000000001" })
    void aCostThatIsTrustedIsTheCost(String told) {
        // Given
        call("r1");

        // When
        finish("{'id': 'r1', 'state': 'complete', 'trust_cost': true, 'metadata': {'provider_cost': %s}}".formatted(told));

        // Then
        assertThat(costs()).containsExactly(new BigDecimal(told));
        assertThat(noted("r1", "provider_cost")).isEqualTo(new BigDecimal(told));
        assertThat(noted("r1", "cost")).isEqualTo(new BigDecimal(told));
        assertThat(noted("r1", "question_cost")).isEqualTo(BigDecimal.ZERO);
        assertThat(noted("q1", "cost")).isEqualTo(BigDecimal.ZERO);
        assertThat(user.<Boolean> column("select metadata -> 'unit_cost' is null from public.chat_messages"))
                .containsOnly(true);
        assertThat(user.<BigDecimal> column("select trim_scale(cost) from chatkeep.usage_by_model"))
                .containsExactly(new BigDecimal(told));
        assertThat(booked()).isEqualTo(new Booked(1, 1, 10, 7,
                new BigDecimal(told).setScale(6, RoundingMode.HALF_UP).stripTrailingZeros().toPlainString()));
        assertFitsTheLedger();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            false  | 5
            -      | 5
            'true' | 5
            1      | 5
            true   | -1
            true   | 1000000.1
            true   | 1e300
            true   | 1e-41
            true   | '5'
            true   | null
            true   | {'a': 5}
            """)
    void anyOtherCostIsTokensAtTheirPrices(String trusted, String told) {
        // Given
        call("r1");

        // When
        finish("{'id': 'r1', 'state': 'complete'%s, 'metadata': {'provider_cost': %s}}"
                .formatted(trusted == null ? "" : ", 'trust_cost': " + trusted, told));

        // Then
        assertThat(costs()).containsExactly(new BigDecimal("24"));
        assertThat(noted("r1", "cost")).isEqualTo(new BigDecimal("14"));
        assertThat(noted("r1", "question_cost")).isEqualTo(BigDecimal.TEN);
        assertFitsTheLedger();
    }

    @ParameterizedTest
    @CsvSource({ "null, 5, 5", "5, null, 5", "5, 7, 7", "7, 5, 7", "5, 5, 5", "0, null, 0", "50, 5, 50" })
    void aCostThatIsToldAgainCanOnlyBeMore(String first, String second, String cost) {
        // Given
        String result = "{'id': 'r1', 'state': 'complete', 'trust_cost': true, 'metadata': {'provider_cost': %s}}";
        call("r1");
        finish(result.formatted(first));

        // When
        finish(result.formatted(second));

        // Then
        assertThat(booked()).isEqualTo(new Booked(1, 1, 10, 7, cost));
        assertThat(noted("r1", "cost")).isEqualTo(new BigDecimal(cost));
        assertThat(noted("q1", "cost")).isEqualTo(BigDecimal.ZERO);
        assertFitsTheLedger();
    }

    @Test
    void anAnswerThatIsUploadedWhileItRunsCostsWhatTheProviderSays() {
        // Given
        call("r1", "free-cache");
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': 4}", """
                {'id': 'a1', 'role': 'assistant', 'content': 'Bec', 'model': 'cheap', 'output_tokens': 2,
                 'completion_id': 'chatcmpl-1', 'user_message_id': 'q1'}
                """);

        // When
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1', 'trust_cost': true,"
                + " 'metadata': {'provider_cost': 0.5, 'cached_tokens': 3}}");

        // Then
        assertThat(models()).containsExactly("free-cache 1 1 10 7 0.5");
        assertThat(noted("a1", "cost")).isEqualTo(new BigDecimal("0.5"));
        assertFitsTheLedger();
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void anAnswerThatComesBackUnderAnotherIdNotesWhatItCost(boolean trusted) {
        // Given
        call("r1", "free-cache");
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1', 'trust_cost': %s,".formatted(trusted)
                + " 'metadata': {'provider_cost': 0.5, 'cached_tokens': 3}}");
        Booked before = booked();
        user.rows("delete from public.chat_messages");

        // When
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?'}", """
                {'id': 'a1', 'role': 'assistant', 'content': 'Because', 'completion_id': 'chatcmpl-1', 'user_message_id': 'q1'}
                """);

        // Then
        assertThat(booked()).isEqualTo(before);
        assertThat(costs()).containsExactly(noted("a1", "cost").add(noted("a1", "question_cost")));
        assertFitsTheLedger();
    }

    @Test
    void aRepairKeepsCachedTokensAndToldCosts() {
        // Given
        call("r1", "free-cache");
        finish("{'id': 'r1', 'state': 'complete', 'metadata': {'cached_tokens': 4}}");
        call("r2", "free-cache");
        finish("{'id': 'r2', 'state': 'complete', 'trust_cost': true, 'metadata': {'cached_tokens': 4, 'provider_cost': 0.5}}");
        List<Object> before = charges();
        superuser.rows("update chatkeep.usage_by_model set cost = 0 where user_id = ?", id);

        // When
        database.service().rows("select chatkeep.repair_usage(?)", id);

        // Then
        assertThat(charges()).isEqualTo(before);
        assertThat(models()).containsExactly("free-cache 1 2 20 14 20.5");
        assertFitsTheLedger();
    }

    // Retention

    @Test
    void rowsOfTheLedgerAndFinishedCallsGoWithTheirDaysAndHistoryThatHasJustArrivedStays() {
        // Given
        append("{'id': 'old', 'role': 'assistant', 'content': 'b', 'output_tokens': 1, 'timestamp': '2020-01-01T10:00:00Z'}");
        append("{'id': 'history', 'role': 'assistant', 'content': 'b', 'output_tokens': 2, 'timestamp': '2020-01-02T10:00:00Z'}");
        call("r1");
        finish("{'id': 'r1', 'state': 'complete'}");
        call("r2");
        superuser
                .rows("update chatkeep.charges set charged_at = '2020-01-03' where user_id = ? and message_id = 'old'", id);
        superuser.rows("update chatkeep.completions set finished_at = '2020-01-03' where user_id = ? and id = 'r1'",
                id);

        // When
        database.service().rows("select public.cleanup_old_data(90)");

        // Then
        assertThat(user.<String> column("select message_id from chatkeep.charges order by message_id"))
                .containsExactly("history", "q1", "r1");
        assertThat(user.<String> column("select id from chatkeep.completions")).containsExactly("r2");
        assertThat(user.<String> column("select usage_date::text from public.user_usage_daily where usage_date < '2026-01-01'"))
                .containsExactly("2020-01-02");
        assertThat(differences()).isEmpty();
    }

    // The check

    @Test
    void aFigureThatIsNotTheSumOfTheLedgerIsFoundAndRepaired() {
        // Given
        append("{'id': 'a1', 'role': 'assistant', 'content': 'b', 'model': 'cheap', 'output_tokens': 10}");
        superuser.rows("update public.user_usage_daily set output_tokens = 3, models_used = '{}' where user_id = ?",
                id);
        superuser.rows("delete from chatkeep.usage_by_model where user_id = ?", id);
        superuser.rows("update public.profiles set usage_stats = usage_stats || '{\"total_cost\": 1}' where id = ?",
                id);
        List<String> found = differences();

        // When
        int repaired = database.service().<Integer> value("select chatkeep.repair_usage(?)", id);

        // Then
        assertThat(found).containsExactly("cheap cost 0 20", "cheap messages_received 0 1", "cheap output_tokens 0 10",
                "- output_tokens 3 10", "- total_cost 1 20");
        assertThat(repaired).isEqualTo(5);
        assertFitsTheLedger();
        assertThat(booked()).isEqualTo(new Booked(0, 1, 0, 10, "20"));
        assertThat(user.<Object> value("select models_used from public.user_usage_daily")).isEqualTo(json("{'cheap': 1}"));
        assertThat(user.<Long> value("select sessions_created from public.user_usage_daily")).isEqualTo(1);
    }

    private void call(String stream) {
        call(stream, "cheap");
    }

    private void call(String stream, String model) {
        user.rows("select chatkeep.begin_completion(?, ?::jsonb)", id, json("""
                {'id': '%s', 'model': '%s', 'session_id': 's1', 'lease_seconds': 3600, 'prompt_tokens': 0,
                 'question': {'id': 'q1', 'content': 'Why?'}}
                """.formatted(stream, model)).toString());
    }

    private void finish(String result) {
        ObjectNode entry = (ObjectNode) json("""
                {'content': 'Because', 'content_type': 'text', 'input_tokens': 10, 'output_tokens': 7, 'metadata': {}}
                """);
        entry.setAll((ObjectNode) json(result));
        database.service().rows("select chatkeep.finish_completion(?, ?::jsonb)", id, entry.toString());
    }

    private void append(String message) {
        user.rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id, json(message).toString());
    }

    private void upload(String... messages) {
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id,
                json("[{'id': 's1', 'messages': [%s]}]".formatted(String.join(", ", messages))).toString());
    }

    private void inDaysOfTheLedger(String sql) {
        for (String table : List.of("public.user_usage_daily", "chatkeep.usage_by_model")) {
            superuser.rows(sql.formatted(table), id);
        }
        // Nothing of it is to be booked.
        superuser.rows("alter table chatkeep.charges disable trigger user");
        superuser.rows(sql.formatted("chatkeep.charges"), id);
        superuser.rows("alter table chatkeep.charges enable trigger user");
    }

    private List<Object> charges() {
        return user.column("""
                select (select jsonb_object_agg(e.key, case when jsonb_typeof(e.value) = 'number'
                                                            then to_jsonb(trim_scale(e.value::text::numeric)) else e.value end)
                          from jsonb_each(jsonb_strip_nulls(to_jsonb(c) - '{user_id,usage_date,charged_at}'::text[])) e
                         where e.value not in ('0', 'false'))
                  from chatkeep.charges c order by c.message_id
                """);
    }

    /** Of the calls. */
    private List<BigDecimal> costs() {
        return user.column("select trim_scale(cost) from chatkeep.charges where messages_received = 1 order by message_id");
    }

    private BigDecimal noted(String message, String figure) {
        return user.value("select trim_scale((metadata ->> ?)::numeric) from public.chat_messages where id = ?", figure,
                message);
    }

    private List<String> messages() {
        return user.column("select id || ' ' || content from public.chat_messages order by id");
    }

    private List<String> models() {
        return user.column("select concat_ws(' ', model, messages_sent, messages_received, input_tokens, output_tokens,"
                + " trim_scale(cost)) from chatkeep.usage_by_model order by model");
    }

    private Booked booked() {
        Map<String, Object> days = user.rows("""
                select sum(messages_sent)::bigint as sent, sum(messages_received)::bigint as received,
                       sum(input_tokens)::bigint as input, sum(output_tokens)::bigint as output,
                       trim_scale(sum(estimated_cost))::text as cost
                  from public.user_usage_daily
                """).get(0);
        return new Booked((Long) days.get("sent"), (Long) days.get("received"), (Long) days.get("input"),
                (Long) days.get("output"), (String) days.get("cost"));
    }

    private List<String> differences() {
        return database.service().column("select concat_ws(' ', coalesce(model, '-'), figure, trim_scale(recorded),"
                + " trim_scale(charged)) from chatkeep.check_usage('" + id + "')");
    }

    /** The sums, and the totals, of which nothing was deleted here. */
    private void assertFitsTheLedger() {
        assertThat(differences()).isEmpty();
        assertThat(user.<Boolean> value(
                """
                        select (p.usage_stats ->> 'total_messages')::bigint = c.messages and (p.usage_stats ->> 'total_tokens')::bigint = c.tokens
                               and coalesce((p.usage_stats ->> 'total_cost')::numeric, 0) = c.cost
                          from public.profiles p,
                               (select sum(messages_sent + messages_received) as messages, sum(input_tokens + output_tokens) as tokens,
                                       sum(cost) as cost from chatkeep.charges) c
                        """))
                .isTrue();
    }
}

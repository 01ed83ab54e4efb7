package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
        user.rows("select chatkeep.begin_completion(?, ?::jsonb)", id, json("""
                {'id': '%s', 'model': 'cheap', 'session_id': 's1', 'lease_seconds': 3600, 'prompt_tokens': 0,
                 'question': {'id': 'q1', 'content': 'Why?'}}
                """.formatted(stream)).toString());
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

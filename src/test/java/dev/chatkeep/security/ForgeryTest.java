package dev.chatkeep.security;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** What the service counts is not for users to write, whatever SQL they send. */
@WithinOneDay
@BesideOthers
class ForgeryTest extends SqlTest {

    private static final String CHECK_VIOLATION = "23514";
    private static final String INVALID_PARAMETER = "22023";

    @BeforeAll
    void aModelIsOpen() {
        superuser.rows("""
                insert into public.model_access (model_id, tier, input_cost_per_token, output_cost_per_token, monthly_limit)
                values ('gpt', 'free', 2, 3, 100), ('better', 'pro', 1, 1, null)
                """);
    }

    @BeforeEach
    void anAnswerWasGivenAndAnotherIsRunning() {
        begin("r1", "q1");
        finish("r1", "chatcmpl-1");
        begin("r2", "q2");
        database.service().rows("select chatkeep.checkpoint_completions(?::jsonb, 60)",
                json("[{'user_id': '%s', 'id': 'r2', 'position': 0, 'content': 'a'}]".formatted(id)).toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "update public.chat_messages set metadata = metadata - 'stream_id'",
            "update public.chat_messages set total_tokens = 0",
            "update public.chat_messages set input_tokens = 0",
            "update public.chat_messages set output_tokens = 0",
            "update public.chat_messages set model = 'other'",
            "update public.chat_messages set role = 'user'",
            "update public.chat_messages set id = 'x' where id = 'r1'",
            "update public.chat_messages set session_id = 's2'",
            "update public.chat_messages set error_message = 'broken'",
            "update public.chat_messages set completion_id = 'x'",
            "update public.chat_messages set message_timestamp = now()",
            "insert into public.chat_messages (user_id, id, session_id, role, content, metadata) values (auth.uid(), 'x', 's1', 'user', '', '{\"stream_id\": \"x\"}')",
            "insert into public.chat_messages (user_id, id, session_id, role, content, total_tokens) values (auth.uid(), 'x', 's1', 'user', '', 9)",
            "insert into public.chat_messages (user_id, id, session_id, role, content, input_tokens) values (auth.uid(), 'x', 's1', 'user', '', 9)",
            "insert into public.chat_messages (user_id, id, session_id, role, content, output_tokens) values (auth.uid(), 'x', 's1', 'user', '', 9)",
            "insert into public.chat_sessions (user_id, id, created_at) values (auth.uid(), 'x', '9999-01-01')",
            "insert into public.chat_sessions (user_id, id, updated_at) values (auth.uid(), 'x', '9999-01-01')",
            "insert into chatkeep.completions (user_id, id, model, state, lease_until, input_cost, output_cost)"
                    + " values (auth.uid(), 'x', 'gpt', 'complete', now(), 0, 0)",
            "update chatkeep.completions set state = 'released'",
            "update chatkeep.completions set started_at = '2020-01-01'",
            "update chatkeep.completions set input_cost = 0, output_cost = 0",
            "update chatkeep.completions set cached_input_cost = 0",
            "update public.model_access set cached_input_cost_per_token = 0",
            "delete from chatkeep.completions",
            "delete from chatkeep.completion_parts",
            "insert into chatkeep.completion_parts values (auth.uid(), 'r2', 1, 'forged')",
            "update chatkeep.charges set stream_id = null",
            "update chatkeep.charges set told_cost = 0",
            "update chatkeep.charges set cached_tokens = input_tokens, cached_input_cost = 0",
            "delete from chatkeep.usage_by_model",
            "update chatkeep.stored_by_user set messages = 0, bytes = 0",
            "delete from chatkeep.stored_by_user",
            "update public.chat_sessions set stored_messages = 0, stored_bytes = 0",
            "delete from chatkeep.calls_of_erased",
            "delete from chatkeep.bans_of_erased",
            "delete from chatkeep.requests_of_erased",
            "select chatkeep.finish_completion(auth.uid(), '{\"id\": \"r2\", \"state\": \"released\"}')",
            "select chatkeep.finish_completion(auth.uid(), '{\"id\": \"r1\", \"state\": \"complete\", \"trust_cost\": true,"
                    + " \"metadata\": {\"provider_cost\": 0}}')",
            "select chatkeep.recover_completions(10)",
            "select chatkeep.move_charge(auth.uid(), 'r1', 'x')",
            "select chatkeep.count_sessions(auth.uid(), '{x,y,z}')" })
    void usersCannotWriteWhatIsCounted(String sql) {
        // Given
        Map<String, Object> before = counted();

        // When
        String state = user.state(sql);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(counted()).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "update public.chat_sessions set title = 'Mine', is_active = false",
            "update public.chat_messages set content = 'Mine', content_type = 'markdown'",
            "insert into public.chat_sessions (user_id, id, title, is_active) values (auth.uid(), 'x', 'Mine', true)",
            "insert into public.chat_messages (user_id, id, session_id, role, content, model, message_timestamp)"
                    + " values (auth.uid(), 'x', 's1', 'user', 'Mine', 'gpt', now())",
            "delete from public.chat_messages",
            "delete from public.chat_sessions" })
    void usersWriteWhatIsTheirsToSay(String sql) {
        // Given
        Map<String, Object> before = counted();

        // When
        String state = user.state(sql);

        // Then
        assertThat(state).isEqualTo(SUCCESS);
        assertThat(counted()).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            update public.chat_sessions set title = 'Mine'                                            | 42501
            update public.chat_messages set content = 'Mine'                                          | 42501
            insert into public.chat_sessions (user_id, id) values (auth.uid(), 'x')                   | 42501
            insert into public.chat_messages (user_id, id, session_id, role, content) values (auth.uid(), 'x', 's1', 'user', '') | 42501
            update public.profiles set banned_until = null                                            | 42501
            select chatkeep.append_message(auth.uid(), 's1', '{}')                                    | PT403
            select chatkeep.append_messages(auth.uid(), 's1', '[]')                                   | PT403
            select chatkeep.begin_completion(auth.uid(), '{}')                                        | PT403
            select public.sync_user_conversations(auth.uid(), '[]')                                   | PT403
            select public.update_user_preferences(auth.uid(), 'ui', '{}')                             | PT403
            select public.track_user_usage(auth.uid(), 1)                                             | PT403
            select public.log_user_activity(auth.uid(), 'tested')                                     | PT403
            delete from public.chat_messages                                                          | 00000
            delete from public.chat_sessions                                                          | 00000
            """)
    void whoIsBannedOnlyDeletes(String sql, String expected) {
        // Given
        superuser.rows("update public.profiles set banned_until = '2999-01-01' where id = ?", id);

        // When
        String state = user.state(sql);

        // Then
        assertThat(state).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = { "p_input_tokens => -1", "p_output_tokens => -1000", "p_input_tokens => -1, p_model_used => 'gpt'",
            "p_messages_sent => -1", "p_messages_received => -1" })
    void usersTakeNothingBack(String figures) {
        // Given
        user.rows("select public.track_user_usage(?, 1, 1, 5, 5, 'gpt')", id);
        Map<String, Object> before = counted();

        // When
        String state = user.state("select public.track_user_usage(?, " + figures + ")", id);

        // Then
        assertThat(state).isEqualTo(INVALID_PARAMETER);
        assertThat(counted()).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({ "gpt, 5, 7", "other, 0, 0" })
    void aCorrectionTakesBackWhatWasReportedAtTheMost(String model, long input, long output) {
        // Given
        Map<String, Object> before = counted();
        user.rows("select public.track_user_usage(?, p_input_tokens => 5, p_output_tokens => 7, p_model_used => 'gpt')", id);
        superuser.rows("update public.model_access set input_cost_per_token = 9 where model_id = 'gpt'");

        // When
        database.service().rows("select public.track_user_usage(?, p_input_tokens => -1000, p_output_tokens => -1000,"
                + " p_model_used => ?)", id, model);

        // Then
        superuser.rows("update public.model_access set input_cost_per_token = 2 where model_id = 'gpt'");
        Map<String, Object> after = counted();
        assertThat((Long) after.get("input")).isEqualTo((Long) before.get("input") + 5 - input);
        assertThat((Long) after.get("output")).isEqualTo((Long) before.get("output") + 7 - output);
        assertThat(superuser.<Boolean> value("select bool_and(cost >= 0) from chatkeep.usage_by_model where user_id = ?", id))
                .isTrue();
        assertThat(database.service().rows("select * from chatkeep.check_usage(?)", id)).isEmpty();
    }

    @Test
    void anAnswerThatTakesTheIdOfARunningCallIsCountedAsWell() {
        // Given
        user.rows("delete from public.chat_messages where id = 'r1'");
        user.rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id,
                json("""
                        {'id': 'r2', 'role': 'assistant', 'content': 'An answer', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}
                        """)
                        .toString());

        // When
        finish("r2", "chatcmpl-2");

        // Then
        assertThat(used()).isEqualTo(2);
        assertThat(superuser.<List<String>> value("""
                select array_agg(stream_id || ' ' || input_tokens || ' ' || output_tokens order by stream_id)
                  from chatkeep.charges where user_id = ? and messages_received > 0
                """, id)).isEqualTo(List.of("r1 10 7", "r2 10 7"));
    }

    @Test
    void anAnswerUnderAnIdThatHasBeenChargedIsCountedAsWell() {
        // Given
        user.rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id,
                json("""
                        {'id': 'mine', 'role': 'assistant', 'content': 'An answer', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}
                        """)
                        .toString());
        user.rows("delete from public.chat_messages where id = 'mine'");
        user.rows("insert into public.chat_messages (user_id, id, session_id, role, content, user_message_id, completion_id)"
                + " values (?, 'mine', 's1', 'assistant', 'An', 'q2', 'chatcmpl-2')", id);

        // When
        finish("r2", "chatcmpl-2");

        // Then
        assertThat(used()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource({ "r2, other", "mine, chatcmpl-2" })
    void anAnswerThatIsUploadedWithAnOldTimeCountsForTheLimitsOfToday(String messageId, String completionId) {
        // Given
        long before = used();
        user.rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id, json("""
                {'id': '%s', 'role': 'assistant', 'content': 'An', 'user_message_id': 'q2', 'completion_id': '%s',
                 'timestamp': '2026-01-01T00:00:00Z'}
                """.formatted(messageId, completionId)).toString());

        // When
        finish("r2", "chatcmpl-2");

        // Then
        assertThat(used()).isEqualTo(before);
        assertThat(superuser.<Boolean> value("select usage_date = (now() at time zone 'UTC')::date from chatkeep.charges"
                + " where user_id = ? and stream_id = 'r2' and messages_received > 0", id)).isTrue();
        assertThat(database.service().rows("select * from chatkeep.check_usage(?)", id)).isEmpty();
    }

    @Test
    void aLeaseThatAUserMakesUpEnds() {
        // When
        user.rows("select chatkeep.begin_completion(?, ?::jsonb)", id, json(
                "{'id': 'r9', 'model': 'gpt', 'lease_seconds': 2000000000, 'prompt_tokens': -5}").toString());

        // Then
        assertThat(superuser.rows("select lease_until <= clock_timestamp() + interval '1 day' as ends, prompt_tokens"
                + " from chatkeep.completions where user_id = ? and id = 'r9'", id))
                .containsExactly(Map.of("ends", true, "prompt_tokens", 0));
    }

    @ParameterizedTest
    @ValueSource(strings = { "profile_created", "profile_synced", "tier_updated", "credits_updated", "preferences_updated",
            "data_exported" })
    void usersDoNotLogWhatTheServiceLogs(String action) {
        // When
        String state = user.state("select public.log_user_activity(?, ?)", id, action);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void usersDoNotLogAsSomebodyElse() {
        // When
        Object entry = user.value(
                "select public.log_user_activity(?, 'a', null, null, '{\"b\": 1, \"actor\": {\"role\": \"admin\"}}')",
                id);

        // Then
        assertThat(user.<JsonNode> value("select details from public.user_activity_log where id = ?", entry))
                .isEqualTo(json("{'b': 1}"));
    }

    @Test
    void entriesOfALogHaveASize() {
        // When
        String state = user.state(
                "select public.log_user_activity(?, 'a', null, null, jsonb_build_object('a', repeat('b', 50000000)))",
                id);

        // Then
        assertThat(state).isEqualTo(CHECK_VIOLATION);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ui      | jsonb_build_object('a', repeat('b', 20000000))
            session | jsonb_build_object('a', repeat('b', 16385))
            model   | jsonb_build_object('system_prompt', repeat('b', 60000))
            model   | jsonb_build_object('allowed_models', array(select repeat('b', 100) from generate_series(1, 1000)))
            model   | jsonb_build_object('default_model', 'better')
            model   | jsonb_build_object('default_model', 'unknown')
            """)
    void preferencesHaveASizeAndNameOpenModels(String type, String preferences) {
        // Given
        Object before = user.value("select to_jsonb(p) from public.profiles p");

        // When
        JsonNode answer = user.value("select public.update_user_preferences(?, ?, " + preferences + ")", id, type);

        // Then
        assertThat(answer.get("success")).isEqualTo(json("false"));
        assertThat(user.<Object> value("select to_jsonb(p) from public.profiles p")).isEqualTo(before);
    }

    @Test
    void manySmallPreferencesHaveASizeTogether() {
        // Given
        user.rows("select public.update_user_preferences(?, 'ui', jsonb_build_object('a', repeat('b', 10000)))", id);

        // When
        JsonNode answer = user.value(
                "select public.update_user_preferences(?, 'ui', jsonb_build_object('c', repeat('d', 10000)))",
                id);

        // Then
        assertThat(answer.get("success")).isEqualTo(json("false"));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "update public.profiles set ui_preferences = jsonb_build_object('a', repeat('b', 70000)) where id = ?",
            "update public.profiles set session_preferences = jsonb_build_object('a', repeat('b', 70000)) where id = ?",
            "update public.profiles set allowed_models = array(select 'm' || i from generate_series(1, 1001) i) where id = ?" })
    void theSchemaBoundsPreferencesWhoeverWrites(String sql) {
        // When
        String state = database.service().state(sql, id);

        // Then
        assertThat(state).isEqualTo(CHECK_VIOLATION);
    }

    private void begin(String call, String question) {
        user.rows("select chatkeep.begin_completion(?, ?::jsonb)", id, json("""
                {'id': '%s', 'model': 'gpt', 'lease_seconds': 600, 'prompt_tokens': 0, 'session_id': 's1',
                 'question': {'id': '%s', 'content': 'Why %s?'}}
                """.formatted(call, question, question)).toString());
    }

    private void finish(String call, String completionId) {
        database.service().rows("select chatkeep.finish_completion(?, ?::jsonb)", id, json("""
                {'id': '%s', 'state': 'complete', 'content': 'An answer', 'completion_id': '%s', 'input_tokens': 10,
                 'output_tokens': 7, 'metadata': {}}
                """.formatted(call, completionId)).toString());
    }

    private long used() {
        return user.<Long> value("select monthly from chatkeep.answers_used(?, 'gpt')", id);
    }

    /** What the service counts of the user, but for when that was. */
    private Map<String, Object> counted() {
        return superuser
                .rows("""
                        select (select jsonb_agg(to_jsonb(c) order by c.message_id) from chatkeep.charges c where c.user_id = p.id) as charges,
                               (select jsonb_agg(to_jsonb(c) order by c.id) from chatkeep.completions c where c.user_id = p.id) as calls,
                               (select jsonb_agg(to_jsonb(c)) from chatkeep.completion_parts c where c.user_id = p.id) as parts,
                               (select jsonb_agg(to_jsonb(u) - '{updated_at,active_minutes}'::text[])
                                  from public.user_usage_daily u where u.user_id = p.id) as days,
                               (select jsonb_agg(to_jsonb(m)) from chatkeep.usage_by_model m where m.user_id = p.id) as models,
                               (select sum(u.input_tokens)::bigint from public.user_usage_daily u where u.user_id = p.id) as input,
                               (select sum(u.output_tokens)::bigint from public.user_usage_daily u where u.user_id = p.id) as output,
                               (select monthly from chatkeep.answers_used(p.id, 'gpt')) as used,
                               p.usage_stats
                          from public.profiles p where p.id = ?
                        """,
                        id)
                .get(0);
    }
}

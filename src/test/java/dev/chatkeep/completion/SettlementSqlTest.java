package dev.chatkeep.completion;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** No data keeps a call from being settled and counted, and no row of one user those of others. */
@WithinOneDay
@Timeout(60)
class SettlementSqlTest extends SqlTest {

    private static final String NEWEST = "9999-12-31T23:59:59.999Z";

    @BeforeAll
    void aModelAndARowThatCannotBeWritten() {
        superuser.rows("insert into public.model_access (model_id, tier, monthly_limit) values ('gpt', 'free', 100)");
        superuser.rows("""
                create function public.refuse() returns trigger language plpgsql as
                $$ begin raise exception 'refused' using errcode = '22000'; end $$
                """);
        superuser.rows("grant execute on function public.refuse() to public");
        superuser.rows("create trigger refuse_messages before insert on public.chat_messages for each row"
                + " when (new.content = 'no message') execute function public.refuse()");
        superuser.rows("create trigger refuse_charges before insert on chatkeep.charges for each row"
                + " when (new.output_tokens = 13) execute function public.refuse()");
    }

    @Test
    void anAnswerAtTheEndOfTimeIsStored() {
        // Given
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'timestamp': '" + NEWEST + "'}");
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");

        // When
        JsonNode answer = finish("r1", "{'content': 'Because'}");

        // Then
        assertThat(answer.get("timestamp").textValue()).isEqualTo(NEWEST);
        assertThat(contents()).containsExactlyInAnyOrder("Why?", "Because");
    }

    @Test
    void aQuestionAfterTheEndOfTimeGetsThatTime() {
        // Given
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'timestamp': '" + NEWEST + "'}");

        // When
        begin("r2", "{'id': 'q2', 'content': 'When?'}");

        // Then
        assertThat(user.<String> value("select chatkeep.iso(message_timestamp) from public.chat_messages where id = 'q2'"))
                .isEqualTo(NEWEST);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            jsonb_build_object('completion_id', repeat('c', 256))
            jsonb_build_object('completion_id', repeat('c', 100000))
            jsonb_build_object('content', repeat('é', 9000000))
            jsonb_build_object('content', null)
            jsonb_build_object('elapsed_ms', -1)
            jsonb_build_object('elapsed_ms', 1e12)
            jsonb_build_object('elapsed_ms', 'soon')
            jsonb_build_object('content_type', 'odd')
            jsonb_build_object('metadata', null)
            jsonb_build_object('metadata', '[]'::jsonb)
            jsonb_build_object('metadata', '{"reasoning_tokens": 1.5, "cached_tokens": "many"}'::jsonb)
            jsonb_build_object('metadata', '5'::jsonb, 'trust_cost', true)
            jsonb_build_object('metadata', '{"provider_cost": 1e400, "cached_tokens": 1e12}'::jsonb, 'trust_cost', true)
            jsonb_build_object('metadata', '{"provider_cost": "1", "cached_tokens": -1}'::jsonb, 'trust_cost', 'yes')
            jsonb_build_object('state', 'failed', 'error', repeat('e', 100000))
            chatkeep.clean_json('{"content": "a\\u0000b"}')
            chatkeep.clean_json('{"content": "a\\ud83d"}')
            chatkeep.clean_json('{"completion_id": "\\udc00c\\u0000"}')
            """)
    void whateverAProviderSendsIsStored(String result) {
        // Given
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");

        // When
        database.service().rows("select chatkeep.finish_completion(?, ?::jsonb || " + result + ")", id, entry("r1", "{}"));

        // Then
        assertThat(user.<Long> value("select count(*) from public.chat_messages where role = 'assistant'")).isEqualTo(1);
        assertThat(user.rows("select reason from chatkeep.completions where reason is not null")).isEmpty();
        assertThat(used(id)).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({ "1e12, 2147483647", "-5, 0", "'\"many\"', 0", "2.7, 2" })
    void tokensAreANumberThatCanBeHeld(String told, long counted) {
        // Given
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");

        // When
        finish("r1", "{'input_tokens': %1$s, 'output_tokens': %1$s}".formatted(told));

        // Then
        assertThat(user.rows(
                "select input_tokens, output_tokens from chatkeep.charges where stream_id = 'r1' and messages_received = 1"))
                .containsExactly(Map.of("input_tokens", counted, "output_tokens", counted));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"a": "b\\u0000c"}                | bc
            {"a": "b\\\\u0000c"}              | b\\u0000c
            {"a": "b\\\\\\u0000c"}            | b\\c
            {"a": "b\\ud83d\\ude00c"}         | b😀c
            {"a": "b\\ud83dc"}                | bc
            {"a": "b\\uDE00c"}                | bc
            {"a": "\\ud83d\\ud83d\\ude00"}    | 😀
            """)
    void whatPostgresDoesNotHoldIsLeftOut(String text, String clean) {
        // When
        String value = user.value("select chatkeep.clean_json(?) ->> 'a'", text);

        // Then
        assertThat(value).isEqualTo(clean);
    }

    @Test
    void anAnswerThatCannotBeStoredIsCountedWithoutIt() {
        // Given
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");

        // When
        JsonNode answer = finish("r1", "{'content': 'no message'}");

        // Then
        assertThat(answer.get("message_id").isNull()).isTrue();
        assertThat(user.rows("select state, reason from chatkeep.completions")).containsExactly(
                Map.of("state", "complete", "reason", "Without its answer, which could not be stored: 22000 refused"));
        assertThat(user.<Long> value("select messages_received from public.user_usage_daily")).isEqualTo(1);
    }

    @Test
    void aCallThatCannotBeCountedHasFailed() {
        // Given
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");

        // When
        finish("r1", "{'output_tokens': 13}");

        // Then
        assertThat(user.rows("select state, reason from chatkeep.completions"))
                .containsExactly(Map.of("state", "failed", "reason", "It could not be counted: 22000 refused"));
        assertThat(used(id)).isEqualTo(1);
    }

    @Test
    void oneBadCallDoesNotKeepOthersFromBeingRecovered() {
        // Given
        UUID otherId = database.newUser();
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");
        begin(otherId, "r1", "{'id': 'q1', 'content': 'Why?'}");
        checkpoint(id, "r1", "x".repeat(13 * 4));
        checkpoint(otherId, "r1", "Because");
        expire(id, otherId);

        // When
        int recovered = database.service().<Integer> value("select chatkeep.recover_completions(10)");

        // Then
        assertThat(recovered).isEqualTo(2);
        assertThat(user.rows("select state, reason from chatkeep.completions"))
                .containsExactly(Map.of("state", "failed", "reason", "It could not be counted: 22000 refused"));
        assertThat(database.user(otherId).<String> column("select content from public.chat_messages where role = 'assistant'"))
                .containsExactly("Because");
    }

    @Test
    void whatSomebodyHoldsIsRecoveredLater() throws Exception {
        // Given
        UUID otherId = database.newUser();
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");
        begin(otherId, "r1", "{'id': 'q1', 'content': 'Why?'}");
        expire(id, otherId);
        int recovered;

        // When
        try (Connection holding = superuser.begin()) {
            SqlCaller.read(holding, "select from public.profiles where id = ? for update", id);
            recovered = database.service().<Integer> value("select chatkeep.recover_completions(1)");
        }

        // Then
        assertThat(recovered).isEqualTo(1);
        assertThat(states(id)).containsExactly("running");
        assertThat(states(otherId)).containsExactly("released");
    }

    @Test
    void oneLockedCallDoesNotKeepOthersFromTheirCheckpoint() throws Exception {
        // Given
        UUID otherId = database.newUser();
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");
        begin(otherId, "r2", "{'id': 'q1', 'content': 'Why?'}");
        JsonNode left;

        // When
        try (Connection holding = superuser.begin()) {
            SqlCaller.read(holding, "select from chatkeep.completions where user_id = ? for update", id);
            left = database.service().value("select chatkeep.checkpoint_completions(?::jsonb, 60)", json("""
                    [{'user_id': '%s', 'id': 'r1', 'position': 0, 'content': 'a'},
                     {'user_id': '%s', 'id': 'r2', 'position': 0, 'content': 'b'}]
                    """.formatted(id, otherId)).toString());
        }

        // Then
        assertThat(left).isEqualTo(json("['r1']"));
        assertThat(
                superuser.<String> column("select content from chatkeep.completion_parts where user_id in (?, ?)", id, otherId))
                .containsExactly("b");
    }

    @Test
    void aCallWhoseLeaseHasRunOutHoldsItsPlaceUntilItIsSettled() {
        // Given
        begin("r1", "{'id': 'q1', 'content': 'Why?'}");

        // When
        expire(id);

        // Then
        assertThat(used(id)).isEqualTo(1);
    }

    private void upload(String message) {
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id,
                json("[{'id': 's1', 'messages': [" + message + "]}]").toString());
    }

    private void begin(String call, String question) {
        begin(id, call, question);
    }

    private void begin(UUID userId, String call, String question) {
        database.user(userId).rows("select chatkeep.begin_completion(?, ?::jsonb)", userId, json("""
                {'id': '%s', 'model': 'gpt', 'lease_seconds': 600, 'prompt_tokens': 0, 'session_id': 's1', 'question': %s}
                """.formatted(call, question)).toString());
    }

    private JsonNode finish(String call, String members) {
        return database.service().value("select chatkeep.finish_completion(?, ?::jsonb || ?::jsonb)", id, entry(call, "{}"),
                json(members).toString());
    }

    private static String entry(String call, String metadata) {
        return json("""
                {'id': '%s', 'state': 'complete', 'content': 'An answer', 'content_type': 'text', 'input_tokens': 10,
                 'output_tokens': 7, 'metadata': %s}
                """.formatted(call, metadata)).toString();
    }

    private void checkpoint(UUID userId, String call, String content) {
        database.service().rows("select chatkeep.checkpoint_completions(?::jsonb, 60)", json(
                "[{'user_id': '%s', 'id': '%s', 'position': 0, 'content': '%s'}]".formatted(userId, call, content)).toString());
    }

    private void expire(UUID... users) {
        for (UUID userId : users) {
            superuser.rows("update chatkeep.completions set lease_until = clock_timestamp() - interval '1 second'"
                    + " where user_id = ?", userId);
        }
    }

    private long used(UUID userId) {
        return database.user(userId).<Long> value("select monthly from chatkeep.answers_used(?, 'gpt')", userId);
    }

    private List<String> contents() {
        return user.column("select content from public.chat_messages");
    }

    private List<String> states(UUID userId) {
        return database.user(userId).column("select state from chatkeep.completions");
    }
}

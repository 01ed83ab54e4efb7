package dev.chatkeep.profile;

import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** What is left of an account that is erased, and the tokens that were issued before. */
@WithinOneDay
@BesideOthers
class ErasureTest extends SqlTest {

    private static final String REFUSED = "PT401";

    @BeforeAll
    void aModelHasAPrice() {
        superuser.rows("insert into public.model_access (model_id, tier, output_cost_per_token) values ('gpt', 'free', 2)");
    }

    @BeforeEach
    void aUserWithRowsInEveryTable() {
        fill(id);
    }

    @Test
    void nothingIsLeftThatNamesTheUser() {
        // Given
        List<String> before = mentions(id.toString());

        // When
        user.rows("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(before).contains("profiles", "user_activity_log", "chat_sessions", "chat_messages", "user_usage_daily",
                "chatkeep.usage_by_model", "chatkeep.counted_sessions", "chatkeep.stored_by_user", "chatkeep.charges",
                "auth.users");
        assertThat(mentions(id.toString())).isEmpty();
    }

    @Test
    void theAnswerSaysHowManyRowsOfWhatWereDeleted() {
        // When
        JsonNode answer = user.value("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(answer.get("success")).isEqualTo(json("true"));
        assertThat(answer.get("deleted")).isEqualTo(json(
                "{'profiles': 1, 'sessions': 1, 'messages': 2, 'activity_logs': 1, 'usage_records': 1, 'accounts': 1}"));
        assertThat(Instant.parse(answer.get("erased_at").textValue()).getEpochSecond()).isEqualTo(erasedAt(id));
    }

    @Test
    void theRegisterHoldsAHashOfTheIdAndTheCounts() {
        // When
        JsonNode answer = user.value("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(database.service().<Object> column("""
                select records from chatkeep.data_requests
                 where kind = 'erasure' and encode(account, 'hex') = encode(sha256(convert_to(?, 'UTF8')), 'hex')
                """, id.toString())).containsExactly(answer.get("deleted"));
    }

    @Test
    void otherUsersKeepEverything() {
        // Given
        UUID otherId = database.newUser();
        fill(otherId);
        List<String> before = mentions(otherId.toString());

        // When
        user.rows("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(mentions(otherId.toString())).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({ "lower", "upper" })
    void theLogsOfOthersNoLongerSayWhoActed(String spelling) {
        // Given
        UUID otherId = database.newUser();
        String sub = spelling.equals("upper") ? id.toString().toUpperCase() : id.toString();
        SqlCaller admin = database.as("authenticated", json(
                "{'sub': '%s', 'role': 'authenticated', 'app_metadata': {'role': 'admin'}}".formatted(sub)).toString());
        admin.rows("select public.update_user_tier(?, 'pro')", otherId);
        UUID event = admin.value("select chatkeep.log_system_event('tested', null, null, '{\"a\": 1}')");

        // When
        user.rows("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(superuser.<Object> column("select details from public.user_activity_log"
                + " where user_id = ? and action = 'tier_updated' or id = ? order by action", otherId, event)).containsExactly(
                        json("{'a': 1, 'actor': {'role': 'admin', 'id': null}}"),
                        json("{'old_tier': 'free', 'new_tier': 'pro', 'actor': {'role': 'admin', 'id': null}}"));
        assertThat(mentions(id.toString())).isEmpty();
    }

    @Test
    void theLogOfTheSystemNoLongerSaysFromWhereSomebodyActed() throws Exception {
        // Given
        UUID event;
        try (Connection connection = database.admin(id).begin()) {
            SqlCaller.read(connection, "select set_config('chatkeep.client_address', '192.0.2.7', true),"
                    + " set_config('chatkeep.user_agent', 'A browser', true)");
            event = (UUID) SqlCaller.read(connection, "select public.log_user_activity(null, 'tested') as id").get(0).get("id");
            connection.commit();
        }
        String origin = "select concat_ws(' ', host(ip_address), user_agent) from public.user_activity_log where id = ?";
        String before = superuser.value(origin, event);

        // When
        user.rows("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(before).isEqualTo("192.0.2.7 A browser");
        assertThat(superuser.<String> value(origin, event)).isEmpty();
    }

    @Test
    void theLogsOfOthersStillSayWhoElseActed() {
        // Given
        UUID otherId = database.newUser();
        UUID adminId = database.newUser();
        database.admin(adminId).rows("select public.update_user_tier(?, 'pro')", otherId);

        // When
        user.rows("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(superuser.<String> column("select details -> 'actor' ->> 'id' from public.user_activity_log"
                + " where user_id = ? and action = 'tier_updated'", otherId)).containsExactly(adminId.toString());
    }

    @Test
    void theServiceErasesForAUser() {
        // When
        JsonNode answer = database.service().value("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(answer.at("/deleted/profiles").intValue()).isEqualTo(1);
        assertThat(mentions(id.toString())).isEmpty();
    }

    @Test
    void nobodyErasesAnother() {
        // Given
        SqlCaller other = database.user(database.newUser());

        // When
        String state = other.state("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(mentions(id.toString())).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select chatkeep.require_account()",
            "select chatkeep.begin_write('%s')",
            "select chatkeep.sign_in()",
            "select chatkeep.create_session('%s', 's1', 'A title')",
            "select chatkeep.erase_account('%s')" })
    void aTokenFromBeforeIsRefused(String sql) {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);
        SqlCaller caller = withTokenOf(Long.toString(erasedAt(id) - 1));

        // When
        String state = caller.state(sql.formatted(id));

        // Then
        assertThat(state).isEqualTo(REFUSED);
        assertThat(mentions(id.toString())).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({ "-1, PT401", "0, PT401", "1, 00000", "60, 00000" })
    void aTokenIsRefusedUpToTheSecondOfTheErasure(int secondsAfter, String state) {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);
        SqlCaller caller = withTokenOf(Long.toString(erasedAt(id) + secondsAfter));

        // When
        String actual = caller.state("select chatkeep.require_account()");

        // Then
        assertThat(actual).isEqualTo(state);
    }

    @ParameterizedTest
    @ValueSource(strings = { "null", "0" })
    void aTokenThatDoesNotSayWhenItWasIssuedIsRefused(String issuedAt) {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);

        // When
        String state = withTokenOf(issuedAt).state("select chatkeep.require_account()");

        // Then
        assertThat(state).isEqualTo(REFUSED);
    }

    @ParameterizedTest
    @CsvSource({ "-0.001, PT401", "0.001, 00000" })
    void fractionsOfSecondsAreReadWhereAnIssuerWritesThem(double secondsAfter, String state) {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);
        double erasedAt = superuser.value("""
                select extract(epoch from requested_at)::float8 from chatkeep.data_requests
                 where kind = 'erasure' and account = sha256(convert_to(?, 'UTF8'))
                """, id.toString());
        SqlCaller caller = withTokenOf("%.6f".formatted(erasedAt + secondsAfter));

        // When
        String actual = caller.state("select chatkeep.require_account()");

        // Then
        assertThat(actual).isEqualTo(state);
    }

    @Test
    void theTokensOfOthersAreAsGoodAsBefore() {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);

        // When
        String state = database.user(database.newUser()).state("select chatkeep.require_account()");

        // Then
        assertThat(state).isEqualTo(SUCCESS);
    }

    @Test
    void theServiceNeedsNoAccount() {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);

        // When
        String state = database.service().state("select chatkeep.require_account()");

        // Then
        assertThat(state).isEqualTo(SUCCESS);
    }

    @Test
    void anExportRefusesNoToken() {
        // Given
        user.rows("select chatkeep.record_export(?)", id);

        // When
        String state = withTokenOf("0").state("select chatkeep.require_account()");

        // Then
        assertThat(state).isEqualTo(SUCCESS);
    }

    @Test
    void whoComesBackWithANewTokenStartsAfresh() {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);
        SqlCaller back = withTokenOf(Long.toString(erasedAt(id) + 1));

        // When
        back.rows("select chatkeep.create_session(?, 's1', 'Again')", id);

        // Then
        assertThat(back.rows("select s.id, s.message_count, p.usage_stats - 'last_reset' as totals"
                + " from public.chat_sessions s join public.profiles p on p.id = s.user_id")).containsExactly(
                        Map.of("id", "s1", "message_count", 0, "totals",
                                json("{'total_messages': 0, 'total_tokens': 0, 'sessions_created': 1}")));
        assertThat(back.<String> column("select action from public.user_activity_log")).containsExactly("profile_created");
    }

    @Test
    void limitsGoOnWhenTheAccountComesBack() {
        // Given
        superuser.rows("insert into chatkeep.usage_by_model (user_id, usage_date, model, calls)"
                + " values (?, date_trunc('month', now() at time zone 'UTC')::date, 'gpt', 4), (?, '2020-01-01', 'gpt', 9)"
                + " on conflict (user_id, usage_date, model) do update set calls = 4", id, id);
        call(user, "r1");
        call(user, "r2");
        List<Map<String, Object>> before = used(user);
        user.rows("select chatkeep.erase_account(?)", id);
        SqlCaller back = withTokenOf(Long.toString(erasedAt(id) + 1));

        // When
        JsonNode policies = call(back, "r3").get("policies");

        // Then
        assertThat(remaining(policies, "requests-per-minute")).isEqualTo(10 - 3);
        assertThat(used(back)).singleElement().satisfies(now -> {
            assertThat(now.get("monthly")).isEqualTo((Long) before.get(0).get("monthly") + 1);
            assertThat(now.get("daily")).isEqualTo((Long) before.get(0).get("daily") + 1);
        });
    }

    @Test
    void limitsGoOnHoweverOftenAnAccountIsErased() {
        // Given
        call(user, "r1");
        user.rows("select chatkeep.erase_account(?)", id);
        SqlCaller back = withTokenOf(Long.toString(erasedAt(id) + 1));
        call(back, "r2");
        List<Map<String, Object>> before = used(back);

        // When
        back.rows("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(before).containsExactly(Map.of("model", "gpt", "daily", 2L, "monthly", 2L));
        assertThat(used(database.service())).isEqualTo(before);
    }

    @Test
    void theCallsOfAnErasedAccountAreForgottenWhenTheMonthIsOver() {
        // Given
        call(user, "r1");
        user.rows("select chatkeep.erase_account(?)", id);
        superuser.rows(
                "update chatkeep.calls_of_erased set usage_date = usage_date - 32 where account = chatkeep.account_hash(?)",
                id);
        superuser.rows("update chatkeep.requests_of_erased set started_at = started_at - interval '61 seconds'"
                + " where account = chatkeep.account_hash(?)", id);

        // When
        database.service().rows("select public.cleanup_old_data()");

        // Then
        assertThat(superuser.<Long> value("""
                select (select count(*) from chatkeep.calls_of_erased where account = chatkeep.account_hash(?))
                     + (select count(*) from chatkeep.requests_of_erased where account = chatkeep.account_hash(?))
                """, id, id)).isZero();
    }

    @Test
    void aBanGoesOnAfterAnErasure() {
        // Given
        superuser.rows("update public.profiles set banned_at = now(), banned_until = '2999-01-01', ban_reason = 'Spam'"
                + " where id = ?", id);
        user.rows("select chatkeep.erase_account(?)", id);
        SqlCaller back = withTokenOf(Long.toString(erasedAt(id) + 1));

        // When
        String state = back.state("select chatkeep.create_session('" + id + "', 's1', 'Again')");

        // Then
        assertThat(state).isEqualTo("PT403");
        back.rows("select chatkeep.begin_removal(?)", id);
        assertThat(superuser.<String> value("select banned_until::date || ' ' || (banned_at is not null) || ' '"
                + " || coalesce(ban_reason, 'none') from public.profiles where id = ?", id)).isEqualTo("2999-01-01 true none");
        assertThat(back.state("select chatkeep.create_session('" + id + "', 's1', 'Again')")).isEqualTo("PT403");
    }

    @Test
    void aBanThatIsOverIsForgotten() {
        // Given
        superuser.rows("update public.profiles set banned_until = '2999-01-01' where id = ?", id);
        user.rows("select chatkeep.erase_account(?)", id);
        superuser.rows("update chatkeep.bans_of_erased set banned_until = now() where account = chatkeep.account_hash(?)", id);

        // When
        database.service().rows("select public.cleanup_old_data()");

        // Then
        assertThat(superuser.<Long> value("select count(*) from chatkeep.bans_of_erased"
                + " where account = chatkeep.account_hash(?)", id)).isZero();
        withTokenOf(Long.toString(erasedAt(id) + 1)).rows("select chatkeep.create_session(?, 's1', 'Again')", id);
    }

    @Test
    void whoComesBackCanBeErasedAgain() {
        // Given
        user.rows("select chatkeep.erase_account(?)", id);
        SqlCaller back = withTokenOf(Long.toString(erasedAt(id) + 1));
        back.rows("select chatkeep.create_session(?, 's1', 'Again')", id);

        // When
        JsonNode answer = back.value("select chatkeep.erase_account(?) -> 'deleted'", id);

        // Then
        assertThat(answer).isEqualTo(json(
                "{'profiles': 1, 'sessions': 1, 'messages': 0, 'activity_logs': 1, 'usage_records': 1, 'accounts': 1}"));
    }

    @Test
    void anErasureThatIsRolledBackIsNone() throws Exception {
        // Given
        List<String> before = mentions(id.toString());
        try (Connection connection = user.begin()) {
            SqlCaller.read(connection, "select chatkeep.erase_account(?)", id);
        }

        // When
        String state = user.state("select chatkeep.require_account()");

        // Then
        assertThat(state).isEqualTo(SUCCESS);
        assertThat(mentions(id.toString())).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select chatkeep.create_session('%s', 's9', 'Too late')",
            "select chatkeep.append_message('%s', 's1', '{\"id\": \"m9\", \"role\": \"user\", \"content\": \"Too late\"}')",
            "select chatkeep.put_user_data('%s', '{\"ui\": {\"theme\": \"dark\"}}')",
            "select chatkeep.erase_account('%s')" })
    void aCallThatWaitedForTheErasureIsRefusedAndBringsNothingBack(String sql) throws Exception {
        // Given
        long before = superuser.<Instant> value("select now()").getEpochSecond() - 1;
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try (Connection erasing = user.begin()) {
            SqlCaller.read(erasing, "select chatkeep.erase_account(?)", id);
            Future<String> waiting = executor.submit(() -> withTokenOf(Long.toString(before)).state(sql.formatted(id)));
            untilSomebodyWaits();

            // When
            erasing.commit();

            // Then
            assertThat(waiting.get()).isEqualTo(REFUSED);
            assertThat(mentions(id.toString())).isEmpty();
        } finally {
            executor.shutdownNow();
        }
    }

    private void fill(UUID id) {
        SqlCaller user = database.user(id);
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id, json("""
                [{'id': 's1', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 2},
                     {'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 3}]},
                 {'id': 's2', 'messages': [{'id': 'm3', 'role': 'user', 'content': 'c'}]}]
                """).toString());
        user.rows("delete from public.chat_sessions where id = 's2'");
    }

    private JsonNode call(SqlCaller caller, String call) {
        return caller.value("select chatkeep.begin_completion(?, ?::jsonb)", id, json("""
                {'id': '%s', 'model': 'gpt', 'lease_seconds': 600, 'prompt_tokens': 0, 'requests_per_minute': {'free': 10}}
                """.formatted(call)).toString());
    }

    private List<Map<String, Object>> used(SqlCaller caller) {
        return caller.rows("select model, daily, monthly from chatkeep.answers_used(?)", id);
    }

    private static long remaining(JsonNode policies, String name) {
        for (JsonNode policy : policies) {
            if (policy.get("name").textValue().equals(name)) {
                return policy.get("remaining").longValue();
            }
        }
        throw new AssertionError(policies);
    }

    /** The caller with a token that was issued at that time, in seconds or anything else that JSON has. */
    private SqlCaller withTokenOf(String issuedAt) {
        return database.as("authenticated", json("{'sub': '%s', 'role': 'authenticated', 'email': '%s@example.org', 'iat': %s}"
                .formatted(id, id, issuedAt)).toString());
    }

    private long erasedAt(UUID id) {
        return superuser.<Instant> value("""
                select max(requested_at) from chatkeep.data_requests
                 where kind = 'erasure' and account = sha256(convert_to(?, 'UTF8'))
                """, id.toString()).getEpochSecond();
    }

    private List<String> mentions(String text) {
        List<String> tables = superuser
                .column("""
                        select c.oid::regclass::text from pg_class c
                         where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'chatkeep'::regnamespace, 'auth'::regnamespace)
                        """);
        List<String> mentions = new ArrayList<>();
        for (String table : tables) {
            superuser.rows("select from " + table + " t where strpos(lower(t::text), ?) > 0", text)
                    .forEach(row -> mentions.add(table));
        }
        return mentions;
    }

    private void untilSomebodyWaits() {
        await("somebody who waits").until(() -> superuser.<Boolean> value("""
                select exists (select from pg_stat_activity a join pg_locks l on l.pid = a.pid and not l.granted
                                where a.datname = current_database())"""));
    }
}

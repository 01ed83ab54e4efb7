package dev.chatkeep.security;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.WithinOneDay;

/** Ann and Bob have the same ids of sessions and messages, and nothing of each other's. */
@WithinOneDay
@BesideOthers
class RowLevelSecurityTest {

    private static MigratedDatabase database;

    private UUID annId;
    private UUID bobId;
    private SqlCaller ann;
    private SqlCaller bob;

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
        database.superuser().rows("insert into public.model_access (model_id, tier, is_active) values ('gpt', 'free', true)");
        database.superuser().rows("insert into public.model_access (model_id, tier, is_active) values ('old', 'free', false)");
    }

    @BeforeEach
    void twoUsersHaveTheSameIds() {
        annId = database.newUser();
        bobId = database.newUser();
        ann = database.user(annId);
        bob = database.user(bobId);
        fill(annId, "Ann");
        fill(bobId, "Bob");
    }

    @ParameterizedTest
    @CsvSource({
            "public.profiles, id",
            "public.user_activity_log, user_id",
            "public.chat_sessions, user_id",
            "public.chat_messages, user_id",
            "public.user_usage_daily, user_id",
            "chatkeep.charges, user_id",
            "chatkeep.counted_sessions, user_id",
            "chatkeep.stored_by_user, user_id",
            "chatkeep.usage_by_model, user_id",
            "chatkeep.completions, user_id",
            "chatkeep.completion_parts, user_id",
            "public.api_user_summary, user_id" })
    void usersSeeTheirRowsAlone(String table, String owner) {
        // When
        List<UUID> owners = ann.column("select distinct " + owner + " from " + table);

        // Then
        assertThat(owners).containsExactly(annId);
    }

    @Test
    void everyTableOfAUserIsAmongThoseTestedHere() {
        // When
        List<String> tables = database.superuser().column("""
                select a.attrelid::regclass::text
                  from pg_attribute a
                  join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'v')
                 where a.attname = 'user_id' and c.relnamespace in ('public'::regnamespace, 'chatkeep'::regnamespace)
                """);

        // Then
        assertThat(tables).containsExactlyInAnyOrder("user_activity_log", "chat_sessions", "chat_messages", "user_usage_daily",
                "api_user_summary", "chatkeep.charges", "chatkeep.counted_sessions", "chatkeep.stored_by_user",
                "chatkeep.usage_by_model",
                "chatkeep.completions",
                "chatkeep.completion_parts");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "update public.chat_sessions set title = 'Changed' returning user_id",
            "update public.chat_sessions set is_active = false returning user_id",
            "update public.chat_messages set content = 'Changed' returning user_id",
            "delete from public.chat_messages returning user_id",
            "delete from public.chat_sessions returning user_id" })
    void usersChangeTheirRowsAlone(String sql) {
        // Given
        List<Map<String, Object>> before = rowsOf(bob);

        // When
        List<UUID> owners = ann.column(sql);

        // Then
        assertThat(owners).containsOnly(annId);
        assertThat(rowsOf(bob)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "insert into public.chat_sessions (user_id, id, title) values (?, 'new', 'Planted')",
            "insert into public.chat_messages (user_id, id, session_id, role, content) values (?, 'new', 's1', 'user', 'Planted')",
            "insert into public.chat_messages (user_id, id, session_id, role, content) values (?, 'm1', 's1', 'user', 'Planted')"
                    + " on conflict (user_id, id) do update set content = excluded.content",
            "update public.chat_messages set user_id = ?",
            "select chatkeep.store_messages(?, array[jsonb_populate_record(null::chatkeep.incoming_message,"
                    + " '{\"session_id\": \"s1\", \"id\": \"new\", \"role\": \"user\", \"content\": \"Planted\"}')])" })
    void usersCannotPlantRowsAtOthers(String sql) {
        // Given
        List<Map<String, Object>> before = rowsOf(bob);

        // When
        String state = ann.state(sql, bobId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(rowsOf(bob)).isEqualTo(before);
    }

    @Test
    void twoUsersHoldTheSameIds() {
        // When
        List<Map<String, Object>> rows = database.superuser().rows("""
                select s.title, m.content
                  from public.chat_sessions s
                  join public.chat_messages m on m.user_id = s.user_id and m.session_id = s.id
                 where s.id = 's1' and m.id = 'm1' and s.user_id in (?, ?)
                 order by s.title
                """, annId, bobId);

        // Then
        assertThat(rows).containsExactly(
                Map.of("title", "Of Ann", "content", "Ann asks"),
                Map.of("title", "Of Bob", "content", "Bob asks"));
    }

    @Test
    void aUserSeesTheModelsInUseAlone() {
        // When
        List<String> models = ann.column("select model_id from public.model_access");

        // Then
        assertThat(models).containsExactly("gpt");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "public.profiles", "public.user_activity_log", "public.chat_sessions", "public.chat_messages",
            "public.user_usage_daily", "chatkeep.charges", "chatkeep.counted_sessions", "chatkeep.stored_by_user",
            "chatkeep.usage_by_model",
            "chatkeep.completions", "chatkeep.completion_parts", "public.api_user_summary" })
    void withoutClaimsThereIsNothingToSee(String table) {
        // Given
        SqlCaller nobody = database.as("authenticated", "");

        // When
        List<Map<String, Object>> rows = nobody.rows("select * from " + table);

        // Then
        assertThat(rows).isEmpty();
    }

    @Test
    void theLoginMayTouchNoTableWithoutTakingOnARole() {
        // Given
        SqlCaller login = database.login(PostgresServer.LOGIN);
        List<String> statements = database.superuser().column("""
                select s.statement || n.nspname || '.' || c.relname || s.rest
                  from pg_class c
                  join pg_namespace n on n.oid = c.relnamespace
                  join (values ('select * from ', '', '{r,v}'), ('insert into ', ' default values', '{r}'),
                               ('delete from ', '', '{r}')) as s (statement, rest, kinds) on c.relkind = any (s.kinds::"char"[])
                 where n.nspname in ('public', 'chatkeep', 'auth')
                """);

        // When
        List<String> states = statements.stream().map(login::state).toList();

        // Then
        assertThat(states).hasSizeGreaterThan(36).containsOnly(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void roleAndClaimsEndWithTheTransaction(boolean commits) throws SQLException {
        // Given
        List<Map<String, Object>> after;

        // When
        try (Connection connection = ann.begin()) {
            if (commits) {
                connection.commit();
            } else {
                connection.rollback();
            }
            after = SqlCaller.read(connection,
                    "select current_user::text as role, current_setting('request.jwt.claims', true) as claims");
        }

        // Then
        assertThat(after).containsExactly(Map.of("role", PostgresServer.LOGIN, "claims", ""));
    }

    /** Every function of the specification that takes a user's id. */
    static List<String> publicFunctions() {
        return List.of(
                "select public.log_user_activity(?, 'a')",
                "select public.sync_profile_from_auth(?)",
                "select * from public.get_user_recent_sessions(?)",
                "select public.get_session_with_messages('s1', ?)",
                "select public.sync_user_conversations(?, '[]')",
                "select public.track_user_usage(?)",
                "select * from public.get_user_allowed_models(?)",
                "select public.can_user_use_model(?, 'gpt')",
                "select public.update_user_tier(?, 'pro')",
                "select public.update_user_preferences(?, 'ui', '{}')",
                "select public.get_user_complete_profile(?)",
                "select public.export_user_data(?)");
    }

    /** Those, and what the service itself calls. */
    static List<String> functionsOfAUser() {
        return Stream.concat(publicFunctions().stream(), Stream.of(
                "select chatkeep.begin_write(?)",
                "select chatkeep.create_session(?, 's3', 'A title')",
                "select chatkeep.append_message(?, 's1', '{\"id\": \"m4\", \"role\": \"user\", \"content\": \"a\"}')",
                "select chatkeep.append_messages(?, 's1', '[{\"id\": \"m4\", \"role\": \"user\", \"content\": \"a\"}]')",
                "select chatkeep.require_caller(?)")).toList();
    }

    @ParameterizedTest
    @MethodSource("functionsOfAUser")
    void noFunctionLetsOneUserActForAnother(String sql) {
        // Given
        List<Map<String, Object>> before = rowsOf(bob);

        // When
        String state = ann.state(sql, bobId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(rowsOf(bob)).isEqualTo(before);
    }

    @ParameterizedTest
    @MethodSource("functionsOfAUser")
    void noFunctionWorksWithoutTakingOnARole(String sql) {
        // Given
        SqlCaller login = database.login(PostgresServer.LOGIN);

        // When
        String state = login.state(sql, bobId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @MethodSource("functionsOfAUser")
    void noFunctionWorksWithoutClaims(String sql) {
        // Given
        SqlCaller nobody = database.as("authenticated", "");

        // When
        String state = nobody.state(sql, bobId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @MethodSource("functionsOfAUser")
    void noFunctionTakesAMissingUserForTheCaller(String sql) {
        // Given
        SqlCaller nobody = database.as("authenticated", "{}");

        // When
        String state = nobody.state(sql, (Object) null);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @MethodSource("publicFunctions")
    void administratorsMayActForAUser(String sql) {
        // Given
        SqlCaller admin = database.admin(annId);

        // When
        String state = admin.state(sql, bobId);

        // Then
        assertThat(state).isEqualTo(SUCCESS);
    }

    @Test
    void anAdministratorReadsTheRecentSessionsOfAUser() {
        // Given
        SqlCaller admin = database.admin(annId);

        // When
        List<String> titles = admin.column("select title from public.get_user_recent_sessions(?)", bobId);

        // Then
        assertThat(titles).containsExactly("Of Bob");
    }

    @Test
    void anAdministratorReadsASessionOfAUser() {
        // Given
        SqlCaller admin = database.admin(annId);

        // When
        String title = admin.value("select public.get_session_with_messages('s1', ?) ->> 'title'", bobId);

        // Then
        assertThat(title).isEqualTo("Of Bob");
    }

    @ParameterizedTest
    @MethodSource("functionsOfAUser")
    void theServiceMayActForAUser(String sql) {
        // Given
        SqlCaller service = database.service();

        // When
        String state = service.state(sql, bobId);

        // Then
        assertThat(state).isEqualTo(SUCCESS);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select public.update_user_tier('%s', 'admin')",
            "select public.cleanup_old_data()",
            "select public.cleanup_old_data(1)",
            "select public.analyze_database_health()",
            "select chatkeep.record_system_stats()",
            "select chatkeep.sync_profile('%s', 'a@example.org', '{}')",
            "select public.handle_user_profile_sync()" })
    void usersMayNotCallWhatIsForTheService(String sql) {
        // When
        String state = ann.state(sql.formatted(annId));

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void anAdministratorMayChangeATier() {
        // Given
        SqlCaller admin = database.admin(annId);

        // When
        JsonNode result = admin.value("select public.update_user_tier(?, 'enterprise') - 'updated_at'", bobId);

        // Then
        assertThat(result).isEqualTo(json("{'success': true, 'old_tier': 'free', 'new_tier': 'enterprise'}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "{'sub': '%s', 'role': 'authenticated', 'user_metadata': {'role': 'admin'}}",
            "{'sub': '%s', 'role': 'admin'}",
            "{'sub': '%s', 'role': 'service_role'}",
            "{'sub': '%s', 'role': 'authenticated', 'app_metadata': {'role': 'Admin'}}",
            "{'sub': '%s', 'role': 'authenticated', 'app_metadata': {'roles': ['admin']}}",
            "{'sub': '%s', 'role': 'authenticated', 'app_metadata': 'admin'}",
            "{'sub': '%s', 'role': 'authenticated', 'app_metadata': null}" })
    void nobodyElseIsAnAdministrator(String claims) {
        // Given
        SqlCaller caller = database.as("authenticated", json(claims.formatted(annId)).toString());

        // When
        String state = caller.state("select public.update_user_tier(?, 'admin')", annId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void theTierNamedAdminMakesNobodyAnAdministrator() {
        // Given
        UUID id = database.newUser("admin");

        // When
        String state = database.user(id).state("select public.update_user_tier(?, 'pro')", annId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void theTierNamedAdminShowsNobodyElsesRows() {
        // Given
        UUID id = database.newUser("admin");

        // When
        List<Map<String, Object>> rows = database.user(id).rows("select * from public.chat_messages");

        // Then
        assertThat(rows).isEmpty();
    }

    /** Leaves the user with rows in every table. */
    private static void fill(UUID id, String name) {
        SqlCaller user = database.user(id);
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id, """
                [{"id": "s1", "title": "Of NAME", "messages": [{"id": "m1", "role": "user", "content": "NAME asks"},
                     {"id": "m2", "role": "assistant", "content": "NAME is answered", "model": "gpt", "output_tokens": 3}]},
                 {"id": "s2", "title": "Deleted by NAME", "messages": [{"id": "m3", "role": "user", "content": "Deleted"}]}]
                """.replace("NAME", name));
        user.rows("delete from public.chat_sessions where id = 's2'");
        user.rows("select chatkeep.begin_completion(?, '{\"id\": \"r1\", \"model\": \"gpt\", \"lease_seconds\": 3600,"
                + " \"prompt_tokens\": 0}')", id);
        database.service().rows("select chatkeep.checkpoint_completions(jsonb_build_array(jsonb_build_object("
                + "'user_id', ?::uuid, 'id', 'r1', 'position', 0, 'content', ?::text)), 3600)", id, name + " is");
    }

    private static List<Map<String, Object>> rowsOf(SqlCaller user) {
        return user.rows("""
                select jsonb_build_array(
                    (select jsonb_agg(to_jsonb(p)) from public.profiles p),
                    (select jsonb_agg(to_jsonb(l) order by l.id) from public.user_activity_log l),
                    (select jsonb_agg(to_jsonb(s) order by s.id) from public.chat_sessions s),
                    (select jsonb_agg(to_jsonb(m) order by m.id) from public.chat_messages m),
                    (select jsonb_agg(to_jsonb(u)) from public.user_usage_daily u),
                    (select jsonb_agg(to_jsonb(c) order by c.id) from chatkeep.completions c),
                    (select jsonb_agg(to_jsonb(p) order by p.position) from chatkeep.completion_parts p)) as rows
                """);
    }
}

package dev.chatkeep.schema;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.OlderPostgres;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.WithinOneDay;

/** On Supabase somebody else owns who signs in, the roles are there already, and new tables are open to everybody. */
@WithinOneDay
@BesideOthers
class SupabaseDatabaseTest {

    /** What new projects of Supabase run on. */
    private static final int SUPABASE_VERSION = 17;

    private static final String AUTH_OBJECTS = """
            select c.relname::text as name, pg_get_userbyid(c.relowner)::text as owner, c.relacl::text as acl,
                   c.relrowsecurity::text as definition
              from pg_class c where c.relnamespace = 'auth'::regnamespace
            union all
            select a.attname, a.attrelid::regclass::text, a.attacl::text,
                   concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
              from pg_attribute a
              left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
             where a.attrelid = 'auth.users'::regclass and a.attnum > 0
            union all
            select k.conname, k.conrelid::regclass::text, null, pg_get_constraintdef(k.oid)
              from pg_constraint k where k.conrelid = 'auth.users'::regclass
            union all
            select p.proname, pg_get_userbyid(p.proowner), p.proacl::text, pg_get_functiondef(p.oid)
              from pg_proc p where p.pronamespace = 'auth'::regnamespace
            union all
            select n.nspname, pg_get_userbyid(n.nspowner), n.nspacl::text, null
              from pg_namespace n where n.nspname in ('auth', 'public')
            union all
            select r.rolname, r.rolsuper::text, r.rolinherit::text, r.rolbypassrls::text
              from pg_roles r where r.rolname in ('anon', 'authenticated', 'service_role', 'authenticator')
            """;

    private static PostgresServer server;
    private static MigratedDatabase database;
    private static SqlCaller auth;
    private static UUID earlierUser;
    private static List<Map<String, Object>> authObjectsBefore;

    @BeforeAll
    static void migrate() throws SQLException {
        server = OlderPostgres.start(SUPABASE_VERSION);
        database = supabaseDatabase(server);
        auth = database.login("supabase_auth_admin");
        earlierUser = signUp("earlier@example.org", "{\"full_name\": \"Here Before\"}");
        authObjectsBefore = database.superuser().rows(AUTH_OBJECTS);
        database.migrate();
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, 16, 17, OlderPostgres.NEWEST })
    void migratesOnEachSupportedVersion(int majorVersion) throws SQLException {
        // Given
        try (PostgresServer other = OlderPostgres.start(majorVersion)) {
            MigratedDatabase fresh = supabaseDatabase(other);

            // When
            MigrateResult result = fresh.migrate();

            // Then
            assertThat(result.success).isTrue();
            assertThat(fresh.migrate().migrationsExecuted).isZero();
        }
    }

    @Test
    void leavesWhatBelongsToSupabaseAsItWas() {
        // When
        List<Map<String, Object>> authObjects = database.superuser().rows(AUTH_OBJECTS);

        // Then
        assertThat(authObjects).containsExactlyInAnyOrderElementsOf(authObjectsBefore);
    }

    @Test
    void addsOneTriggerToTheUsers() {
        // When
        List<String> triggers = database.superuser()
                .column("select tgname::text from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal");

        // Then
        assertThat(triggers).containsExactly("on_auth_user_profile_sync");
    }

    @Test
    void signingUpCreatesAProfileAndLogsIt() {
        // Given
        UUID id = signUp("ada@example.org", "{\"name\": \"Ada\", \"picture\": \"https://example.org/ada.png\"}");

        // When
        List<Map<String, Object>> profile = database.user(id)
                .rows("select id, email, full_name, avatar_url, subscription_tier, credits from public.profiles");

        // Then
        assertThat(profile).containsExactly(Map.of("id", id, "email", "ada@example.org", "full_name", "Ada",
                "avatar_url", "https://example.org/ada.png", "subscription_tier", "free", "credits", 0));
        assertThat(log(id)).containsExactly("profile_created");
    }

    @Test
    void signingInAgainIsLogged() {
        // Given
        UUID id = signUp("bea@example.org", "{}");

        // When
        signIn(id);

        // Then
        assertThat(log(id)).containsExactly("profile_created", "profile_synced");
    }

    @Test
    void signingInTwiceWithinAnHourIsLoggedOnce() {
        // Given
        UUID id = signUp("cleo@example.org", "{}");
        signIn(id);

        // When
        signIn(id);

        // Then
        assertThat(log(id)).containsExactly("profile_created", "profile_synced");
    }

    @Test
    void signingInAfterMoreThanAnHourIsLoggedAgain() {
        // Given
        UUID id = signUp("dora@example.org", "{}");
        signIn(id);
        database.superuser().rows(
                "update public.user_activity_log set timestamp = timestamp - interval '61 minutes' where user_id = ?", id);

        // When
        signIn(id);

        // Then
        assertThat(log(id)).containsExactly("profile_created", "profile_synced", "profile_synced");
    }

    @Test
    void anotherAddressIsLoggedAtOnceAndReachesTheProfile() {
        // Given
        UUID id = signUp("eve@example.org", "{\"full_name\": \"Eve\"}");
        signIn(id);

        // When
        auth.rows("update auth.users set email = 'eve@example.net', updated_at = now() where id = ?", id);

        // Then
        assertThat(log(id)).containsExactly("profile_created", "profile_synced", "profile_synced");
        assertThat(database.user(id).rows("select email, full_name from public.profiles"))
                .containsExactly(Map.of("email", "eve@example.net", "full_name", "Eve"));
        assertThat(database.user(id).<Object> column(
                "select details from public.user_activity_log where action = 'profile_synced' order by timestamp desc limit 1"))
                .containsExactly(json("{'changed': ['email']}"));
    }

    @Test
    void aUserWithoutAnAddressCanSignUp() {
        // Given
        UUID id = signUp(null, null);

        // When
        List<Map<String, Object>> profile = database.user(id).rows("select email, full_name from public.profiles");

        // Then
        Map<String, Object> expected = new HashMap<>();
        expected.put("email", "");
        expected.put("full_name", null);
        assertThat(profile).containsExactly(expected);
    }

    @Test
    void aUserWithVeryLongNamesCanSignUp() {
        // Given
        String longText = "é".repeat(10_000);
        UUID id = signUp("long@example.org", "{\"full_name\": \"" + longText + "\", \"avatar_url\": \"" + longText + "\"}");

        // When
        List<Map<String, Object>> profile = database.user(id).rows("select full_name, avatar_url from public.profiles");

        // Then
        Map<String, Object> expected = new HashMap<>();
        expected.put("full_name", "é".repeat(255));
        expected.put("avatar_url", null);
        assertThat(profile).containsExactly(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = { "null", "[]", "5", "\"text\"", "{\"full_name\": {\"first\": \"A\"}}", "{\"avatar_url\": [1]}" })
    void oddMetadataDoesNotKeepAnybodyFromSigningUp(String metadata) {
        // Given
        UUID id = UUID.randomUUID();

        // When
        String state = auth.state("insert into auth.users (id, email, raw_user_meta_data) values (?, ?, ?::jsonb)", id,
                id + "@example.org", metadata);

        // Then
        assertThat(state).isEqualTo(SUCCESS);
        assertThat(log(id)).containsExactly("profile_created");
    }

    @Test
    void aUserFromBeforeTheMigrationGetsAProfileByTheirFirstWrite() {
        // When
        database.user(earlierUser).rows("select chatkeep.begin_write(?)", earlierUser);

        // Then
        assertThat(database.user(earlierUser).rows("select id, email, full_name from public.profiles"))
                .containsExactly(Map.of("id", earlierUser, "email", "earlier@example.org", "full_name", "Here Before"));
        assertThat(log(earlierUser)).containsExactly("profile_created");
    }

    @Test
    void aWriteLeavesTheUserOfSupabaseUntouched() {
        // Given
        UUID id = signUp("fay@example.org", "{}");
        String before = rowVersion(id);

        // When
        database.user(id).rows("select chatkeep.sign_in()");

        // Then
        assertThat(rowVersion(id)).isEqualTo(before);
    }

    @Test
    void aDeletedUserIsRefusedEvenWithAValidToken() {
        // Given
        UUID id = signUp("gil@example.org", "{}");
        auth.rows("delete from auth.users where id = ?", id);

        // When
        String state = database.user(id).state("select chatkeep.begin_write(?)", id);

        // Then
        assertThat(state).isEqualTo("PT403");
    }

    @Test
    void anUnknownUserIsRefusedEvenWithAValidToken() {
        // Given
        UUID id = UUID.randomUUID();

        // When
        String state = database.user(id).state("select chatkeep.create_session(?, 's1', 'A title')", id);

        // Then
        assertThat(state).isEqualTo("PT403");
    }

    @Test
    void deletingAnAccountDeletesEverythingOfIt() {
        // Given
        UUID id = signUp("hal@example.org", "{}");
        SqlCaller user = database.user(id);
        user.rows("select chatkeep.create_session(?, 's1', 'Gone soon')", id);
        user.rows("select chatkeep.append_message(?, 's1', '{\"id\": \"m1\", \"role\": \"user\", \"content\": \"a\"}')", id);
        user.rows("delete from public.chat_sessions");
        user.rows("select chatkeep.create_session(?, 's2', 'Still here')", id);
        user.rows("select chatkeep.append_message(?, 's2', '{\"id\": \"m2\", \"role\": \"user\", \"content\": \"b\"}')", id);

        // When
        auth.rows("delete from auth.users where id = ?", id);

        // Then
        assertThat(placesThatName(id)).isEmpty();
    }

    @Test
    void erasingAnAccountDeletesEverythingButTheUserOfSupabase() {
        // Given
        UUID id = signUp("lea@example.org", "{\"full_name\": \"Lea\"}");
        SqlCaller user = database.user(id);
        user.rows("select chatkeep.create_session(?, 's1', 'Gone soon')", id);
        user.rows("select chatkeep.append_message(?, 's1', '{\"id\": \"m1\", \"role\": \"assistant\", \"content\": \"a\","
                + " \"model\": \"gpt\"}')", id);
        user.rows("select chatkeep.create_session(?, 's2', 'Deleted')", id);
        user.rows("delete from public.chat_sessions where id = 's2'");
        String before = rowVersion(id);

        // When
        JsonNode deleted = user.value("select chatkeep.erase_account(?) -> 'deleted'", id);

        // Then
        assertThat(deleted).isEqualTo(json(
                "{'profiles': 1, 'sessions': 1, 'messages': 1, 'activity_logs': 1, 'usage_records': 1, 'accounts': 0}"));
        assertThat(rowVersion(id)).isEqualTo(before);
        assertThat(placesThatName(id)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select chatkeep.create_session('%s', 's1', 'Too late')",
            "select chatkeep.sign_in()",
            "select public.sync_user_conversations('%s', '[{\"id\": \"s1\"}]')",
            "select public.sync_profile_from_auth('%s')" })
    void anErasedUserWithAnOldTokenIsRefusedAndGetsNoProfile(String sql) {
        // Given
        UUID id = signUp(UUID.randomUUID() + "@example.org", "{}");
        database.user(id).rows("select chatkeep.erase_account(?)", id);

        // When
        String state = database.user(id).state(sql.formatted(id));

        // Then
        assertThat(state).isEqualTo("PT401");
        assertThat(database.superuser().rows("select from public.profiles where id = ?", id)).isEmpty();
    }

    @Test
    void anErasedUserWithANewTokenStartsAfresh() {
        // Given
        UUID id = signUp("nia@example.org", "{\"full_name\": \"Nia\"}");
        database.user(id).rows("select chatkeep.create_session(?, 's1', 'Of before')", id);
        database.user(id).rows("select chatkeep.erase_account(?)", id);
        SqlCaller back = database.as("authenticated", "{\"sub\": \"" + id + "\", \"role\": \"authenticated\", \"iat\": "
                + (erasedAt(id) + 1) + "}");

        // When
        back.rows("select chatkeep.create_session(?, 's2', 'Of after')", id);

        // Then
        assertThat(back.rows("select p.full_name, s.id from public.profiles p join public.chat_sessions s on s.user_id = p.id"))
                .containsExactly(Map.of("full_name", "Nia", "id", "s2"));
        assertThat(log(id)).containsExactly("profile_created");
    }

    @Test
    void anErasedUserDoesNotComeBackWithAnotherChangeOfTheirRow() {
        // Given
        UUID id = signUp("pia@example.org", "{}");
        database.user(id).rows("select chatkeep.erase_account(?)", id);

        // When
        database.superuser().rows("update auth.users set raw_user_meta_data = '{\"full_name\": \"Pia\"}' where id = ?", id);

        // Then
        assertThat(database.superuser().rows("select from public.profiles where id = ?", id)).isEmpty();
    }

    @Test
    void anErasedUserComesBackBySigningIn() {
        // Given
        UUID id = signUp("rea@example.org", "{}");
        database.user(id).rows("select chatkeep.erase_account(?)", id);

        // When
        database.superuser().rows("update auth.users set last_sign_in_at = now() + interval '1 second' where id = ?", id);

        // Then
        assertThat(log(id)).containsExactly("profile_created");
    }

    @Test
    void theUserOfSupabaseIsNoPartOfAnExport() {
        // Given
        UUID id = signUp("oda@example.org", "{}");

        // When
        JsonNode export = database.user(id).value("select public.export_user_data(?)", id);

        // Then
        assertThat(export.get("account").isNull()).isTrue();
        assertThat(export.at("/profile/email").textValue()).isEqualTo("oda@example.org");
    }

    @Test
    void aUserWhoComesThroughTheApiOfSupabaseSeesTheirRowsAlone() {
        // Given
        UUID ida = signUp("ida@example.org", "{}");
        UUID jim = signUp("jim@example.org", "{}");
        database.user(ida).rows("select chatkeep.create_session(?, 's1', 'Of Ida')", ida);
        database.user(jim).rows("select chatkeep.create_session(?, 's1', 'Of Jim')", jim);
        SqlCaller api = new SqlCaller(server, database.name(), "authenticator", "authenticated",
                "{\"sub\": \"" + jim + "\", \"role\": \"authenticated\"}");

        // When
        List<String> titles = api.column("select title from public.chat_sessions");

        // Then
        assertThat(titles).containsExactly("Of Jim");
    }

    @Test
    void theServiceThatComesThroughTheApiOfSupabaseMayChangeATier() {
        // Given
        UUID id = signUp("kim@example.org", "{}");
        SqlCaller api = new SqlCaller(server, database.name(), "authenticator", "service_role", "{\"role\": \"service_role\"}");

        // When
        api.rows("select public.update_user_tier(?, 'pro')", id);

        // Then
        assertThat(database.user(id).<String> value("select subscription_tier from public.profiles")).isEqualTo("pro");
    }

    @Test
    void anonHasNoRightOnAnyTableOrFunctionOfOurs() {
        // When
        List<String> open = database.superuser()
                .column("""
                        select c.oid::regclass::text
                          from pg_class c
                         where c.relnamespace in ('public'::regnamespace, 'chatkeep'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm')
                           and (has_any_column_privilege('anon', c.oid, 'select, insert, update, references')
                                or has_table_privilege('anon', c.oid, 'delete, truncate, trigger'))
                        union all
                        select p.oid::regprocedure::text
                          from pg_proc p
                         where p.pronamespace in ('public'::regnamespace, 'chatkeep'::regnamespace)
                           and has_function_privilege('anon', p.oid, 'execute')
                        """);

        // Then
        assertThat(open).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select * from public.profiles",
            "select * from public.chat_messages",
            "select * from public.model_access",
            "select * from public.api_user_summary",
            "select public.get_user_allowed_models(auth.uid())",
            "select public.jsonb_deep_merge('{}', '{}')",
            "select public.analyze_database_health()",
            "insert into public.system_cache (cache_key, cache_value) values ('a', '1')" })
    void anonIsRefused(String sql) {
        // Given
        SqlCaller anon = new SqlCaller(server, database.name(), "authenticator", "anon", "{\"role\": \"anon\"}");

        // When
        String state = anon.state(sql);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "insert into public.chat_sessions (user_id, id, message_count) values (auth.uid(), 'x', 1)",
            "insert into public.chat_sessions (user_id, id, total_tokens) values (auth.uid(), 'x', 1)",
            "insert into public.chat_sessions (user_id, id, last_model) values (auth.uid(), 'x', 'gpt')",
            "insert into public.chat_sessions (user_id, id, last_message_preview) values (auth.uid(), 'x', 'a')",
            "insert into public.chat_sessions (user_id, id, last_message_timestamp) values (auth.uid(), 'x', now())",
            "update public.chat_sessions set message_count = 1",
            "update public.chat_sessions set total_tokens = 1",
            "update public.chat_sessions set last_model = 'gpt'",
            "update public.chat_sessions set last_message_preview = 'a'",
            "update public.chat_sessions set last_message_timestamp = now()",
            "update public.chat_sessions set updated_at = now()",
            "update public.chat_sessions set last_activity = now()",
            "update public.chat_sessions set user_id = auth.uid()",
            "truncate public.chat_messages",
            "insert into public.profiles (id, email) values (auth.uid(), 'a')",
            "update public.profiles set subscription_tier = 'admin'",
            "update public.profiles set credits = 1000000",
            "update public.profiles set usage_stats = '{}'",
            "update public.profiles set email = 'other@example.org'",
            "delete from public.profiles",
            "insert into public.user_activity_log (user_id, action) values (auth.uid(), 'a')",
            "update public.user_activity_log set action = 'b'",
            "delete from public.user_activity_log",
            "insert into public.user_usage_daily (user_id) values (auth.uid())",
            "update public.user_usage_daily set messages_sent = 0",
            "delete from public.user_usage_daily",
            "insert into public.model_access (model_id, tier) values ('m', 'free')",
            "update public.model_access set tier = 'free'",
            "delete from public.model_access",
            "select * from public.system_cache",
            "update public.system_cache set cache_value = '1'",
            "select * from public.system_stats",
            "delete from public.system_stats",
            "insert into chatkeep.charges (user_id, message_id, usage_date) values (auth.uid(), 'm', '2026-01-01')",
            "delete from chatkeep.charges",
            "insert into chatkeep.counted_sessions values (auth.uid(), 's')",
            "delete from chatkeep.counted_sessions",
            "select * from chatkeep.flyway_schema_history",
            "update auth.users set email = 'other@example.org'" })
    void usersCannotWriteWhatIsKeptForThem(String sql) {
        // Given
        UUID id = signUp(UUID.randomUUID() + "@example.org", "{}");

        // When
        String state = database.user(id).state(sql);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void theLoginOfTheServiceCanBecomeTheUserAndTheServiceAlone() {
        // Given
        SqlCaller login = database.login(PostgresServer.LOGIN);
        List<String> roles = database.superuser()
                .column("select rolname::text from pg_roles where rolname <> 'chatkeep_app' order by rolname");

        // When
        List<String> possible = roles.stream().filter(role -> login.state("set role " + role).equals(SUCCESS)).toList();

        // Then
        assertThat(possible).containsExactly("authenticated", "service_role");
    }

    private static MigratedDatabase supabaseDatabase(PostgresServer server) throws SQLException {
        MigratedDatabase database = MigratedDatabase.empty(server);
        try (Connection connection = server.superuser(database.name()); Statement statement = connection.createStatement()) {
            statement.execute(script());
        }
        return database;
    }

    private static String script() {
        try (InputStream script = SupabaseDatabaseTest.class.getResourceAsStream("supabase.sql")) {
            return new String(script.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The way Supabase Auth does it. */
    private static UUID signUp(String email, String metadata) {
        UUID id = UUID.randomUUID();
        auth.rows(
                """
                        insert into users (instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data, raw_user_meta_data,
                                           created_at, updated_at)
                        values ('00000000-0000-0000-0000-000000000000', ?, 'authenticated', 'authenticated', ?, '', '{"provider": "email"}',
                                ?::jsonb, now(), now())
                        """,
                id, email, metadata);
        return id;
    }

    private static void signIn(UUID id) {
        auth.rows("update users set last_sign_in_at = now(), updated_at = now() where id = ?", id);
    }

    private static long erasedAt(UUID id) {
        return database.superuser().<Instant> value("""
                select max(requested_at) from chatkeep.data_requests
                 where kind = 'erasure' and account = sha256(convert_to(?, 'UTF8'))
                """, id.toString()).getEpochSecond();
    }

    private static List<String> log(UUID id) {
        return database.user(id).column("select action from public.user_activity_log order by timestamp, action");
    }

    private static List<String> placesThatName(UUID id) {
        return database.superuser().column("""
                select 'profile' from public.profiles where id = ?1
                union all select 'log' from public.user_activity_log where user_id = ?1
                union all select 'session' from public.chat_sessions where user_id = ?1
                union all select 'message' from public.chat_messages where user_id = ?1
                union all select 'usage' from public.user_usage_daily where user_id = ?1
                union all select 'usage by model' from chatkeep.usage_by_model where user_id = ?1
                union all select 'charge' from chatkeep.charges where user_id = ?1
                union all select 'counted session' from chatkeep.counted_sessions where user_id = ?1
                """.replace("?1", "'" + id + "'"));
    }

    private static String rowVersion(UUID id) {
        return database.superuser().value("select xmin::text || ' ' || ctid::text from auth.users where id = ?", id);
    }
}

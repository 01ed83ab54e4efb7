package dev.chatkeep.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.OlderPostgres;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.SqlCaller;

/** Roles belong to the whole server, so tests that need servers without them, or with odd ones, start their own. */
@BesideOthers
class MigrationTest {

    /** By major version; they have seen no migration before this class. */
    private static final Map<Integer, PostgresServer> SERVERS = new HashMap<>();

    private static int migrations;

    @BeforeAll
    static void countMigrations() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("src", "main", "resources", "db", "migration"))) {
            migrations = (int) files.filter(file -> file.toString().endsWith(".sql")).count();
        }
    }

    @AfterAll
    static void stopServers() {
        SERVERS.values().forEach(PostgresServer::close);
        SERVERS.clear();
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, 16, 17, OlderPostgres.NEWEST })
    void migratesAnEmptyDatabaseOfEachSupportedVersion(int majorVersion) {
        // Given
        MigratedDatabase database = MigratedDatabase.empty(SERVERS.computeIfAbsent(majorVersion, OlderPostgres::start));

        // When
        MigrateResult result = database.migrate();

        // Then
        assertThat(result.success).isTrue();
        assertThat(result.migrationsExecuted).isEqualTo(migrations);
        assertThat(database.superuser().<Integer> value("select current_setting('server_version_num')::int / 10000"))
                .isEqualTo(majorVersion);
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, 16, 17, OlderPostgres.NEWEST })
    void theServiceWorksOnEachSupportedVersion(int majorVersion) {
        // Given
        MigratedDatabase database = MigratedDatabase.create(SERVERS.computeIfAbsent(majorVersion, OlderPostgres::start));
        UUID id = database.newUser();
        SqlCaller user = database.user(id);

        // When
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id, """
                [{"id": "c1", "title": "Lisbon", "messages": [
                    {"id": "m1", "role": "user", "content": "What should I see?", "input_tokens": 5},
                    {"id": "m2", "role": "assistant", "content": "The castle.", "model": "gpt", "output_tokens": 7}]}]
                """);

        // Then
        assertThat(user.rows("select title, message_count, total_tokens, last_model from public.chat_sessions"))
                .containsExactly(Map.of("title", "Lisbon", "message_count", 2, "total_tokens", 12L, "last_model", "gpt"));
        assertThat(database.login(PostgresServer.LOGIN).state("select from public.chat_sessions"))
                .isEqualTo(SqlCaller.INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void migratingAgainChangesNothing() {
        // Given
        MigratedDatabase database = MigratedDatabase.create();

        // When
        MigrateResult result = database.migrate();

        // Then
        assertThat(result.success).isTrue();
        assertThat(result.migrationsExecuted).isZero();
    }

    @RepeatedTest(3)
    void twoInstancesMayMigrateAtTheSameTime() throws Exception {
        // Given
        MigratedDatabase database = MigratedDatabase.empty();

        // When
        List<MigrateResult> results = MigratedDatabase.together(2, instance -> database::migrate);

        // Then
        assertThat(results).allMatch(result -> result.success)
                .extracting(result -> result.migrationsExecuted)
                .satisfies(each -> assertThat(each.stream().mapToInt(Integer::intValue).sum()).isEqualTo(migrations));
    }

    @Test
    void fourDatabasesOfAServerWithoutTheRolesMayMigrateAtTheSameTime() throws Exception {
        // Given
        try (PostgresServer server = PostgresServer.start()) {
            List<MigratedDatabase> databases = List.of(
                    MigratedDatabase.empty(server),
                    MigratedDatabase.empty(server),
                    MigratedDatabase.empty(server),
                    MigratedDatabase.empty(server));

            // When
            List<MigrateResult> results = MigratedDatabase.together(4, instance -> databases.get(instance)::migrate);

            // Then
            assertThat(results).allMatch(result -> result.success).extracting(result -> result.migrationsExecuted)
                    .containsOnly(migrations);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, OlderPostgres.NEWEST })
    void migratesWhereTheRolesExistAlready(int majorVersion) throws Exception {
        // Given
        try (PostgresServer server = OlderPostgres.start(majorVersion)) {
            asSuperuser(server, """
                    create role anon;
                    create role authenticated;
                    create role service_role bypassrls;
                    create role chatkeep_app login;
                    grant authenticated, service_role to chatkeep_owner with admin option;
                    """);
            MigratedDatabase database = MigratedDatabase.empty(server);

            // When
            MigrateResult result = database.migrate();

            // Then
            assertThat(result.migrationsExecuted).isEqualTo(migrations);
            assertThat(database.superuser().rows("""
                    select pg_has_role('chatkeep_app', r, 'member') as member, pg_has_role('chatkeep_app', r, 'usage') as usage
                      from unnest(array ['authenticated', 'service_role', 'anon']) r
                    """)).containsExactly(
                    Map.of("member", true, "usage", false),
                    Map.of("member", true, "usage", false),
                    Map.of("member", false, "usage", false));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, OlderPostgres.NEWEST })
    void migratesWhereAnAdministratorHasPreparedTheLogin(int majorVersion) throws Exception {
        // Given
        try (PostgresServer server = OlderPostgres.start(majorVersion)) {
            asSuperuser(server, """
                    create role anon;
                    create role authenticated;
                    create role service_role;
                    create role chatkeep_app login noinherit;
                    grant authenticated, service_role to chatkeep_app;
                    """);
            MigratedDatabase database = MigratedDatabase.empty(server);

            // When
            MigrateResult result = database.migrate();

            // Then
            assertThat(result.migrationsExecuted).isEqualTo(migrations);
        }
    }

    @Test
    void saysWhatToDoWhereTheOwnerMayNotGrantTheRoles() throws Exception {
        // Given
        try (PostgresServer server = PostgresServer.start()) {
            asSuperuser(server, "create role authenticated; create role service_role; create role anon");
            MigratedDatabase database = MigratedDatabase.empty(server);

            // When
            Throwable refusal = catchThrowable(database::migrate);

            // Then
            assertThat(refusal).isInstanceOf(FlywayException.class).hasMessageContainingAll(
                    "the owner of the schema may not grant role authenticated to chatkeep_app",
                    "Run once as an administrator: ");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "create role anon; create role authenticated; create role service_role",
            "create role anon; create role authenticated; create role service_role; create role chatkeep_app login noinherit",
            "create role anon; create role authenticated; create role service_role; create role chatkeep_app login inherit;"
                    + " grant authenticated, service_role to chatkeep_app" })
    void migratesOnceAnAdministratorHasDoneWhatItSaid(String roles) throws Exception {
        // Given
        try (PostgresServer server = PostgresServer.start()) {
            asSuperuser(server, roles);
            MigratedDatabase database = MigratedDatabase.empty(server);
            doWhatIsAsked(server, database);

            // When
            MigrateResult result = database.migrate();

            // Then
            assertThat(result.migrationsExecuted).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = { "superuser", "bypassrls" })
    void refusesALoginThatNoPolicyWouldBind(String attribute) throws Exception {
        // Given
        try (PostgresServer server = PostgresServer.start()) {
            asSuperuser(server, "create role chatkeep_app login noinherit " + attribute);
            MigratedDatabase database = MigratedDatabase.empty(server);

            // When
            Throwable refusal = catchThrowable(database::migrate);

            // Then
            assertThat(refusal).isInstanceOf(FlywayException.class)
                    .hasMessageContaining("role chatkeep_app must be neither a superuser nor BYPASSRLS");
        }
    }

    @Test
    void leavesTablesOfOthersInThePublicSchemaAlone() throws SQLException {
        // Given
        MigratedDatabase database = MigratedDatabase.empty();
        database.superuser().rows("create table public.guests as select 'Ada' as name");

        // When
        MigrateResult result = database.migrate();

        // Then
        assertThat(result.migrationsExecuted).isEqualTo(migrations);
        assertThat(database.superuser().<String> column("select name from public.guests")).containsExactly("Ada");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            create function public.update_updated_at_column() returns trigger language plpgsql as 'begin new.modified := now(); return new; end' | function public.update_updated_at_column()
            create function public.jsonb_deep_merge(a jsonb, b jsonb) returns jsonb language sql as 'select a' | function public.jsonb_deep_merge(jsonb,jsonb)
            create table public.profiles (name text)                   | table profiles
            create view public.api_user_summary as select 1 as one      | view api_user_summary
            create type public.chat_sessions as enum ('a')              | type public.chat_sessions
            """)
    void stopsBeforeItTakesANameThatSomebodyElseHas(String made, String name) {
        // Given
        MigratedDatabase database = MigratedDatabase.empty();
        database.superuser().rows(made);

        // When
        Throwable refusal = catchThrowable(database::migrate);

        // Then
        assertThat(refusal).isInstanceOf(FlywayException.class)
                .hasMessageContaining("Chatkeep needs names that are taken: " + name);
        assertThat(database.superuser().<Object> value("select to_regclass('auth.users')::text")).isNull();
        assertThat(database.superuser()
                .<Boolean> value("select count(*) = 1 from pg_proc where proname = 'update_updated_at_column'"))
                .isEqualTo(made.contains("update_updated_at_column"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "create temporary table t (a int)", "create domain pg_temp.inet as text",
            "create function pg_temp.lower(text) returns text language sql as 'select $1'" })
    void usersMakeNoTemporaryObjects(String sql) {
        // Given
        MigratedDatabase database = MigratedDatabase.create(PostgresServer.shared());

        // When
        List<String> states = List.of(database.user(UUID.randomUUID()).state(sql), database.service().state(sql),
                database.login(PostgresServer.LOGIN).state(sql));

        // Then
        assertThat(states).containsOnly(SqlCaller.INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "create domain pg_temp.inet as text check (pg_temp.steal() is not null)",
            "create function pg_temp.nullif(text, text) returns text language sql as 'select pg_temp.steal()::text'",
            "create function pg_temp.clock_timestamp() returns timestamptz language sql as 'select now() from pg_temp.steal()'" })
    void whereTemporaryObjectsAreAllowedTheyRunNothingWithTheRightsOfTheOwner(String sql) throws SQLException {
        // Given
        MigratedDatabase database = MigratedDatabase.create();
        UUID id = database.newUser();
        database.superuser().rows("grant temporary on database " + database.name() + " to authenticated");

        // When
        try (Connection connection = database.user(id).begin()) {
            Sql.rows(connection, "create function pg_temp.steal() returns int language plpgsql as"
                    + " 'begin raise exception ''run as %'', current_user; end'");
            Sql.rows(connection, sql);
            Sql.rows(connection, "select set_config('chatkeep.client_address', '192.0.2.7', true)");
            Sql.rows(connection, "select public.log_user_activity(?, 'a')", id);
            connection.commit();
        }

        // Then
        assertThat(database.superuser()
                .<String> column("select host(ip_address) from public.user_activity_log where action = 'a'"))
                .containsExactly("192.0.2.7");
    }

    @Test
    void migratesWhereTheOwnerMayNotForbidTemporaryObjects() {
        // Given
        MigratedDatabase database = MigratedDatabase.empty();
        database.superuser().rows("alter database " + database.name() + " owner to postgres");
        database.superuser().rows("grant create on database " + database.name() + " to " + PostgresServer.OWNER);
        database.superuser().rows("grant create on schema public to " + PostgresServer.OWNER);

        // When
        MigrateResult result = database.migrate();

        // Then
        assertThat(result.migrationsExecuted).isEqualTo(migrations);
        assertThat(database.superuser()
                .<Boolean> value("select has_database_privilege('authenticated', current_database(), 'temporary')"))
                .isTrue();
    }

    /** Migrates and, as an administrator, does what refusals ask for, until there is none or one repeats itself. */
    private static void doWhatIsAsked(PostgresServer server, MigratedDatabase database) throws SQLException {
        Set<String> done = new HashSet<>();
        Throwable refusal;
        while ((refusal = catchThrowable(database::migrate)) != null) {
            Matcher advice = Pattern.compile("Run once as an administrator: (.*)").matcher(refusal.getMessage());
            if (!advice.find() || !done.add(advice.group(1))) {
                return;
            }
            asSuperuser(server, advice.group(1));
        }
    }

    private static void asSuperuser(PostgresServer server, String script) throws SQLException {
        try (Connection connection = server.superuser("postgres"); Statement statement = connection.createStatement()) {
            statement.execute(script);
        }
    }
}

package dev.chatkeep.schema;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.OlderPostgres;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.WithinOneDay;

/**
 * A database with data that holds the tables of version 5 and is brought to those of today. Its rows are inserted as they
 * stand, without the functions of the time.
 */
@WithinOneDay
@BesideOthers
class UpgradeTest {

    private static final int OLD_VERSION = 5;

    private static final Map<Integer, PostgresServer> SERVERS = new HashMap<>();

    /** What the tables of the old version hold, column by column; columns that came later are left out. */
    private static final String CONTENT = """
            select t.name, (xpath('/row/c/text()', query_to_xml(format(
                       'select coalesce(jsonb_agg(to_jsonb(r) order by to_jsonb(r)::text), ''[]'') as c from %s r',
                       t.name), false, true, '')))[1]::text as content
              from unnest(array ['auth.users', 'public.profiles', 'public.user_activity_log', 'public.chat_sessions',
                                 'public.chat_messages', 'public.user_usage_daily', 'public.model_access',
                                 'chatkeep.charges', 'chatkeep.counted_sessions', 'chatkeep.completions']) as t (name)
            """;

    @TempDir
    Path oldMigrations;

    @AfterAll
    static void stopServers() {
        SERVERS.values().forEach(PostgresServer::close);
        SERVERS.clear();
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, 16, 17, OlderPostgres.NEWEST })
    void anUpgradeKeepsEverything(int majorVersion) throws IOException {
        // Given
        MigratedDatabase database = ofTheOldVersion(majorVersion);
        fill(database);
        Map<String, String> before = content(database);

        // When
        MigrateResult result = database.migrate();

        // Then
        assertThat(result.success).isTrue();
        assertThat(content(database)).isEqualTo(before).hasSize(10)
                .allSatisfy((table, rows) -> assertThat(rows).isNotEqualTo("[]"));
        assertThat(database.migrate().migrationsExecuted).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, OlderPostgres.NEWEST })
    void whoWasThereBeforeGoesOnAsBefore(int majorVersion) throws IOException {
        // Given
        MigratedDatabase database = ofTheOldVersion(majorVersion);
        UUID id = fill(database);
        SqlCaller user = database.user(id);
        database.migrate();

        // When
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id, json("""
                [{'id': 's1', 'messages': [
                    {'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 5},
                    {'id': 'm4', 'role': 'assistant', 'content': 'c', 'model': 'gpt', 'output_tokens': 3}]},
                 {'id': 's0', 'messages': [{'id': 'gone', 'role': 'user', 'content': 'Back', 'input_tokens': 1}]}]
                """).toString());

        // Then
        assertThat(user
                .rows("select messages_sent, messages_received, output_tokens, sessions_created from public.user_usage_daily"))
                .containsExactly(
                        Map.of("messages_sent", 5L, "messages_received", 5L, "output_tokens", 3L, "sessions_created", 0L));
        assertThat(user.<JsonNode> value("select usage_stats - 'last_reset' from public.profiles"))
                .isEqualTo(json("{'total_messages': 10, 'total_tokens': 93, 'sessions_created': 2, 'total_cost': 1.5}"));
        assertThat(user.<JsonNode> value("select to_jsonb(m) - 'user_id' - 'usage_date' from chatkeep.usage_by_model m"))
                .isEqualTo(
                        json("""
                                {'model': 'gpt', 'messages_sent': 0, 'messages_received': 1, 'input_tokens': 0, 'output_tokens': 3, 'cost': 1.5, 'calls': 0}
                                """));
    }

    @ParameterizedTest
    @ValueSource(ints = { 15, OlderPostgres.NEWEST })
    void theNewTablesAreEmpty(int majorVersion) throws IOException {
        // Given
        MigratedDatabase database = ofTheOldVersion(majorVersion);
        fill(database);

        // When
        database.migrate();

        // Then
        assertThat(database.superuser().<Object> value("""
                select array [(select count(*) from public.system_cache), (select count(*) from public.system_stats),
                              (select count(*) from chatkeep.job_runs)]
                """)).isEqualTo(List.of(0L, 0L, 0L));
    }

    private MigratedDatabase ofTheOldVersion(int majorVersion) throws IOException {
        MigratedDatabase database = MigratedDatabase.empty(SERVERS.computeIfAbsent(majorVersion, version -> {
            PostgresServer server = OlderPostgres.start(version);
            server.createLogin();
            return server;
        }));
        try (Stream<Path> files = Files.list(Path.of("src", "main", "resources", "db", "migration"))) {
            for (Path file : files.filter(file -> version(file) <= OLD_VERSION).toList()) {
                Files.copy(file, oldMigrations.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        Flyway.configure()
                .dataSource(database.server().jdbcUrl(database.name()), PostgresServer.OWNER, PostgresServer.PASSWORD)
                .locations("filesystem:" + oldMigrations)
                .defaultSchema("chatkeep").schemas("chatkeep").createSchemas(true)
                .load().migrate();
        return database;
    }

    private static int version(Path file) {
        String name = file.getFileName().toString();
        return name.startsWith("V") ? Integer.parseInt(name.substring(1, name.indexOf('_'))) : Integer.MAX_VALUE;
    }

    private static UUID fill(MigratedDatabase database) {
        UUID id = UUID.randomUUID();
        SqlCaller superuser = database.superuser();
        superuser.rows("insert into auth.users (id, email) values (?, 'ada@example.org')", id);
        superuser.rows(
                "insert into public.profiles (id, email, subscription_tier, usage_stats) values (?, 'ada@example.org', 'pro', ?::jsonb)",
                id,
                json("{'total_messages': 9, 'total_tokens': 90, 'sessions_created': 2, 'last_reset': '2026-01-01T00:00:00Z'}")
                        .toString());
        superuser.rows(
                "insert into public.user_activity_log (user_id, action, details) values (?, 'profile_created', '{\"a\": 1}')",
                id);
        superuser.rows(
                "insert into public.chat_sessions (user_id, id, title, message_count, total_tokens) values (?, 's1', 'Old', 2, 12)",
                id);
        superuser
                .rows("""
                        insert into public.chat_messages (user_id, id, session_id, role, content, model, input_tokens, output_tokens, error_message)
                        values (?1, 'm1', 's1', 'user', 'a', null, 5, null, null), (?1, 'm2', 's1', 'assistant', 'b', 'gpt', null, 7, null),
                               (?1, 'm3', 's1', 'assistant', '', 'gpt', null, null, 'It failed')
                        """
                        .replace("?1", "'" + id + "'"));
        superuser.rows("""
                insert into public.user_usage_daily (user_id, messages_sent, messages_received, models_used, estimated_cost)
                values (?, 5, 4, '{"gpt": 4}', 0.25)
                """, id);
        superuser.rows("insert into public.model_access (model_id, tier, output_cost_per_token) values ('gpt', 'free', 0.5)");
        superuser.rows("insert into chatkeep.completions (user_id, id, model, state, lease_until, input_cost, output_cost)"
                + " values (?, 'r1', 'gpt', 'complete', now(), 1, 1)", id);
        superuser.rows("insert into chatkeep.charges (user_id, message_id, usage_date, messages_sent, input_tokens)"
                + " values (?, 'gone', current_date, 1, 1)", id);
        superuser.rows("insert into chatkeep.counted_sessions values (?, 's0')", id);
        return id;
    }

    private static Map<String, String> content(MigratedDatabase database) {
        Map<String, String> content = new TreeMap<>();
        database.superuser().rows(CONTENT).forEach(row -> content.put((String) row.get("name"), (String) row.get("content")));
        return content;
    }
}

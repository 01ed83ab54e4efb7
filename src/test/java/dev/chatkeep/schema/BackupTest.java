package dev.chatkeep.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.OlderPostgres;
import dev.chatkeep.testsupport.Patience;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.SqlCaller;

/**
 * The backup as docs/operations.md describes it. The server of the tests comes without PostgreSQL's tools, so those of the
 * machine are used, on a server of their version.
 */
@BesideOthers
class BackupTest {

    private static final Set<Integer> VERSIONS = Set.of(15, 16, 17, OlderPostgres.NEWEST);

    /** Everything that a role may do, and the rows of each table. */
    private static final String CONTENT = """
            select c.oid::regclass::text as name, c.relowner::regrole::text as owner, coalesce(c.relacl, acldefault('r', c.relowner))::text as rights,
                   c.relrowsecurity as secured,
                   (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %s', c.oid::regclass), false, true, '')))[1]::text as rows
              from pg_class c
             where c.relkind in ('r', 'v') and c.relnamespace::regnamespace::text in ('public', 'chatkeep', 'auth')
            union all
            select p.oid::regprocedure::text, p.proowner::regrole::text, coalesce(p.proacl, acldefault('f', p.proowner))::text, p.prosecdef, p.proconfig::text
              from pg_proc p
             where p.pronamespace::regnamespace::text in ('public', 'chatkeep', 'auth')
            union all
            select t.tgname || ' on ' || t.tgrelid::regclass, null, null, t.tgenabled = 'O', pg_get_triggerdef(t.oid)
              from pg_trigger t
             where not t.tgisinternal
            union all
            select 'database', d.datdba::regrole::text, null,
                   has_database_privilege('chatkeep_app', d.oid, 'temporary'), null
              from pg_database d
             where d.datname = current_database()
             order by 1
            """;

    @TempDir
    Path directory;

    private int version;

    @BeforeEach
    void findTheTools() throws Exception {
        version = versionOfTools();
        assumeTrue(VERSIONS.contains(version), "This machine has no pg_dump, pg_dumpall and pg_restore of PostgreSQL 15 to 18,"
                + " so nothing was backed up.");
    }

    @Test
    void aBackupIsRestoredOnANewServer() throws Exception {
        // Given
        try (PostgresServer old = OlderPostgres.start(version); PostgresServer fresh = OlderPostgres.start(version)) {
            old.createLogin();
            MigratedDatabase before = MigratedDatabase.create(old);
            UUID ada = userWithAConversation(before);
            UUID eve = userWithAConversation(before);
            run("pg_dumpall", "--roles-only", "--no-role-passwords", "-d", address(old, "postgres"), "-f", "roles.sql");
            run("pg_dump", "-Fc", "-d", address(old, before.name()), "-f", "chatkeep.dump");

            // When
            MigratedDatabase after = restore(fresh, before.name());

            // Then
            MigrateResult migration = after.migrate();
            fresh.createLogin();
            assertThat(migration.migrationsExecuted).isZero();
            assertThat(after.superuser().rows(CONTENT)).isEqualTo(before.superuser().rows(CONTENT));
            for (UUID id : List.of(ada, eve)) {
                assertThat(after.user(id).rows("select user_id, id from public.chat_messages")).containsExactlyInAnyOrder(
                        Map.of("user_id", id, "id", "m1"), Map.of("user_id", id, "id", "m2"));
            }
            after.user(ada).rows("select chatkeep.append_message(?, 's1', ?::jsonb)", ada,
                    "{\"id\": \"m3\", \"role\": \"user\", \"content\": \"c\"}");
            assertThat(after.user(ada).<Integer> value("select message_count from public.chat_sessions")).isEqualTo(3);
            assertThat(after.login(PostgresServer.LOGIN).state("select from public.chat_messages"))
                    .isEqualTo(SqlCaller.INSUFFICIENT_PRIVILEGE);
            assertThat(after.service().<Integer> value("select chatkeep.schema_version()")).isEqualTo(6);
        }
    }

    private UUID userWithAConversation(MigratedDatabase database) {
        UUID id = database.newUser();
        database.user(id).rows("select public.sync_user_conversations(?, ?::jsonb)", id,
                """
                        [{"id": "s1", "messages": [{"id": "m1", "role": "user", "content": "a", "input_tokens": 5},
                                                   {"id": "m2", "role": "assistant", "content": "b", "model": "gpt", "output_tokens": 7}]}]
                        """);
        return id;
    }

    /** Roles first, then an empty database of their owner, then what the backup holds. */
    private MigratedDatabase restore(PostgresServer server, String name) throws Exception {
        // The new server has roles of its own, so some are there already.
        Path roles = directory.resolve("missing-roles.sql");
        try (Stream<String> lines = Files.lines(directory.resolve("roles.sql"))) {
            Files.write(roles, lines.filter(line -> !line.matches("CREATE ROLE (postgres|chatkeep_owner);.*")).toList());
        }
        MigratedDatabase database = new MigratedDatabase(server, name);
        run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", address(server, "postgres"), "-f", roles.toString());
        server.ensureDatabase(name);
        run("pg_restore", "--exit-on-error", "--single-transaction", "-d", address(server, name), "chatkeep.dump");
        database.superuser().rows("revoke temporary on database " + name + " from public");
        return database;
    }

    private static String address(PostgresServer server, String database) {
        return server.url(database).replace("://", "://postgres@");
    }

    /** 0 where one is missing, or where they are not of one version. */
    private int versionOfTools() throws Exception {
        Pattern number = Pattern.compile("\\(PostgreSQL\\) (\\d+)");
        Set<Integer> versions = Stream.of("pg_dump", "pg_dumpall", "pg_restore", "psql").map(tool -> {
            try {
                Matcher matcher = number.matcher(run(tool, "--version"));
                return matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
            } catch (IOException e) {
                return 0;
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }).collect(Collectors.toSet());
        return versions.size() == 1 ? versions.iterator().next() : 0;
    }

    private String run(String... command) throws IOException, InterruptedException {
        Path output = directory.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("PGPASSWORD", PostgresServer.PASSWORD);
        Process process = builder.start();
        try {
            if (!process.waitFor(Patience.PATIENCE.toSeconds(), TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IllegalStateException(
                        String.join(" ", command) + ": " + Files.readString(output, StandardCharsets.UTF_8));
            }
        } finally {
            process.destroyForcibly();
        }
        return Files.readString(output, StandardCharsets.UTF_8);
    }
}

package dev.chatkeep.schema;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

import org.flywaydb.core.api.exception.FlywayValidateException;
import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import dev.chatkeep.command.MigrationBlocked;
import dev.chatkeep.command.Migrations;
import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;

/** The version before goes on while the migrations of the next one run. */
@WithinOneDay
@BesideOthers
class UpgradeUnderLoadTest {

    private static final int WRITERS = 4;

    /** As long as the program lets a migration wait. */
    private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(2);
    private static final Migrations PATIENT = new Migrations(Duration.ofMillis(300), 10_000, Duration.ofMillis(100));
    private static final Migrations IMPATIENT = new Migrations(Duration.ofSeconds(1), 2, Duration.ofMillis(10));
    private static final String UNIQUE_TITLES = """
            drop index concurrently if exists public.chat_sessions_titles_idx;
            create unique index concurrently chat_sessions_titles_idx on public.chat_sessions (user_id, title);
            """;

    private final MigratedDatabase database = MigratedDatabase.create();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @TempDir
    Path further;

    @AfterEach
    void stop() {
        threads.shutdownNow();
    }

    @Test
    void everythingThatIsReplacedIsReplacedUnderAServiceAtWork() throws Exception {
        // Given
        Load load = new Load();
        List<Future<Integer>> writers = new ArrayList<>();
        List<UUID> users = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            UUID user = database.newUser();
            users.add(user);
            writers.add(threads.submit(() -> load.run(user)));
        }
        await("all write").until(() -> load.writing() == WRITERS || writers.stream().anyMatch(Future::isDone));
        database.superuser().rows("update chatkeep.flyway_schema_history set checksum = 1 where version is null");

        // When
        MigrateResult result = database.migrate();

        // Then
        load.end();
        assertThat(result.migrationsExecuted).isEqualTo(12);
        for (int i = 0; i < WRITERS; i++) {
            int rounds = writers.get(i).get();
            assertThat(database.superuser().rows(
                    """
                            select s.message_count, s.total_tokens, u.messages_sent, u.messages_received, u.input_tokens, u.output_tokens,
                                   (p.usage_stats ->> 'total_messages')::int as total
                              from public.chat_sessions s
                              join public.user_usage_daily u using (user_id)
                              join public.profiles p on p.id = s.user_id
                             where s.user_id = ?
                            """,
                    users.get(i))).containsExactly(Map.of(
                            "message_count", 2 * rounds, "total_tokens", 12L * rounds, "messages_sent", (long) rounds,
                            "messages_received", (long) rounds, "input_tokens", 5L * rounds, "output_tokens", 7L * rounds,
                            "total", 2 * rounds));
        }
    }

    @Test
    void whoComesAfterAMigrationThatWaitsDoesNotWaitForWhatItWaitsFor() throws Exception {
        // Given
        migration("V1001__colour.sql", "alter table public.chat_messages add column colour text");
        UUID id = userWithASession();
        try (Connection holder = holding("select from public.chat_messages")) {
            Future<MigrateResult> migrating = threads.submit(() -> migrate(PATIENT));
            untilAMigrationWaits();

            // When
            append(id, "m1");

            // Then
            assertThat(migrating).isNotDone();
            holder.rollback();
            assertThat(migrating.get().migrationsExecuted).isEqualTo(1);
            assertThat(database.user(id).<String> column("select id from public.chat_messages where colour is null"))
                    .containsExactly("m1");
        }
    }

    @Test
    void anIndexIsBuiltHoweverLongOthersWrite() throws Exception {
        // Given
        migration("V1001__index.sql", """
                drop index concurrently if exists public.chat_messages_elapsed_idx;
                create index concurrently chat_messages_elapsed_idx on public.chat_messages (elapsed_ms);
                """);
        UUID id = userWithASession();
        try (Connection holder = holding("lock table public.chat_messages in row exclusive mode")) {
            Future<MigrateResult> migrating = threads.submit(() -> migrate(IMPATIENT));
            untilAMigrationWaits();

            // When
            append(id, "m1");

            // Then
            assertThat(migrating).isNotDone();
            holder.rollback();
            assertThat(migrating.get().migrationsExecuted).isEqualTo(1);
            assertThat(database.superuser().<Boolean> value(
                    "select indisvalid from pg_index where indexrelid = 'public.chat_messages_elapsed_idx'::regclass"))
                    .isTrue();
        }
    }

    @Test
    void anIndexThatCouldNotBeBuiltIsBuiltWhenTheCauseIsGone() throws Exception {
        // Given
        migration("V1001__index.sql", UNIQUE_TITLES);
        UUID id = userWithASession();
        database.superuser().rows("insert into public.chat_sessions (user_id, id, title)"
                + " select user_id, 'twin', title from public.chat_sessions where user_id = ?", id);
        Throwable failed = catchThrowable(() -> migrate(IMPATIENT));
        Throwable failedAgain = catchThrowable(() -> migrate(IMPATIENT));
        List<Boolean> left = titlesIndex();
        database.superuser().rows("delete from public.chat_sessions where id = 'twin'");

        // When
        MigrateResult result = migrate(IMPATIENT);

        // Then
        assertThat(failed).rootCause().hasMessageContaining("could not create unique index");
        assertThat(failedAgain).rootCause().hasMessageContaining("could not create unique index");
        assertThat(left).containsExactly(false);
        assertThat(result.migrationsExecuted).isEqualTo(1);
        assertThat(titlesIndex()).containsExactly(true);
        assertThat(database.superuser().<Boolean> column(
                "select success from chatkeep.flyway_schema_history where version = '1001'")).containsExactly(true);
    }

    @Test
    void aFailureStaysWhereTheHistoryIsWrongBesides() throws Exception {
        // Given
        migration("V1001__index.sql", UNIQUE_TITLES);
        UUID id = userWithASession();
        database.superuser().rows("insert into public.chat_sessions (user_id, id, title)"
                + " select user_id, 'twin', title from public.chat_sessions where user_id = ?", id);
        catchThrowable(() -> migrate(IMPATIENT));
        database.superuser().rows("delete from public.chat_sessions where id = 'twin'");
        database.superuser().rows("update chatkeep.flyway_schema_history set checksum = 1 where version = '6'");

        // When
        Throwable failure = catchThrowable(() -> migrate(IMPATIENT));

        // Then
        assertThat(failure).isInstanceOf(FlywayValidateException.class).hasMessageContaining("version 6");
        assertThat(database.superuser().<Boolean> column(
                "select success from chatkeep.flyway_schema_history where version = '1001'")).containsExactly(false);
        assertThat(database.superuser().<Integer> column(
                "select checksum from chatkeep.flyway_schema_history where version = '6'")).containsExactly(1);
    }

    @Test
    void aMigrationThatGivesUpNamesWhoHoldsTheLock() throws Exception {
        // Given
        migration("V1001__colour.sql", "alter table public.chat_messages add column colour text");
        try (Connection holder = holding("select from public.chat_messages")) {
            int pid = (Integer) Sql.rows(holder, "select pg_backend_pid() as pid").get(0).get("pid");

            // When
            Throwable failure = catchThrowable(() -> migrate(IMPATIENT));

            // Then
            assertThat(failure).isInstanceOf(MigrationBlocked.class).hasMessage(
                    "The schema was not brought up to date, because process " + pid + " (role postgres, application report)"
                            + " holds a lock that a migration needs and did not give it back in 2 attempts of 1000 ms each;"
                            + " end that session or its transaction, and migrate again.");
            assertThat(database.superuser().<Long> value(
                    "select count(*) from chatkeep.flyway_schema_history where version = '1001'")).isZero();
        }
    }

    @Test
    void aMigrationWaitsForLocksAndNotForStatements() throws Exception {
        // Given
        migration("V1001__settings.sql",
                """
                        create table chatkeep.seen as
                        select current_setting('lock_timeout') as lock_timeout, current_setting('statement_timeout') as statement_timeout
                        """);
        database.superuser().rows("alter database " + database.name() + " set statement_timeout = '30s'");

        // When
        migrate(new Migrations(LOCK_TIMEOUT, 2, Duration.ZERO));

        // Then
        assertThat(database.superuser().rows("select * from chatkeep.seen"))
                .containsExactly(Map.of("lock_timeout", "2s", "statement_timeout", "0"));
    }

    private void migration(String name, String sql) throws IOException {
        Files.writeString(further.resolve(name), sql);
    }

    private MigrateResult migrate(Migrations migrations) {
        return database.server().migrate(database.name(), migrations, "filesystem:" + further);
    }

    /** Somebody who has forgotten a transaction, with whatever locks the statement takes. */
    private Connection holding(String sql) throws SQLException {
        Connection holder = database.server().superuser(database.name());
        Sql.rows(holder, "set application_name = 'report'");
        holder.setAutoCommit(false);
        Sql.rows(holder, sql);
        return holder;
    }

    private void untilAMigrationWaits() {
        await("a migration waits for a lock").until(() -> database.superuser().<Boolean> value("""
                select count(*) > 0 from pg_stat_activity
                 where datname = current_database() and application_name = 'chatkeep migration' and wait_event_type = 'Lock'
                """));
    }

    private UUID userWithASession() {
        UUID id = database.newUser();
        database.user(id).rows("select chatkeep.create_session(?, 's1', 'Title')", id);
        return id;
    }

    private void append(UUID id, String message) {
        database.user(id).rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id,
                "{\"id\": \"" + message + "\", \"role\": \"user\", \"content\": \"a\", \"input_tokens\": 5}");
    }

    /** Writes and reads over connections that last, with the statements of the service. */
    private final class Load {

        private final AtomicInteger writing = new AtomicInteger();
        private volatile boolean over;

        int writing() {
            return writing.get();
        }

        void end() {
            over = true;
        }

        /** Returns how many rounds there were, of a question and an answer each. */
        int run(UUID id) throws SQLException {
            int rounds = 0;
            try (Connection connection = database.server().connect(database.name(), PostgresServer.LOGIN)) {
                Sql.rows(connection, "select set_config('lock_timeout', ?, false)", LOCK_TIMEOUT.toMillis() + "ms");
                connection.setAutoCommit(false);
                asUser(connection, id, "select chatkeep.create_session(?, 's1', 'Title')", id);
                while (!over) {
                    asUser(connection, id, "select (chatkeep.append_message(?, 's1', ?::jsonb)).id", id,
                            "{\"id\": \"q" + rounds + "\", \"role\": \"user\", \"content\": \"a\", \"input_tokens\": 5}");
                    asUser(connection, id, "select public.sync_user_conversations(?, ?::jsonb)", id,
                            "[{\"id\": \"s1\", \"messages\": [{\"id\": \"a" + rounds + "\", \"role\": \"assistant\","
                                    + " \"content\": \"b\", \"model\": \"gpt\", \"output_tokens\": 7}]}]");
                    asUser(connection, id, "select id, content from public.chat_messages where session_id = 's1' limit 20");
                    asUser(connection, id, "select * from public.get_user_recent_sessions(?)", id);
                    rounds++;
                    if (rounds == 10) {
                        writing.incrementAndGet();
                    }
                }
            }
            return rounds;
        }

        private void asUser(Connection connection, UUID id, String sql, Object... parameters) throws SQLException {
            Sql.rows(connection, "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', ?, true)",
                    "{\"sub\":\"" + id + "\",\"role\":\"authenticated\"}");
            Sql.rows(connection, sql, parameters);
            connection.commit();
        }
    }

    /** Whether it is valid; nothing where there is none. */
    private List<Boolean> titlesIndex() {
        return database.superuser().column("select indisvalid from pg_index"
                + " where indexrelid = to_regclass('public.chat_sessions_titles_idx')");
    }
}

package dev.chatkeep.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.OlderPostgres;
import dev.chatkeep.testsupport.PackagedProgram;
import dev.chatkeep.testsupport.PackagedProgram.Ended;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Tokens;
import dev.chatkeep.testsupport.WithinOneDay;

/** The tasks of the packaged program, with no more settings than each needs. */
@TestInstance(Lifecycle.PER_CLASS)
@WithinOneDay
@BesideOthers
class TasksIT {

    private static final String NOBODY = "00000000-0000-4000-8000-00000000dead";

    /** A migration needs the address and the owner alone, and every other task all but the owner. */
    private static final Set<String> SETTINGS_OF_MIGRATION = Set.of("QUARKUS_DATASOURCE_REACTIVE_URL",
            "QUARKUS_FLYWAY_USERNAME", "QUARKUS_FLYWAY_PASSWORD");

    /** A database with the settings to reach it. */
    private record Target(PostgresServer server, String database) {

        Ended run(String... arguments) throws IOException, InterruptedException {
            Map<String, String> settings = PackagedProgram.environment(DatabaseResource.settings(server, database));
            if (arguments[0].equals("migrate")) {
                settings.keySet().retainAll(SETTINGS_OF_MIGRATION);
            } else {
                settings.keySet().removeIf(name -> name.startsWith("QUARKUS_FLYWAY"));
            }
            return PackagedProgram.run(settings, arguments);
        }

        List<Map<String, Object>> rows(String sql, Object... parameters) throws SQLException {
            try (Connection connection = server.superuser(database)) {
                return Sql.rows(connection, sql, parameters);
            }
        }

        UUID newUser() throws SQLException {
            UUID id = UUID.randomUUID();
            rows("insert into auth.users (id, email) values (?, ?)", id, id + "@example.org");
            return id;
        }
    }

    @TempDir
    Path directory;

    private final Target migrated = new Target(PostgresServer.shared(), PostgresServer.shared().createMigratedDatabase());

    @ParameterizedTest
    @ValueSource(ints = { 15, OlderPostgres.NEWEST })
    void eachTaskDoesItsWorkWithTheSettingsThatItNeeds(int majorVersion) throws Exception {
        try (PostgresServer server = OlderPostgres.start(majorVersion)) {
            server.createLogin();
            Target target = new Target(server, server.createDatabase());

            Ended migrated = target.run("migrate");
            assertThat(migrated).isEqualTo(new Ended(0, "The schema is at version 6.\n", ""));

            UUID user = target.newUser();
            Path lines = Files.writeString(directory.resolve("conversations.jsonl"),
                    """
                            {"id": "one", "title": "Größe", "messages": [{"id": "m1", "role": "user", "content": "🙂", "input_tokens": 3}]}
                            {"id": "two", "messages": []}
                            """);
            Ended imported = target.run("import", lines.toString(), "--user", user.toString());
            assertThat(imported.output()).isEqualTo("Stored 2 and refused 0 conversations.\n");
            assertThat(imported.status()).isZero();
            assertThat(imported.errors()).contains("Import 100%");

            Path document = directory.resolve("export.json");
            Ended exported = target.run("export", "--user", user.toString(), "--out", document.toString());
            assertThat(exported.status()).isZero();
            assertThat(exported.output()).isEqualTo(document + " has " + Files.size(document) + " bytes.\n");
            JsonNode conversations = Json.of(Files.readString(document)).path("conversations");
            assertThat(Json.texts(conversations, "title")).containsExactly("Größe", "New Chat");
            assertThat(conversations.at("/0/messages/0/content").textValue()).isEqualTo("🙂");

            target.rows("update public.user_activity_log set timestamp = now() - interval '91 days' where user_id = ?", user);
            Ended cleaned = target.run("cleanup");
            assertThat(cleaned.status()).isZero();
            assertThat(cleaned.errors()).isEmpty();
            assertThat(Json.of(cleaned.output()).path("deleted_records")).isEqualTo(Json.of("""
                    {"activity_logs": 2, "usage_records": 0, "cache_entries": 0, "conversations": 0}"""));

            Ended health = target.run("health");
            assertThat(health.status()).isZero();
            assertThat(Json.of(health.output()).path("totals")).isEqualTo(Json.of("""
                    {"users": 1, "sessions": 2, "messages": 1, "tokens": 3}"""));
        }
    }

    @Test
    void cleanupKeepsAsManyDaysAsItIsTold() throws Exception {
        // Given
        UUID user = migrated.newUser();
        migrated.rows("update public.user_activity_log set timestamp = now() - interval '8 days' where user_id = ?", user);

        // When
        Ended cleaned = migrated.run("cleanup", "--days", "7");

        // Then
        assertThat(cleaned.status()).isZero();
        assertThat(Json.of(cleaned.output()).at("/deleted_records/activity_logs").intValue()).isEqualTo(1);
    }

    @Test
    void anImportStoresWhatIsGoodAndSaysWhatIsNot() throws Exception {
        // Given
        UUID user = migrated.newUser();
        Path array = Files.writeString(directory.resolve("array.json"), """
                [{"id": "good", "messages": []}, {"id": "bad", "messages": [{"id": "m1", "role": "user"}]}, 5]""");

        // When
        Ended imported = migrated.run("import", array.toString(), "--user", user.toString());

        // Then
        assertThat(imported.status()).isEqualTo(1);
        assertThat(imported.output()).isEqualTo("Stored 1 and refused 2 conversations.\n");
        assertThat(imported.errors()).contains("\nbad: messages[0].content is missing.\n",
                "\nWithout an id: The conversation has the wrong type.\n");
        assertThat(migrated.rows("select id from public.chat_sessions where user_id = ?", user))
                .containsExactly(Map.of("id", "good"));
    }

    @Test
    void anImportInManyPartsCanBeRunAgain() throws Exception {
        // Given
        UUID user = migrated.newUser();
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 450; i++) {
            lines.append("{\"id\": \"c").append(i).append("\", \"messages\": [{\"id\": \"m").append(i)
                    .append("\", \"role\": \"user\", \"content\": \"x\", \"input_tokens\": 1}]}\n");
        }
        Path file = Files.writeString(directory.resolve("many.jsonl"), lines);
        migrated.run("import", file.toString(), "--user", user.toString());

        // When
        Ended again = migrated.run("import", file.toString(), "--user", user.toString());

        // Then
        assertThat(again.output()).isEqualTo("Stored 450 and refused 0 conversations.\n");
        assertThat(migrated.rows("select messages_sent, input_tokens from public.user_usage_daily where user_id = ?", user))
                .containsExactly(Map.of("messages_sent", 450L, "input_tokens", 450L));
    }

    @Test
    void aFileThatIsNoJsonIsNamedWithTheLine() throws Exception {
        // Given
        UUID user = migrated.newUser();
        Path file = Files.writeString(directory.resolve("broken.jsonl"), "{\"id\": \"a\"}\n{\"id\": ");

        // When
        Ended imported = migrated.run("import", file.toString(), "--user", user.toString());

        // Then
        assertThat(imported.status()).isEqualTo(1);
        assertThat(imported.errors()).endsWith(file + ", line 2, is not JSON. Stored 0 and refused 0 conversations.\n");
    }

    @ParameterizedTest
    @CsvSource({
            "import %s/none.jsonl --user " + NOBODY + ", There is no file %s/none.jsonl that can be read.",
            "export --user " + NOBODY + " --out %s/x.json, There is no such user.",
            "export --user " + NOBODY + " --out %s/none/x.json, There is no directory %s/none." })
    void whatCannotBeDoneIsSaidInOneLine(String arguments, String complaint) throws Exception {
        // When
        Ended ended = migrated.run(arguments.replace("%s", directory.toString()).split(" "));

        // Then
        assertThat(ended).isEqualTo(new Ended(1, "", complaint.replace("%s", directory.toString()) + "\n"));
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void anImportForNobodyStoresNothing() throws Exception {
        // Given
        Path file = Files.writeString(directory.resolve("one.jsonl"), "{\"id\": \"a\"}");

        // When
        Ended imported = migrated.run("import", file.toString(), "--user", NOBODY);

        // Then
        assertThat(imported.status()).isEqualTo(1);
        assertThat(imported.errors()).endsWith("There is no such user.\n");
    }

    /** {@code CommandLineTest} has all of them. */
    @Test
    void wrongArgumentsAreRefused() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(), "cleanup", "--days", "0");

        // Then
        assertThat(ended.status()).isEqualTo(2);
        assertThat(ended.output()).isEmpty();
        assertThat(ended.errors()).isNotBlank().doesNotContain("Exception", "\tat ");
    }

    @Test
    void helpExplainsATask() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(), "export", "--help");

        // Then
        assertThat(ended.status()).isZero();
        assertThat(ended.output()).startsWith("Usage: chatkeep export");
        assertThat(ended.errors()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
            "migrate, 'quarkus.datasource.reactive.url, quarkus.flyway.username, quarkus.flyway.password'",
            "health, 'quarkus.datasource.reactive.url, quarkus.datasource.password'" })
    void missingSettingsAreNamed(String task, String names) throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(), task);

        // Then
        assertThat(ended).isEqualTo(new Ended(78, "", "Chatkeep cannot start: set " + names + ".\n"));
    }

    @Test
    void figuresOfUsageThatAreNotTheSumsOfTheLedgerAreNamedAndRepaired() throws Exception {
        // Given
        UUID user = migrated.newUser();
        migrated.rows("insert into chatkeep.charges (user_id, message_id, usage_date, model, messages_received, output_tokens)"
                + " values (?, 'a1', '2026-01-01', 'gpt', 1, 7)", user);
        Ended well = migrated.run("check-usage", "--user", user.toString());
        migrated.rows("update public.user_usage_daily set output_tokens = 5 where user_id = ?", user);

        // When
        Ended wrong = migrated.run("check-usage");
        Ended repaired = migrated.run("check-usage", "--repair", "--user", user.toString());

        // Then
        assertThat(well.output()).isEqualTo("1 users, 0 figures differ.\n");
        assertThat(well.status()).isZero();
        assertThat(wrong.output()).contains(user + " 2026-01-01 output_tokens: 5, by the ledger 7\n");
        assertThat(wrong.status()).isEqualTo(1);
        assertThat(repaired.output())
                .isEqualTo(user + " 2026-01-01 output_tokens: 5, by the ledger 7\n1 users, 1 figures repaired.\n");
        assertThat(repaired.status()).isZero();
        assertThat(migrated.rows("select output_tokens from public.user_usage_daily where user_id = ?", user))
                .containsExactly(Map.of("output_tokens", 7L));
    }

    @Test
    void aDatabaseWithOtherMigrationsIsLeftAloneWithASentence() throws Exception {
        // Given
        Target other = new Target(migrated.server(), migrated.server().createMigratedDatabase());
        other.rows("update chatkeep.flyway_schema_history set checksum = 1 where version = '3'");
        String sentence = "This database was made by another version of Chatkeep, whose migrations are not those of this one."
                + " Nothing was changed. Export its users with the version that made it (task export), and import them (task"
                + " import) into a new database.\n";

        // When
        Ended migrating = other.run("migrate");
        Map<String, String> settings = PackagedProgram
                .environment(DatabaseResource.settings(other.server(), other.database()));
        settings.putAll(Map.of("CHATKEEP_AUTH_JWT_SECRET", Tokens.SECRET, "QUARKUS_HTTP_PORT", "0", "QUARKUS_MANAGEMENT_PORT",
                "0"));
        Ended serving = PackagedProgram.run(settings);

        // Then
        assertThat(migrating).isEqualTo(new Ended(1, "", "The task could not start: " + sentence));
        assertThat(serving.status()).isEqualTo(1);
        assertThat(serving.errors()).isEqualTo(sentence);
        assertThat(serving.output()).doesNotContain("Exception", "\tat ");
    }

    @Test
    void aMigrationThatALockPreventsNamesWhoHoldsIt() throws Exception {
        // Given
        Target locked = new Target(migrated.server(), migrated.server().createMigratedDatabase());
        locked.rows("update chatkeep.flyway_schema_history set checksum = 1 where script = 'R__12_administration.sql'");
        try (Connection holder = locked.server().superuser(locked.database())) {
            Sql.rows(holder, "set application_name = 'report'");
            holder.setAutoCommit(false);
            Sql.rows(holder, "select from public.api_user_summary");
            Object pid = Sql.rows(holder, "select pg_backend_pid() as pid").get(0).get("pid");
            Map<String, String> settings = PackagedProgram
                    .environment(DatabaseResource.settings(locked.server(), locked.database()));
            settings.putAll(Map.of("CHATKEEP_MIGRATION_ATTEMPTS", "2", "CHATKEEP_MIGRATION_PAUSE", "10ms",
                    "CHATKEEP_MIGRATION_LOCK_TIMEOUT", "1S"));

            // When
            Ended ended = PackagedProgram.run(settings, "migrate");

            // Then
            assertThat(ended.status()).isEqualTo(1);
            assertThat(ended.errors())
                    .endsWith("The task could not start: The schema was not brought up to date, because process "
                            + pid
                            + " (role postgres, application report) holds a lock that a migration needs and did not give it back in"
                            + " 2 attempts of 1000 ms each; end that session or its transaction, and migrate again.\n")
                    .doesNotContain("Exception", "\tat ");
        }
    }

    @Test
    void aMigrationThatCannotStartSaysWhy() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(
                "QUARKUS_DATASOURCE_REACTIVE_URL", migrated.server().url(migrated.database()),
                "QUARKUS_FLYWAY_USERNAME", "stranger",
                "QUARKUS_FLYWAY_PASSWORD", PostgresServer.PASSWORD,
                "QUARKUS_FLYWAY_CONNECT_RETRIES", "0"), "migrate");

        // Then
        assertThat(ended).isEqualTo(new Ended(1, "",
                "The task could not start: FATAL: role \"stranger\" does not exist\n"));
    }

    @Test
    void withoutTheDatabaseATaskFails() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(
                "QUARKUS_DATASOURCE_REACTIVE_URL", "postgresql://127.0.0.1:1/none",
                "QUARKUS_DATASOURCE_PASSWORD", "x"), "health");

        // Then
        assertThat(ended).isEqualTo(new Ended(1, "", "The database is not available at the moment.\n"));
    }
}

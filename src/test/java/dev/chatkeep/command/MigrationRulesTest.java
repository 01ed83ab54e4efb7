package dev.chatkeep.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.sql.Connection;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;
import io.smallrye.config.SmallRyeConfigBuilder;

/** Flyway as the program sets it up. */
@BesideOthers
class MigrationRulesTest {

    private static final MigrationConfig CONFIG = new SmallRyeConfigBuilder().withMapping(MigrationConfig.class)
            .withDefaultValue("chatkeep.migration.lock-timeout", "PT1S")
            .withDefaultValue("chatkeep.migration.attempts", "2")
            .withDefaultValue("chatkeep.migration.pause", "PT0S")
            .build().getConfigMapping(MigrationConfig.class);

    @Test
    void flywayMigratesAsEver() {
        // Given
        MigratedDatabase database = MigratedDatabase.empty();
        Flyway flyway = flyway(database);

        // When
        flyway.migrate();

        // Then
        assertThat(flyway.info().current().getVersion()).hasToString("6");
        assertThat(flyway.info().pending()).isEmpty();
        assertThat(database.migrate().migrationsExecuted).isZero();
    }

    @Test
    void aStartThatALockPreventsIsExplainedInASentence() throws Exception {
        // Given
        MigratedDatabase database = MigratedDatabase.create();
        database.superuser()
                .rows("update chatkeep.flyway_schema_history set checksum = 1 where script = 'R__12_administration.sql'");
        try (Connection holder = database.server().superuser(database.name())) {
            Sql.rows(holder, "set application_name = 'report'");
            holder.setAutoCommit(false);
            Sql.rows(holder, "select from public.api_user_summary");
            int pid = (Integer) Sql.rows(holder, "select pg_backend_pid() as pid").get(0).get("pid");
            Flyway flyway = flyway(database);

            // When
            Throwable failure = catchThrowable(flyway::migrate);

            // Then
            assertThat(StartFailure.sentence(failure)).isEqualTo(
                    "The schema was not brought up to date, because process " + pid + " (role postgres, application report)"
                            + " holds a lock that a migration needs and did not give it back in 2 attempts of 1000 ms each;"
                            + " end that session or its transaction, and migrate again.");
        }
    }

    private static Flyway flyway(MigratedDatabase database) {
        FluentConfiguration configuration = Flyway.configure()
                .dataSource(database.server().jdbcUrl(database.name()), PostgresServer.OWNER, PostgresServer.PASSWORD)
                .locations("classpath:db/migration").defaultSchema("chatkeep").schemas("chatkeep").createSchemas(true);
        new MigrationRules(CONFIG).customize(configuration);
        return configuration.load();
    }
}

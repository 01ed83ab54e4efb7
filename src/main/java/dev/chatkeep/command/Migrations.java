package dev.chatkeep.command;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.CoreErrorCode;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationState;
import org.flywaydb.core.api.callback.BaseCallback;
import org.flywaydb.core.api.callback.Callback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;
import org.flywaydb.core.api.configuration.Configuration;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.output.MigrateResult;
import org.flywaydb.core.api.output.ValidateOutput;
import org.flywaydb.database.postgresql.PostgreSQLConfigurationExtension;
import org.jboss.logging.Logger;

/**
 * Migrates beside a service at work. Who waits for a lock on a table makes everybody wait who comes later, so a migration waits
 * for a short while only, lets the others go on, and tries again. Each migration is one transaction: an attempt that finds no
 * lock leaves nothing behind, and the next one goes on where the last migration ended.
 */
public final class Migrations {

    private static final Logger LOGGER = Logger.getLogger(Migrations.class);

    private static final String LOCK_NOT_AVAILABLE = "55P03";
    private static final String DEADLOCK_DETECTED = "40P01";

    private final Duration lockTimeout;
    private final int attempts;
    private final Duration pause;

    public Migrations(Duration lockTimeout, int attempts, Duration pause) {
        this.lockTimeout = lockTimeout;
        this.attempts = attempts;
        this.pause = pause;
    }

    /**
     * Runs what has not run yet.
     *
     * @throws MigrationBlocked if no attempt was given all its locks, or the database is that of the first system
     */
    public MigrateResult run(Configuration configuration) {
        Adoption.refuseFirstSystem(configuration);
        FluentConfiguration patient = Flyway.configure().configuration(configuration);
        // A transaction that stays open would be waited for by an index that is built concurrently.
        patient.getPluginRegister().getExact(PostgreSQLConfigurationExtension.class).setTransactionalLock(false);
        Flyway flyway = patient
                .initSql(Stream.of("set application_name = '" + Blockers.APPLICATION + "'", lockTimeout(lockTimeout),
                        "set statement_timeout = 0", "set idle_in_transaction_session_timeout = 0", configuration.getInitSql())
                        .filter(sql -> sql != null && !sql.isBlank()).collect(Collectors.joining(";\n")))
                .callbacks(new LockTimeout())
                .load();
        try {
            return migrate(flyway);
        } catch (FlywayException e) {
            if (!isAboutLocks(e)) {
                throw e;
            }
            return again(flyway, e);
        }
    }

    private static MigrateResult migrate(Flyway flyway) {
        forgetFailures(flyway.getConfiguration());
        return flyway.migrate();
    }

    /**
     * Takes migrations that failed out of the history, so that they run again, if nothing else is wrong there. Only what runs
     * in
     * no transaction is in it after it failed: files that build indexes concurrently, and each drops first what an attempt
     * before has left half built. Everything else was rolled back.
     */
    static void forgetFailures(Configuration configuration) {
        Flyway flyway = Flyway.configure().configuration(configuration).callbacks(new Callback[0])
                .ignoreMigrationPatterns("*:pending", "*:future").load();
        List<MigrationInfo> failed = Stream.of(flyway.info().all()).filter(one -> one.getState() == MigrationState.FAILED)
                .toList();
        if (failed.isEmpty()) {
            return;
        }
        List<ValidateOutput> wrong = flyway.validateWithResult().invalidMigrations;
        // The migration itself may have been mended since.
        if (wrong.stream().allMatch(one -> isFailed(one, failed))) {
            failed.forEach(
                    one -> LOGGER.warnf("The migration to version %s failed before and is tried again", one.getVersion()));
            flyway.repair();
        }
    }

    private static boolean isFailed(ValidateOutput wrong, List<MigrationInfo> failed) {
        return wrong.errorDetails.errorCode == CoreErrorCode.FAILED_VERSIONED_MIGRATION
                && failed.stream()
                        .anyMatch(one -> one.getVersion() != null && one.getVersion().getVersion().equals(wrong.version));
    }

    private MigrateResult again(Flyway flyway, FlywayException first) {
        FlywayException failure = first;
        try (Blockers blockers = Blockers.watch(flyway.getConfiguration().getDataSource())) {
            for (int attempt = 2; attempt <= attempts; attempt++) {
                LOGGER.warnf("A migration waits for a lock (attempt %d of %d)", attempt - 1, attempts);
                Thread.sleep(pause.toMillis());
                try {
                    return migrate(flyway);
                } catch (FlywayException e) {
                    if (!isAboutLocks(e)) {
                        throw e;
                    }
                    failure = e;
                }
            }
            throw new MigrationBlocked(sentence(blockers.lastSeen()), failure);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failure;
        }
    }

    private String sentence(Optional<String> blocker) {
        return "The schema was not brought up to date, because " + blocker.orElse("another session")
                + " holds a lock that a migration needs and did not give it back in " + attempts + " attempts of "
                + lockTimeout.toMillis() + " ms each; end that session or its transaction, and migrate again.";
    }

    private static boolean isAboutLocks(Throwable failure) {
        return failure != null && (failure instanceof SQLException e
                && (LOCK_NOT_AVAILABLE.equals(e.getSQLState()) || DEADLOCK_DETECTED.equals(e.getSQLState()))
                || isAboutLocks(failure.getCause()));
    }

    private static String lockTimeout(Duration time) {
        return "set lock_timeout = " + time.toMillis();
    }

    /**
     * What runs in no transaction builds an index concurrently: it stops nobody while it waits, and would leave half an index
     * behind if it gave up.
     */
    private final class LockTimeout extends BaseCallback {

        @Override
        public boolean supports(Event event, Context context) {
            return event == Event.BEFORE_EACH_MIGRATE;
        }

        @Override
        public boolean canHandleInTransaction(Event event, Context context) {
            return true;
        }

        @Override
        public void handle(Event event, Context context) {
            Connection connection = context.getConnection();
            try (Statement statement = connection.createStatement()) {
                statement.execute(lockTimeout(connection.getAutoCommit() ? Duration.ZERO : lockTimeout));
            } catch (SQLException e) {
                throw new FlywayException(e);
            }
        }
    }
}

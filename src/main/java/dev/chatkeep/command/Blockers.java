package dev.chatkeep.command;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import javax.sql.DataSource;

import org.jboss.logging.Logger;

/** Looks, while migrations wait for locks, who holds them: afterwards nobody can tell. */
final class Blockers implements AutoCloseable {

    /** The name by which PostgreSQL knows sessions that migrate. */
    static final String APPLICATION = "chatkeep migration";

    private static final Logger LOGGER = Logger.getLogger(Blockers.class);

    private static final long EVERY_MILLIS = 100;

    /** Who has waited in front of the others is not who blocks them all. What others run is hidden from most owners. */
    private static final String HOLDERS = """
            select 'process ' || b.pid || ' (role ' || coalesce(b.usename, 'unknown')
                   || ', application ' || coalesce(nullif(b.application_name, ''), 'unknown')
                   || coalesce(', ' || b.state, '')
                   || coalesce(' for ' || extract(epoch from clock_timestamp() - b.state_change)::bigint || ' s', '') || ')'
              from pg_catalog.pg_stat_activity m
             cross join lateral unnest(pg_catalog.pg_blocking_pids(m.pid)) as p (pid)
              join pg_catalog.pg_stat_activity b on b.pid = p.pid
             where m.datname = current_database() and m.application_name = '%s' and m.usename = current_user
               and b.application_name <> '%s'
             order by cardinality(pg_catalog.pg_blocking_pids(b.pid)), b.pid
             limit 1
            """.formatted(APPLICATION, APPLICATION);

    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread daemon = new Thread(work, "migration-blockers");
        daemon.setDaemon(true);
        return daemon;
    });
    private final AtomicReference<String> lastSeen = new AtomicReference<>();
    private final DataSource database;
    private Connection connection;

    private Blockers(DataSource database) {
        this.database = database;
    }

    static Blockers watch(DataSource database) {
        Blockers blockers = new Blockers(database);
        blockers.thread.scheduleWithFixedDelay(blockers::look, 0, EVERY_MILLIS, TimeUnit.MILLISECONDS);
        return blockers;
    }

    /** Whom a migration waited for last, described for people. */
    Optional<String> lastSeen() {
        return Optional.ofNullable(lastSeen.get());
    }

    private void look() {
        try {
            if (connection == null) {
                connection = database.getConnection();
            }
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(HOLDERS)) {
                if (rows.next()) {
                    lastSeen.set(rows.getString(1));
                }
            }
        } catch (SQLException e) {
            LOGGER.debug("Who blocks a migration could not be found out", e);
        }
    }

    @Override
    public void close() {
        thread.execute(this::disconnect);
        thread.shutdown();
    }

    private void disconnect() {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            LOGGER.debug("A connection could not be closed", e);
        }
    }
}

package dev.chatkeep.command;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.Configuration;
import org.jboss.logging.Logger;

/**
 * Moves a database of the first system over, in one transaction of the owner. What is done stands in {@code db/adoption}; the
 * migrations run in the middle of it.
 */
final class Adoption {

    /** A line of the report: how many of what had which outcome. */
    record Line(String what, String outcome, long rows) {
    }

    private static final List<String> BEFORE_MIGRATIONS = List.of("1_move");
    private static final List<String> AFTER_MIGRATIONS = List.of("2_shape", "3_users", "4_conversations", "5_ledger",
            "6_messages", "7_rest", "8_finish");

    static final int STEPS = BEFORE_MIGRATIONS.size() + 1 + AFTER_MIGRATIONS.size();

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static final String ADOPTED = "select to_regclass('chatkeep.adoption') is not null";
    private static final String ADOPTED_AT = "select to_char(adopted_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI UTC')"
            + " from chatkeep.adoption";
    private static final String MIGRATED = "select to_regclass('chatkeep.charges') is not null";
    private static final String IS_FIRST_SYSTEM = """
            select (select count(*) from pg_catalog.pg_attribute a
                     where not a.attisdropped and a.attnum > 0
                       and (a.attrelid = to_regclass('public.profiles') and a.attname in ('id', 'email')
                            or a.attrelid = to_regclass('public.chat_sessions') and a.attname in ('id', 'user_id', 'title')
                            or a.attrelid = to_regclass('public.chat_messages')
                               and a.attname in ('id', 'session_id', 'role', 'content', 'message_timestamp'))) = 10
               and exists (select from pg_catalog.pg_constraint k
                            where k.conrelid = to_regclass('public.chat_sessions') and k.contype = 'p'
                              and pg_get_constraintdef(k.oid) = 'PRIMARY KEY (id)')""";
    private static final String LEGACY_IS_TAKEN = "select to_regnamespace('legacy') is not null";
    private static final String NOT_OURS = """
            select coalesce(string_agg(o.name, ', ' order by o.name), '')
              from (select 'schema public' as name from pg_catalog.pg_namespace n
                     where n.nspname = 'public' and not pg_has_role(n.nspowner, 'USAGE')
                    union all
                    select 'table ' || c.relname from pg_catalog.pg_class c
                     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'USAGE')) o""";
    private static final String STRANGERS = """
            select coalesce(string_agg(c.relname, ', ' order by c.relname), '')
              from pg_catalog.pg_class c
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
               and c.relname <> all (select unnest(relations) from chatkeep.adoption)""";
    private static final String STORED_SINCE = """
            select (select count(*) from public.profiles p where p.created_at > a.adopted_at),
                   (select count(*) from public.chat_sessions s where s.updated_at > a.adopted_at),
                   (select count(*) from public.chat_messages m where m.updated_at > a.adopted_at)
              from chatkeep.adoption a""";
    private static final String REPORT = """
            select r.line ->> 'what', r.line ->> 'outcome', (r.line ->> 'rows')::bigint
              from chatkeep.adoption a
             cross join lateral jsonb_array_elements(a.report) with ordinality r (line, position)
             order by r.position""";

    private static final String RUN_ADOPT = "This database holds the tables of the first system: run the task adopt, which moves it"
            + " over to Chatkeep and can be undone (adopt --dry-run shows what it would do). Nothing was changed.";

    private static final Logger LOGGER = Logger.getLogger(Adoption.class);

    private final Connection connection;

    /** @param connection of the owner, in a transaction that the caller ends */
    Adoption(Connection connection) {
        this.connection = connection;
    }

    /**
     * Refuses to migrate beside the tables of the first system, before Flyway has made anything.
     *
     * @throws MigrationBlocked with a sentence that says what to run
     */
    static void refuseFirstSystem(Configuration configuration) {
        try (Connection connection = configuration.getDataSource().getConnection()) {
            Adoption adoption = new Adoption(connection);
            if (!adoption.holds(MIGRATED) && adoption.holds(IS_FIRST_SYSTEM)) {
                throw new MigrationBlocked(RUN_ADOPT);
            }
        } catch (SQLException e) {
            // Flyway tries for longer, and says why it cannot connect.
            LOGGER.debug("Whose tables there are could not be found out", e);
        }
    }

    /** When it was moved over, for people; empty if it was not. */
    Optional<String> adoptedAt() throws SQLException {
        return holds(ADOPTED) ? Optional.of(text(ADOPTED_AT)) : Optional.empty();
    }

    /** Why the database cannot be moved over, in a sentence. */
    Optional<String> obstacle() throws SQLException {
        if (holds(MIGRATED)) {
            return Optional.of("There is nothing to adopt: this database is Chatkeep's own already.");
        }
        if (!holds(IS_FIRST_SYSTEM)) {
            return Optional.of("There is nothing to adopt: the schema public does not hold the tables of the first system"
                    + " (profiles, chat_sessions and chat_messages, whose key is id alone).");
        }
        if (holds(LEGACY_IS_TAKEN)) {
            return Optional.of("There is a schema legacy already: rename it, as the first system moves there.");
        }
        String others = text(NOT_OURS);
        return others.isEmpty() ? Optional.empty()
                : Optional.of("The login of the migrations must own what it moves, and does not own: " + others + ".");
    }

    /** Does it, and says what came of it. */
    List<Line> adopt(Configuration configuration, Runnable step) throws SQLException {
        prepare();
        execute("lock table public.profiles, public.chat_sessions, public.chat_messages in access exclusive mode");
        for (String part : BEFORE_MIGRATIONS) {
            execute(script(part));
            step.run();
        }
        // Its own initialisation sets limits and a path for names.
        new Migrations(PATIENCE, 1, Duration.ZERO)
                .run(Flyway.configure().configuration(configuration).dataSource(OneTransaction.over(connection)));
        step.run();
        prepare();
        for (String part : AFTER_MIGRATIONS) {
            execute(script(part));
            step.run();
        }
        List<Line> report = new ArrayList<>();
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(REPORT)) {
            while (rows.next()) {
                report.add(new Line(rows.getString(1), rows.getString(2), rows.getLong(3)));
            }
        }
        return report;
    }

    /** Why it cannot be undone, in a sentence. */
    Optional<String> obstacleToUndo(boolean discard) throws SQLException {
        String strangers = text(STRANGERS);
        if (!strangers.isEmpty()) {
            return Optional.of("The schema public holds what Chatkeep did not make, and would lose it: " + strangers + ".");
        }
        if (discard) {
            return Optional.empty();
        }
        try (Statement statement = connection.createStatement(); ResultSet since = statement.executeQuery(STORED_SINCE)) {
            since.next();
            return since.getLong(1) + since.getLong(2) + since.getLong(3) == 0 ? Optional.empty()
                    : Optional.of(
                            "Since it was moved over, %d users, %d sessions and %d messages are new or have changed, and would be lost: export what is to stay (task export), or add --discard."
                                    .formatted(since.getLong(1), since.getLong(2), since.getLong(3)));
        }
    }

    void undo() throws SQLException {
        prepare();
        execute(script("undo"));
    }

    private void prepare() throws SQLException {
        execute("set local lock_timeout = " + PATIENCE.toMillis() + "; set local statement_timeout = 0;"
                + " set local idle_in_transaction_session_timeout = 0; set local row_security = off;"
                + " set local search_path = pg_catalog, pg_temp");
    }

    private void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private boolean holds(String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getBoolean(1);
        }
    }

    private String text(String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    private static String script(String name) {
        try (InputStream script = Adoption.class.getResourceAsStream("/db/adoption/" + name + ".sql")) {
            return new String(script.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

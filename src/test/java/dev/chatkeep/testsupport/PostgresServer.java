package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.output.MigrateResult;

import dev.chatkeep.command.Migrations;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;

/**
 * A real PostgreSQL in a process of its own. Databases on it belong to {@link #OWNER}, who is no superuser: the migrations
 * must do with what an owner may do.
 */
public final class PostgresServer implements AutoCloseable {

    public static final String OWNER = "chatkeep_owner";
    public static final String LOGIN = "chatkeep_app";
    public static final String PASSWORD = "only-for-tests";

    private static final String MIGRATED = "chatkeep_migrated";

    /** Started with the first test that asks for it; it ends with the JVM. */
    private static final class Shared {

        static final PostgresServer SERVER = start();

        static {
            SERVER.createLogin();
        }
    }

    private final EmbeddedPostgres postgres;
    private final String password;
    private final AtomicInteger databases = new AtomicInteger();
    private boolean migrated;

    private PostgresServer(EmbeddedPostgres postgres, String password) {
        this.postgres = postgres;
        this.password = password;
        createRole(OWNER, "login createrole");
    }

    /** The one of all tests that do nothing to the server itself; it has the service's login, and nobody closes it. */
    public static PostgresServer shared() {
        return Shared.SERVER;
    }

    /** For tests: the version that most of them run on, with nothing durable about it. */
    public static PostgresServer start() {
        return start(EmbeddedPostgres.builder(), PASSWORD);
    }

    /**
     * @param password of the owner and of the service's login
     */
    public static PostgresServer start(EmbeddedPostgres.Builder builder, String password) {
        try {
            return new PostgresServer(builder.setPGStartupWait(Patience.PATIENCE).start(), password);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Creates an empty database that belongs to {@link #OWNER} and returns its name. */
    public String createDatabase() {
        String name = newName();
        execute("create database " + name + " owner " + OWNER);
        return name;
    }

    private String newName() {
        return "chatkeep_" + databases.incrementAndGet();
    }

    /** Creates a database on which the migrations have run, as a copy of one, and returns its name. */
    public synchronized String createMigratedDatabase() {
        if (!migrated) {
            execute("create database " + MIGRATED + " owner " + OWNER);
            migrate(MIGRATED);
            migrated = true;
        }
        String name = newName();
        execute("create database " + name + " template " + MIGRATED + " owner " + OWNER);
        return name;
    }

    /** Migrates as the service does when it starts. */
    public MigrateResult migrate(String database) {
        return migrate(database, new Migrations(Duration.ofSeconds(2), 20, Duration.ofSeconds(3)));
    }

    /**
     * @param furtherMigrations where there are others than those of the program
     */
    public MigrateResult migrate(String database, Migrations migrations, String... furtherMigrations) {
        return migrations.run(Flyway.configure()
                .dataSource(jdbcUrl(database), OWNER, password)
                .locations(Stream.concat(Stream.of("classpath:db/migration"), Stream.of(furtherMigrations))
                        .toArray(String[]::new))
                .defaultSchema("chatkeep")
                .schemas("chatkeep")
                .createSchemas(true)
                .placeholderReplacement(false));
    }

    /** Creates a database that belongs to {@link #OWNER} unless it is there. */
    public void ensureDatabase(String name) {
        try (Connection connection = superuser("postgres"); Statement statement = connection.createStatement()) {
            if (!statement.executeQuery("select from pg_database where datname = '" + name + "'").next()) {
                statement.execute("create database " + name + " owner " + OWNER);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Gives the service's login a password, whether the migrations have made it yet or not. */
    public void createLogin() {
        createRole(LOGIN, "login noinherit");
    }

    /** The driver gives a server five seconds to say whether it speaks TLS, which a busy machine does not always meet. */
    public String jdbcUrl(String database) {
        return "jdbc:" + url(database) + "?sslmode=disable&connectTimeout=0";
    }

    public int port() {
        return postgres.getPort();
    }

    public String url(String database) {
        return "postgresql://127.0.0.1:" + postgres.getPort() + "/" + database;
    }

    /** As the superuser, whom row-level security does not bind. */
    public Connection superuser(String database) throws SQLException {
        return connect(database, "postgres");
    }

    public Connection connect(String database, String user) throws SQLException {
        return DriverManager.getConnection(jdbcUrl(database), user, password);
    }

    /** As {@link #connect}, for one statement or transaction. */
    public BorrowedConnection borrow(String database, String user) throws SQLException {
        return BorrowedConnection.of(jdbcUrl(database), user, password);
    }

    private void createRole(String name, String attributes) {
        execute("do $$ begin create role " + name + " " + attributes + "; exception when duplicate_object then null; end $$",
                "alter role " + name + " password '" + password + "'");
    }

    private void execute(String... statements) {
        try (Connection connection = superuser("postgres"); Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        try {
            BorrowedConnection.endAll(jdbcUrl(""));
            postgres.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}

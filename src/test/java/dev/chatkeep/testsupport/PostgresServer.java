package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicInteger;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;

/**
 * A real PostgreSQL in a process of its own. Databases on it belong to {@link #OWNER}, who is no superuser: the migrations
 * must do with what an owner may do.
 */
public final class PostgresServer implements AutoCloseable {

    public static final String OWNER = "chatkeep_owner";
    public static final String LOGIN = "chatkeep_app";
    public static final String PASSWORD = "only-for-tests";

    private final EmbeddedPostgres postgres;
    private final String password;
    private final AtomicInteger databases = new AtomicInteger();

    private PostgresServer(EmbeddedPostgres postgres, String password) {
        this.postgres = postgres;
        this.password = password;
        createRole(OWNER, "login createrole");
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
            return new PostgresServer(builder.start(), password);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Creates an empty database that belongs to {@link #OWNER} and returns its name. */
    public String createDatabase() {
        String name = "chatkeep_" + databases.incrementAndGet();
        execute("create database " + name + " owner " + OWNER);
        return name;
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

    public String jdbcUrl(String database) {
        return "jdbc:" + url(database);
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
            postgres.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

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
 * A real PostgreSQL for tests, with nothing durable about it. Databases on it belong to {@link #OWNER}, who is no
 * superuser: the migrations must do with what an owner may do.
 */
public final class PostgresServer implements AutoCloseable {

    public static final String OWNER = "chatkeep_owner";
    public static final String LOGIN = "chatkeep_app";
    public static final String PASSWORD = "only-for-tests";

    private final EmbeddedPostgres postgres;
    private final AtomicInteger databases = new AtomicInteger();

    private PostgresServer(EmbeddedPostgres postgres) {
        this.postgres = postgres;
        execute("postgres", "create role " + OWNER + " login createrole password '" + PASSWORD + "'");
    }

    /** The version that the project's demo and most tests run on. */
    public static PostgresServer start() {
        return start(EmbeddedPostgres.builder());
    }

    public static PostgresServer start(EmbeddedPostgres.Builder builder) {
        try {
            return new PostgresServer(builder.start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Creates an empty database that belongs to {@link #OWNER} and returns its name. */
    public String createDatabase() {
        String name = "chatkeep_" + databases.incrementAndGet();
        execute("postgres", "create database " + name + " owner " + OWNER);
        return name;
    }

    /** Gives the service's login a password, whether the migrations have made it yet or not. */
    public void createLogin() {
        execute("postgres",
                "do $$ begin create role " + LOGIN + " login noinherit; exception when duplicate_object then null; end $$",
                "alter role " + LOGIN + " password '" + PASSWORD + "'");
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
        return DriverManager.getConnection(jdbcUrl(database), user, PASSWORD);
    }

    private void execute(String database, String... statements) {
        try (Connection connection = superuser(database); Statement statement = connection.createStatement()) {
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

package dev.chatkeep.testsupport;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;

import org.flywaydb.core.api.output.MigrateResult;

/** A database that the migrations have run on, and those who call it. Unless told otherwise all share one server. */
public record MigratedDatabase(PostgresServer server, String name) {

    public static MigratedDatabase create() {
        PostgresServer server = PostgresServer.shared();
        return new MigratedDatabase(server, server.createMigratedDatabase());
    }

    /** A database that no migration has run on yet. */
    public static MigratedDatabase empty() {
        return empty(PostgresServer.shared());
    }

    public static MigratedDatabase empty(PostgresServer server) {
        return new MigratedDatabase(server, server.createDatabase());
    }

    /** One on which the migrations run now. */
    public static MigratedDatabase create(PostgresServer server) {
        MigratedDatabase database = empty(server);
        database.migrate();
        return database;
    }

    /** Migrates as the service does when it starts. */
    public MigrateResult migrate() {
        return server.migrate(name);
    }

    /** Whom no policy binds. */
    public SqlCaller superuser() {
        return login("postgres");
    }

    /** A login that takes on no role. */
    public SqlCaller login(String login) {
        return new SqlCaller(server, name, login, null, null);
    }

    public SqlCaller user(UUID id) {
        return as("authenticated", "{\"sub\":\"" + id + "\",\"role\":\"authenticated\"}");
    }

    /** A user whom the issuer of tokens calls an administrator. */
    public SqlCaller admin(UUID id) {
        return as("authenticated", "{\"sub\":\"" + id + "\",\"role\":\"authenticated\",\"app_metadata\":{\"role\":\"admin\"}}");
    }

    public SqlCaller service() {
        return as("service_role", "{\"role\":\"service_role\"}");
    }

    /** The service's login with a role and claims of the test's choice. */
    public SqlCaller as(String role, String claims) {
        return new SqlCaller(server, name, PostgresServer.LOGIN, role, claims);
    }

    /** A user who has signed up. */
    public UUID newUser() {
        UUID id = UUID.randomUUID();
        superuser().rows("insert into auth.users (id, email) values (?, ?)", id, id + "@example.org");
        return id;
    }

    public UUID newUser(String tier) {
        UUID id = newUser();
        superuser().rows("update public.profiles set subscription_tier = ? where id = ?", tier, id);
        return id;
    }

    /** Something that may fail, done by one of several threads. */
    public interface Work<T> {

        T run() throws Exception;
    }

    /** Does the same thing on several threads, which start together, and returns what each came to, in their order. */
    public static <T> List<T> together(int threads, IntFunction<Work<T>> work) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            CyclicBarrier start = new CyclicBarrier(threads);
            List<Future<T>> futures = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                Work<T> mine = work.apply(i);
                futures.add(executor.submit(() -> {
                    start.await();
                    return mine.run();
                }));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        } finally {
            executor.shutdownNow();
        }
    }
}

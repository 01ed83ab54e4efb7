package dev.chatkeep.testsupport;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.ConnectException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import io.restassured.RestAssured;

/** The packaged program as a process that a test may end as it likes, with a database and a provider that outlive it. */
public final class PackagedService implements AutoCloseable {

    private final PostgresServer postgres = PostgresServer.shared();
    private final ScriptedProvider provider = ScriptedProvider.start();
    private final int port = FreePort.find();
    private final int management = FreePort.find();
    private final Path log = Path.of("target", "service-" + port + ".log");
    private final String database;
    private final Map<String, String> settings;
    private Process process;

    /** @param more settings beside those of the tests, as environment variables */
    public PackagedService(Map<String, String> more) {
        database = postgres.createMigratedDatabase();
        settings = PackagedProgram.environment(DatabaseResource.settings(postgres, database));
        settings.putAll(Map.of("CHATKEEP_AUTH_JWT_SECRET", Tokens.SECRET, "CHATKEEP_PROVIDER_BASE_URL", provider.baseUrl(),
                "QUARKUS_HTTP_HOST", "127.0.0.1", "QUARKUS_HTTP_PORT", Integer.toString(port),
                "QUARKUS_MANAGEMENT_HOST", "127.0.0.1", "QUARKUS_MANAGEMENT_PORT", Integer.toString(management)));
        settings.putAll(more);
        RestAssured.port = port;
    }

    public ScriptedProvider provider() {
        return provider;
    }

    /** What it has written since it was started last. */
    public Path log() {
        return log;
    }

    /** Starts it, and has it allow the model {@code test/model} to all. */
    public void start() throws Exception {
        process = PackagedProgram.serve(settings, log);
        await("readiness").until(() -> readiness() == 200);
        try (Connection owner = postgres.superuser(database); var statement = owner.createStatement()) {
            statement.execute(
                    "insert into public.model_access (model_id, tier) values ('test/model', 'free') on conflict do nothing");
        }
    }

    /** Asks it to end. */
    public void stop() {
        process.destroy();
    }

    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Whether it ends within what a test waits at the most. */
    public boolean ends() throws InterruptedException {
        return process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    /** The status of its readiness; 0 while it does not listen. */
    public int readiness() throws Exception {
        try {
            return RestAssured.given().port(management).get("/q/health/ready").statusCode();
        } catch (Exception e) {
            if (e instanceof ConnectException) {
                return 0;
            }
            throw e;
        }
    }

    public List<Map<String, Object>> rows(String sql, Object... parameters) throws SQLException {
        try (Connection superuser = postgres.superuser(database)) {
            return Sql.rows(superuser, sql, parameters);
        }
    }

    /** The first column of the only row. */
    public String text(String sql, Object... parameters) throws SQLException {
        List<Map<String, Object>> rows = rows(sql, parameters);
        assertThat(rows).as(sql).hasSize(1);
        Object value = rows.get(0).values().iterator().next();
        return value == null ? null : value.toString();
    }

    @Override
    public void close() throws InterruptedException {
        RestAssured.reset();
        if (process != null) {
            kill();
        }
        provider.close();
    }
}

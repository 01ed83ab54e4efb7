package dev.chatkeep.testsupport;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.ConnectException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import io.restassured.RestAssured;
import io.restassured.config.HttpClientConfig;
import io.restassured.config.RestAssuredConfig;
import io.restassured.specification.RequestSpecification;

/**
 * The packaged program as a process that a test may end as it likes, with a database and a provider that outlive it. Several
 * may run at once, beside that of Quarkus, so requests to it begin with {@link #given()} or with a caller of its own.
 */
public final class PackagedService implements Service, AutoCloseable {

    /** A model that all may use. */
    public static final String MODEL = "test/model";

    /** As that of Quarkus has it: an answer that does not come fails the test. */
    private static final RestAssuredConfig PATIENT = RestAssuredConfig.config().httpClient(
            HttpClientConfig.httpClientConfig().setParam("http.socket.timeout", (int) PATIENCE.toMillis()));

    private final ScriptedProvider provider = ScriptedProvider.start();
    private final int port = FreePort.find();
    private final int management = FreePort.find();
    private final Path log = Path.of("target", "service-" + port + ".log");
    private final String jdbcUrl;
    private final Map<String, String> settings;
    private Process process;

    /** @param more settings beside those of the tests, as environment variables */
    public PackagedService(Map<String, String> more) {
        this(PostgresServer.shared(), PostgresServer.shared().createMigratedDatabase(), more);
    }

    /** @param postgres may be another one later, as long as it has the same port */
    public PackagedService(PostgresServer postgres, String database, Map<String, String> more) {
        jdbcUrl = postgres.jdbcUrl(database);
        settings = PackagedProgram.environment(DatabaseResource.settings(postgres, database));
        settings.putAll(Map.of("CHATKEEP_AUTH_JWT_SECRET", Tokens.SECRET, "CHATKEEP_PROVIDER_BASE_URL", provider.baseUrl(),
                "CHATKEEP_PROVIDER_MAX_CONCURRENT_CALLS_PER_USER", "1000",
                "QUARKUS_HTTP_HOST", "127.0.0.1", "QUARKUS_HTTP_PORT", Integer.toString(port),
                "QUARKUS_MANAGEMENT_HOST", "127.0.0.1", "QUARKUS_MANAGEMENT_PORT", Integer.toString(management)));
        settings.putAll(more);
    }

    @Override
    public int port() {
        return port;
    }

    @Override
    public RequestSpecification given() {
        return to(port).filter(Contract.SERVED);
    }

    /** A request to its port for health and metrics. */
    public RequestSpecification givenManagement() {
        return to(management);
    }

    /** Says all that a class which runs beside this one may have told RestAssured otherwise. */
    private static RequestSpecification to(int port) {
        return RestAssured.given().config(PATIENT).baseUri("http://127.0.0.1").basePath("").port(port);
    }

    /** A new user of it. */
    public Caller newCaller() {
        return Caller.fresh().of(this);
    }

    public ScriptedProvider provider() {
        return provider;
    }

    /** What it has written since it was started last. */
    public Path log() {
        return log;
    }

    /** Starts it, and has it allow {@link #MODEL} to all. */
    public void start() throws Exception {
        process = PackagedProgram.serve(settings, log);
        await("readiness").until(() -> readiness() == 200);
        rows("insert into public.model_access (model_id, tier) values (?, 'free') on conflict do nothing", MODEL);
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
            return givenManagement().get("/q/health/ready").statusCode();
        } catch (Exception e) {
            if (e instanceof ConnectException) {
                return 0;
            }
            throw e;
        }
    }

    /** To its database, as the superuser whom no policy binds. */
    public Connection connect() throws SQLException {
        return DriverManager.getConnection(jdbcUrl, "postgres", PostgresServer.PASSWORD);
    }

    public List<Map<String, Object>> rows(String sql, Object... parameters) {
        try (Connection superuser = connect()) {
            return Sql.rows(superuser, sql, parameters);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The first column of the only row. */
    public String text(String sql, Object... parameters) {
        List<Map<String, Object>> rows = rows(sql, parameters);
        assertThat(rows).as(sql).hasSize(1);
        Object value = rows.get(0).values().iterator().next();
        return value == null ? null : value.toString();
    }

    @Override
    public void close() throws InterruptedException {
        if (process != null) {
            kill();
        }
        provider.close();
    }
}

package dev.chatkeep.problem;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;
import io.restassured.response.Response;

/** The database server is there and does not let the service in. */
@BesideOthers
class DatabaseRefusesIT {

    /** {@code %1$s} is the database and {@code %2$s} the login. */
    private enum Refusal {
        ANOTHER_PASSWORD("28P01", "alter role %2$s password 'another'",
                "alter role %2$s password '" + PostgresServer.PASSWORD + "'"),
        NO_LOGIN("28000", "alter role %2$s nologin", "alter role %2$s login"),
        ANOTHER_NAME("3D000", "alter database %1$s rename to %1$s_renamed", "alter database %1$s_renamed rename to %1$s"),
        NO_CONNECT("42501", "revoke connect on database %1$s from public, %2$s", "grant connect on database %1$s to public");

        private final String sqlState;
        private final String refuse;
        private final String allow;

        Refusal(String sqlState, String refuse, String allow) {
            this.sqlState = sqlState;
            this.refuse = refuse;
            this.allow = allow;
        }
    }

    private static PostgresServer server;
    private static String database;
    private static PackagedService service;
    private static Instant started;

    private Refusal refusal;

    @BeforeAll
    static void start() throws Exception {
        server = PostgresServer.start();
        server.createLogin();
        askForPasswords();
        database = server.createDatabase();
        service = new PackagedService(server, database, Map.of());
        service.start();
        started = Instant.now();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
        server.close();
    }

    @AfterEach
    void allow() {
        if (refusal != null) {
            execute(refusal.allow);
            refusal = null;
        }
        await("readiness").until(() -> service.readiness() == 200);
    }

    @ParameterizedTest
    @EnumSource
    void requestsAreAnsweredAsWhenTheDatabaseIsAway(Refusal refusal) {
        // Given
        Caller caller = service.newCaller();
        refuse(refusal);

        // When
        Response answer = caller.listSessions();

        // Then
        assertProblem(answer, 503, "database_unavailable");
        assertThat(answer.header("Retry-After")).isEqualTo("5");
    }

    @ParameterizedTest
    @EnumSource
    void readinessNamesTheRefusal(Refusal refusal) {
        // Given
        refuse(refusal);

        // When
        Response answer = await("the refusal").until(() -> service.givenManagement().get("/q/health/ready"),
                ready -> ready.asString().contains(refusal.sqlState));

        // Then
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(Json.of(answer).path("checks")).contains(Json.of("""
                {"name": "Database schema", "status": "DOWN",
                 "data": {"expected": 6, "problem": "the database refuses the login (SQLSTATE %s)"}}"""
                .formatted(refusal.sqlState)));
    }

    @ParameterizedTest
    @EnumSource
    void theLogNamesTheCauseInOneLine(Refusal refusal) throws IOException {
        // Given
        Caller caller = service.newCaller();
        refuse(refusal);
        await("the line").until(() -> {
            caller.listSessions();
            return !lines(refusal).isEmpty();
        });

        // When
        for (int number = 0; number < 20; number++) {
            caller.listSessions();
        }

        // Then
        // One a minute, over all tests of this class.
        long minutes = Duration.between(started, Instant.now()).toMinutes();
        assertThat(lines(refusal)).hasSizeLessThanOrEqualTo(1 + (int) minutes);
        assertThat(Files.readString(service.log())).doesNotContain("PgException", PostgresServer.PASSWORD);
    }

    @ParameterizedTest
    @EnumSource
    void theServiceWorksAgainWhenItIsLetIn(Refusal refusal) {
        // Given
        Caller caller = service.newCaller();
        refuse(refusal);
        await("refusal").until(() -> caller.listSessions().statusCode() == 503);

        // When
        allow();

        // Then
        assertThat(caller.listSessions().statusCode()).isEqualTo(200);
    }

    /** What PostgreSQL trusts in tests otherwise. The superuser and the owner are still trusted. */
    private static void askForPasswords() throws SQLException {
        try (Connection superuser = server.superuser("postgres"); Statement statement = superuser.createStatement()) {
            Object file = Sql.rows(superuser, "select current_setting('hba_file') as file").get(0).get("file");
            statement.execute("copy (values ('host all postgres,%s all trust'), ('host all all all scram-sha-256')) to '%s'"
                    .formatted(PostgresServer.OWNER, file));
            statement.execute("select pg_reload_conf()");
        }
    }

    private void refuse(Refusal how) {
        // A database in use cannot be renamed, and the service may come in again until it is refused.
        await("nobody in the database").ignoreExceptions().until(() -> {
            endConnections();
            execute(how.refuse);
            return true;
        });
        refusal = how;
        endConnections();
    }

    private static void endConnections() {
        try (Connection superuser = server.superuser("postgres")) {
            Sql.rows(superuser, "select pg_terminate_backend(pid, ?) from pg_stat_activity where usename = ?"
                    + " or datname = ? and pid <> pg_backend_pid()", PATIENCE.toMillis(), PostgresServer.LOGIN, database);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void execute(String sql) {
        try (Connection superuser = server.superuser("postgres"); Statement statement = superuser.createStatement()) {
            statement.execute(sql.formatted(database, PostgresServer.LOGIN));
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<String> lines(Refusal refusal) throws IOException {
        return Files.readAllLines(service.log()).stream()
                .filter(line -> line.contains("The database refuses the service (SQLSTATE " + refusal.sqlState + ")")).toList();
    }
}

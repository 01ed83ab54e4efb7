package dev.chatkeep.problem;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.RestartableDatabase;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.Sql;
import io.restassured.response.Response;

/** Each test says whether the database is there; it stays so for the next one, as coming and going takes time. */
@BesideOthers
class DatabaseAwayIT {

    private static final int REQUESTS = 100;

    private static RestartableDatabase database;
    private static PackagedService service;

    @BeforeAll
    static void start() throws Exception {
        database = new RestartableDatabase();
        service = new PackagedService(database.server(), database.server().createDatabase(), Map.of());
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
        database.close();
    }

    @ParameterizedTest
    @CsvSource({ "GET, /api/chat/sessions", "POST, /api/chat/sessions", "PATCH, /api/chat/sessions", "POST, /api/chat/session",
            "DELETE, /api/chat/sessions?id=s1", "GET, /api/chat/messages?session_id=s1", "POST, /api/chat/messages",
            "GET, /api/chat/sync", "POST, /api/chat/sync", "POST, /api/chat", "GET, /api/chat/streams/s1",
            "DELETE, /api/chat/clear-all", "POST, /api/auth/session" })
    void whileTheDatabaseIsAwayTheServiceIsUnavailable(String method, String path) {
        // Given
        Caller caller = service.newCaller();
        database.off();

        // When
        Response answer = caller.request().body("""
                {"id": "s1", "title": "A title", "sessionId": "s1", "message": {"id": "m1", "role": "user", "content": "Hello"},
                 "conversations": [{"id": "s1"}]}
                """).request(method, path);

        // Then
        assertProblem(answer, 503, "database_unavailable");
        assertThat(answer.header("Retry-After")).isEqualTo("5");
    }

    @Test
    void whileTheDatabaseIsAwayNoProviderIsCalled() {
        // Given
        String question = "Is anybody there? " + UUID.randomUUID();
        Caller caller = service.newCaller();
        database.off();

        // When
        caller.request().body(Map.of("message", question)).post("/api/chat").then().statusCode(503);
        caller.request().body(Map.of("messages", List.of(Map.of("role", "user", "content", question))))
                .post("/v1/chat/completions").then().statusCode(503);

        // Then
        assertThat(service.provider().calls(question)).isEmpty();
    }

    @Test
    void anAnswerThatEndsWhileTheDatabaseIsAwayIsStoredWhenItIsBack() {
        bringTheDatabaseBack();
        String question = "Hold on " + UUID.randomUUID();
        CountDownLatch goOn = new CountDownLatch(1);
        service.provider().on(question, Script.streamed().delta("Kept ").holdUntil(goOn).delta("after all").usage(3, 3).done());
        Caller caller = service.newCaller();

        try (EventStreamClient stream = EventStreamClient.post(caller, "/api/chat",
                Map.of("message", question, "model", PackagedService.MODEL, "sessionId", "s1"))) {
            stream.next();
            database.off();
            goOn.countDown();
            EventStreamClient.Event text = stream.next();
            bringTheDatabaseBack();
            EventStreamClient.Event last = stream.next();

            assertThat(text.json().path("content").textValue()).isEqualTo("after all");
            assertThat(last.name()).isEqualTo("done");
            assertThat(Json.of(caller.messages("s1")).at("/messages/1/content").textValue()).isEqualTo("Kept after all");
        }
    }

    @Test
    void whileTheDatabaseIsAwayNobodyWaitsForIt() throws Exception {
        // Given
        Caller caller = service.newCaller();
        database.off();
        Callable<Integer> request = () -> caller.listSessions().statusCode();

        // When
        List<Integer> statuses = allAtOnce(25, Collections.nCopies(REQUESTS, request));

        // Then
        assertThat(statuses).hasSize(REQUESTS).containsOnly(503);
    }

    @Test
    void whileTheDatabaseIsAwayTheServiceIsNotReady() {
        // Given
        database.off();

        // When
        Response answer = service.givenManagement().get("/q/health/ready");

        // Then
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(Json.of(answer).path("status").textValue()).isEqualTo("DOWN");
        assertThat(Json.of(answer).path("checks")).containsExactlyInAnyOrder(
                Json.of("{\"name\": \"Graceful Shutdown\", \"status\": \"UP\"}"),
                Json.of("""
                        {"name": "Database schema", "status": "DOWN",
                         "data": {"expected": 6, "problem": "the database does not answer"}}"""));
    }

    @Test
    void whileTheDatabaseIsAwayTheServiceIsAlive() {
        // Given
        database.off();

        // When
        Response answer = service.givenManagement().get("/q/health/live");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    @Test
    void whileTheDatabaseIsAwayABadTokenIsStillABadToken() {
        // Given
        database.off();

        // When
        Response answer = service.given().auth().oauth2("garbage").get("/api/chat/sessions");

        // Then
        assertProblem(answer, 401, "invalid_token");
    }

    @Test
    void whileTheDatabaseIsAwayABadRequestIsStillABadRequest() {
        // Given
        Caller caller = service.newCaller();
        database.off();

        // When
        Response answer = caller.request().body("{}").post("/api/chat/sessions");

        // Then
        assertProblem(answer, 400, "missing_field");
    }

    @Test
    void whenTheDatabaseIsBackTheServiceWorksAgainAndNothingIsLost() throws Exception {
        // Given
        bringTheDatabaseBack();
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");
        database.off();
        caller.listSessions().then().statusCode(503);
        database.on();

        // When
        List<Integer> statuses = statusesUntilSuccess(caller);

        // Then
        assertThat(statuses.get(statuses.size() - 1)).isEqualTo(200);
        assertThat(statuses.subList(0, statuses.size() - 1)).allMatch(status -> status == 503);
        assertThat(Json.texts(Json.of(caller.listSessions()).path("sessions"), "title")).containsExactly("A title");
        assertThat(service.readiness()).isEqualTo(200);
    }

    @Test
    void terminatedConnectionsAreReplaced() throws Exception {
        // Given
        bringTheDatabaseBack();
        Caller caller = service.newCaller();
        Callable<Integer> request = () -> caller.listSessions().statusCode();
        List<Integer> before = allAtOnce(25, Collections.nCopies(REQUESTS, request));
        service.rows(
                "select pg_terminate_backend(pid, ?) from pg_stat_activity where datname = current_database() and usename = 'chatkeep_app'",
                PATIENCE.toMillis());

        // When
        List<Integer> statuses = allAtOnce(25, Collections.nCopies(REQUESTS, request));

        // Then
        assertThat(before).containsOnly(200);
        assertThat(statuses).hasSize(REQUESTS).isSubsetOf(200, 503);
        assertThat(allAtOnce(25, Collections.nCopies(REQUESTS, request))).containsOnly(200);
    }

    @ParameterizedTest
    @CsvSource({ "POST, /api/chat/sessions, pg_cancel_backend", "PATCH, /api/chat/sessions, pg_cancel_backend",
            "DELETE, /api/chat/clear-all, pg_cancel_backend", "POST, /api/chat/sync, pg_cancel_backend",
            "POST, /api/auth/session, pg_cancel_backend", "POST, /api/chat/sessions, pg_terminate_backend",
            "PATCH, /api/chat/sessions, pg_terminate_backend", "POST, /api/chat/sync, pg_terminate_backend" })
    void aStatementThatTheDatabaseBreaksOffIsNotTheFaultOfTheRequest(String method, String path, String how) throws Exception {
        // Given
        bringTheDatabaseBack();
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");
        Callable<Response> request = () -> caller.request()
                .body("{\"id\": \"s1\", \"title\": \"A title\", \"conversations\": [{\"id\": \"s1\"}]}").request(method, path);

        // When
        Response answer = whileSomebodyHoldsTheUser(caller, request, how);

        // Then
        assertProblem(answer, 503, how.equals("pg_cancel_backend") ? "timed_out" : "database_unavailable");
        assertThat(answer.header("Retry-After")).isEqualTo("5");
    }

    /** Has the database break off what the request waits for. */
    private static Response whileSomebodyHoldsTheUser(Caller caller, Callable<Response> request, String how) throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try (Connection holder = service.connect()) {
            holder.setAutoCommit(false);
            Sql.rows(holder, "select from profiles where id = ? for update", caller.id());
            Future<Response> answer = executor.submit(request);
            breakOff(how);
            return answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } finally {
            executor.shutdownNow();
        }
    }

    private static void breakOff(String how) {
        List<Map<String, Object>> brokenOff = await("a statement that waits").until(
                () -> service.rows("select " + how + "(pid) as done from pg_stat_activity"
                        + " where datname = current_database() and usename = 'chatkeep_app' and wait_event_type = 'Lock'"),
                rows -> !rows.isEmpty());
        assertThat(brokenOff).containsExactly(Map.of("done", true));
    }

    private static List<Integer> statusesUntilSuccess(Caller caller) {
        List<Integer> statuses = new ArrayList<>();
        await("success").until(() -> {
            int status = caller.listSessions().statusCode();
            statuses.add(status);
            return status == 200;
        });
        return statuses;
    }

    private static void bringTheDatabaseBack() {
        database.on();
        await("readiness").until(() -> service.readiness() == 200);
    }
}

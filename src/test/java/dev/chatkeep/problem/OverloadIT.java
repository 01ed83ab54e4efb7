package dev.chatkeep.problem;

import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;
import io.restassured.response.Response;

/** More requests than there are connections, which a lock on the user's row keeps. */
@BesideOthers
class OverloadIT {

    private static final int CONNECTIONS = 2;
    private static final int WAITING = 4;
    private static final int REFUSED = 6;

    private PackagedService service;

    @BeforeEach
    void start() throws Exception {
        service = new PackagedService(Map.of("QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE", String.valueOf(CONNECTIONS),
                "CHATKEEP_DATABASE_MAX_WAITING", String.valueOf(WAITING),
                "CHATKEEP_DATABASE_PATIENCE", "10S",
                "CHATKEEP_COMPLETION_CHECKPOINT_INTERVAL", "1H"));
        service.start();
    }

    @AfterEach
    void stop() throws InterruptedException {
        service.close();
    }

    @Test
    void aRequestThatGetsNoConnectionIsToldToRetryAndNothingIsLost() throws Exception {
        // Given
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");
        ExecutorService threads = Executors.newCachedThreadPool();
        CompletionService<Response> clients = new ExecutorCompletionService<>(threads);

        // When
        List<Response> refused = new ArrayList<>();
        try (Connection connection = lockOf(caller)) {
            for (int number = 0; number < CONNECTIONS; number++) {
                clients.submit(post(caller, "m" + number));
            }
            untilBlocked();
            for (int number = CONNECTIONS; number < CONNECTIONS + WAITING + REFUSED; number++) {
                clients.submit(post(caller, "m" + number));
            }
            while (refused.size() < WAITING + REFUSED) {
                refused.add(clients.take().get());
            }
            connection.rollback();
        }

        // Then
        for (Response answer : refused) {
            assertProblem(answer, 503, "too_busy");
            assertThat(answer.header("Retry-After")).isEqualTo("2");
        }
        for (int number = 0; number < CONNECTIONS; number++) {
            assertThat(clients.take().get().statusCode()).isEqualTo(201);
        }
        assertThat(service.rows("select id from public.chat_messages where user_id = ?", caller.id())).hasSize(CONNECTIONS);
        caller.post("s1", Map.of("id", "after", "role", "user", "content", "Hello")).then().statusCode(201);
        threads.shutdown();
    }

    private static Callable<Response> post(Caller caller, String id) {
        return () -> caller.post("s1", Map.of("id", id, "role", "user", "content", "Hello"));
    }

    private Connection lockOf(Caller caller) throws SQLException {
        Connection connection = service.connect();
        connection.setAutoCommit(false);
        try (var lock = connection.prepareStatement("select from public.profiles where id = ? for update")) {
            lock.setObject(1, caller.id());
            lock.execute();
        }
        return connection;
    }

    private void untilBlocked() {
        await("all connections").until(() -> service.rows("select from pg_stat_activity"
                + " where datname = current_database() and usename = 'chatkeep_app' and wait_event_type = 'Lock'")
                .size() == CONNECTIONS);
    }
}

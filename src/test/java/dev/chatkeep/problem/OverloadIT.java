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
import java.util.concurrent.Future;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;
import io.restassured.response.Response;

/** More requests than there are connections, which locks on the users' rows keep. Each request is another user's. */
@BesideOthers
class OverloadIT {

    private static final int CONNECTIONS = 2;
    private static final int WAITING = 4;
    private static final int REFUSED = 6;
    private static final int WAITING_OF_ONE_USER = 2;
    private static final int WRITES = 6;

    private PackagedService service;

    @BeforeEach
    void start() throws Exception {
        service = new PackagedService(Map.of("QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE", String.valueOf(CONNECTIONS),
                "CHATKEEP_DATABASE_MAX_WAITING", String.valueOf(WAITING),
                "CHATKEEP_DATABASE_MAX_WAITING_WRITES_PER_USER", String.valueOf(WAITING_OF_ONE_USER),
                "CHATKEEP_DATABASE_STATEMENT_TIMEOUT", "2M", "CHATKEEP_DATABASE_LOCK_TIMEOUT", "2M",
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
        List<Caller> callers = Stream.generate(service::newCaller).limit(CONNECTIONS + WAITING + REFUSED).toList();
        callers.forEach(caller -> caller.hasSession("s1", "A title"));
        ExecutorService threads = Executors.newCachedThreadPool();
        CompletionService<Response> clients = new ExecutorCompletionService<>(threads);

        // When
        List<Response> refused = new ArrayList<>();
        try (Connection connection = lockOfAllUsers()) {
            for (int number = 0; number < CONNECTIONS; number++) {
                clients.submit(post(callers.get(number)));
            }
            untilBlocked();
            for (int number = CONNECTIONS; number < CONNECTIONS + WAITING + REFUSED; number++) {
                clients.submit(post(callers.get(number)));
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
        assertThat(service.rows("select id from public.chat_messages")).hasSize(CONNECTIONS);
        assertThat(post(callers.get(0)).call().statusCode()).isEqualTo(201);
        threads.shutdown();
    }

    @Test
    void theWritesOfOneUserHoldOneConnectionOnly() throws Exception {
        // Given
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");
        Caller other = service.newCaller();
        ExecutorService threads = Executors.newCachedThreadPool();
        CompletionService<Response> clients = new ExecutorCompletionService<>(threads);

        // When
        Response ofAnother;
        List<Integer> statuses = new ArrayList<>();
        try (Connection connection = lockOf(caller)) {
            for (int number = 0; number < WRITES; number++) {
                String id = "m" + number;
                clients.submit(() -> caller.post("s1", Map.of("id", id, "role", "user", "content", "Hello")));
            }
            await("refusals").until(() -> {
                Future<Response> done = clients.poll();
                if (done != null) {
                    statuses.add(done.get().statusCode());
                }
                return statuses.size() == WRITES - 1 - WAITING_OF_ONE_USER;
            });
            ofAnother = other.createSession("s2", "A title");
            connection.rollback();
        }
        for (int number = 0; number < 1 + WAITING_OF_ONE_USER; number++) {
            statuses.add(clients.take().get().statusCode());
        }
        threads.shutdown();

        // Then
        assertThat(ofAnother.statusCode()).isEqualTo(201);
        assertThat(statuses).startsWith(429, 429, 429).endsWith(201, 201, 201).hasSize(WRITES);
        assertThat(service.rows("select id from public.chat_messages where user_id = ?", caller.id()))
                .hasSize(1 + WAITING_OF_ONE_USER);
    }

    private static Callable<Response> post(Caller caller) {
        return () -> caller.post("s1", Map.of("id", "m1", "role", "user", "content", "Hello"));
    }

    private Connection lockOfAllUsers() throws SQLException {
        Connection connection = service.connect();
        connection.setAutoCommit(false);
        try (var lock = connection.createStatement()) {
            lock.execute("select from public.profiles for update");
        }
        return connection;
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

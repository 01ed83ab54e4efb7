package dev.chatkeep.problem;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.UnreliableProxy;
import io.restassured.response.Response;

/** What stands between the service and its database has time-outs of its own, and breaks off connections when it likes. */
@BesideOthers
class UnreliableProxyIT {

    private static final int POOL_SIZE = 20;
    private static final int CLIENTS = 40;
    private static final int BROKEN = 1_200;
    /** Logging in takes some hundred bytes, and a statement about as many. */
    private static final int MOST_BYTES = 4_000;

    private static UnreliableProxy proxy;
    private static PackagedService service;

    @BeforeAll
    static void start() throws Exception {
        PostgresServer postgres = PostgresServer.shared();
        String database = postgres.createMigratedDatabase();
        proxy = new UnreliableProxy(postgres.port(), MOST_BYTES, 1);
        service = new PackagedService(postgres, database, Map.of(
                "QUARKUS_DATASOURCE_REACTIVE_URL", "postgresql://127.0.0.1:" + proxy.port() + "/" + database,
                "QUARKUS_DATASOURCE_JDBC_URL", postgres.jdbcUrl(database),
                "QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE", Integer.toString(POOL_SIZE)));
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException, IOException {
        service.close();
        proxy.close();
    }

    @Test
    void thePoolIsWholeAfterConnectionsWereClosedAtRandom() throws Exception {
        // Given
        List<Caller> callers = IntStream.range(0, CLIENTS).mapToObj(number -> service.newCaller()).toList();
        callers.forEach(caller -> caller.hasSession("s1", "A title"));

        // When
        proxy.unreliable(true);
        List<String> meanwhile = allAtOnce(callers.stream().map(UnreliableProxyIT::requestsWhileItBreaks).toList()).stream()
                .flatMap(List::stream).toList();
        proxy.unreliable(false);
        await("all requests of a round").until(() -> allAtOnce(callers.stream().map(UnreliableProxyIT::list).toList()).stream()
                .allMatch(status -> status == 200));

        // Then
        assertThat(proxy.broken()).isGreaterThanOrEqualTo(BROKEN);
        assertThat(meanwhile).contains("200 ").isSubsetOf("200 ", "201 ", "503 database_unavailable", "503 too_busy");
        for (int round = 0; round < 5; round++) {
            assertThat(allAtOnce(callers.stream().map(UnreliableProxyIT::list).toList())).containsOnly(200);
            assertThat(allAtOnce(callers.stream().map(UnreliableProxyIT::rename).toList())).containsOnly(200);
        }
        assertThat(service.readiness()).isEqualTo(200);
        assertThat(connectionsInUseAtTheMost(callers)).isEqualTo(POOL_SIZE);
        assertThat(metric("sql_pool_active")).isZero();
        assertThat(metric("sql_pool_queue_size")).isZero();
        assertThat(service.readiness()).isEqualTo(200);
    }

    private static Callable<List<String>> requestsWhileItBreaks(Caller caller) {
        return () -> {
            List<String> outcomes = new ArrayList<>();
            for (int number = 0; proxy.broken() < BROKEN; number++) {
                Response response = switch (number % 4) {
                    case 0 -> caller.listSessions();
                    case 1 -> caller.rename("s1", "Title " + number);
                    case 2 -> caller.post("s1", Map.of("id", "m" + number, "role", "user", "content", "Hello"));
                    default -> caller.messages("s1");
                };
                if (number % 8 == 7) {
                    proxy.breakOne();
                }
                outcomes.add(response.statusCode() + " "
                        + (response.statusCode() < 300 ? "" : Json.of(response).path("code").asText()));
            }
            return outcomes;
        };
    }

    private static Callable<Integer> list(Caller caller) {
        return () -> caller.listSessions().statusCode();
    }

    private static Callable<Integer> rename(Caller caller) {
        return () -> caller.rename("s1", "A title").statusCode();
    }

    /** As many as wait for a table, while there are more requests than connections; all requests succeed after that. */
    private static int connectionsInUseAtTheMost(List<Caller> callers) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(callers.size());
        try (Connection holder = service.connect()) {
            holder.setAutoCommit(false);
            holder.createStatement().execute("lock table public.chat_sessions in access exclusive mode");
            List<Future<Integer>> responses = callers.stream().map(caller -> executor.submit(list(caller))).toList();
            await("requests in the queue").until(() -> metric("sql_pool_queue_size") == callers.size() - POOL_SIZE);
            await("connections that wait for the table").until(() -> waiting() == POOL_SIZE);
            int inUse = waiting();
            holder.rollback();
            for (Future<Integer> response : responses) {
                assertThat(response.get()).isEqualTo(200);
            }
            return inUse;
        } finally {
            executor.shutdownNow();
        }
    }

    private static int waiting() {
        return Integer.parseInt(service.text("select count(*)::text from pg_stat_activity where datname = current_database()"
                + " and usename = 'chatkeep_app' and wait_event_type = 'Lock'"));
    }

    private static double metric(String name) {
        return service.givenManagement().get("/q/metrics").asString().lines()
                .filter(line -> line.startsWith(name + "{") || line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1))).sum();
    }
}

package dev.chatkeep.database;

import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiFunction;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;
import io.restassured.response.Response;

/** More uploads of different users than may hold connections. Locks on the users' rows keep them. */
@BesideOthers
class UploadsIT {

    private static final int CONNECTIONS = 4;
    /** Half of the connections, without a setting. */
    private static final int AT_ONCE = 2;
    private static final int WAITING = 3;
    private static final String LARGE = "x".repeat(300_000);

    private static final String BLOCKED = "datname = current_database() and usename = 'chatkeep_app'"
            + " and wait_event_type = 'Lock'";

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final CompletionService<Response> clients = new ExecutorCompletionService<>(threads);
    private PackagedService service;

    @BeforeEach
    void start() throws Exception {
        service = new PackagedService(Map.of("QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE", String.valueOf(CONNECTIONS),
                "CHATKEEP_DATABASE_MAX_WAITING", String.valueOf(WAITING),
                "CHATKEEP_DATABASE_STATEMENT_TIMEOUT", "2M", "CHATKEEP_DATABASE_LOCK_TIMEOUT", "2M",
                "CHATKEEP_DATABASE_PATIENCE", "2M"));
        service.start();
    }

    @AfterEach
    void stop() throws InterruptedException {
        threads.shutdown();
        service.close();
    }

    static Stream<Arguments> uploads() {
        return Stream.of(upload("conversations", UploadsIT::conversation), upload("messages", UploadsIT::messages),
                upload("a change", UploadsIT::change));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("uploads")
    void othersGetConnectionsHoweverManyUpload(String name, BiFunction<Caller, String, Response> upload) throws Exception {
        // Given
        List<Caller> uploaders = Stream.generate(this::callerWithMessage).limit(AT_ONCE + WAITING + 1).toList();
        Caller other = callerWithMessage();

        // When
        Response refused;
        List<Response> ofAnother;
        try (Connection connection = lockOf(uploaders)) {
            uploaders.forEach(caller -> clients.submit(() -> upload.apply(caller, LARGE)));
            refused = clients.take().get();
            untilBlocked(AT_ONCE);
            ofAnother = List.of(other.listSessions(), other.messages("s1"), conversation(other, "Small"),
                    messages(other, "Smaller"), change(other, "As small"));
            untilBlocked(AT_ONCE);
            connection.rollback();
        }
        List<Integer> statuses = new ArrayList<>();
        for (int number = 0; number < AT_ONCE + WAITING; number++) {
            statuses.add(clients.take().get().statusCode());
        }

        // Then
        assertProblem(refused, 503, "too_busy");
        assertThat(refused.header("Retry-After")).isEqualTo("2");
        assertThat(ofAnother).extracting(Response::statusCode).containsExactly(200, 200, 200, 201, 200);
        assertThat(statuses).hasSize(AT_ONCE + WAITING).containsAnyOf(200, 201).doesNotContain(503);
        assertThat(service.rows("""
                select length(m.content) as length, count(*) as messages
                  from public.chat_messages m where m.user_id <> ? group by 1 order by 1
                """, other.id())).containsExactly(Map.of("length", "Hello".length(), "messages", 1L),
                Map.of("length", LARGE.length(), "messages", (long) AT_ONCE + WAITING));
    }

    @Test
    void anUploadWhoseClientGoesAwayBeforeItsTurnIsNotStored() throws Exception {
        // Given
        List<Caller> uploaders = Stream.generate(this::callerWithMessage).limit(AT_ONCE).toList();
        Caller gone = callerWithMessage();
        Caller last = callerWithMessage();

        // When
        try (Connection connection = lockOf(uploaders)) {
            uploaders.forEach(caller -> clients.submit(() -> conversation(caller, LARGE)));
            untilBlocked(AT_ONCE);
            try (Socket client = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
                client.getOutputStream().write(request(gone));
                client.getOutputStream().flush();
                untilWaiting(1);
            }
            untilWaiting(0);
            clients.submit(() -> conversation(last, LARGE));
            untilWaiting(1);
            connection.rollback();
        }
        List<Integer> statuses = new ArrayList<>();
        for (int number = 0; number < AT_ONCE + 1; number++) {
            statuses.add(clients.take().get().statusCode());
        }

        // Then
        assertThat(statuses).containsExactly(200, 200, 200);
        assertThat(service.text("select content from public.chat_messages where user_id = ?", gone.id())).isEqualTo("Hello");
        assertThat(conversation(gone, LARGE).statusCode()).isEqualTo(200);
    }

    @Test
    void anUploadThatFailsGivesItsPlaceBack() throws Exception {
        // Given
        Caller caller = callerWithMessage();
        List<Integer> statuses = new ArrayList<>();

        // When
        for (int number = 0; number < AT_ONCE; number++) {
            statuses.add(caller.request().body("{\"conversations\": \"" + LARGE + "\"}").post("/api/chat/sync").statusCode());
            statuses.add(caller.request().body("{\"conversations\": " + LARGE).post("/api/chat/sync").statusCode());
            statuses.add(caller.request().body(Map.of("id", "s2", "content", LARGE)).patch("/api/chat/messages/unknown")
                    .statusCode());
            statuses.add(caller.request().body(Map.of("sessionId", "s2", "message", message(LARGE))).post("/api/chat/messages")
                    .statusCode());
            statuses.add(statusOfOneThatLosesItsConnection(caller));
        }
        Response afterwards = conversation(caller, LARGE);

        // Then
        assertThat(statuses).containsExactly(422, 400, 404, 409, 503, 422, 400, 404, 409, 503);
        assertThat(afterwards.statusCode()).isEqualTo(200);
    }

    private int statusOfOneThatLosesItsConnection(Caller caller) throws Exception {
        try (Connection connection = lockOf(List.of(caller))) {
            Future<Response> upload = clients.submit(() -> conversation(caller, LARGE));
            untilBlocked(1);
            service.rows("select pg_terminate_backend(pid) from pg_stat_activity where " + BLOCKED);
            return upload.get().statusCode();
        }
    }

    private static byte[] request(Caller caller) {
        String body = "{\"conversations\": [{\"id\": \"s1\", \"messages\": [{\"id\": \"m1\", \"role\": \"user\","
                + " \"content\": \"" + LARGE + "\"}]}]}";
        return ("POST /api/chat/sync HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + caller.token()
                + "\r\nContent-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                .getBytes(StandardCharsets.US_ASCII);
    }

    private Caller callerWithMessage() {
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");
        caller.hasMessage("s1", message("Hello"));
        return caller;
    }

    private static Arguments upload(String name, BiFunction<Caller, String, Response> upload) {
        return Arguments.of(name, upload);
    }

    private static Response conversation(Caller caller, String content) {
        return caller.upload(List.of(Map.of("id", "s1", "title", "A title", "messages", List.of(message(content)))));
    }

    private static Response messages(Caller caller, String content) {
        return caller.request().body(Map.of("sessionId", "s1", "messages", List.of(message(content))))
                .post("/api/chat/messages");
    }

    private static Response change(Caller caller, String content) {
        return caller.request().body(Map.of("content", content)).patch("/api/chat/messages/m1");
    }

    private static Map<String, String> message(String content) {
        return Map.of("id", "m1", "role", "user", "content", content);
    }

    private Connection lockOf(List<Caller> callers) throws SQLException {
        Connection connection = service.connect();
        connection.setAutoCommit(false);
        try (var lock = connection.prepareStatement("select from public.profiles where id = any(?) for update")) {
            lock.setArray(1, connection.createArrayOf("uuid", callers.stream().map(Caller::id).toArray()));
            lock.execute();
        }
        return connection;
    }

    private void untilWaiting(int uploads) {
        await("uploads that wait").until(() -> service.givenManagement().get("/q/metrics").asString()
                .contains("\nchatkeep_database_uploads_waiting " + (double) uploads));
    }

    private void untilBlocked(int uploads) {
        await("uploads that hold connections")
                .until(() -> service.rows("select from pg_stat_activity where " + BLOCKED).size() == uploads);
    }
}

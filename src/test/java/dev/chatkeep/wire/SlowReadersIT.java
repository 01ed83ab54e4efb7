package dev.chatkeep.wire;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import io.restassured.response.Response;

/** Clients that ask for large responses and do not take them, and a service with little memory. */
@BesideOthers
class SlowReadersIT {

    private static final String SESSION = "/api/chat/messages?session_id=s1";
    private static final String MESSAGE = "/api/chat/messages/m1";
    private static final String SYNC = "/api/chat/sync";
    private static final String EXPORT = "/api/user/export";
    private static final String STREAM = "/api/chat/streams/r1";
    private static final String SESSIONS = "/api/chat/sessions";
    private static final String CHAT = "/api/chat";
    private static final String TEXT = CHAT + "/stream";
    private static final String OPENAI = "/v1/chat/completions";
    private static final int BYTES = 5 << 20;
    /** All of them would hold 200 MiB, several times over while they are read. */
    private static final int READERS = 40;

    private static PackagedService service;
    private static PackagedService impatient;

    @BeforeAll
    static void start() throws Exception {
        service = service("10M");
        impatient = service("0.5S");
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
        impatient.close();
    }

    @ParameterizedTest
    @ValueSource(strings = { SESSION, MESSAGE, SYNC, EXPORT, SESSIONS, STREAM })
    void theServiceLivesAndOthersAreAnsweredMeanwhile(String path) throws Exception {
        // Given
        List<Caller> callers = List.of(callerWithLargeMessages(service), callerWithLargeMessages(service));
        Caller other = service.newCaller();
        other.hasSession("s1", "A title");
        List<String> statuses = new ArrayList<>();
        Response small;
        double held;

        // When
        try (Readers readers = new Readers()) {
            for (int number = 0; number < READERS; number++) {
                statuses.add(statusLine(readers.begin(callers.get(number % callers.size()), path)));
            }
            small = other.messages("s1");
            held = held(service);
        }

        // Then
        assertThat(small.statusCode()).isEqualTo(200);
        assertThat(statuses).contains("HTTP/1.1 200 OK").containsAnyOf("HTTP/1.1 429 Too Many Requests",
                "HTTP/1.1 503 Service Unavailable");
        assertThat(held).isPositive();
        await("what was held").until(() -> held(service) == 0);
        callers.get(0).request().get(path).then().statusCode(200);
    }

    @Test
    void whoHasTakenLittleIsToldToComeAgain() throws Exception {
        // Given
        Caller caller = callerWithLargeMessages(service);
        try (Readers readers = new Readers()) {
            // When
            Response refused = await("a refusal").until(() -> {
                readers.begin(caller, SESSION);
                return caller.request().get(MESSAGE);
            }, response -> response.statusCode() != 200);

            // Then
            assertProblem(refused, 429, "too_many_downloads");
            assertThat(refused.header("Retry-After")).isEqualTo("2");
        }
        await("what was held").until(() -> held(service) == 0);
    }

    @ParameterizedTest
    @ValueSource(strings = { SESSION, MESSAGE, SYNC, EXPORT, SESSIONS })
    void aClientThatTakesNothingIsCutOff(String path) throws Exception {
        // Given
        Caller caller = callerWithLargeMessages(impatient);

        // When
        try (Readers readers = new Readers(impatient)) {
            Socket reader = readers.begin(caller, path);
            String status = statusLine(reader);

            // Then
            assertThat(status).isEqualTo("HTTP/1.1 200 OK");
            await("what was held").until(() -> held(impatient) == 0);
        }
    }

    @ParameterizedTest
    @CsvSource({ CHAT + ", false", CHAT + ", true", TEXT + ", true", OPENAI + ", false" })
    void anAnswerIsHeldAsLongAsItIsNotTaken(String path, boolean streamed) throws Exception {
        // Given
        Caller caller = service.newCaller();
        Caller other = service.newCaller();
        String status;
        Response asked;

        // When
        try (Readers readers = new Readers()) {
            status = statusLine(readers.ask(caller, path, streamed, largeAnswer(service)));
            await("the answer").until(() -> held(service) > BYTES);
            asked = ask(other, "A small question");
        }

        // Then
        assertThat(status).isEqualTo("HTTP/1.1 200 OK");
        assertThat(asked.<String> path("data.response")).isEqualTo("A small question");
        await("what was held").until(() -> held(service) == 0);
    }

    @Test
    void whoDoesNotTakeHisAnswersGetsNoMore() throws Exception {
        // Given
        Caller caller = service.newCaller();
        try (Readers readers = new Readers()) {
            // When
            Response refused = await("a refusal").until(() -> {
                statusLine(readers.ask(caller, CHAT, false, largeAnswer(service)));
                return ask(caller, "A small question");
            }, response -> response.statusCode() != 200);

            // Then
            assertProblem(refused, 429, "too_many_downloads");
        }
        await("what was held").until(() -> held(service) == 0);
        assertThat(ask(caller, "A small question").statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource({ CHAT + ", false", CHAT + ", true", TEXT + ", true", OPENAI + ", false", OPENAI + ", true" })
    void aClientThatTakesNothingOfItsAnswerIsCutOff(String path, boolean streamed) throws Exception {
        // Given
        Caller caller = impatient.newCaller();

        // When
        try (Readers readers = new Readers(impatient)) {
            Socket reader = readers.ask(caller, path, streamed, largeAnswer(impatient));
            String status = statusLine(reader);

            // Then
            assertThat(status).isEqualTo("HTTP/1.1 200 OK");
            String connections = "http_server_active_connections{server_port=\"" + impatient.port() + "\"}";
            await("the end").until(() -> metric(impatient, "chatkeep_completions_running") == 0 && held(impatient) == 0
                    && metric(impatient, connections) == 0);
        }
    }

    private static Response ask(Caller caller, String question) {
        return caller.request().contentType("application/json")
                .body("{\"model\": \"" + PackagedService.MODEL + "\", \"message\": \"" + question + "\"}").post(CHAT);
    }

    /** The question that gets it. */
    private static String largeAnswer(PackagedService of) {
        String question = "A large answer " + UUID.randomUUID();
        Script answer = Script.streamed();
        for (int written = 0; written < BYTES; written += 64 << 10) {
            answer.delta("\"a".repeat(32 << 10));
        }
        of.provider().on(question, answer.usage(3, 3).done());
        return question;
    }

    private static PackagedService service(String timeout) throws Exception {
        PackagedService service = new PackagedService(Map.of(
                "JAVA_TOOL_OPTIONS", "-Xmx256m -XX:MaxDirectMemorySize=128m -XX:+ExitOnOutOfMemoryError",
                "CHATKEEP_HTTP_RESPONSE_TIMEOUT", timeout));
        service.start();
        return service;
    }

    private static Caller callerWithLargeMessages(PackagedService of) {
        Caller caller = of.newCaller();
        caller.hasSession("s1", "A title");
        // Before the messages, which belong to the newest session.
        of.rows("""
                insert into public.chat_sessions (user_id, id, title)
                select ?, 't' || n, repeat('"', 255) from generate_series(1, 9900) n
                """, caller.id());
        of.rows("""
                insert into public.chat_messages (user_id, id, session_id, role, content)
                select ?, 'm' || n, 's1', 'user', repeat('"a', ? / 2) from generate_series(1, 4) n
                """, caller.id(), BYTES);
        of.rows("""
                insert into chatkeep.completions (user_id, id, session_id, message_id, model, state, lease_until, finished_at,
                                                  input_cost, output_cost)
                values (?, 'r1', 's1', 'm1', 'test/model', 'complete', now(), now(), 0, 0)
                """, caller.id());
        return caller;
    }

    private static double held(PackagedService of) {
        return metric(of, "chatkeep_http_response_memory");
    }

    private static double metric(PackagedService of, String name) {
        return of.givenManagement().get("/q/metrics").asString().lines()
                .filter(line -> line.startsWith(name + " ") || line.startsWith(name + "{"))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ')))).sum();
    }

    private static String statusLine(Socket socket) throws IOException {
        StringBuilder line = new StringBuilder();
        InputStream in = socket.getInputStream();
        for (int character = in.read(); character >= 0 && character != '\r'; character = in.read()) {
            line.append((char) character);
        }
        return line.toString();
    }

    /** Requests whose responses are not read. */
    private static final class Readers implements AutoCloseable {

        private final List<Socket> sockets = new ArrayList<>();
        private final PackagedService of;

        Readers() {
            this(service);
        }

        Readers(PackagedService of) {
            this.of = of;
        }

        Socket begin(Caller caller, String path) throws IOException {
            return send("GET " + path, caller, "\r\n");
        }

        Socket ask(Caller caller, String path, boolean streamed, String question) throws IOException {
            String body = "{\"model\": \"" + PackagedService.MODEL + "\", \"stream\": " + streamed + ", "
                    + (path.startsWith(CHAT) ? "\"message\": \"" + question + "\"}"
                            : "\"messages\": [{\"role\": \"user\", \"content\": \"" + question + "\"}]}");
            return send("POST " + path, caller,
                    "Content-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        }

        private Socket send(String line, Caller caller, String rest) throws IOException {
            Socket socket = new Socket();
            socket.setReceiveBufferSize(4 << 10);
            socket.connect(new InetSocketAddress("127.0.0.1", of.port()));
            socket.setSoTimeout((int) PATIENCE.toMillis());
            sockets.add(socket);
            socket.getOutputStream().write((line + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                    + caller.token() + "\r\n" + rest).getBytes(StandardCharsets.US_ASCII));
            return socket;
        }

        @Override
        public void close() throws IOException {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }
}

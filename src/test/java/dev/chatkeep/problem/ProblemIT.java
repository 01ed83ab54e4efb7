package dev.chatkeep.problem;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Stored;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class ProblemIT {

    private static final int LIMIT = 16 << 20;
    private static final Pattern CONTENT_LENGTH = Pattern.compile("(?i)content-length: (\\d+)");
    private static final String[] CALLS_WITH_A_BODY = { "POST /api/chat/sessions", "PATCH /api/chat/sessions",
            "POST /api/chat/session", "POST /api/chat/messages", "POST /api/chat/sync" };

    static Stream<String> callsWithABody() {
        return Arrays.stream(CALLS_WITH_A_BODY);
    }

    static Stream<Arguments> malformedBodies() {
        return callsWith(
                Arguments.of("cut in the middle", "{\"id\": \"s1\""),
                Arguments.of("something behind it", "{\"id\": \"s1\", \"title\": \"A title\"} x"),
                Arguments.of("two values", "{\"id\": \"s1\", \"title\": \"A title\"}{}"),
                Arguments.of("names without quotes", "{id: \"s1\"}"),
                Arguments.of("single quotes", "{'id': 's1'}"),
                Arguments.of("a comma too many", "{\"id\": \"s1\",}"),
                Arguments.of("a comment", "{\"id\": \"s1\" /* ours */}"),
                Arguments.of("a line end in a text", "{\"id\": \"s\n1\"}"),
                Arguments.of("a wrong escape", "{\"id\": \"\\x\"}"),
                Arguments.of("not a number", "{\"id\": \"s1\", \"x\": NaN}"),
                Arguments.of("a form", "id=s1&title=A+title"),
                Arguments.of("markup", "<session id='s1'/>"),
                Arguments.of("100,000 brackets in a field that nobody reads",
                        "{\"id\": \"s1\", \"x\": " + "[".repeat(100_000) + "]".repeat(100_000) + "}"),
                Arguments.of("100,000 braces in a field that nobody reads",
                        "{\"id\": \"s1\", \"x\": " + "{\"x\":".repeat(100_000) + "1" + "}".repeat(100_000) + "}"),
                Arguments.of("a number of 10,000 digits in a field that is read", "{\"id\": " + "9".repeat(10_000)
                        + ", \"message\": {\"input_tokens\": " + "9".repeat(10_000) + "}, \"conversations\": "
                        + "9".repeat(10_000) + "}"),
                Arguments.of("a name of 100,000 characters", "{\"" + "x".repeat(100_000) + "\": 1}"));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("malformedBodies")
    void aBodyThatIsNotJsonIsABadRequest(String call, String name, String body) throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, call, BodyPublishers.ofString(body));

        // Then
        assertProblem(answer, 400, "invalid_request");
        assertThat(Json.of(new String(answer.body(), StandardCharsets.UTF_8))).isEqualTo(Json.of("""
                {"status": 400, "title": "Bad Request", "detail": "The request is malformed.", "instance": "%s",
                 "code": "invalid_request", "error": "The request is malformed.",
                 "message": "The request is malformed."}
                """, call.split(" ")[1]));
        assertThat(Stored.versions(caller)).isNull();
    }

    static Stream<Arguments> malformedTexts() {
        return callsWith(
                Arguments.of("a byte that UTF-8 never has", "ff"),
                Arguments.of("a character cut in the middle", "e282"),
                Arguments.of("a character that goes on too long", "e28080ac"),
                Arguments.of("half a surrogate pair", "eda0bd"),
                Arguments.of("a surrogate pair in six bytes", "eda0bdedb880"),
                Arguments.of("Latin-1", "e9"));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("malformedTexts")
    void aBodyThatIsNotUtf8IsABadRequest(String call, String name, String bytes) throws Exception {
        // Given
        Caller caller = Caller.fresh();
        byte[] body = bytes("{\"id\": \"s1\", \"title\": \"", bytes, "\", \"conversations\": []}");

        // When
        HttpResponse<byte[]> answer = send(caller, call, BodyPublishers.ofByteArray(body));

        // Then
        assertProblem(answer, 400, "invalid_request");
        assertThat(Stored.versions(caller)).isNull();
    }

    @ParameterizedTest
    @MethodSource("callsWithABody")
    void aBodyThatIsMissingIsABadRequest(String call) throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, call, BodyPublishers.noBody());

        // Then
        assertFields(answer, 400, "body is missing");
    }

    @ParameterizedTest
    @MethodSource("callsWithABody")
    void aBodyThatIsNullIsABadRequest(String call) throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, call, BodyPublishers.ofString("null"));

        // Then
        assertFields(answer, 400, "body is missing");
    }

    @ParameterizedTest
    @MethodSource("callsWithABody")
    void aBodyOfBracketsHasTheWrongType(String call) throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, call, BodyPublishers.ofString("[".repeat(100_000)));

        // Then
        assertFields(answer, 422, "has the wrong type");
    }

    @ParameterizedTest
    @MethodSource("callsWithABody")
    void onlyJsonIsRead(String call) throws Exception {
        // Given
        Caller caller = Caller.fresh();
        HttpRequest request = request(caller, call, BodyPublishers.ofString("{\"id\": \"s1\", \"title\": \"A title\"}"))
                .setHeader("Content-Type", "text/plain").build();

        // When
        HttpResponse<byte[]> answer = send(request);

        // Then
        assertProblem(answer, 415, "unsupported_media_type");
        assertThat(Stored.versions(caller)).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = { "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
            "application/octet-stream", "application/jsonp", "text/json" })
    void aBodyOfAnotherTypeIsRefused(String type) throws Exception {
        // Given
        Caller caller = Caller.fresh();
        HttpRequest request = request(caller, "POST /api/chat/sessions", BodyPublishers.ofString("{\"id\": \"s1\"}"))
                .setHeader("Content-Type", type).build();

        // When
        HttpResponse<byte[]> answer = send(request);

        // Then
        assertProblem(answer, 415, "unsupported_media_type");
        assertThat(Stored.versions(caller)).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = { "text/html", "application/xml", "image/*" })
    void clientsThatDoNotAcceptJsonAreRefused(String accept) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().header("Accept", accept).get("/api/chat/sessions");

        // Then
        assertProblem(answer, 406, "not_acceptable");
    }

    @ParameterizedTest
    @ValueSource(strings = { "application/json", "*/*", "application/*", "text/html, */*;q=0.1", "text/html,application/json" })
    void clientsThatAcceptJsonGetIt(String accept) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().header("Accept", accept).get("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
    }

    @ParameterizedTest
    @ValueSource(strings = { "/", "/api", "/api/", "/api/chat/nothing", "/api/chat/session/s1", "/api/chat/sessions/s1",
            "/api/Chat/Sessions", "/api/chat/messages/m1/parts", "/api/auth", "/api/chat/sessions%2F", "/api/%C3%BC",
            "/api/%00",
            "/favicon.ico", "/wp-login.php", "/q/nothing" })
    void whatIsNotThereIsNotFound(String path) throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, "GET " + path, BodyPublishers.noBody());

        // Then
        assertProblem(answer, 404, "not_found");
    }

    @Test
    void anUnknownPathIsNotFoundEvenWithoutAToken() {
        // Given
        String path = "/api/nothing";

        // When
        Response answer = RestAssured.given().get(path);

        // Then
        assertProblem(answer, 404, "not_found");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = { "PUT | /api/chat/sessions | DELETE, GET, HEAD, OPTIONS, PATCH, POST",
            "GET | /api/chat/session | OPTIONS, POST", "DELETE | /api/chat/session | OPTIONS, POST",
            "DELETE | /api/chat/messages | GET, HEAD, OPTIONS, POST", "PATCH | /api/chat/messages/ | GET, HEAD, OPTIONS, POST",
            "PUT | /api/chat/messages/m1 | DELETE, GET, HEAD, OPTIONS, PATCH",
            "PUT | /api/chat/sync | GET, HEAD, OPTIONS, POST", "GET | /api/chat/clear-all | DELETE, OPTIONS",
            "POST | /api/chat/clear-all | DELETE, OPTIONS", "GET | /api/auth/session | OPTIONS, POST",
            "GET | /api/admin/models/catalog | OPTIONS, PUT", "PATCH | /api/admin/models/catalog | OPTIONS, PUT",
            "DELETE | /api/admin/models/catalog/ | OPTIONS, PUT", "POST | /api/models/a/b:c/access | GET, HEAD, OPTIONS" })
    void aMethodThatIsNotThereIsNotAllowed(String method, String path, String allowed) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().request(method, path);
        Response asked = RestAssured.given().options(path);

        // Then
        assertProblem(answer, 405, "method_not_allowed");
        assertThat(answer.header("Allow")).isEqualTo(allowed);
        assertThat(asked.statusCode()).isEqualTo(200);
        assertThat(asked.header("Allow")).isEqualTo(allowed);
        assertThat(asked.asString()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = { "/", "/api", "/api/chat/nothing", "/api/chat/sessions/s1", "/v1/nothing" })
    void whatIsNotThereTakesNoMethod(String path) {
        // When
        Response answer = RestAssured.given().options(path);

        // Then
        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(answer.header("Allow")).isNull();
        assertThat(answer.header("X-Request-Id")).isNotBlank();
    }

    @Test
    void aFrontEndOnAnAllowedOriginMayAskForEveryMethod() throws Exception {
        // Given
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://localhost:" + RestAssured.port + "/api/chat/sessions"))
                .header("Origin", DatabaseResource.FRONT_END).header("Access-Control-Request-Method", "PATCH")
                .method("OPTIONS", BodyPublishers.noBody()).build();

        // When
        HttpResponse<byte[]> answer = send(request);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Access-Control-Allow-Origin")).hasValue(DatabaseResource.FRONT_END);
        assertThat(answer.headers().firstValue("Access-Control-Allow-Methods").orElseThrow()).contains("PATCH");
    }

    /** Quarkus asks no handler of ours about it, and Netty nobody at all. */
    @ParameterizedTest
    @CsvSource({ "/api/%zz, 0, 400", "/api/chat/sessions?limit=%zz, 0, 400", "/api/models/%/access, 0, 400", "/, 70000, 431" })
    void whatTheServerItselfRefusesHasNoDocument(String path, int header, int status) throws Exception {
        // Given
        String request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nX-Filler: " + "x".repeat(header) + "\r\n\r\n";

        // When
        Answer answer = exchange(request);

        // Then
        assertThat(answer.head()).startsWith("http/1.1 " + status + " ").contains("content-length: 0\r\n");
        assertThat(answer.body()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "8200|0|414|uri_too_long|The address of the request has more than 8192 characters.",
            "10|21000|431|headers_too_large|The headers of the request have more than 20480 characters." })
    void anAddressOrHeadersThatAreTooLongAreRefused(int address, int header, int status, String code, String detail)
            throws Exception {
        // Given
        String request = "GET /api/" + "x".repeat(address) + " HTTP/1.1\r\nHost: localhost\r\nX-Filler: " + "x".repeat(header)
                + "\r\n\r\n";

        // When
        Answer answer = exchange(request);

        // Then
        assertThat(answer.head()).startsWith("http/1.1 " + status + " ").contains("x-request-id: ")
                .contains("content-type: application/problem+json");
        assertThat(Json.of(answer.body()).path("code").textValue()).isEqualTo(code);
        assertThat(Json.of(answer.body()).path("detail").textValue()).isEqualTo(detail);
    }

    @Test
    void whatIsRefusedBeforeItsResourceHasOpenAisShapeForItsClients() throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> tooLarge = send(caller, "POST /v1/chat/completions",
                BodyPublishers.ofByteArray(bodyOf(LIMIT + 1)));
        HttpResponse<byte[]> ofUnknownLength = send(caller, "POST /v1/chat/completions",
                ofUnknownLength(bodyOf(LIMIT + 1)));

        // Then
        assertThat(Stream.of(tooLarge, ofUnknownLength)).allSatisfy(answer -> {
            assertThat(answer.statusCode()).isEqualTo(413);
            assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/json");
            assertThat(answer.headers().firstValue("X-Request-Id")).isPresent();
            assertThat(Json.of(new String(answer.body(), StandardCharsets.UTF_8))).isEqualTo(Json.of("""
                    {"error": {"message": "The request has more than 16777216 bytes.", "type": "invalid_request_error",
                               "param": null, "code": "too_large"}}
                    """));
        });
    }

    /** Jackson 2.21.1 refused such a name. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = { "POST /api/chat/sessions|{KEY, \"id\": \"s1\", \"title\": \"A title\"}|201",
            "POST /api/chat/messages|{KEY, \"sessionId\": \"s1\", \"message\": {KEY}}|400",
            "POST /api/chat/sync|{KEY, \"conversations\": []}|200",
            "POST /api/chat|{KEY, \"message\": 5}|422",
            "POST /v1/chat/completions|{\"messages\": [], KEY}|422",
            "PUT /api/user/data|{\"ui\": {KEY}}|200" })
    void aNameMayHaveAnEscapedSurrogatePair(String call, String body, int status) throws Exception {
        // Given
        Caller caller = Caller.fresh();
        String json = body.replace("KEY", "\"\\ud83d\\ude00\": 1");

        // When
        HttpResponse<byte[]> answer = send(caller, call, BodyPublishers.ofString(json));

        // Then
        String text = new String(answer.body(), StandardCharsets.UTF_8);
        assertThat(answer.statusCode()).as(text).isEqualTo(status);
        assertThat(text).doesNotContain("invalid_request\"", "malformed");
    }

    @ParameterizedTest
    @CsvSource({ "5.0, 201", "5e0, 201", "0.5e1, 201", "5.5, 422", "5e99, 422", "5e-99, 422", "5e999999999, 422" })
    void aWholeNumberMayBeWrittenWithAFraction(String number, int status) throws Exception {
        // Given
        Caller caller = Caller.fresh();
        String message = """
                {"sessionId": "s1", "message": {"id": "m1", "role": "user", "content": "Hello", "input_tokens": %s}}
                """.formatted(number);
        send(caller, "POST /api/chat/sessions", BodyPublishers.ofString("{\"id\": \"s1\"}"));

        // When
        HttpResponse<byte[]> answer = send(caller, "POST /api/chat/messages", BodyPublishers.ofString(message));

        // Then
        assertThat(answer.statusCode()).as(new String(answer.body(), StandardCharsets.UTF_8)).isEqualTo(status);
    }

    @ParameterizedTest
    @MethodSource("callsWithABody")
    void aBodyOverTheLimitIsTooLarge(String call) throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, call, BodyPublishers.ofByteArray(bodyOf(LIMIT + 1)));

        // Then
        assertTooLarge(answer);
    }

    @Test
    void aBodyOfExactlyTheLimitIsRead() throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, "POST /api/chat/sessions", BodyPublishers.ofByteArray(bodyOf(LIMIT)));

        // Then
        assertFields(answer, 422, "id must have at most 255 characters");
    }

    @ParameterizedTest
    @MethodSource("callsWithABody")
    void aBodyOfUnknownLengthOverTheLimitIsTooLarge(String call) throws Exception {
        // Given
        Caller caller = Caller.fresh();

        // When
        HttpResponse<byte[]> answer = send(caller, call, ofUnknownLength(bodyOf(LIMIT + 1)));

        // Then
        assertTooLarge(answer);
    }

    @Test
    void aBodyOfUnknownLengthUnderTheLimitIsRead() throws Exception {
        // Given
        Caller caller = Caller.fresh();
        BodyPublisher body = ofUnknownLength("{\"id\": \"s1\", \"title\": \"A title\"}".getBytes(StandardCharsets.UTF_8));

        // When
        HttpResponse<byte[]> answer = send(caller, "POST /api/chat/sessions", body);

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("A title");
    }

    @Test
    void aBodyThatIsAnnouncedAsTooLargeIsRefusedBeforeItIsSent() throws Exception {
        // Given
        String head = "POST /api/chat/sync HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                + (LIMIT + 1) + "\r\nExpect: 100-continue\r\nAuthorization: Bearer " + Caller.fresh().token()
                + "\r\n\r\n";

        // When
        Answer answer = exchange(head);

        // Then
        assertThat(answer.head()).startsWith("http/1.1 413 ").contains("content-type: application/problem+json");
        assertThat(Json.of(answer.body()).path("code").textValue()).isEqualTo("too_large");
    }

    @Test
    void aFrontEndOnAnAllowedOriginCanReadThatABodyIsTooLarge() throws Exception {
        // Given
        HttpRequest request = request(Caller.fresh(), "POST /api/chat/sync", BodyPublishers.ofByteArray(bodyOf(LIMIT + 1)))
                .header("Origin", DatabaseResource.FRONT_END).build();

        // When
        HttpResponse<byte[]> answer = send(request);

        // Then
        assertTooLarge(answer);
        assertThat(answer.headers().firstValue("Access-Control-Allow-Origin")).hasValue(DatabaseResource.FRONT_END);
        assertThat(answer.headers().firstValue("Access-Control-Expose-Headers")).hasValue(
                "Retry-After,RateLimit,RateLimit-Policy,X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset,"
                        + "X-Request-Id,X-Stream-Id,WWW-Authenticate,Content-Disposition");
        assertThat(answer.headers().firstValue("X-Request-Id")).isPresent();
    }

    @Test
    void aProblemHasTheMembersOfTheStandardAndThoseOfTheFrontEnds() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.messages("s1");

        // Then
        assertThat(answer.contentType()).isEqualTo("application/problem+json");
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"status": 404, "title": "Not Found", "detail": "There is no such session.",
                 "instance": "/api/chat/messages", "code": "session_not_found", "error": "There is no such session.",
                 "message": "There is no such session."}
                """));
    }

    @Test
    void aProblemWithFieldsNamesThem() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body("{\"id\": \"\", \"title\": \"a\\u0000b\"}").post("/api/chat/sessions");

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"status": 422, "title": "Unprocessable Content",
                 "detail": "id must not be empty; title must not hold the character NUL.", "instance": "/api/chat/sessions",
                 "code": "invalid_field", "error": "id must not be empty; title must not hold the character NUL.",
                 "message": "id must not be empty; title must not hold the character NUL.",
                 "errors": [{"field": "id", "message": "must not be empty"},
                            {"field": "title", "message": "must not hold the character NUL"}]}
                """));
    }

    @Test
    void aProblemDoesNotRepeatWhatTheClientSent() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body("{\"id\": {\"secret\": \"hunter2\"}}").post("/api/chat/sessions");

        // Then
        assertFields(answer, 422, "id has the wrong type");
        assertThat(answer.asString()).doesNotContain("hunter2", "secret");
    }

    private static void assertTooLarge(HttpResponse<byte[]> answer) {
        assertProblem(answer, 413, "too_large");
        assertThat(Json.of(new String(answer.body(), StandardCharsets.UTF_8)).path("detail").textValue())
                .isEqualTo("The request has more than 16777216 bytes.");
    }

    private static Stream<Arguments> callsWith(Arguments... bodies) {
        return callsWithABody().flatMap(call -> Arrays.stream(bodies)
                .map(body -> Arguments.of(call, body.get()[0], body.get()[1])));
    }

    /** Without REST-assured, which formats every body for its log and does not survive the worst of these. */
    private static HttpResponse<byte[]> send(Caller caller, String call, BodyPublisher body) throws Exception {
        return send(request(caller, call, body).build());
    }

    private static HttpResponse<byte[]> send(HttpRequest request) throws IOException, InterruptedException {
        return HttpClient.newHttpClient().send(request, BodyHandlers.ofByteArray());
    }

    private static HttpRequest.Builder request(Caller caller, String call, BodyPublisher body) {
        return HttpRequest.newBuilder(URI.create("http://localhost:" + RestAssured.port + call.split(" ")[1]))
                .version(HttpClient.Version.HTTP_1_1)
                .timeout(PATIENCE)
                .header("Authorization", "Bearer " + caller.token())
                .header("Content-Type", "application/json")
                .method(call.split(" ")[0], body);
    }

    private record Answer(String head, String body) {
    }

    /** For requests that no HTTP client sends. */
    private static Answer exchange(String request) throws IOException {
        try (Socket socket = new Socket("localhost", RestAssured.port)) {
            socket.setSoTimeout((int) PATIENCE.toMillis());
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            StringBuilder head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                head.append((char) socket.getInputStream().read());
            }
            Matcher length = CONTENT_LENGTH.matcher(head);
            byte[] body = length.find() ? socket.getInputStream().readNBytes(Integer.parseInt(length.group(1))) : new byte[0];
            return new Answer(head.toString().toLowerCase(Locale.ROOT), new String(body, StandardCharsets.UTF_8));
        }
    }

    private static BodyPublisher ofUnknownLength(byte[] body) {
        return BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body));
    }

    private static byte[] bodyOf(int size) {
        return bytes("{\"id\": \"" + "x".repeat(size - 10), "", "\"}");
    }

    private static byte[] bytes(String before, String hex, String after) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(before.getBytes(StandardCharsets.UTF_8));
        bytes.writeBytes(HexFormat.of().parseHex(hex));
        bytes.writeBytes(after.getBytes(StandardCharsets.UTF_8));
        return bytes.toByteArray();
    }
}

package dev.chatkeep.security;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;

/** A service with little memory for bodies: two of a megabyte, one of each user. */
@BesideOthers
class RequestBodiesIT {

    private static final int MEBIBYTE = 1 << 20;
    private static final String PATH = "/api/chat/sync";

    private static PackagedService service;

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of("QUARKUS_HTTP_LIMITS_MAX_BODY_SIZE", "1M", "CHATKEEP_HTTP_MAX_BODY_MEMORY", "2M",
                "CHATKEEP_HTTP_BODY_TIMEOUT", "2M"));
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    @Test
    void nothingIsKeptOfABodyWithoutAToken() throws Exception {
        // Given
        List<Socket> strangers = new ArrayList<>();
        Caller caller = service.newCaller();

        // When
        for (int number = 0; number < 20; number++) {
            strangers.add(sendsChunks(null));
        }
        HttpResponse<byte[]> response = upload(caller, emptyUpload(MEBIBYTE - 100), false);

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        for (Socket stranger : strangers) {
            assertThat(statusLine(stranger)).isEqualTo("HTTP/1.1 401 Unauthorized");
            stranger.close();
        }
    }

    @Test
    void aBodyOfUnknownLengthIsReadForWhoIsKnown() throws Exception {
        // Given
        Caller caller = service.newCaller();

        // When
        HttpResponse<byte[]> response = upload(caller, emptyUpload(MEBIBYTE - 100), true);

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
    }

    @Test
    void aBodyOfUnknownLengthHasTheSameLimit() throws Exception {
        // Given
        Caller caller = service.newCaller();

        // When
        HttpResponse<byte[]> response = upload(caller, emptyUpload(MEBIBYTE + 100), true);

        // Then
        assertProblem(response, 413, "too_large");
    }

    @Test
    void aUserHasAShareAndOthersHaveTheirs() throws Exception {
        // Given
        Caller ann = service.newCaller();
        Caller bob = service.newCaller();
        try (Unfinished uploads = new Unfinished()) {

            // When
            HttpResponse<byte[]> ofAnn = await("the share").until(() -> {
                uploads.begin(ann);
                return upload(ann, emptyUpload(100_000), false);
            }, response -> response.statusCode() == 429);
            HttpResponse<byte[]> small = upload(ann, emptyUpload(1_000), false);
            // What an earlier test held may be on its way back.
            HttpResponse<byte[]> ofBob = await("room for others").until(() -> upload(bob, emptyUpload(100_000), false),
                    response -> response.statusCode() != 503);

            // Then
            assertProblem(ofAnn, 429, "too_many_uploads");
            assertThat(ofAnn.headers().firstValue("Retry-After")).contains("2");
            assertThat(small.statusCode()).isEqualTo(200);
            assertThat(ofBob.statusCode()).isEqualTo(200);
        }
        await("the end of the upload").until(() -> upload(ann, emptyUpload(100_000), false).statusCode() == 200);
    }

    @Test
    void allTogetherHaveABudget() throws Exception {
        // Given
        Caller last = service.newCaller();
        Caller ann = service.newCaller();
        Caller bob = service.newCaller();
        try (Unfinished uploads = new Unfinished()) {

            // When
            HttpResponse<byte[]> response = await("the budget").until(() -> {
                uploads.begin(ann);
                uploads.begin(bob);
                return upload(last, emptyUpload(100_000), false);
            }, answer -> answer.statusCode() == 503);

            // Then
            assertProblem(response, 503, "too_busy");
            assertThat(response.headers().firstValue("Retry-After")).contains("2");
        }
        await("the end of the uploads").until(() -> upload(last, emptyUpload(100_000), false).statusCode() == 200);
    }

    private static byte[] emptyUpload(int bytes) {
        String document = "{\"conversations\": []}";
        return (document + " ".repeat(bytes - document.length())).getBytes(StandardCharsets.UTF_8);
    }

    private static HttpResponse<byte[]> upload(Caller caller, byte[] body, boolean chunked)
            throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + service.port() + PATH))
                .header("Authorization", "Bearer " + caller.token()).header("Content-Type", "application/json")
                .timeout(PATIENCE)
                .POST(chunked ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
                        : BodyPublishers.ofByteArray(body))
                .build();
        return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build().send(request, BodyHandlers.ofByteArray());
    }

    /** Uploads that announce as much as may be and send half of it. One that finds no room is begun again. */
    private static final class Unfinished implements AutoCloseable {

        private final List<Socket> sockets = new ArrayList<>();

        void begin(Caller caller) throws IOException {
            Socket socket = connect();
            sockets.add(socket);
            OutputStream out = socket.getOutputStream();
            out.write(("POST " + PATH + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + caller.token()
                    + "\r\nContent-Type: application/json\r\nContent-Length: " + MEBIBYTE + "\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            out.write(new byte[MEBIBYTE / 2]);
            out.flush();
        }

        @Override
        public void close() throws IOException {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }

    /** A request of unknown length, of which the beginning is sent. */
    private static Socket sendsChunks(String token) throws IOException {
        Socket socket = connect();
        OutputStream out = socket.getOutputStream();
        out.write(("POST " + PATH + " HTTP/1.1\r\nHost: localhost\r\n"
                + (token == null ? "" : "Authorization: Bearer " + token + "\r\n")
                + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        out.write(new byte[0x10000]);
        out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
        out.flush();
        return socket;
    }

    private static Socket connect() throws IOException {
        Socket socket = new Socket("127.0.0.1", service.port());
        socket.setSoTimeout((int) PATIENCE.toMillis());
        return socket;
    }

    private static String statusLine(Socket socket) throws IOException {
        StringBuilder line = new StringBuilder();
        InputStream in = socket.getInputStream();
        for (int character = in.read(); character >= 0 && character != '\r'; character = in.read()) {
            line.append((char) character);
        }
        return line.toString();
    }
}

package dev.chatkeep.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.crypto.spec.SecretKeySpec;

import dev.chatkeep.testsupport.Tokens;

/** A user with a year of conversations, uploaded the way a front end does it. */
final class Demo {

    static final String EMAIL = "demo@chatkeep.example";

    private static final UUID USER = UUID.fromString("5f0c1c1e-6f0e-4d7a-9a44-0d6f2f1b7a10");
    private static final Duration TOKEN_LIFE = Duration.ofDays(7);

    private final LocalService service;
    private final String token;
    private final List<String> conversations = read();

    Demo(LocalService service, String jwtSecret) {
        this.service = service;
        this.token = Tokens.claims(USER)
                .claim("email", EMAIL)
                .claim("user_metadata", Map.of("full_name", "Demo User"))
                .expiresIn(TOKEN_LIFE)
                .sign(new SecretKeySpec(jwtSecret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
    }

    String token() {
        return token;
    }

    int conversations() {
        return conversations.size();
    }

    HttpResponse<String> upload() throws IOException, InterruptedException {
        return service.post("/api/chat/sync", token,
                conversations.stream().collect(Collectors.joining(",", "{\"conversations\":[", "]}")));
    }

    private static List<String> read() {
        try (Stream<Path> files = Files.list(Path.of(Demo.class.getResource("/demo").toURI()))) {
            return files.sorted().map(Demo::readString).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String readString(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

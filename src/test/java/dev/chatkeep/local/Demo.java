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

import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Tokens;

/** A user with a year of conversations, uploaded the way a front end does it, and an administrator with some models. */
final class Demo {

    static final String EMAIL = "demo@chatkeep.example";

    private static final UUID USER = UUID.fromString("5f0c1c1e-6f0e-4d7a-9a44-0d6f2f1b7a10");
    private static final UUID ADMINISTRATOR = UUID.fromString("0b9b6d51-3f1c-4b7e-8a53-6f2d1c9e4a02");
    private static final Duration TOKEN_LIFE = Duration.ofDays(7);

    private final LocalService service;
    private final String token;
    private final String adminToken;
    private final List<String> conversations = read();

    Demo(LocalService service, String jwtSecret) {
        this.service = service;
        SecretKey key = new SecretKeySpec(jwtSecret.getBytes(StandardCharsets.UTF_8), "HmacSHA256");
        this.token = Tokens.claims(USER)
                .claim("email", EMAIL)
                .claim("user_metadata", Map.of("full_name", "Demo User"))
                .expiresIn(TOKEN_LIFE)
                .sign(key);
        this.adminToken = Tokens.claims(ADMINISTRATOR)
                .claim("email", "admin@chatkeep.example")
                .claim("user_metadata", Map.of("full_name", "Demo Administrator"))
                .claim("app_metadata", Map.of("role", "admin"))
                .expiresIn(TOKEN_LIFE)
                .sign(key);
    }

    String token() {
        return token;
    }

    String adminToken() {
        return adminToken;
    }

    /** Those that are there already stay as they are. */
    void openModels() throws IOException, InterruptedException {
        for (JsonNode model : Json.of(readString("/demo-models/models.json"))) {
            HttpResponse<String> created = service.post("/api/admin/models", adminToken, model.toString());
            if (created.statusCode() != 201 && created.statusCode() != 409) {
                throw new IllegalStateException("A demo model was not stored: " + created.body());
            }
        }
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

    private static String readString(String resource) {
        try {
            return readString(Path.of(Demo.class.getResource(resource).toURI()));
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

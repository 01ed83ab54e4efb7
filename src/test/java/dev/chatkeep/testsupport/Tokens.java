package dev.chatkeep.testsupport;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;

import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

import io.smallrye.jwt.build.Jwt;
import io.smallrye.jwt.build.JwtClaimsBuilder;

/** Tokens as Supabase Auth issues them. */
public final class Tokens {

    public static final String SECRET = "a-secret-that-only-tests-know-of-0123456789";

    private Tokens() {
    }

    public static SecretKey secretKey() {
        return new SecretKeySpec(SECRET.getBytes(java.nio.charset.StandardCharsets.UTF_8), "HmacSHA256");
    }

    /** The claims of a good token; tests of bad ones change them. */
    public static JwtClaimsBuilder claims(UUID userId) {
        return Jwt.claims()
                .subject(userId.toString())
                .audience("authenticated")
                .claim("role", "authenticated")
                .claim("email", email(userId))
                .claim("user_metadata", Map.of("full_name", "User " + userId))
                .issuedAt(Instant.now())
                .expiresIn(Duration.ofHours(1));
    }

    public static String email(UUID userId) {
        return userId + "@example.org";
    }

    public static String of(UUID userId) {
        return claims(userId).sign(secretKey());
    }
}

package dev.chatkeep.telemetry;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.UUID;

import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

import jakarta.enterprise.context.ApplicationScoped;

/**
 * Replaces a user id in the log: HMAC-SHA-256 (RFC 2104) of the id. Without the key nobody can find out whose it is, not even
 * by hashing all ids.
 */
@ApplicationScoped
class UserHash {

    private static final String ALGORITHM = "HmacSHA256";
    private static final int KEY_BYTES = 32;
    /** Enough to distinguish users. */
    private static final int BYTES = 8;

    private final SecretKey key;

    UserHash(TelemetryConfig config) {
        key = new SecretKeySpec(config.userKey().map(text -> text.getBytes(StandardCharsets.UTF_8))
                .orElseGet(() -> new SecureRandom().generateSeed(KEY_BYTES)), ALGORITHM);
    }

    /** 16 hexadecimal digits. */
    String of(UUID userId) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            return HexFormat.of().formatHex(mac.doFinal(userId.toString().getBytes(StandardCharsets.US_ASCII)), 0, BYTES);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // Every Java platform has this algorithm.
        }
    }
}

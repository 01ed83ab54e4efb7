package dev.chatkeep.testsupport;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Tokens put together by hand, which no library would issue. */
public final class RawToken {

    private RawToken() {
    }

    /** @param algorithm of {@link Mac} */
    public static String sign(String header, String payload, String algorithm, byte[] secret) {
        String signed = encode(header) + "." + encode(payload);
        try {
            Mac mac = Mac.getInstance(algorithm);
            mac.init(new SecretKeySpec(secret, algorithm));
            return signed + "." + encode(mac.doFinal(signed.getBytes(StandardCharsets.US_ASCII)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** With HS256 and the secret of the service under test. */
    public static String sign(String header, String payload) {
        return sign(header, payload, "HmacSHA256", Tokens.SECRET.getBytes(StandardCharsets.UTF_8));
    }

    public static String encode(String text) {
        return encode(text.getBytes(StandardCharsets.UTF_8));
    }

    public static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}

package dev.chatkeep.security;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import org.eclipse.microprofile.config.Config;
import org.eclipse.microprofile.config.ConfigProvider;

/**
 * What the service cannot start without. It is asked before anything starts, so that whoever forgot a setting reads one
 * sentence and not the stack trace of the first extension to miss it.
 */
public final class RequiredSettings {

    /** RFC 7518, section 3.2: the key of HS256 has at least the size of its output. */
    static final int SECRET_MIN_BYTES = 32;

    private static final String JWT_SECRET = "chatkeep.auth.jwt-secret";
    private static final String JWKS_URL = "chatkeep.auth.jwks-url";

    private RequiredSettings() {
    }

    /** One sentence that names every missing or unusable setting, or nothing where the service can start. */
    public static Optional<String> complaint() {
        return complaint(ConfigProvider.getConfig());
    }

    static Optional<String> complaint(Config config) {
        List<String> missing = new ArrayList<>();
        for (String name : List.of("quarkus.datasource.reactive.url", "quarkus.datasource.username",
                "quarkus.datasource.password")) {
            require(config, name, missing);
        }
        if (config.getOptionalValue("quarkus.flyway.migrate-at-start", Boolean.class).orElse(true)) {
            require(config, "quarkus.flyway.username", missing);
            require(config, "quarkus.flyway.password", missing);
        }
        Optional<String> secret = value(config, JWT_SECRET);
        if (secret.isEmpty() && value(config, JWKS_URL).isEmpty()) {
            missing.add(JWT_SECRET + " or " + JWKS_URL);
        }
        if (!missing.isEmpty()) {
            return Optional.of("Chatkeep cannot start: set " + String.join(", ", missing) + ".");
        }
        if (secret.isPresent() && secret.get().getBytes(StandardCharsets.UTF_8).length < SECRET_MIN_BYTES) {
            return Optional.of("Chatkeep cannot start: " + JWT_SECRET + " must have at least " + SECRET_MIN_BYTES + " bytes.");
        }
        return Optional.empty();
    }

    private static void require(Config config, String name, List<String> missing) {
        if (value(config, name).isEmpty()) {
            missing.add(name);
        }
    }

    private static Optional<String> value(Config config, String name) {
        return config.getOptionalValue(name, String.class).filter(text -> !text.isBlank());
    }
}

package dev.chatkeep.command;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import org.eclipse.microprofile.config.Config;

import io.quarkus.runtime.configuration.ConfigUtils;

/**
 * The settings that the service cannot start without. They are checked before anything starts, so that an operator who forgot
 * one reads a single sentence and not the stack trace of the first extension that misses it.
 */
final class RequiredSettings {

    /** RFC 7518, section 3.2: the key of HS256 must be at least as long as the hash. */
    private static final int SECRET_MIN_BYTES = 32;

    /** The exit status if a setting is missing or unusable: EX_CONFIG of sysexits.h. */
    static final int EXIT_STATUS = 78;

    private static final List<String> DATABASE = List.of(DatabaseUrls.REACTIVE, "quarkus.datasource.username",
            "quarkus.datasource.password");
    private static final List<String> MIGRATION = List.of("quarkus.flyway.username", "quarkus.flyway.password");
    private static final String FORWARDING = "quarkus.http.proxy.proxy-address-forwarding";
    private static final String TRUSTED_PROXIES = "quarkus.http.proxy.trusted-proxies";
    private static final String JWT_SECRET = "chatkeep.auth.jwt-secret";
    private static final String JWKS_URL = "chatkeep.auth.jwks-url";

    private RequiredSettings() {
    }

    /**
     * Reads the settings of this run. Before Quarkus has started, the shared configuration of a native executable is still that
     * of its build.
     */
    static Config read() {
        return ConfigUtils.configBuilder().build();
    }

    /** One sentence that names every missing or unusable setting; empty if the service can start. */
    static Optional<String> complaint() {
        return complaint(read());
    }

    /** As {@link #complaint()}, for a task, which verifies no token and does not migrate the schema. */
    static Optional<String> complaintOfTask() {
        Config config = read();
        return complaintAbout(missing(config, DATABASE)).or(() -> complaintAboutDatabase(config));
    }

    /** As {@link #complaint()}, for the migrations, which log in as the owner of the schema. */
    static Optional<String> complaintOfMigration() {
        Config config = read();
        List<String> missing = missing(config, List.of(DatabaseUrls.REACTIVE));
        missing.addAll(missing(config, MIGRATION));
        return complaintAbout(missing).or(() -> complaintAboutDatabase(config));
    }

    static Optional<String> complaint(Config config) {
        List<String> missing = missing(config, DATABASE);
        if (config.getOptionalValue("quarkus.flyway.migrate-at-start", Boolean.class).orElse(true)) {
            missing.addAll(missing(config, MIGRATION));
        }
        Optional<String> secret = value(config, JWT_SECRET);
        if (secret.isEmpty() && value(config, JWKS_URL).isEmpty()) {
            missing.add(JWT_SECRET + " or " + JWKS_URL);
        }
        if (!missing.isEmpty()) {
            return complaintAbout(missing);
        }
        Optional<String> database = complaintAboutDatabase(config);
        if (database.isPresent()) {
            return database;
        }
        if (config.getOptionalValue(FORWARDING, Boolean.class).orElse(false)
                && value(config, TRUSTED_PROXIES).isEmpty()) {
            return Optional.of("Chatkeep cannot start: " + FORWARDING + " needs " + TRUSTED_PROXIES
                    + ", or else anybody could claim any address.");
        }
        if (secret.isPresent() && secret.get().getBytes(StandardCharsets.UTF_8).length < SECRET_MIN_BYTES) {
            return Optional.of("Chatkeep cannot start: " + JWT_SECRET + " must have at least " + SECRET_MIN_BYTES + " bytes.");
        }
        return Optional.empty();
    }

    private static List<String> missing(Config config, List<String> names) {
        return new ArrayList<>(names.stream().filter(name -> value(config, name).isEmpty()).toList());
    }

    private static Optional<String> complaintAbout(List<String> missing) {
        return missing.isEmpty() ? Optional.empty()
                : Optional.of("Chatkeep cannot start: set " + String.join(", ", missing) + ".");
    }

    private static Optional<String> complaintAboutDatabase(Config config) {
        return DatabaseUrls.complaint(config).map(complaint -> "Chatkeep cannot start: " + complaint);
    }

    private static Optional<String> value(Config config, String name) {
        return config.getOptionalValue(name, String.class).filter(text -> !text.isBlank());
    }
}

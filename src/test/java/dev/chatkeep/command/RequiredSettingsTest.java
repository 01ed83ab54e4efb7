package dev.chatkeep.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Optional;

import org.eclipse.microprofile.config.Config;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;

class RequiredSettingsTest {

    private static final String REACTIVE = "quarkus.datasource.reactive.url";
    private static final String JDBC = "quarkus.datasource.jdbc.url";

    @ParameterizedTest
    @ValueSource(strings = { "postgresql://user:hunter2@db:5432/chatkeep", "postgres://user:hunter2@db/chatkeep",
            "vertx-reactive:postgresql://user:hunter2@db/chatkeep", "postgresql://hunter2@db/chatkeep",
            "postgresql://db/chatkeep?user=u&password=hunter2", "postgresql://db/chatkeep?PASSWORD=hunter2" })
    void anAddressWithAPasswordIsRefusedAndNotRepeated(String url) {
        // Given
        Config config = config(Map.of(REACTIVE, url));

        // When
        Optional<String> complaint = RequiredSettings.complaint(config);

        // Then
        assertThat(complaint).hasValue("Chatkeep cannot start: quarkus.datasource.reactive.url must name neither user nor"
                + " password, which have settings of their own, because addresses appear in the log.");
    }

    @Test
    void anAddressForTheMigrationsWithAPasswordIsRefused() {
        // Given
        Config config = config(Map.of(REACTIVE, "postgresql://db/chatkeep", JDBC,
                "jdbc:postgresql://db/chatkeep?user=u&password=hunter2"));

        // When
        Optional<String> complaint = RequiredSettings.complaint(config);

        // Then
        assertThat(complaint.orElse("")).startsWith("Chatkeep cannot start: quarkus.datasource.jdbc.url must name neither")
                .doesNotContain("hunter2");
    }

    @ParameterizedTest
    @ValueSource(strings = { "db:5432/chatkeep", "jdbc:postgresql://db/chatkeep", "mysql://db/chatkeep", "postgresql:db" })
    void anAddressOfAnotherKindIsRefused(String url) {
        // Given
        Config config = config(Map.of(REACTIVE, url));

        // When
        Optional<String> complaint = RequiredSettings.complaint(config);

        // Then
        assertThat(complaint).hasValue("Chatkeep cannot start: quarkus.datasource.reactive.url must be of the form"
                + " postgresql://host:5432/name.");
    }

    @ParameterizedTest
    @CsvSource({ "postgresql://db:5432/chatkeep?sslmode=require, postgresql://db:5432/chatkeep?sslmode=require",
            "postgres://db:5432/chatkeep, postgresql://db:5432/chatkeep",
            "vertx-reactive:postgresql://db/chatkeep, postgresql://db/chatkeep",
            "vertx-reactive:postgres://db/chatkeep, postgresql://db/chatkeep",
            "postgresql://db/chatkeep?application_name=a@b, postgresql://db/chatkeep?application_name=a@b" })
    void anAddressMayBeWrittenInSeveralWays(String url, String usual) {
        // Given
        Config config = config(Map.of(REACTIVE, url));

        // When
        Optional<String> complaint = RequiredSettings.complaint(config);

        // Then
        assertThat(complaint).isEmpty();
        assertThat(config.getValue(REACTIVE, String.class)).isEqualTo(usual);
        assertThat(config.getValue(JDBC, String.class)).isEqualTo("jdbc:" + usual);
    }

    /** With the interceptors that the program has, too. */
    private static Config config(Map<String, String> settings) {
        return new SmallRyeConfigBuilder().addDefaultInterceptors().addDiscoveredInterceptors()
                .withSources(new PropertiesConfigSource(settings, "test", 200),
                        new PropertiesConfigSource(Map.of(JDBC, "jdbc:${quarkus.datasource.reactive.url:}",
                                "quarkus.datasource.username", "x", "quarkus.datasource.password", "x",
                                "quarkus.flyway.username", "x", "quarkus.flyway.password", "x",
                                "chatkeep.auth.jwt-secret", "a-secret-of-more-than-thirty-two-bytes"), "defaults", 100))
                .build();
    }
}

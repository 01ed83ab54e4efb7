package dev.chatkeep.kubernetes;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.FreePort;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedProgram;
import dev.chatkeep.testsupport.PackagedProgram.Ended;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Tokens;
import io.restassured.RestAssured;

/**
 * The packaged program with the environment that Kubernetes gives to each container, and nothing besides but the ports: what
 * the files refer to is enough.
 */
@TestInstance(Lifecycle.PER_CLASS)
class KubernetesIT {

    /** What users put into the secrets that the files name. */
    private static final Map<String, Map<String, String>> SECRETS = Map.of(
            "chatkeep-owner", Map.of("QUARKUS_FLYWAY_USERNAME", PostgresServer.OWNER,
                    "QUARKUS_FLYWAY_PASSWORD", PostgresServer.PASSWORD),
            "chatkeep-database", Map.of("QUARKUS_DATASOURCE_PASSWORD", PostgresServer.PASSWORD),
            "chatkeep-keys", Map.of("CHATKEEP_AUTH_JWT_SECRET", Tokens.SECRET));

    private PostgresServer postgres;
    private Map<String, Map<String, String>> configMaps;

    @BeforeAll
    void migrate() throws Exception {
        postgres = PostgresServer.start();
        postgres.createLogin();
        Map<String, String> settings = new HashMap<>();
        Manifest.read("settings").resource("ConfigMap").path("data").fields()
                .forEachRemaining(entry -> settings.put(entry.getKey(), entry.getValue().textValue()));
        settings.put("QUARKUS_DATASOURCE_REACTIVE_URL", postgres.url(postgres.createDatabase()));
        configMaps = Map.of("chatkeep", settings);

        Ended migrated = run("migration");

        assertThat(migrated).isEqualTo(new Ended(0, "The schema is at version 6.\n", ""));
    }

    @AfterAll
    void stop() {
        RestAssured.reset();
        postgres.close();
    }

    @ParameterizedTest
    @ValueSource(strings = { "kubernetes", "knative" })
    void aReplicaServesWithoutTheCredentialsOfTheOwner(String file) throws Exception {
        // Given
        Map<String, String> environment = environment(file);
        Process service = serve(environment);
        try {
            Caller ann = Caller.fresh();

            // When
            ann.createSession("s1", "On Kubernetes").then().statusCode(201);

            // Then
            assertThat(environment).doesNotContainKeys("QUARKUS_FLYWAY_USERNAME", "QUARKUS_FLYWAY_PASSWORD");
            JsonNode sessions = Json.of(ann.listSessions());
            assertThat(Json.texts(sessions.path("sessions"), "title")).containsExactly("On Kubernetes");
        } finally {
            service.destroyForcibly().waitFor();
        }
    }

    /** As secrets are mounted: files named like the settings, in a directory that the environment names. */
    @Test
    void secretsMayBeFiles(@TempDir Path directory) throws Exception {
        // Given
        Map<String, String> environment = environment("kubernetes");
        for (Map<String, String> secret : List.of(SECRETS.get("chatkeep-database"), SECRETS.get("chatkeep-keys"))) {
            for (Map.Entry<String, String> line : secret.entrySet()) {
                environment.remove(line.getKey());
                Files.writeString(directory.resolve(line.getKey()), line.getValue() + "\n");
            }
        }
        environment.put("SMALLRYE_CONFIG_SOURCE_FILE_LOCATIONS", directory.toString());
        Process service = serve(environment);
        try {
            // When
            int status = Caller.fresh().listSessions().statusCode();

            // Then
            assertThat(status).isEqualTo(200);
        } finally {
            service.destroyForcibly().waitFor();
        }
    }

    /** Nodes that have not heard of it send requests to a pod that is leaving. */
    @Test
    void aReplicaThatIsStoppedSaysSoAndServesForAWhile() throws Exception {
        // Given
        Map<String, String> environment = environment("kubernetes");
        Process service = serve(environment);
        try {
            Caller ann = Caller.fresh();
            service.destroy();

            // When
            Ended ready = PackagedProgram.run(environment, "ready");
            int status = ann.listSessions().statusCode();

            // Then
            assertThat(ready).isEqualTo(new Ended(1, "", "The service is not ready: it answers with status 503.\n"));
            assertThat(status).isEqualTo(200);
            assertThat(service.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } finally {
            service.destroyForcibly().waitFor();
        }
    }

    @Test
    void theRetentionRunsWithTheServicesPasswordAlone() throws Exception {
        // When
        Ended cleaned = run("retention");

        // Then
        assertThat(cleaned.errors()).isEmpty();
        assertThat(cleaned.status()).isZero();
        assertThat(Json.of(cleaned.output()).path("deleted_records")).isEqualTo(Json.of("""
                {"activity_logs": 0, "usage_records": 0, "cache_entries": 0, "conversations": 0}"""));
    }

    private Map<String, String> environment(String file) throws IOException {
        return Manifest.read(file).environment(configMaps, SECRETS);
    }

    private Ended run(String file) throws Exception {
        List<String> arguments = Manifest.list(Manifest.read(file).container().path("args")).stream()
                .map(JsonNode::textValue).toList();
        return PackagedProgram.run(environment(file), arguments.toArray(String[]::new));
    }

    private static Process serve(Map<String, String> environment) throws Exception {
        RestAssured.port = FreePort.find();
        environment.put("QUARKUS_HTTP_PORT", Integer.toString(RestAssured.port));
        environment.put("QUARKUS_MANAGEMENT_PORT", Integer.toString(FreePort.find()));
        Process service = PackagedProgram.serve(environment);
        await("readiness").until(() -> PackagedProgram.run(environment, "ready").status() == 0);
        return service;
    }

}

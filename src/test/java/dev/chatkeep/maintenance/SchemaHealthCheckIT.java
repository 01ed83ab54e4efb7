package dev.chatkeep.maintenance;

import static io.restassured.RestAssured.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.equalTo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Management;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class SchemaHealthCheckIT {

    @Test
    void expectsTheLastMigrationThatIsShipped() throws IOException {
        // Given
        int last;

        // When
        try (Stream<Path> migrations = Files.list(Path.of("src/main/resources/db/migration"))) {
            last = migrations.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith("V"))
                    .mapToInt(name -> Integer.parseInt(name.substring(1, name.indexOf("__"))))
                    .max().orElseThrow();
        }

        // Then
        assertThat(SchemaHealthCheck.EXPECTED_VERSION).isEqualTo(last);
    }

    @Test
    void theOwnerOfTheSchemaIsNotConnectedOnceTheServiceRuns() {
        // When
        long sessions = Sql.value("select count(*) from pg_stat_activity where datname = current_database() and usename = ?",
                PostgresServer.OWNER);

        // Then
        assertThat(sessions).isZero();
    }

    @Test
    void readinessReportsTheSchema() {
        Management.request().get("/q/health/ready").then()
                .statusCode(200)
                .body("checks.name", containsInAnyOrder("Database schema", "Graceful Shutdown"))
                .body("checks.find { it.name == 'Database schema' }.data.version", equalTo(SchemaHealthCheck.EXPECTED_VERSION))
                .body("checks.find { it.name == 'Database schema' }.data.expected",
                        equalTo(SchemaHealthCheck.EXPECTED_VERSION));
    }
}

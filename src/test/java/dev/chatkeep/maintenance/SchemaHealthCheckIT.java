package dev.chatkeep.maintenance;

import static io.restassured.RestAssured.get;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.DatabaseResource;
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
        int last;

        try (Stream<Path> migrations = Files.list(Path.of("src/main/resources/db/migration"))) {
            last = migrations.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith("V"))
                    .mapToInt(name -> Integer.parseInt(name.substring(1, name.indexOf("__"))))
                    .max().orElseThrow();
        }

        assertThat(SchemaHealthCheck.EXPECTED_VERSION).isEqualTo(last);
    }

    @Test
    void theOwnerOfTheSchemaIsNotConnectedOnceTheServiceRuns() {
        long sessions = Sql.value("select count(*) from pg_stat_activity where usename = ?", PostgresServer.OWNER);

        assertThat(sessions).isZero();
    }

    @Test
    void readinessReportsTheSchema() {
        get("/q/health/ready").then()
                .statusCode(200)
                .body("checks", hasSize(1))
                .body("checks[0].name", equalTo("Database schema"))
                .body("checks[0].data.version", equalTo(SchemaHealthCheck.EXPECTED_VERSION))
                .body("checks[0].data.expected", equalTo(SchemaHealthCheck.EXPECTED_VERSION));
    }
}

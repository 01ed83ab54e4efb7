package dev.chatkeep.maintenance;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import io.restassured.response.Response;

/** The tables are those of this version, and the functions perhaps not. */
@BesideOthers
class OlderFunctionsIT {

    private PackagedService service;

    @BeforeEach
    void start() throws Exception {
        service = new PackagedService(Map.of());
        service.start();
    }

    @AfterEach
    void stop() throws InterruptedException {
        service.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "update chatkeep.flyway_schema_history set checksum = 1 where script = 'R__09_completions.sql'",
            "delete from chatkeep.flyway_schema_history where script = 'R__12_administration.sql'",
            "update chatkeep.flyway_schema_history set success = false where script = 'R__01_callers.sql'",
            "drop function chatkeep.missing_migrations(text[])", "drop function chatkeep.schema_version()" })
    void aServiceWithoutItsFunctionsIsNotReady(String older) {
        // Given
        service.rows(older);

        // When
        Response answer = service.givenManagement().get("/q/health/ready");

        // Then
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(Json.of(answer).path("checks").toString()).contains("the migrations of this version have not run");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "insert into chatkeep.flyway_schema_history select installed_rank + 1000, version, description, type, script, 1,"
                    + " installed_by, now(), 1, true from chatkeep.flyway_schema_history where version is null",
            "update chatkeep.flyway_schema_history set version = '7' where version = '6'" })
    void aServiceBesideTheNextVersionStaysReady(String newer) throws Exception {
        // Given
        service.rows(newer);

        // When
        int status = service.readiness();

        // Then
        assertThat(status).isEqualTo(200);
    }
}

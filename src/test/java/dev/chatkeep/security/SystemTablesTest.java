package dev.chatkeep.security;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;

/** Costs by model, the register of requests, runs of jobs, the version of the catalogue: who sees and who writes them. */
@BesideOthers
class SystemTablesTest {

    private static MigratedDatabase database;

    private UUID annId;
    private UUID bobId;

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
        database.service().rows("select chatkeep.claim_job('backup', '2026-01-01Z')");
    }

    @BeforeEach
    void twoUsersWithUsage() {
        annId = database.newUser();
        bobId = database.newUser();
        for (UUID id : List.of(annId, bobId)) {
            database.user(id).rows("select public.track_user_usage(?, p_messages_received => 1, p_model_used => 'gpt')", id);
            database.user(id).rows("select chatkeep.record_export(?)", id);
        }
    }

    @Test
    void usersSeeTheirCostsAlone() {
        // When
        List<UUID> owners = database.user(annId).column("select user_id from chatkeep.usage_by_model");

        // Then
        assertThat(owners).containsExactly(annId);
    }

    @Test
    void administratorsSeeNobodyElsesCostsInTheTable() {
        // When
        List<UUID> owners = database.admin(annId).column("select user_id from chatkeep.usage_by_model");

        // Then
        assertThat(owners).containsExactly(annId);
    }

    @Test
    void withoutClaimsThereAreNoCostsToSee() {
        // When
        List<UUID> owners = database.as("authenticated", "").column("select user_id from chatkeep.usage_by_model");

        // Then
        assertThat(owners).isEmpty();
    }

    @Test
    void theServiceSeesTheCostsOfAll() {
        // When
        List<UUID> owners = database.service()
                .column("select user_id from chatkeep.usage_by_model where user_id in (?, ?)", annId, bobId);

        // Then
        assertThat(owners).containsExactlyInAnyOrder(annId, bobId);
    }

    @ParameterizedTest
    @ValueSource(strings = { "chatkeep.data_requests", "chatkeep.job_runs", "chatkeep.catalog_version" })
    void neitherUsersNorAdministratorsSeeTheSystemsOwn(String table) {
        // Given
        List<SqlCaller> callers = List.of(database.user(annId), database.admin(annId), database.as("authenticated", ""));

        // When
        List<String> states = callers.stream().map(caller -> caller.state("select from " + table)).toList();

        // Then
        assertThat(states).containsOnly(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @CsvSource({ "chatkeep.data_requests, kind, export", "chatkeep.job_runs, job, backup" })
    void theServiceSeesTheRegisterAndTheRuns(String table, String column, String value) {
        // When
        List<String> values = database.service().column("select distinct " + column + " from " + table);

        // Then
        assertThat(values).containsExactly(value);
    }

    @Test
    void notEvenTheServiceSeesTheVersionOfTheCatalogue() {
        // When
        String state = database.service().state("select from chatkeep.catalog_version");

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    static Stream<String> writes() {
        return Stream.of(
                "insert into chatkeep.usage_by_model (user_id, usage_date, model) values (auth.uid(), '2026-01-01', 'gpt')",
                "update chatkeep.usage_by_model set cost = 0",
                "delete from chatkeep.usage_by_model",
                "truncate chatkeep.usage_by_model",
                "insert into chatkeep.data_requests (kind, account) values ('erasure', '\\x00')",
                "update chatkeep.data_requests set requested_at = now()",
                "delete from chatkeep.data_requests",
                "insert into chatkeep.job_runs (job, due_at) values ('a', now())",
                "update chatkeep.job_runs set finished_at = now()",
                "delete from chatkeep.job_runs",
                "insert into chatkeep.catalog_version values (true, 7)",
                "update chatkeep.catalog_version set version = 0",
                "delete from chatkeep.catalog_version");
    }

    @ParameterizedTest
    @MethodSource("writes")
    void theyAreWrittenThroughFunctionsOnly(String sql) {
        // Given
        List<SqlCaller> callers = List.of(database.user(annId), database.admin(annId), database.service());

        // When
        List<String> states = callers.stream().map(caller -> caller.state(sql)).toList();

        // Then
        assertThat(states).containsOnly(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @ValueSource(strings = { "chatkeep.usage_by_model", "chatkeep.data_requests", "chatkeep.job_runs",
            "chatkeep.catalog_version" })
    void anonSeesNoneOfThem(String table) {
        // Given
        SqlCaller anon = new SqlCaller(database.server(), database.name(), "postgres", "anon", "{\"role\": \"anon\"}");

        // When
        String state = anon.state("select from " + table);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void systemEventsAreInNoUsersLog() {
        // When
        UUID event = database.service().value("select chatkeep.log_system_event('tested', 'system', 'a', '{\"b\": 1}')");

        // Then
        assertThat(database.service().rows("select user_id, action, resource_type, resource_id, details"
                + " from public.user_activity_log where id = ?", event).get(0).values())
                .containsExactly(null, "tested", "system", "a",
                        json("{'b': 1, 'actor': {'role': 'service_role', 'id': null}}"));
        assertThat(database.user(annId).rows("select from public.user_activity_log where user_id is null")).isEmpty();
        assertThat(database.admin(annId).rows("select from public.user_activity_log where user_id is null")).isEmpty();
    }

    @Test
    void eventsThatAnAdministratorCausesNameThem() {
        // When
        UUID event = database.admin(annId).value("select chatkeep.log_system_event('tested', null, null, '{}')");

        // Then
        assertThat(database.service().<Object> value("select details from public.user_activity_log where id = ?", event))
                .isEqualTo(json("{'actor': {'role': 'admin', 'id': '" + annId + "'}}"));
    }

    @Test
    void anExportIsInTheLogAndWithoutANameInTheRegister() {
        // Given
        UUID id = database.newUser();

        // When
        database.user(id).rows("select chatkeep.record_export(?)", id);

        // Then
        assertThat(database.user(id).rows("select action, resource_type, resource_id from public.user_activity_log"
                + " where action = 'data_exported'"))
                .containsExactly(Map.of("action", "data_exported", "resource_type", "profile", "resource_id", id.toString()));
        assertThat(database.service().rows("select kind, records from chatkeep.data_requests"
                + " where account = sha256(convert_to(?, 'UTF8'))", id.toString()))
                .containsExactly(Map.of("kind", "export", "records", json("{}")));
    }

    @Test
    void anExportOfAnUnknownUserIsNotFound() {
        // When
        String state = database.service().state("select chatkeep.record_export(?)", UUID.randomUUID());

        // Then
        assertThat(state).isEqualTo("PT404");
    }
}

package dev.chatkeep.maintenance;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;

/** Several instances are told that a job is due, and one of them runs it. */
@BesideOthers
class JobsTest {

    private static final int INSTANCES = 12;

    private static SqlCaller service;
    private static SqlCaller superuser;

    @BeforeAll
    static void migrate() {
        MigratedDatabase database = MigratedDatabase.create();
        service = database.service();
        superuser = database.superuser();
    }

    @BeforeEach
    void noJobHasRun() {
        superuser.rows("delete from chatkeep.job_runs");
    }

    @RepeatedTest(5)
    void oneOfTwelveInstancesRunsAJob() throws Exception {
        // When
        List<Boolean> claims = MigratedDatabase.together(INSTANCES, instance -> () -> claim("retention", "2026-01-01 03:30Z"));

        // Then
        assertThat(claims).hasSize(INSTANCES).containsOnlyOnce(true);
        assertThat(superuser.rows("select job, due_at, finished_at is null as running, result is null as open"
                + " from chatkeep.job_runs"))
                .containsExactly(Map.of("job", "retention", "due_at", Instant.parse("2026-01-01T03:30:00Z"), "running", true,
                        "open", true));
    }

    @Test
    void aJobThatHasRunIsNotRunAgainForTheSameTime() {
        // Given
        claim("retention", "2026-01-01 03:30Z");
        service.rows("select chatkeep.finish_job('retention', '2026-01-01 03:30Z', '{}')");

        // When
        boolean mine = claim("retention", "2026-01-01 03:30Z");

        // Then
        assertThat(mine).isFalse();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', textBlock = """
            the same time in another zone           | retention | 2026-01-01 04:30+01 | false
            the next time, the last run not ended   | retention | 2026-01-02 03:30Z   | true
            another job at the same time            | backup    | 2026-01-01 03:30Z   | true
            """)
    void aJobMayBeTakenOnceForEachTime(String name, String job, String dueAt, boolean expected) {
        // Given
        claim("retention", "2026-01-01 03:30Z");

        // When
        boolean mine = claim(job, dueAt);

        // Then
        assertThat(mine).isEqualTo(expected);
    }

    @Test
    void aClaimThatIsRolledBackDoesNotCount() throws Exception {
        // Given
        try (var connection = service.begin()) {
            SqlCaller.read(connection, "select chatkeep.claim_job('retention', '2026-01-01 03:30Z')");
        }

        // When
        boolean mine = claim("retention", "2026-01-01 03:30Z");

        // Then
        assertThat(mine).isTrue();
    }

    @Test
    void finishingWritesTheResultOfThatRunAlone() {
        // Given
        claim("retention", "2026-01-01 03:30Z");
        claim("retention", "2026-01-02 03:30Z");

        // When
        service.rows("select chatkeep.finish_job('retention', '2026-01-02 03:30Z', '{\"deleted\": 5}')");

        // Then
        assertThat(superuser.<JsonNode> column("""
                select jsonb_build_object('day', extract(day from due_at at time zone 'UTC'), 'result', result,
                                          'in_order', finished_at >= started_at)
                  from chatkeep.job_runs order by due_at
                """)).containsExactly(
                SqlCaller.json("{'day': 1, 'result': null, 'in_order': null}"),
                SqlCaller.json("{'day': 2, 'result': {'deleted': 5}, 'in_order': true}"));
    }

    @Test
    void aJobThatNobodyHasTakenCannotBeFinished() {
        // When
        service.rows("select chatkeep.finish_job('retention', '2026-01-01 03:30Z', '{}')");

        // Then
        assertThat(superuser.rows("select from chatkeep.job_runs")).isEmpty();
    }

    private static boolean claim(String job, String dueAt) {
        return service.value("select chatkeep.claim_job(?, ?::timestamptz)", job, dueAt);
    }
}

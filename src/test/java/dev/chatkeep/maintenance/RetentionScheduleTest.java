package dev.chatkeep.maintenance;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;

import dev.chatkeep.maintenance.RetentionScheduleTest.EverySecond;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Sql;
import io.quarkus.scheduler.Scheduler;
import io.quarkus.scheduler.Trigger;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;

/** With a job that is due every second. */
@QuarkusTest
@TestProfile(EverySecond.class)
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class RetentionScheduleTest {

    public static class EverySecond implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("chatkeep.retention.schedule", "* * * * * ?");
        }
    }

    @Inject
    Scheduler scheduler;

    @Test
    void theJobIsScheduled() {
        // When
        List<Trigger> jobs = scheduler.getScheduledJobs();

        // Then
        assertThat(jobs).extracting(Trigger::getId).containsExactlyInAnyOrder("retention", "completions");
    }

    @Test
    void theJobDeletesWhatHasGrownOld() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSignedIn();

        // When
        Sql.rows(
                "insert into public.user_activity_log (user_id, action, timestamp) values (?, 'old', now() - interval '91 days')",
                caller.id());

        // Then
        awaitThat("select not exists (select from public.user_activity_log where action = 'old' and user_id = '" + caller.id()
                + "')");
    }

    @Test
    void theJobRunsOnceForEachTimeAtWhichItIsDue() {
        // Given
        Sql.rows("delete from chatkeep.job_runs");

        // When
        awaitThat("select count(finished_at) >= 3 from chatkeep.job_runs");

        // Then
        assertThat(Sql.rows("""
                select r.job, r.due_at = date_trunc('second', r.due_at) as whole_second,
                       (select count(*) from public.user_activity_log l
                         where l.user_id is null and l.action = 'retention_run'
                           and l.timestamp between r.started_at and r.finished_at) as events
                  from chatkeep.job_runs r
                 where r.finished_at is not null
                """)).hasSizeGreaterThanOrEqualTo(3)
                .containsOnly(Map.of("job", "retention", "whole_second", true, "events", 1L));
    }

    private static void awaitThat(String condition) {
        await(condition).until(() -> Sql.<Boolean> value(condition));
    }
}

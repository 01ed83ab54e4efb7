package dev.chatkeep.maintenance;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;

/** A service whose retention is due every second. */
@BesideOthers
@TestInstance(Lifecycle.PER_CLASS)
class RetentionScheduleIT {

    private final PackagedService service = new PackagedService(Map.of("CHATKEEP_RETENTION_SCHEDULE", "* * * * * ?"));

    @BeforeAll
    void start() throws Exception {
        service.start();
    }

    @AfterAll
    void end() throws Exception {
        service.close();
    }

    @Test
    void theJobDeletesWhatHasGrownOld() {
        // Given
        Caller caller = service.newCaller();
        caller.hasSignedIn();

        // When
        service.rows(
                "insert into public.user_activity_log (user_id, action, timestamp) values (?, 'old', now() - interval '91 days')",
                caller.id());

        // Then
        awaitThat("select not exists (select from public.user_activity_log where action = 'old' and user_id = '" + caller.id()
                + "')");
    }

    @Test
    void theJobRunsOnceForEachTimeAtWhichItIsDue() {
        // Given
        service.rows("delete from chatkeep.job_runs");

        // When
        awaitThat("select count(finished_at) >= 3 from chatkeep.job_runs");

        // Then
        assertThat(service.rows("""
                select r.job, r.due_at = date_trunc('second', r.due_at) as whole_second,
                       (select count(*) from public.user_activity_log l
                         where l.user_id is null and l.action = 'retention_run'
                           and l.timestamp between r.started_at and r.finished_at) as events
                  from chatkeep.job_runs r
                 where r.finished_at is not null
                """)).hasSizeGreaterThanOrEqualTo(3)
                .containsOnly(Map.of("job", "retention", "whole_second", true, "events", 1L));
    }

    private void awaitThat(String condition) {
        await(condition).until(() -> service.text(condition).equals("true"));
    }
}

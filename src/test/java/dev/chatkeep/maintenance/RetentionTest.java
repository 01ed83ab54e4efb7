package dev.chatkeep.maintenance;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import jakarta.inject.Inject;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.database.Database;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.scheduler.Scheduler;
import io.quarkus.scheduler.Trigger;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.mutiny.Uni;

/** With 90 days for activity and usage, and conversations that are kept for ever, which is the default. */
@QuarkusTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class RetentionTest {

    private static final OffsetDateTime DUE = OffsetDateTime.now(ZoneOffset.UTC).truncatedTo(ChronoUnit.SECONDS);

    @Inject
    Retention retention;

    @Inject
    RetentionJob job;

    @Inject
    Database database;

    @Inject
    MeterRegistry metrics;

    @Inject
    Scheduler scheduler;

    @Inject
    RetentionConfig config;

    private Caller caller;

    @BeforeEach
    void nothingIsOldAndNothingHasRun() {
        Sql.rows("delete from public.user_activity_log where user_id is null or timestamp < now() - interval '20 hours'");
        Sql.rows("delete from public.user_usage_daily where usage_date < (now() at time zone 'UTC')::date");
        Sql.rows("delete from public.system_cache");
        Sql.rows("delete from chatkeep.job_runs");
        caller = Caller.fresh();
        caller.signIn().then().statusCode(200);
        Sql.rows("delete from public.user_activity_log where user_id = ?", caller.id());
    }

    @ParameterizedTest
    @CsvSource({ "1", "30", "90", "365" })
    void deletesWhatIsOlderThanTheDaysAndNothingElse(int days) {
        // Given
        activity(days + " days 1 second");
        activity(days + " days -1 hour");
        activity("0 days");
        usage(days + 1);
        usage(days);
        usage(0);

        // When
        JsonNode answer = run(days);

        // Then
        assertThat(answer.path("success").booleanValue()).isTrue();
        assertThat(answer.path("deleted_records")).isEqualTo(Json.of("""
                {"activity_logs": 1, "usage_records": 1, "cache_entries": 0, "conversations": 0}
                """));
        assertThat(activities()).containsExactly(days + " days -1 hour", "0 days");
        assertThat(daysOfUsage()).containsExactly(days, 0);
    }

    @Test
    void withoutAnArgumentItKeepsTheDaysOfTheSettings() {
        // Given
        activity("90 days 1 second");
        activity("90 days -1 hour");
        usage(91);
        usage(90);

        // When
        JsonNode answer = Json.of(await(retention.run(database.asService().write())));

        // Then
        assertThat(answer.path("deleted_records")).isEqualTo(Json.of("""
                {"activity_logs": 1, "usage_records": 1, "cache_entries": 0, "conversations": 0}
                """));
        assertThat(activities()).containsExactly("90 days -1 hour");
        assertThat(daysOfUsage()).containsExactly(90);
    }

    @Test
    void deletesMoreThanOneBatchHolds() {
        // Given
        Sql.rows("insert into public.user_activity_log (user_id, action, timestamp)"
                + " select ?, 'old', now() - make_interval(days => 91, secs => i % 7) from generate_series(1, 2500) i",
                caller.id());
        Sql.rows(
                "insert into public.user_usage_daily (user_id, usage_date) select ?, ?::date - i from generate_series(91, 1590) i",
                caller.id(), today());

        // When
        JsonNode answer = run(90);

        // Then
        assertThat(answer.path("deleted_records")).isEqualTo(Json.of("""
                {"activity_logs": 2500, "usage_records": 1500, "cache_entries": 0, "conversations": 0}
                """));
        assertThat(activities()).isEmpty();
        assertThat(daysOfUsage()).isEmpty();
    }

    @Test
    void theCountersGrowByWhatIsDeleted() {
        // Given
        IntStream.range(0, 3).forEach(entry -> activity("91 days"));
        usage(91);
        usage(92);
        Sql.rows(
                "insert into public.system_cache (cache_key, cache_value, expires_at) values ('old', '1', now() - interval '1 day')");
        double activityLogs = deleted("activity_logs");
        double usageRecords = deleted("usage_records");
        double cacheEntries = deleted("cache_entries");
        double successes = runs("success");

        // When
        run(90);

        // Then
        assertThat(deleted("activity_logs") - activityLogs).isEqualTo(3);
        assertThat(deleted("usage_records") - usageRecords).isEqualTo(2);
        assertThat(deleted("cache_entries") - cacheEntries).isEqualTo(1);
        assertThat(runs("success") - successes).isEqualTo(1);
    }

    @Test
    void aRunIsLoggedAsASystemEventAndInNoUsersLog() {
        // Given
        activity("91 days");

        // When
        run(90);

        // Then
        assertThat(events()).singleElement().satisfies(details -> assertThat(Json.of((String) details)).isEqualTo(Json.of("""
                {"activity_logs": 1, "usage_records": 0, "cache_entries": 0, "conversations": 0,
                 "actor": {"role": "service_role", "id": null}}
                """)));
        assertThat(Sql.rows("select from public.user_activity_log where action = 'retention_run' and user_id is not null"))
                .isEmpty();
    }

    @Test
    void aRunWritesTheFiguresOfTheDay() {
        // Given
        Sql.rows("delete from public.system_stats");
        long users = Sql.value("select count(*) from public.profiles");

        // When
        run(90);

        // Then
        assertThat(Sql.rows("select stat_date::text, total_users from public.system_stats"))
                .containsExactly(Map.of("stat_date", today().toString(), "total_users", users));
    }

    @Test
    void conversationsAreKeptForEver() {
        // Given
        Sql.rows("insert into public.chat_sessions (user_id, id, updated_at) values (?, 's1', now() - interval '10 years')",
                caller.id());

        // When
        run(1);

        // Then
        assertThat(column("select id from public.chat_sessions where user_id = ?", caller.id())).containsExactly("s1");
    }

    @Test
    void theJobRecordsWhatItDid() {
        // Given
        activity("91 days");
        usage(91);

        // When
        await(job.run(DUE));

        // Then
        List<Map<String, Object>> rows = Sql.rows("""
                select job, due_at = ?::timestamptz as due, finished_at >= started_at as finished, result::text
                  from chatkeep.job_runs
                """, DUE);
        assertThat(rows).hasSize(1);
        assertThat(rows.get(0)).containsEntry("job", "retention").containsEntry("due", true).containsEntry("finished", true);
        JsonNode result = Json.of((String) rows.get(0).get("result"));
        assertThat(result.path("success").booleanValue()).isTrue();
        assertThat(result.path("deleted_records")).isEqualTo(Json.of("""
                {"activity_logs": 1, "usage_records": 1, "cache_entries": 0, "conversations": 0}
                """));
    }

    @Test
    void theSameDueTimeRunsOnce() {
        // Given
        await(job.run(DUE));
        activity("91 days");

        // When
        await(job.run(DUE));

        // Then
        assertThat(activities()).containsExactly("91 days");
        assertThat(events()).hasSize(1);
    }

    @Test
    void fourInstancesStartedAtTheSameTimeRunItOnce() {
        // Given
        IntStream.range(0, 50).forEach(entry -> activity("91 days"));
        double before = deleted("activity_logs");

        // When
        await(Uni.join().all(IntStream.range(0, 4).mapToObj(instance -> job.run(DUE)).toList()).andFailFast());

        // Then
        assertThat(runs()).containsExactly(Map.of("job", "retention", "finished", true));
        assertThat(events()).hasSize(1);
        assertThat(deleted("activity_logs") - before).isEqualTo(50);
        assertThat(activities()).isEmpty();
    }

    @Test
    void aRunTakenByAnotherInstanceIsLeftToIt() {
        // Given
        Sql.rows("select chatkeep.claim_job('retention', ?)", DUE);
        activity("91 days");

        // When
        await(job.run(DUE));

        // Then
        assertThat(activities()).containsExactly("91 days");
        assertThat(runs()).containsExactly(Map.of("job", "retention", "finished", false));
        assertThat(events()).isEmpty();
    }

    @Test
    void theNextDueTimeRunsAgain() {
        // Given
        await(job.run(DUE));
        activity("91 days");

        // When
        await(job.run(DUE.plusDays(1)));

        // Then
        assertThat(activities()).isEmpty();
        assertThat(runs()).hasSize(2).allMatch(run -> run.get("finished").equals(true));
    }

    @Test
    void aRunThatFailsKeepsWhatItHasDoneAndIsNotFinished() {
        // Given
        activity("91 days");
        usage(91);
        double failures = runs("failure");

        // When
        whileUsageCannotBeDeleted(() -> await(job.run(DUE)));

        // Then
        assertThat(activities()).isEmpty();
        assertThat(daysOfUsage()).containsExactly(91);
        assertThat(runs()).containsExactly(Map.of("job", "retention", "finished", false));
        assertThat(events()).isEmpty();
        assertThat(runs("failure") - failures).isEqualTo(1);
    }

    @Test
    void theRunAfterOneThatFailedDoesTheRest() {
        // Given
        usage(91);
        whileUsageCannotBeDeleted(() -> await(job.run(DUE)));

        // When
        await(job.run(DUE.plusDays(1)));

        // Then
        assertThat(daysOfUsage()).isEmpty();
        assertThat(runs()).containsExactly(Map.of("job", "retention", "finished", false),
                Map.of("job", "retention", "finished", true));
        assertThat(events()).hasSize(1);
    }

    @Test
    void aRunThatWasCutOffCanBeDoneAgainByHand() {
        // Given
        Sql.rows("select chatkeep.claim_job('retention', ?)", DUE);
        activity("91 days");

        // When
        JsonNode answer = run(90);

        // Then
        assertThat(answer.at("/deleted_records/activity_logs").longValue()).isEqualTo(1);
        assertThat(activities()).isEmpty();
    }

    @Test
    void noJobIsScheduledWhenItIsTurnedOff() {
        // Given
        String schedule = config.schedule();

        // When
        List<Trigger> jobs = scheduler.getScheduledJobs();

        // Then
        assertThat(schedule).isEqualTo("off");
        assertThat(jobs).extracting(Trigger::getId).containsExactly("completions");
        assertThat(runs()).isEmpty();
    }

    private void activity(String age) {
        Sql.rows("insert into public.user_activity_log (user_id, action, timestamp) values (?, ?, now() - ?::interval)",
                caller.id(), age, age);
    }

    private void usage(int daysAgo) {
        Sql.rows("insert into public.user_usage_daily (user_id, usage_date) values (?, ?)", caller.id(),
                today().minusDays(daysAgo));
    }

    private static LocalDate today() {
        return LocalDate.now(ZoneOffset.UTC);
    }

    private List<Object> activities() {
        return column("select action from public.user_activity_log where user_id = ? order by timestamp", caller.id());
    }

    private List<Object> daysOfUsage() {
        return column("select ?::date - usage_date from public.user_usage_daily where user_id = ? order by usage_date", today(),
                caller.id());
    }

    private static List<Object> column(String sql, Object... parameters) {
        return Sql.rows(sql, parameters).stream().map(row -> row.values().iterator().next()).toList();
    }

    private static List<Object> events() {
        return column("select details::text from public.user_activity_log where user_id is null and action = 'retention_run'");
    }

    private static List<Map<String, Object>> runs() {
        return Sql.rows("select job, finished_at is not null as finished from chatkeep.job_runs order by due_at");
    }

    private JsonNode run(int days) {
        return Json.of(await(retention.run(database.asService().write(), days)));
    }

    private static <T> T await(Uni<T> uni) {
        return uni.await().atMost(PATIENCE);
    }

    private double deleted(String kind) {
        return metrics.counter("chatkeep.retention.deleted", "kind", kind).count();
    }

    private double runs(String outcome) {
        return metrics.counter("chatkeep.retention.runs", "outcome", outcome).count();
    }

    private static void whileUsageCannotBeDeleted(Runnable work) {
        Sql.rows("create function public.refuse() returns trigger language plpgsql as"
                + " 'begin raise exception ''not today''; end'");
        Sql.rows("create trigger refuse before delete on public.user_usage_daily execute function public.refuse()");
        try {
            work.run();
        } finally {
            Sql.rows("drop function public.refuse() cascade");
        }
    }
}

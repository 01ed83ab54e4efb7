package dev.chatkeep.maintenance;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.WithinOneDay;

/** What the retention job deletes, batch by batch. */
@WithinOneDay
@BesideOthers
class CleanupBatchesTest {

    private static final String FROM_THE_OLDEST = "-infinity";
    private static final String NEW_YEAR = "2026-01-01 00:00:00Z";

    private static MigratedDatabase database;
    private static SqlCaller superuser;
    private static SqlCaller service;

    private UUID id;

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
        superuser = database.superuser();
        service = database.service();
    }

    @BeforeEach
    void aUserWithoutAPast() {
        superuser.rows("delete from auth.users");
        superuser.rows("delete from public.user_activity_log");
        superuser.rows("delete from public.system_stats");
        id = database.newUser();
        superuser.rows("delete from public.user_activity_log");
    }

    @Nested
    class OfTheActivityLog {

        @Test
        void aBatchTakesSoManyOfTheOldest() {
            // Given
            entries(25);

            // When
            JsonNode batch = batch("cleanup_activity_batch", NEW_YEAR, FROM_THE_OLDEST, 10);

            // Then
            assertThat(batch.get("deleted").intValue()).isEqualTo(10);
            assertThat(Instant.parse(batch.get("last").textValue().replace("+00:00", "Z")))
                    .isEqualTo(Instant.parse("2025-12-31T23:59:44Z"));
            assertThat(actions()).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        }

        @Test
        void theBatchesTogetherTakeWhatIsOlderAndNothingElse() {
            // Given
            entries(25);
            superuser.rows("insert into public.user_activity_log (user_id, action, timestamp) values (?, '0', ?::timestamptz)",
                    id,
                    NEW_YEAR);

            // When
            List<Integer> deleted = batches("cleanup_activity_batch", NEW_YEAR, 10);

            // Then
            assertThat(deleted).containsExactly(10, 10, 5, 0);
            assertThat(actions()).containsExactly(0);
        }

        @Test
        void manyEntriesOfOneInstantDoNotHoldUpTheBatches() {
            // Given
            superuser.rows("""
                    insert into public.user_activity_log (user_id, action, timestamp)
                    select ?, '1', '2025-12-31Z' from generate_series(1, 25)
                    """, id);

            // When
            List<Integer> deleted = batches("cleanup_activity_batch", NEW_YEAR, 10);

            // Then
            assertThat(deleted).containsExactly(10, 10, 5, 0);
        }

        @Test
        void withNothingToDeleteTheFirstBatchIsTheLast() {
            // Given
            entries(0);

            // When
            JsonNode batch = batch("cleanup_activity_batch", NEW_YEAR, FROM_THE_OLDEST, 10);

            // Then
            assertThat(batch).isEqualTo(json("{'deleted': 0, 'last': null}"));
        }

        @Test
        void aBatchBeginsWhereItIsTold() {
            // Given
            entries(5);

            // When
            batch("cleanup_activity_batch", NEW_YEAR, "2025-12-31 23:59:57Z", 10);

            // Then
            assertThat(actions()).containsExactly(4, 5);
        }

        @Test
        void entriesOfTheSystemGoToo() {
            // Given
            superuser.rows(
                    "insert into public.user_activity_log (user_id, action, timestamp) values (null, '1', '2025-12-31Z')");

            // When
            List<Integer> deleted = batches("cleanup_activity_batch", NEW_YEAR, 10);

            // Then
            assertThat(deleted).containsExactly(1, 0);
        }

        @Test
        void entriesThatSomebodyHoldsAreLeftAndNotWaitedFor() throws SQLException {
            // Given
            entries(25);
            List<Integer> deleted;

            // When
            try (Connection connection = superuser.begin()) {
                SqlCaller.read(connection, "select from public.user_activity_log where action in ('25', '3') for update");
                deleted = batches("cleanup_activity_batch", NEW_YEAR, 10);
            }

            // Then
            assertThat(deleted).containsExactly(10, 10, 3, 0);
            assertThat(actions()).containsExactly(3, 25);
        }

        @Test
        void twoWhoDeleteAtTheSameTimeDeleteEachEntryOnce() throws Exception {
            // Given
            entries(200);

            // When
            List<List<Integer>> deleted = MigratedDatabase.together(2,
                    who -> () -> batches("cleanup_activity_batch", NEW_YEAR, 10));

            // Then
            assertThat(deleted.stream().flatMap(List::stream).mapToInt(Integer::intValue).sum() + actions().size())
                    .isEqualTo(200);
            assertThat(batches("cleanup_activity_batch", NEW_YEAR, 1000)).last().isEqualTo(0);
            assertThat(actions()).isEmpty();
        }

        /** Entries of that many seconds before the year, not in the order of their times. */
        private void entries(int most) {
            superuser.rows("""
                    insert into public.user_activity_log (user_id, action, timestamp)
                    select ?, i, timestamptz '2026-01-01 00:00:00Z' - make_interval(secs => i)
                      from generate_series(1, ?) i order by i % 7
                    """, id, most);
        }

        private List<Integer> actions() {
            return superuser.column("select action::int from public.user_activity_log order by action::int");
        }
    }

    @Nested
    class OfUsage {

        @Test
        void aBatchTakesSoManyOfTheOldest() {
            // Given
            LocalDate newYear = LocalDate.of(2026, 1, 1);
            for (int days : List.of(3, 1, 5, 2, 4, 0)) {
                usage(newYear.minusDays(days));
            }

            // When
            JsonNode batch = batch("cleanup_usage_batch", NEW_YEAR, FROM_THE_OLDEST, 3);

            // Then
            assertThat(batch.get("deleted").intValue()).isEqualTo(3);
            assertThat(batch.get("last").textValue()).startsWith("2025-12-29T00:00:00");
            assertThat(days("public.user_usage_daily")).containsExactly(newYear.minusDays(2), newYear.minusDays(1), newYear);
        }

        @Test
        void theBatchesTogetherTakeWhatIsOlderAndNothingElse() {
            // Given
            LocalDate newYear = LocalDate.of(2026, 1, 1);
            for (int days = 0; days <= 25; days++) {
                usage(newYear.minusDays(days));
            }

            // When
            List<Integer> deleted = batches("cleanup_usage_batch", NEW_YEAR, 10);

            // Then
            assertThat(deleted).containsExactly(10, 10, 5, 0);
            assertThat(days("public.user_usage_daily")).containsExactly(newYear);
        }

        @Test
        void aDayIsKeptFromItsBeginning() {
            // Given
            usage(LocalDate.of(2025, 12, 31));
            usage(LocalDate.of(2026, 1, 1));

            // When
            batches("cleanup_usage_batch", "2026-01-01 23:59:59Z", 10);

            // Then
            assertThat(days("public.user_usage_daily")).containsExactly(LocalDate.of(2026, 1, 1));
        }

        @Test
        void theDayIsThatOfUtc() {
            // Given
            usage(LocalDate.of(2025, 12, 31));

            // When
            batches("cleanup_usage_batch", "2026-01-01 01:00:00+02", 10);

            // Then
            assertThat(days("public.user_usage_daily")).containsExactly(LocalDate.of(2025, 12, 31));
        }

        @Test
        void usageByModelGoesWithIt() {
            // Given
            LocalDate newYear = LocalDate.of(2026, 1, 1);
            for (int days = 0; days <= 3; days++) {
                usage(newYear.minusDays(days));
                usageByModel(newYear.minusDays(days));
            }

            // When
            List<Integer> deleted = batches("cleanup_usage_batch", NEW_YEAR, 10);

            // Then
            assertThat(deleted).containsExactly(3, 0);
            assertThat(days("chatkeep.usage_by_model")).containsExactly(newYear);
        }

        @Test
        void usageByModelThatHasOutlivedItsDaysGoesToo() {
            // Given
            LocalDate newYear = LocalDate.of(2026, 1, 1);
            for (int days = 1; days <= 25; days++) {
                usageByModel(newYear.minusDays(days));
            }

            // When
            List<Integer> deleted = batches("cleanup_usage_batch", NEW_YEAR, 10);

            // Then
            assertThat(deleted).containsExactly(0, 0, 0, 0);
            assertThat(days("chatkeep.usage_by_model")).isEmpty();
        }

        @Test
        void usageByModelOfTheCurrentMonthIsKeptForItsLimits() {
            // Given
            LocalDate today = superuser.value("select (now() at time zone 'UTC')::date");
            LocalDate month = today.withDayOfMonth(1);
            usage(month.minusDays(1));
            usageByModel(month.minusDays(1));
            usageByModel(month);
            superuser.rows("insert into chatkeep.usage_by_model (user_id, usage_date, model) values (?, ?, 'other')", id,
                    today);

            // When
            batches("cleanup_usage_batch", today.plusDays(1) + " 00:00:00Z", 10);

            // Then
            assertThat(days("public.user_usage_daily")).isEmpty();
            assertThat(days("chatkeep.usage_by_model")).containsExactly(month, today);
        }

        @Test
        void daysThatSomebodyHoldsAreLeftAndNotWaitedFor() throws SQLException {
            // Given
            LocalDate newYear = LocalDate.of(2026, 1, 1);
            usage(newYear.minusDays(3));
            usage(newYear.minusDays(2));
            List<Integer> deleted;

            // When
            try (Connection connection = superuser.begin()) {
                SqlCaller.read(connection, "select from public.user_usage_daily where usage_date = '2025-12-29' for update");
                deleted = batches("cleanup_usage_batch", NEW_YEAR, 10);
            }

            // Then
            assertThat(deleted).containsExactly(1, 0);
            assertThat(days("public.user_usage_daily")).containsExactly(newYear.minusDays(3));
        }

        @Test
        void whatADeletedDaySaidStaysInTheTotals() {
            // Given
            database.user(id).rows("select public.track_user_usage(?, p_messages_sent => 3, p_input_tokens => 7)", id);
            JsonNode totals = superuser.value("select usage_stats from public.profiles");
            superuser.rows("update public.user_usage_daily set usage_date = '2025-01-01'");

            // When
            batches("cleanup_usage_batch", NEW_YEAR, 10);

            // Then
            assertThat(superuser.<JsonNode> value("select usage_stats from public.profiles")).isEqualTo(totals);
            assertThat(totals.get("total_messages").intValue()).isEqualTo(3);
        }

        private void usage(LocalDate day) {
            superuser.rows("insert into public.user_usage_daily (user_id, usage_date, messages_sent) values (?, ?, 1)", id,
                    day);
        }

        private void usageByModel(LocalDate day) {
            superuser.rows("insert into chatkeep.usage_by_model (user_id, usage_date, model) values (?, ?, 'gpt')", id, day);
        }

        private List<LocalDate> days(String table) {
            return superuser.column("select usage_date from " + table + " order by usage_date");
        }
    }

    @Nested
    class OfConversations {

        @Test
        void aBatchTakesTheOldestThatHaveSoManyMessagesTogether() {
            // Given
            conversations(id, "a", "b", "c", "d");

            // When
            JsonNode batch = batch("cleanup_conversations_batch", NEW_YEAR, FROM_THE_OLDEST, 6);

            // Then
            assertThat(batch.get("deleted").intValue()).isEqualTo(2);
            assertThat(batch.get("last").textValue()).startsWith("2025-12-02T12:00:00");
            assertThat(ids()).containsExactly("c", "d");
        }

        @Test
        void aConversationOfMoreMessagesGoesAlone() {
            // Given
            conversations(id, "a", "b");

            // When
            List<Integer> deleted = batches("cleanup_conversations_batch", NEW_YEAR, 1);

            // Then
            assertThat(deleted).containsExactly(1, 1, 0);
            assertThat(ids()).isEmpty();
        }

        @Test
        void aBatchHasAtMostTwoHundredConversations() {
            // Given
            superuser.rows("insert into public.chat_sessions (user_id, id, updated_at)"
                    + " select ?, 's' || i, '2025-12-01Z' from generate_series(1, 201) i", id);

            // When
            List<Integer> deleted = batches("cleanup_conversations_batch", NEW_YEAR, 10_000);

            // Then
            assertThat(deleted).containsExactly(200, 1, 0);
        }

        @Test
        void conversationsWithActivitySinceAreKept() {
            // Given
            conversations(id, "old", "renamed", "continued");
            database.user(id).rows("update public.chat_sessions set title = 'New' where id = 'renamed'");
            database.user(id).rows(
                    "select chatkeep.append_message(?, 'continued', '{\"id\": \"m\", \"role\": \"user\", \"content\": \"c\"}')",
                    id);

            // When
            List<Integer> deleted = batches("cleanup_conversations_batch", NEW_YEAR, 100);

            // Then
            assertThat(deleted).containsExactly(1, 0);
            assertThat(ids()).containsExactlyInAnyOrder("renamed", "continued");
        }

        @Test
        void aConversationOfExactlyThatTimeIsKept() {
            // Given
            conversations(id, "a", "b");

            // When
            List<Integer> deleted = batches("cleanup_conversations_batch", "2025-12-02T12:00:00Z", 100);

            // Then
            assertThat(deleted).containsExactly(1, 0);
            assertThat(ids()).containsExactly("b");
        }

        @Test
        void theirMessagesGoAndWhatWasCountedIsRemembered() {
            // Given
            conversations(id, "a");
            UUID other = database.newUser();
            superuser.rows("insert into public.chat_sessions (user_id, id) values (?, 'a')", other);

            // When
            batches("cleanup_conversations_batch", NEW_YEAR, 100);

            // Then
            assertThat(superuser.rows("select user_id, id from public.chat_sessions")).containsExactly(
                    Map.of("user_id", other, "id", "a"));
            assertThat(superuser.rows("select from public.chat_messages")).isEmpty();
            assertThat(superuser.rows("select user_id, session_id from chatkeep.counted_sessions"))
                    .containsExactly(Map.of("user_id", id, "session_id", "a"));
            assertThat(superuser.rows("select user_id, message_id, input_tokens, output_tokens from chatkeep.charges"
                    + " order by message_id")).containsExactly(
                            Map.of("user_id", id, "message_id", "a-1", "input_tokens", 2L, "output_tokens", 0L),
                            Map.of("user_id", id, "message_id", "a-2", "input_tokens", 0L, "output_tokens", 3L));
        }

        @Test
        void theirUsageStaysAndADeviceThatBringsThemBackCountsNothing() {
            // Given
            conversations(id, "a", "b");
            List<Map<String, Object>> usage = usage();

            // When
            batches("cleanup_conversations_batch", NEW_YEAR, 100);

            // Then
            assertThat(usage()).isEqualTo(usage);
            conversations(id, "a", "b");
            assertThat(usage()).isEqualTo(usage);
            assertThat(ids()).containsExactly("a", "b");
        }

        @Test
        void usersWhoAreWritingAreLeftAndNotWaitedFor() throws SQLException {
            // Given
            UUID writer = database.newUser();
            conversations(writer, "a", "c");
            conversations(id, "b", "d");
            List<Integer> deleted;

            // When
            try (Connection connection = database.user(writer).begin()) {
                SqlCaller.read(connection, "select chatkeep.begin_write(?)", writer);
                deleted = batches("cleanup_conversations_batch", NEW_YEAR, 100);
            }

            // Then
            assertThat(deleted.stream().mapToInt(Integer::intValue).sum()).isEqualTo(2);
            assertThat(ids()).containsExactly("a", "c");
        }

        @Test
        void aUserWhoIsWritingDoesNotHoldUpThoseAfterThem() throws SQLException {
            // Given
            UUID writer = database.newUser();
            superuser.rows("insert into public.chat_sessions (user_id, id, updated_at)"
                    + " select ?, 's' || i, timestamptz '2025-11-01Z' + make_interval(mins => i) from generate_series(1, 450) i",
                    writer);
            conversations(id, "a", "b");

            // When
            try (Connection connection = database.user(writer).begin()) {
                SqlCaller.read(connection, "select chatkeep.begin_write(?)", writer);
                batches("cleanup_conversations_batch", NEW_YEAR, 1_000);
            }

            // Then
            assertThat(superuser.<Long> value("select count(*) from public.chat_sessions where user_id = ?", writer))
                    .isEqualTo(450);
            assertThat(superuser.<Long> value("select count(*) from public.chat_sessions where user_id = ?", id)).isZero();
        }

        @Test
        void whatAWriterHasTouchedMeanwhileIsKept() throws Exception {
            // Given
            conversations(id, "a", "b");
            try (Connection connection = database.user(id).begin()) {
                SqlCaller.read(connection, "select chatkeep.begin_write(?)", id);
                SqlCaller.read(connection, "update public.chat_sessions set title = 'Still wanted' where id = 'a'");
                batches("cleanup_conversations_batch", NEW_YEAR, 100);
                connection.commit();
            }

            // When
            batches("cleanup_conversations_batch", NEW_YEAR, 100);

            // Then
            assertThat(ids()).containsExactly("a");
        }

        /** Of two messages each, the first the oldest. */
        private void conversations(UUID owner, String... ids) {
            int day = 1;
            for (String conversation : ids) {
                String at = "2025-12-%02dT12:00:00Z".formatted(day++);
                database.user(owner).rows("select public.sync_user_conversations(?, ?::jsonb)", owner,
                        json("""
                                [{'id': 'ID', 'createdAt': 'AT', 'updatedAt': 'AT', 'messages': [
                                    {'id': 'ID-1', 'role': 'user', 'content': 'a', 'input_tokens': 2, 'timestamp': 'AT'},
                                    {'id': 'ID-2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 3, 'timestamp': 'AT'}]}]
                                """
                                .replace("ID", conversation).replace("AT", at)).toString());
            }
        }

        private List<String> ids() {
            return superuser.column("select id from public.chat_sessions order by updated_at, id");
        }

        private List<Map<String, Object>> usage() {
            return superuser.rows("""
                    select to_jsonb(d) - 'updated_at' as day, to_jsonb(m) as model, p.usage_stats as totals
                      from public.user_usage_daily d
                      join chatkeep.usage_by_model m using (user_id, usage_date)
                      join public.profiles p on p.id = d.user_id
                    """);
        }
    }

    @Nested
    class AndTheFunctionAfterThem {

        @Test
        void findsNothingLeft() {
            // Given
            superuser.rows("""
                    insert into public.user_activity_log (user_id, action, timestamp)
                    select ?, 'old', now() - interval '91 days' from generate_series(1, 25)
                    """, id);
            superuser.rows("""
                    insert into public.user_usage_daily (user_id, usage_date)
                    select ?, (now() at time zone 'UTC')::date - i from generate_series(91, 115) i
                    """, id);
            String before = superuser.<Instant> value("select now() - interval '90 days'").toString();
            batches("cleanup_activity_batch", before, 10);
            batches("cleanup_usage_batch", before, 10);

            // When
            JsonNode deleted = service.value("select public.cleanup_old_data(90) -> 'deleted_records'");

            // Then
            assertThat(deleted).isEqualTo(json("{'activity_logs': 0, 'usage_records': 0, 'cache_entries': 0}"));
        }

        @Test
        void writesTheFiguresOfTodayAndHowManyUsersYesterdayHad() {
            // Given
            UUID other = database.newUser();
            superuser.rows("update public.profiles set created_at = now() - interval '1 day' where id = ?", other);
            superuser.rows("""
                    insert into public.user_usage_daily (user_id, usage_date)
                    select u, (now() at time zone 'UTC')::date - d
                      from (values (?::uuid, 0), (?::uuid, 1), (?::uuid, 1), (?::uuid, 2)) as v (u, d)
                    """, id, id, other, id);
            superuser.rows("""
                    insert into public.system_stats (stat_date, total_users, active_users_today, new_users_today)
                    select (now() at time zone 'UTC')::date - d, 7, 0, 0 from generate_series(1, 2) d
                    """);

            // When
            service.rows("select public.cleanup_old_data(90)");

            // Then
            assertThat(superuser.rows("""
                    select (now() at time zone 'UTC')::date - stat_date as ago, total_users, active_users_today, new_users_today
                      from public.system_stats order by stat_date desc
                    """)).containsExactly(
                    Map.of("ago", 0, "total_users", 2L, "active_users_today", 1L, "new_users_today", 1L),
                    Map.of("ago", 1, "total_users", 7L, "active_users_today", 2L, "new_users_today", 1L),
                    Map.of("ago", 2, "total_users", 7L, "active_users_today", 0L, "new_users_today", 0L));
        }

        @Test
        void forgetsRunsOfJobsThatAreOlder() {
            // Given
            superuser.rows("delete from chatkeep.job_runs");
            superuser.rows("insert into chatkeep.job_runs (job, due_at) values ('old', now() - interval '91 days'),"
                    + " ('recent', now() - interval '89 days')");

            // When
            service.rows("select public.cleanup_old_data(90)");

            // Then
            assertThat(superuser.<String> column("select job from chatkeep.job_runs")).containsExactly("recent");
        }

        @Test
        void keepsUsageByModelOfTheMonthHoweverFewDaysAreKept() {
            // Given
            LocalDate month = superuser.value("select date_trunc('month', now() at time zone 'UTC')::date");
            superuser.rows(
                    "insert into chatkeep.usage_by_model (user_id, usage_date, model) values (?, ?, 'gpt'), (?, ?, 'gpt')", id,
                    month, id, month.minusDays(2));

            // When
            service.rows("select public.cleanup_old_data(1)");

            // Then
            assertThat(superuser.<LocalDate> column("select usage_date from chatkeep.usage_by_model")).containsExactly(month);
        }
    }

    private static JsonNode batch(String function, String before, String from, int most) {
        return service.value("select chatkeep." + function + "(?::timestamptz, ?::timestamptz, ?)", before, from, most);
    }

    /** How many rows each batch deletes, begun where the one before ended, to the one that says it is the last. */
    private static List<Integer> batches(String function, String before, int most) {
        List<Integer> deleted = new ArrayList<>();
        String from = FROM_THE_OLDEST;
        while (from != null) {
            JsonNode batch = batch(function, before, from, most);
            deleted.add(batch.get("deleted").intValue());
            from = batch.get("last").textValue();
            assertThat(deleted).as("batches that do not end").hasSizeLessThan(100);
        }
        return deleted;
    }
}

package dev.chatkeep.maintenance;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.WithinOneDay;

/** Functions that speak of the whole database, so each test has one of its own. */
@WithinOneDay
@BesideOthers
class MaintenanceFunctionsTest {

    private MigratedDatabase database;
    private SqlCaller superuser;
    private SqlCaller service;

    @BeforeEach
    void migrate() {
        database = MigratedDatabase.create();
        superuser = database.superuser();
        service = database.service();
    }

    @Test
    void cleaningUpDeletesWhatIsOlderThanNinetyDays() {
        // Given
        userWithHistory();

        // When
        JsonNode result = service.value("select public.cleanup_old_data()");

        // Then
        assertThat(result.get("success")).isEqualTo(json("true"));
        assertThat(result.get("deleted_records"))
                .isEqualTo(json("{'activity_logs': 2, 'usage_records': 2, 'cache_entries': 1}"));
        assertThat(result.fieldNames()).toIterable()
                .containsExactlyInAnyOrder("success", "cleanup_date", "deleted_records", "cleanup_completed_at");
        assertThat(superuser.<String> column("select action from public.user_activity_log order by timestamp")).containsExactly(
                "90 days ago", "89 days ago", "31 days ago", "30 days ago", "29 days ago", "0 days ago");
        assertThat(superuser.<Long> column("select messages_sent from public.user_usage_daily order by usage_date"))
                .containsExactly(90L, 89L, 31L, 30L, 29L, 0L);
        assertThat(superuser.<String> column("select cache_key from public.system_cache order by cache_key"))
                .containsExactly("fresh", "lasting");
    }

    @Test
    void cleaningUpDeletesWhatIsOlderThanAskedFor() {
        // Given
        userWithHistory();

        // When
        JsonNode result = service.value("select public.cleanup_old_data(30) -> 'deleted_records'");

        // Then
        assertThat(result).isEqualTo(json("{'activity_logs': 5, 'usage_records': 5, 'cache_entries': 1}"));
        assertThat(superuser.<Long> column("select messages_sent from public.user_usage_daily order by usage_date"))
                .containsExactly(30L, 29L, 0L);
    }

    @Test
    void cleaningUpLeavesConversationsAndTotals() {
        // Given
        UUID id = userWithHistory();
        conversation(id);
        superuser.rows("update public.chat_messages set message_timestamp = now() - interval '3 years'");
        JsonNode totals = superuser.value("select usage_stats from public.profiles");

        // When
        service.rows("select public.cleanup_old_data(1)");

        // Then
        assertThat(superuser.<String> column("select id from public.chat_messages")).containsExactly("m1");
        assertThat(superuser.<JsonNode> value("select usage_stats from public.profiles")).isEqualTo(totals);
    }

    @Test
    void cleaningUpTwiceDeletesOnce() {
        // Given
        userWithHistory();
        service.rows("select public.cleanup_old_data()");

        // When
        JsonNode result = service.value("select public.cleanup_old_data() -> 'deleted_records'");

        // Then
        assertThat(result).isEqualTo(json("{'activity_logs': 0, 'usage_records': 0, 'cache_entries': 0}"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "0", "-1", "null" })
    void cleaningUpKeepsADayAtLeast(String days) {
        // Given
        userWithHistory();

        // When
        String state = service.state("select public.cleanup_old_data(" + days + ")");

        // Then
        assertThat(state).isEqualTo("22023");
        assertThat(superuser.rows("select from public.user_usage_daily")).hasSize(8);
    }

    @Test
    void cleaningUpWritesTheFiguresOfTheDay() {
        // Given
        UUID id = database.newUser();
        conversation(id);
        UUID idle = database.newUser();
        superuser.rows("update public.profiles set created_at = now() - interval '2 days' where id = ?", idle);

        // When
        service.rows("select public.cleanup_old_data()");

        // Then
        assertThat(superuser
                .rows("""
                        select stat_date = (created_at at time zone 'UTC')::date as today, total_users, active_users_today, new_users_today,
                               total_conversations, total_messages, total_tokens
                          from public.system_stats
                        """))
                .containsExactly(Map.of("today", true, "total_users", 2L, "active_users_today", 1L, "new_users_today", 1L,
                        "total_conversations", 1L, "total_messages", 1L, "total_tokens", 5L));
        assertThat(superuser.<BigDecimal> value("select database_size_mb from public.system_stats")).isPositive();
    }

    @Test
    void cleaningUpAgainBringsTheFiguresOfTheDayUpToDate() {
        // Given
        service.rows("select public.cleanup_old_data()");
        conversation(database.newUser());

        // When
        service.rows("select public.cleanup_old_data()");

        // Then
        assertThat(superuser.rows("select total_users, total_messages from public.system_stats"))
                .containsExactly(Map.of("total_users", 1L, "total_messages", 1L));
    }

    @Test
    void theOwnerOfTheSchemaMayCleanUpToo() {
        // When
        JsonNode success = database.login("chatkeep_owner").value("select public.cleanup_old_data() -> 'success'");

        // Then
        assertThat(success).isEqualTo(json("true"));
    }

    @Test
    void administratorsMayCleanUpToo() {
        // Given
        userWithHistory();

        // When
        JsonNode result = database.admin(database.newUser()).value("select public.cleanup_old_data() -> 'deleted_records'");

        // Then
        assertThat(result).isEqualTo(json("{'activity_logs': 2, 'usage_records': 2, 'cache_entries': 1}"));
    }

    @Test
    void usersMayNotCleanUp() {
        // Given
        UUID id = userWithHistory();

        // When
        String state = database.user(id).state("select public.cleanup_old_data()");

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(superuser.rows("select from public.user_usage_daily")).hasSize(8);
    }

    @Test
    void healthTellsTheTotals() {
        // Given
        conversation(database.newUser());
        UUID idle = database.newUser();
        superuser.rows("update public.profiles set last_active = now() - interval '8 days' where id = ?", idle);

        // When
        JsonNode health = service.value("select public.analyze_database_health()");

        // Then
        assertThat(health.get("totals")).isEqualTo(json("{'users': 2, 'sessions': 1, 'messages': 1, 'tokens': 5}"));
        assertThat(health.get("active_users_7_days")).isEqualTo(json("1"));
        assertThat(health.get("database_size_bytes").longValue()).isPositive();
        assertThat(health.fieldNames()).toIterable().containsExactlyInAnyOrder("analyzed_at", "database_size_bytes", "tables",
                "indexes", "totals", "active_users_7_days");
    }

    @Test
    void healthTellsTheSizeAndRowsOfEachTable() {
        // Given
        conversation(database.newUser());

        // When
        JsonNode tables = service.value("select public.analyze_database_health() -> 'tables'");

        // Then
        assertThat(tables.findValuesAsText("table")).containsExactly("chat_messages", "chat_sessions", "model_access",
                "profiles",
                "system_cache", "system_stats", "user_activity_log", "user_usage_daily");
        assertThat(tables).allSatisfy(table -> {
            assertThat(table.get("total_size_bytes").longValue()).isPositive();
            assertThat(table.get("live_rows").isIntegralNumber()).isTrue();
            assertThat(table.get("dead_rows").isIntegralNumber()).isTrue();
        });
    }

    @Test
    void healthTellsTheUseOfEachIndex() {
        // Given
        List<String> indexes = superuser
                .column("select indexname::text from pg_indexes where schemaname = 'public' order by indexname");

        // When
        JsonNode health = service.value("select public.analyze_database_health() -> 'indexes'");

        // Then
        assertThat(health.findValuesAsText("index")).containsExactlyInAnyOrderElementsOf(indexes);
        assertThat(health).allSatisfy(index -> assertThat(index.get("scans").isIntegralNumber()).isTrue());
    }

    /** Rows on both sides of 90 and of 30 days. */
    private UUID userWithHistory() {
        UUID id = database.newUser();
        superuser.rows("delete from public.user_activity_log");
        superuser.rows("""
                insert into public.user_activity_log (user_id, action, timestamp)
                select ?, days || ' days ago', now() - make_interval(days => days) + interval '1 hour'
                  from unnest(array [0, 29, 30, 31, 89, 90, 91, 400]) days
                """, id);
        superuser.rows("""
                insert into public.user_usage_daily (user_id, usage_date, messages_sent)
                select ?, (now() at time zone 'UTC')::date - days, days from unnest(array [0, 29, 30, 31, 89, 90, 91, 400]) days
                """, id);
        superuser
                .rows("""
                        insert into public.system_cache (cache_key, cache_value, expires_at)
                        values ('expired', '1', now() - interval '1 second'), ('fresh', '2', now() + interval '1 hour'), ('lasting', '3', null)
                        """);
        return id;
    }

    private void conversation(UUID id) {
        database.user(id).rows("select public.sync_user_conversations(?, ?::jsonb)", id, json("""
                [{'id': 'c1', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 5}]}]
                """).toString());
    }
}

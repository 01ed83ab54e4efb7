package dev.chatkeep.maintenance;

import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/** The database is that of all tests: these insert what they ask about, on days that no other test uses. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class AdminResourceIT {

    private static final Administrator SERVICE = Administrator.service();
    private static final String TODAY = "(now() at time zone 'UTC')::date";

    @Test
    void theHealthSaysHowLargeTheDatabaseIsAndWhatItHolds() {
        // Given
        Chat.store(Chat.started(), Chat.question("q1", null, 3));

        // When
        Response answer = SERVICE.request().get("/api/admin/health");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        JsonNode health = Json.of(answer);
        assertThat(health.fieldNames()).toIterable().containsExactlyInAnyOrder("analyzed_at", "database_size_bytes", "tables",
                "indexes", "totals", "active_users_7_days");
        assertThat(health.path("database_size_bytes").longValue()).isPositive();
        assertThat(Json.texts(health.path("tables"), "table")).contains("chat_messages", "chat_sessions", "model_access",
                "profiles", "user_usage_daily");
        assertThat(Json.texts(health.path("indexes"), "index")).contains("idx_profiles_email");
        assertThat(health.path("totals")).isEqualTo(Json.of(Sql.<String> value("""
                select jsonb_build_object('users', (select count(*) from profiles), 'sessions', count(*),
                                          'messages', sum(message_count), 'tokens', sum(total_tokens))::text
                  from chat_sessions
                """)));
    }

    @Test
    void theStatisticsOfARangeAreReportedByDay() {
        // Given
        Sql.rows("""
                insert into system_stats (stat_date, total_users, active_users_today, new_users_today, total_conversations,
                       total_messages, total_tokens, database_size_mb)
                values ('1999-12-31', 1, 1, 1, 1, 1, 1, 1), ('2000-01-02', 9, 8, 7, 6, 5, 4, 3.25),
                       ('2000-01-01', 2, 3, 4, 5, 6, 7, 0), ('2000-01-04', 1, 1, 1, 1, 1, 1, 1)
                on conflict (stat_date) do nothing
                """);

        // When
        Response answer = SERVICE.request().get("/api/admin/stats?from=2000-01-01&to=2000-01-03");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        JsonNode body = Json.of(answer);
        assertThat(Json.without(body, "stats"))
                .isEqualTo(Json.of("{\"from\": \"2000-01-01\", \"to\": \"2000-01-03\", \"count\": 2}"));
        assertThat(Json.without(body.at("/stats/0"), "id", "created_at")).isEqualTo(Json.of("""
                {"stat_date": "2000-01-01", "total_users": 2, "active_users_today": 3, "new_users_today": 4,
                 "total_conversations": 5, "total_messages": 6, "total_tokens": 7, "database_size_mb": 0.00}
                """));
        assertThat(Json.without(body.at("/stats/1"), "id", "created_at")).isEqualTo(Json.of("""
                {"stat_date": "2000-01-02", "total_users": 9, "active_users_today": 8, "new_users_today": 7,
                 "total_conversations": 6, "total_messages": 5, "total_tokens": 4, "database_size_mb": 3.25}
                """));
    }

    @Test
    void aRangeWithoutStatisticsIsEmpty() {
        // Given
        String path = "/api/admin/stats?from=1990-01-01&to=1990-12-31";

        // When
        Response answer = SERVICE.request().get(path);

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"from": "1990-01-01", "to": "1990-12-31", "count": 0, "stats": []}
                """));
    }

    @Test
    void theOverviewSaysWhatAllUsersDid() {
        // Given
        Caller ada = known();
        Caller bob = known();
        for (Caller user : List.of(ada, bob)) {
            insertDay(user, "2001-03-01", 1);
            insertDay(user, "2001-03-02", 10);
            insertDay(user, "2001-03-03", 100);
        }
        insertModel(ada, "2001-03-01", "much", 5, "0.5");
        insertModel(bob, "2001-03-02", "much", 5, "0.25");
        insertModel(bob, "2001-03-02", "little", 1, "7");
        insertModel(bob, "2001-03-03", "after", 9, "9");
        Sql.rows("update profiles set created_at = '2001-03-02T23:59:59.999Z' where id = ?", ada.id());
        Sql.rows("update profiles set created_at = '2001-03-03T00:00:00Z' where id = ?", bob.id());
        failures(ada, "2001-02-28T23:59:59.999Z", "2001-03-01T00:00:00Z", "2001-03-02T23:59:59.999Z", "2001-03-03T00:00:00Z");

        // When
        Response answer = SERVICE.request().get("/api/admin/overview?from=2001-03-01&to=2001-03-02");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.without(Json.of(answer), "users")).isEqualTo(Json.of("""
                {"from": "2001-03-01", "to": "2001-03-02", "new_users": 1, "active_users": 2, "messages": 66,
                 "sessions_created": 110, "input_tokens": 66, "output_tokens": 88, "total_tokens": 154,
                 "estimated_cost": 0.000022, "errors": 2,
                 "top_models": [
                  {"model": "much", "messages_received": 20, "total_tokens": 70, "users": 2, "estimated_cost": 0.75},
                  {"model": "little", "messages_received": 2, "total_tokens": 7, "users": 1, "estimated_cost": 7}]}
                """));
        assertThat(Json.of(answer).path("users").longValue()).isEqualTo(Sql.<Long> value("select count(*) from profiles"));
    }

    @Test
    void theOverviewNamesTenModelsAtTheMost() {
        // Given
        Caller user = known();
        for (int i = 1; i <= 12; i++) {
            insertModel(user, "2001-04-01", "model-" + i, i, "0");
        }

        // When
        Response answer = SERVICE.request().get("/api/admin/overview?from=2001-04-01&to=2001-04-01");

        // Then
        assertThat(Json.texts(Json.of(answer).path("top_models"), "model")).containsExactly("model-12", "model-11", "model-10",
                "model-9", "model-8", "model-7", "model-6", "model-5", "model-4", "model-3");
    }

    @Test
    void theOverviewOfAnEmptyRangeIsZero() {
        // Given
        String path = "/api/admin/overview?from=1990-01-01&to=1990-01-01";

        // When
        Response answer = SERVICE.request().get(path);

        // Then
        assertThat(Json.without(Json.of(answer), "users")).isEqualTo(Json.of("""
                {"from": "1990-01-01", "to": "1990-01-01", "new_users": 0, "active_users": 0, "messages": 0,
                 "sessions_created": 0, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "estimated_cost": 0,
                 "errors": 0, "top_models": []}
                """));
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/admin/overview", "/api/admin/stats" })
    void theDefaultRangeIsThirtyDaysUpToToday(String path) {
        // Given
        String before = Sql.value("select " + TODAY + "::text");

        // When
        Response answer = SERVICE.request().get(path);

        // Then
        LocalDate to = LocalDate.parse(answer.path("to"));
        assertThat(to).isBetween(LocalDate.parse(before), LocalDate.parse(Sql.<String> value("select " + TODAY + "::text")));
        assertThat(answer.<String> path("from")).isEqualTo(to.minusDays(29).toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            /api/admin/overview?from=2025-01-02&to=2025-01-01 | from must not be after to
            /api/admin/overview?from=2024-01-01&to=2025-01-01 | from must be at most 365 days before to
            /api/admin/overview?to=%2B10000-01-01             | to must be a day from 1970-01-01 to 9999-12-31
            /api/admin/stats?from=2025-01-02&to=2025-01-01    | from must not be after to
            /api/admin/stats?from=2024-01-01&to=2025-01-01    | from must be at most 365 days before to
            /api/admin/stats?from=0001-01-01                  | from must be a day from 1970-01-01 to 9999-12-31
            """)
    void anImpossibleRangeIsRefused(String path, String complaint) {
        // When
        Response answer = SERVICE.request().urlEncodingEnabled(false).get(path);

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/admin/overview?from=x", "/api/admin/stats?to=2026-02-30" })
    void aParameterThatIsNotADayIsRefused(String path) {
        // When
        Response answer = SERVICE.request().get(path);

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"days_to_keep": 30}   | 29 30
            {"days_to_keep": 90}   | 29 30 31 89 90
            {"days_to_keep": 400}  | 29 30 31 89 90 91 400
            {"days_to_keep": null} | 29 30 31 89 90
            {}                     | 29 30 31 89 90
            """)
    void cleaningUpDeletesWhatIsOlder(String body, String kept) {
        // Given
        Caller user = withHistory();

        // When
        Response answer = cleanUp(body);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Sql.<String> value("select string_agg(messages_sent::text, ' ' order by usage_date desc)"
                + " from user_usage_daily where user_id = ? and messages_sent > 0", user.id())).isEqualTo(kept);
        assertThat(Sql.<String> value("select string_agg(resource_id, ' ' order by timestamp desc)"
                + " from user_activity_log where user_id = ? and action = 'old'", user.id())).isEqualTo(kept);
    }

    @Test
    void cleaningUpWithoutABodyKeepsNinetyDays() {
        // Given
        Caller user = withHistory();

        // When
        Response answer = SERVICE.request().post("/api/admin/maintenance/cleanup");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Sql.<String> value("select string_agg(messages_sent::text, ' ' order by usage_date desc)"
                + " from user_usage_daily where user_id = ? and messages_sent > 0", user.id())).isEqualTo("29 30 31 89 90");
    }

    @Test
    void cleaningUpReportsWhatItDeleted() {
        // Given
        granted(cleanUp("{\"days_to_keep\": 30}"));
        withHistory();
        Sql.rows("insert into system_cache (cache_key, cache_value, expires_at) values (?, '1', now() - interval '1 minute')",
                UUID.randomUUID().toString());

        // When
        Response answer = cleanUp("{\"days_to_keep\": 30}");

        // Then
        JsonNode body = Json.of(answer);
        assertThat(Json.without(body, "cleanup_date", "cleanup_completed_at")).isEqualTo(Json.of("""
                {"success": true,
                 "deleted_records": {"activity_logs": 6, "usage_records": 6, "cache_entries": 1, "conversations": 0}}
                """));
        assertThat(OffsetDateTime.parse(body.path("cleanup_date").textValue()))
                .isBefore(OffsetDateTime.parse(body.path("cleanup_completed_at").textValue()));
    }

    @Test
    void cleaningUpManyRowsGoesOnUntilAllAreGone() {
        // Given
        Caller user = known();
        Sql.rows("""
                insert into user_activity_log (user_id, action, timestamp)
                select ?, 'many', now() - interval '200 days' - i * interval '1 second' from generate_series(1, 2500) i
                """, user.id());
        Sql.rows("""
                insert into user_activity_log (user_id, action, timestamp)
                select ?, 'same', '2020-01-01' from generate_series(1, 2500) i
                """, user.id());
        Sql.rows(
                """
                        insert into user_usage_daily (user_id, usage_date) select ?, '2003-01-01'::date + i from generate_series(1, 2500) i
                        """,
                user.id());

        // When
        Response answer = cleanUp("{\"days_to_keep\": 90}");

        // Then
        assertThat(answer.<Integer> path("deleted_records.activity_logs")).isGreaterThanOrEqualTo(5_000);
        assertThat(answer.<Integer> path("deleted_records.usage_records")).isGreaterThanOrEqualTo(2_500);
        assertThat(Sql.rows("select action from user_activity_log where user_id = ? and action in ('many', 'same')", user.id()))
                .isEmpty();
        assertThat(Sql.rows("select usage_date from user_usage_daily where user_id = ? and usage_date < '2020-01-01'",
                user.id())).isEmpty();
    }

    @Test
    void cleaningUpLeavesTotalsConversationsAndTheCostsOfThisMonth() {
        // Given
        Caller user = Chat.started();
        Chat.store(user, Chat.question("q1", null, 3));
        Sql.rows("update chat_messages set message_timestamp = '2020-01-01' where user_id = ?", user.id());
        Sql.rows("""
                insert into chatkeep.usage_by_model (user_id, usage_date, model, messages_received)
                select ?, date_trunc('month', now() at time zone 'UTC')::date, 'first-of-month', 1
                """, user.id());
        Sql.rows("insert into chatkeep.usage_by_model (user_id, usage_date, model) values (?, '2020-01-01', 'old')", user.id());

        // When
        cleanUp("{\"days_to_keep\": 1}").then().statusCode(200);

        // Then
        assertThat(Sql.<Long> value("select count(*) from chat_messages where user_id = ?", user.id())).isEqualTo(1);
        assertThat(Chat.usage(user, "summary").at("/all_time/total_tokens").intValue()).isEqualTo(3);
        assertThat(
                Sql.<String> value("select string_agg(model, ' ') from chatkeep.usage_by_model where user_id = ?", user.id()))
                .isEqualTo("first-of-month");
    }

    @Test
    void cleaningUpLeavesCacheEntriesThatHaveNotExpired() {
        // Given
        String fresh = UUID.randomUUID().toString();
        String lasting = UUID.randomUUID().toString();
        String expired = UUID.randomUUID().toString();
        Sql.rows("""
                insert into system_cache (cache_key, cache_value, expires_at)
                values (?, '1', now() + interval '1 hour'), (?, '1', null), (?, '1', now() - interval '1 second')
                """, fresh, lasting, expired);

        // When
        cleanUp("{\"days_to_keep\": 90}").then().statusCode(200);

        // Then
        assertThat(Sql.rows("select cache_key from system_cache where cache_key in (?, ?, ?)", fresh, lasting, expired))
                .containsExactlyInAnyOrder(Map.of("cache_key", fresh), Map.of("cache_key", lasting));
    }

    @Test
    void cleaningUpWritesTheStatisticsOfTheDay() {
        // Given
        Sql.rows("delete from system_stats where stat_date >= " + TODAY + " - 1");

        // When
        cleanUp("{\"days_to_keep\": 90}").then().statusCode(200);

        // Then
        JsonNode stats = Json.of(SERVICE.request().get("/api/admin/stats")).path("stats");
        assertThat(stats.get(stats.size() - 1).path("total_users").longValue())
                .isEqualTo(Sql.<Long> value("select count(*) from profiles"));
    }

    @Test
    void cleaningUpIsLoggedWithWhoDidIt() {
        // Given
        Administrator administrator = Administrator.fresh();

        // When
        Response answer = administrator.request().body("{\"days_to_keep\": 36500}").post("/api/admin/maintenance/cleanup");

        // Then
        List<Map<String, Object>> log = Sql.rows("""
                select user_id, resource_type, details::text from user_activity_log
                 where action = 'retention_run' and details -> 'actor' ->> 'id' = ?
                """, administrator.id().toString());
        assertThat(log).hasSize(1);
        assertThat(log.get(0)).containsEntry("user_id", null).containsEntry("resource_type", "system");
        JsonNode details = Json.of((String) log.get(0).get("details"));
        assertThat(details.path("actor")).isEqualTo(Json.of("{\"role\": \"admin\", \"id\": \"%s\"}", administrator.id()));
        assertThat(Json.without(details, "actor")).isEqualTo(Json.of(answer).path("deleted_records"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"days_to_keep": 0}                      | days_to_keep must be greater than or equal to 1
            {"days_to_keep": -1}                     | days_to_keep must be greater than or equal to 1
            {"days_to_keep": 36501}                  | days_to_keep must be less than or equal to 36500
            {"days_to_keep": 2147483648}             | days_to_keep has the wrong type
            {"days_to_keep": 1.5}                    | days_to_keep has the wrong type
            {"days_to_keep": "90"}                   | days_to_keep has the wrong type
            {"days_to_keep": true}                   | days_to_keep has the wrong type
            {"days_to_keep": [90]}                   | days_to_keep has the wrong type
            {"daysToKeep": 36500}                    | daysToKeep is not known
            {"days": 36500}                          | days is not known
            {"days_to_keep": 36500, "dry_run": true} | dry_run is not known
            []                                       | has the wrong type
            5                                        | has the wrong type
            """)
    void aWrongFieldIsRefusedAndNothingIsDeleted(String body, String complaint) {
        // Given
        Caller user = withHistory();

        // When
        Response answer = cleanUp(body);

        // Then
        assertFields(answer, 422, complaint);
        assertThat(Sql.<Long> value("select count(*) from user_usage_daily where user_id = ? and messages_sent > 0", user.id()))
                .isEqualTo(8);
    }

    @ParameterizedTest
    @ValueSource(strings = { "{", "days_to_keep=5", "{\"days_to_keep\": 90}}" })
    void aBodyThatIsNotJsonIsRefusedAndNothingIsDeleted(String body) {
        // Given
        Caller user = withHistory();

        // When
        Response answer = cleanUp(body);

        // Then
        assertProblem(answer, 400, "invalid_request");
        assertThat(Sql.<Long> value("select count(*) from user_usage_daily where user_id = ? and messages_sent > 0", user.id()))
                .isEqualTo(8);
    }

    @ParameterizedTest
    @CsvSource({ "GET, /api/admin/maintenance/cleanup", "POST, /api/admin/health", "DELETE, /api/admin/stats",
            "POST, /api/admin/overview" })
    void anUnsupportedMethodIsNotAllowed(String method, String path) {
        // Given
        String body = "{\"days_to_keep\": 36500}";

        // When
        Response answer = SERVICE.request().body(body).request(method, path);

        // Then
        assertProblem(answer, 405, "method_not_allowed");
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/admin", "/api/admin/", "/api/admin/maintenance", "/api/admin/nothing" })
    void anUnknownPathIsNotFound(String path) {
        // When
        Response answer = SERVICE.request().get(path);

        // Then
        assertProblem(answer, 404, "not_found");
    }

    private static Caller known() {
        Caller user = Caller.fresh();
        user.signIn().then().statusCode(200);
        return user;
    }

    /** Rows on both sides of 30, 90 and 400 days, an hour younger than the day they are called by. */
    private static Caller withHistory() {
        Caller user = known();
        Sql.rows("""
                insert into user_activity_log (user_id, action, resource_id, timestamp)
                select ?, 'old', days, now() - make_interval(days => days) + interval '1 hour'
                  from unnest(array [29, 30, 31, 89, 90, 91, 400, 401]) days
                """, user.id());
        Sql.rows("""
                insert into user_usage_daily (user_id, usage_date, messages_sent)
                select ?, %s - days, days from unnest(array [29, 30, 31, 89, 90, 91, 400, 401]) days
                """.formatted(TODAY), user.id());
        return user;
    }

    private static Response cleanUp(String body) {
        return SERVICE.request().body(body).post("/api/admin/maintenance/cleanup");
    }

    private static void insertDay(Caller user, String day, int n) {
        Sql.rows("""
                insert into user_usage_daily (user_id, usage_date, messages_sent, messages_received, input_tokens,
                       output_tokens, total_tokens, sessions_created, active_minutes, estimated_cost)
                select ?, ?::date, n, 2 * n, 3 * n, 4 * n, 7 * n, 5 * n, 6 * n, n / 1000000.0 from (select ?::int as n) v
                """, user.id(), day, n);
    }

    private static void insertModel(Caller user, String day, String model, int n, String cost) {
        Sql.rows("""
                insert into chatkeep.usage_by_model (user_id, usage_date, model, messages_sent, messages_received,
                       input_tokens, output_tokens, cost)
                select ?, ?::date, ?, n, 2 * n, 3 * n, 4 * n, ?::numeric from (select ?::int as n) v
                """, user.id(), day, model, cost, n);
    }

    private static void failures(Caller user, String... times) {
        user.createSession("s1", "A title").then().statusCode(201);
        for (String time : times) {
            user.post("s1", Map.of("id", time, "role", "assistant", "content", "x", "timestamp", time, "error", true)).then()
                    .statusCode(201);
        }
    }
}

package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.LocalDate;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class UsageResourceIT {

    private static final String TODAY = "(now() at time zone 'UTC')::date";
    private static final String NOTHING = """
            {"messages_sent": 0, "messages_received": 0, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
             "sessions_created": 0, "active_minutes": 0, "estimated_cost": 0}""";

    @Test
    void everyDayOfTheRangeIsReportedWithTheSum() {
        // Given
        Caller caller = known();
        insertDay(caller, "2025-03-02", 1);
        insertDay(caller, "2025-03-04", 10);

        // When
        Response answer = daily(caller, "2025-03-01", "2025-03-04");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"from": "2025-03-01", "to": "2025-03-04",
                 "days": [
                  {"date": "2025-03-01", "models_used": {}, "messages_sent": 0, "messages_received": 0, "input_tokens": 0,
                   "output_tokens": 0, "total_tokens": 0, "sessions_created": 0, "active_minutes": 0, "estimated_cost": 0},
                  {"date": "2025-03-02", "models_used": {"a/b:free": 2}, "messages_sent": 1, "messages_received": 2,
                   "input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "sessions_created": 5, "active_minutes": 6,
                   "estimated_cost": 0.000001},
                  {"date": "2025-03-03", "models_used": {}, "messages_sent": 0, "messages_received": 0, "input_tokens": 0,
                   "output_tokens": 0, "total_tokens": 0, "sessions_created": 0, "active_minutes": 0, "estimated_cost": 0},
                  {"date": "2025-03-04", "models_used": {"a/b:free": 20}, "messages_sent": 10, "messages_received": 20,
                   "input_tokens": 30, "output_tokens": 40, "total_tokens": 70, "sessions_created": 50,
                   "active_minutes": 60, "estimated_cost": 0.00001}],
                 "total": {"messages_sent": 11, "messages_received": 22, "input_tokens": 33, "output_tokens": 44,
                  "total_tokens": 77, "sessions_created": 55, "active_minutes": 66, "estimated_cost": 0.000011}}
                """));
    }

    @Test
    void aSingleDayIsARange() {
        // Given
        Caller caller = known();
        insertDay(caller, "2025-03-01", 1);
        insertDay(caller, "2025-03-02", 2);
        insertDay(caller, "2025-03-03", 4);

        // When
        Response answer = daily(caller, "2025-03-02", "2025-03-02");

        // Then
        assertThat(Json.texts(Json.of(answer).path("days"), "date")).containsExactly("2025-03-02");
        assertThat(Json.of(answer).at("/total/messages_sent").intValue()).isEqualTo(2);
    }

    @Test
    void theDefaultRangeIsThirtyDaysUpToToday() {
        // Given
        Caller caller = known();
        LocalDate before = today();

        // When
        JsonNode answer = Json.of(caller.request().get("/api/usage/daily"));

        // Then
        LocalDate to = LocalDate.parse(answer.path("to").textValue());
        assertThat(to).isBetween(before, today());
        assertThat(answer.path("from").textValue()).isEqualTo(to.minusDays(29).toString());
        assertThat(Json.texts(answer.path("days"), "date"))
                .isEqualTo(to.minusDays(29).datesUntil(to.plusDays(1)).map(LocalDate::toString).toList());
    }

    @Test
    void withoutAFirstDayTheRangeIsThirtyDays() {
        // Given
        Caller caller = known();

        // When
        Response answer = daily(caller, null, "2024-03-01");

        // Then
        assertThat(Json.of(answer).path("from").textValue()).isEqualTo("2024-02-01");
        assertThat(Json.of(answer).path("days")).hasSize(30);
    }

    @Test
    void withoutALastDayTheRangeEndsToday() {
        // Given
        Caller caller = known();
        LocalDate before = today();

        // When
        Response answer = daily(caller, before.toString(), null);

        // Then
        LocalDate to = LocalDate.parse(Json.of(answer).path("to").textValue());
        assertThat(to).isBetween(before, today());
        assertThat(Json.of(answer).path("from").textValue()).isEqualTo(before.toString());
    }

    @ParameterizedTest
    @CsvSource({ "2024-01-01, 2024-12-31, 366", "2025-01-01, 2026-01-01, 366", "2023-03-01, 2024-02-29, 366",
            "2025-01-01, 2025-12-31, 365", "1970-01-01, 1970-01-01, 1", "9999-12-31, 9999-12-31, 1",
            "2026-03-28, 2026-03-30, 3", "2026-10-24, 2026-10-26, 3" })
    void aRangeHasUpToALeapYearOfDays(String from, String to, int days) {
        // Given
        Caller caller = known();

        // When
        Response answer = daily(caller, from, to);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.texts(Json.of(answer).path("days"), "date")).hasSize(days).doesNotHaveDuplicates().startsWith(from)
                .endsWith(to);
    }

    @Test
    void theDefaultRangeMayBeginBeforeTheFirstPossibleDay() {
        // Given
        Caller caller = known();

        // When
        Response answer = daily(caller, null, "1970-01-01");

        // Then
        assertThat(Json.of(answer).path("from").textValue()).isEqualTo("1969-12-03");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", textBlock = """
            2024-01-01        | 2025-01-01        | from must be at most 365 days before to
            2000-01-01        | 2025-01-01        | from must be at most 365 days before to
            1970-01-01        | 9999-12-31        | from must be at most 365 days before to
            1970-01-01        | -                 | from must be at most 365 days before to
            2025-01-02        | 2025-01-01        | from must not be after to
            9999-12-31        | -                 | from must not be after to
            1969-12-31        | 1970-01-01        | from must be a day from 1970-01-01 to 9999-12-31
            -                 | 1969-12-31        | to must be a day from 1970-01-01 to 9999-12-31
            0001-01-01        | 0001-01-02        | from must be a day from 1970-01-01 to 9999-12-31
            -0001-01-01       | 2025-01-01        | from must be a day from 1970-01-01 to 9999-12-31
            +10000-01-01      | -                 | from must be a day from 1970-01-01 to 9999-12-31
            -                 | +10000-01-01      | to must be a day from 1970-01-01 to 9999-12-31
            -                 | +999999999-12-31  | to must be a day from 1970-01-01 to 9999-12-31
            -999999999-01-01  | +999999999-12-31  | from must be a day from 1970-01-01 to 9999-12-31
            """)
    void whatIsNoRangeIsRefused(String from, String to, String complaint) {
        // Given
        Caller caller = known();

        // When
        Response answer = daily(caller, from, to);

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", textBlock = """
            2024-01-01 | 2025-01-01   | from must be at most 365 days before to
            2025-01-02 | 2025-01-01   | from must not be after to
            -          | +10000-01-01 | to must be a day from 1970-01-01 to 9999-12-31
            """)
    void whatIsNoRangeIsRefusedForModelsAsWell(String from, String to, String complaint) {
        // Given
        Caller caller = known();

        // When
        Response answer = models(caller, from, to);

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "yesterday", "2026-02-30", "2026-13-01", "2026-00-01", "2026-9-1", "20260901",
            "2026-09-01T00:00:00Z", "2026-09-01 ", "1756684800", "' or 1=1", "\u0662\u0660\u0662\u0666-01-01" })
    void aParameterThatIsNotADayIsRefused(String day) {
        // Given
        Caller caller = known();

        // When
        Response answer = daily(caller, day, "2026-09-01");

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/usage/daily?to=tomorrow", "/api/usage/models?from=tomorrow", "/api/usage/models?to=tomorrow",
            "/api/usage/daily?from=2026-09-01%00" })
    void aParameterThatIsNotADayIsRefusedOnEveryPath(String path) {
        // Given
        Caller caller = known();

        // When
        Response answer = caller.request().urlEncodingEnabled(false).get(path);

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @Test
    void theUsageOfOthersIsNotShown() {
        // Given
        Caller ada = known();
        Caller bob = known();
        insertDay(bob, "2025-03-02", 1);
        insertModel(bob, "2025-03-02", "a/b", 1, "1");

        // When
        Response answer = ada.request().queryParam("user_id", bob.id()).queryParam("id", bob.id())
                .queryParam("from", "2025-03-02").queryParam("to", "2025-03-02").get("/api/usage/daily");

        // Then
        assertThat(Json.of(answer).path("total")).isEqualTo(Json.of(NOTHING));
        assertThat(Json.of(models(ada, "2025-03-02", "2025-03-02")).path("models")).isEmpty();
    }

    @Test
    void aUserWhoHasNeverWrittenAnythingHasNoUsage() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = daily(caller, "2025-03-02", "2025-03-02");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer).path("total")).isEqualTo(Json.of(NOTHING));
        assertThat(Sql.rows("select id from profiles where id = ?", caller.id())).isEmpty();
    }

    @Test
    void largeNumbersAreReportedExactly() {
        // Given
        Caller caller = known();
        Sql.rows("""
                insert into user_usage_daily (user_id, usage_date, input_tokens, output_tokens, total_tokens, estimated_cost)
                values (?, '2025-03-01', 9007199254740993, 1, 9007199254740994, 99999999.999999),
                       (?, '2025-03-02', 9007199254740993, 1, 9007199254740994, 99999999.999999)
                """, caller.id(), caller.id());

        // When
        Response answer = daily(caller, "2025-03-01", "2025-03-02");

        // Then
        JsonNode total = Json.of(answer).path("total");
        assertThat(total.path("input_tokens").longValue()).isEqualTo(18014398509481986L);
        assertThat(total.path("estimated_cost").asText()).isEqualTo("1.99999999999998E8");
        assertThat(answer.asString()).contains("199999999.999998");
    }

    @Test
    void theModelsOfARangeAreReportedMostExpensiveFirst() {
        // Given
        Caller caller = known();
        insertModel(caller, "2025-03-01", "cheap", 100, "0.1");
        insertModel(caller, "2025-03-02", "cheap", 10, "0.0000000001");
        insertModel(caller, "2025-03-02", "dear", 1, "7");
        insertModel(caller, "2025-03-02", "b-free", 2, "0");
        insertModel(caller, "2025-03-02", "a-free", 2, "0");
        insertModel(caller, "2025-03-02", "much-for-free", 3, "0");
        insertModel(caller, "2025-02-28", "before", 3, "0");
        insertModel(caller, "2025-03-03", "after", 3, "0");

        // When
        Response answer = models(caller, "2025-03-01", "2025-03-02");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"from": "2025-03-01", "to": "2025-03-02",
                 "models": [
                  {"model": "dear", "messages_sent": 1, "messages_received": 2, "input_tokens": 3, "output_tokens": 4,
                   "total_tokens": 7, "estimated_cost": 7},
                  {"model": "cheap", "messages_sent": 110, "messages_received": 220, "input_tokens": 330,
                   "output_tokens": 440, "total_tokens": 770, "estimated_cost": 0.1000000001},
                  {"model": "much-for-free", "messages_sent": 3, "messages_received": 6, "input_tokens": 9,
                   "output_tokens": 12, "total_tokens": 21, "estimated_cost": 0},
                  {"model": "a-free", "messages_sent": 2, "messages_received": 4, "input_tokens": 6, "output_tokens": 8,
                   "total_tokens": 14, "estimated_cost": 0},
                  {"model": "b-free", "messages_sent": 2, "messages_received": 4, "input_tokens": 6, "output_tokens": 8,
                   "total_tokens": 14, "estimated_cost": 0}]}
                """));
    }

    @Test
    void aRangeWithoutUsageHasNoModels() {
        // Given
        Caller caller = known();

        // When
        Response answer = models(caller, "2025-03-01", "2025-03-02");

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"from": "2025-03-01", "to": "2025-03-02", "models": []}
                """));
    }

    @Test
    void theSummaryKnowsTodaySevenDaysThirtyDaysAndAllTime() {
        // Given
        Caller caller = known();
        Sql.rows("""
                insert into user_usage_daily (user_id, usage_date, messages_sent, messages_received, input_tokens,
                       output_tokens, total_tokens, sessions_created, active_minutes, estimated_cost)
                select ?, %s - days, n, 2 * n, 3 * n, 4 * n, 7 * n, 5 * n, 6 * n, n / 1000000.0
                  from (values (0, 1), (6, 10), (7, 100), (29, 1000), (30, 10000)) as v (days, n)
                """.formatted(TODAY), caller.id());
        Sql.rows("""
                update profiles set usage_stats = usage_stats || '{"total_messages": 33333, "total_tokens": 77777,
                       "sessions_created": 55555, "total_cost": 0.0111110000001, "last_reset": "2024-05-06T07:08:09.123Z"}'
                 where id = ?
                """, caller.id());

        // When
        Response answer = caller.request().get("/api/usage/summary");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"today": {"messages_sent": 1, "messages_received": 2, "input_tokens": 3, "output_tokens": 4,
                  "total_tokens": 7, "sessions_created": 5, "active_minutes": 6, "estimated_cost": 0.000001},
                 "last_7_days": {"messages_sent": 11, "messages_received": 22, "input_tokens": 33, "output_tokens": 44,
                  "total_tokens": 77, "sessions_created": 55, "active_minutes": 66, "estimated_cost": 0.000011},
                 "last_30_days": {"messages_sent": 1111, "messages_received": 2222, "input_tokens": 3333,
                  "output_tokens": 4444, "total_tokens": 7777, "sessions_created": 5555, "active_minutes": 6666,
                  "estimated_cost": 0.001111},
                 "all_time": {"total_messages": 33333, "total_tokens": 77777, "sessions_created": 55555,
                  "estimated_cost": 0.0111110000001, "since": "2024-05-06T07:08:09.123Z"}}
                """));
    }

    @Test
    void theSummaryOfANewUserIsZero() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().get("/api/usage/summary");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"today": %1$s, "last_7_days": %1$s, "last_30_days": %1$s,
                 "all_time": {"total_messages": 0, "total_tokens": 0, "sessions_created": 0, "estimated_cost": 0,
                  "since": null}}
                """, NOTHING));
    }

    @Test
    void theSummaryOfSomebodyElseIsNotShown() {
        // Given
        Caller ada = known();
        Caller bob = Chat.started();
        Chat.store(bob, Chat.question("q1", null, 5));

        // When
        JsonNode answer = Json.of(ada.request().queryParam("user_id", bob.id()).get("/api/usage/summary"));

        // Then
        assertThat(answer.at("/all_time/total_messages").intValue()).isZero();
        assertThat(answer.path("last_30_days")).isEqualTo(Json.of(NOTHING));
    }

    @Test
    void messagesAreCountedAtOnce() {
        // Given
        Caller caller = Chat.started();
        String model = Models.open("free", "0.01", "0.1");
        Chat.store(caller, Chat.question("q1", model, 3));

        // When
        Chat.store(caller, Chat.answer("a1", "q1", model, 5));

        // Then
        JsonNode total = Chat.usage(caller, "daily").path("total");
        assertThat(Json.without(total, "active_minutes")).isEqualTo(Json.of("""
                {"messages_sent": 1, "messages_received": 1, "input_tokens": 3, "output_tokens": 5, "total_tokens": 8,
                 "sessions_created": 1, "estimated_cost": 0.53}
                """));
        assertThat(Chat.usage(caller, "models").path("models")).isEqualTo(Json.of("""
                [{"model": "%s", "messages_sent": 1, "messages_received": 1, "input_tokens": 3, "output_tokens": 5,
                  "total_tokens": 8, "estimated_cost": 0.53}]
                """, model));
        assertThat(Json.without(Chat.usage(caller, "summary").path("all_time"), "since")).isEqualTo(Json.of("""
                {"total_messages": 2, "total_tokens": 8, "sessions_created": 1, "estimated_cost": 0.53}
                """));
    }

    @Test
    void theTimestampOfAMessageDoesNotMoveItsUsage() {
        // Given
        Caller caller = Chat.started();
        LocalDate before = today();

        // When
        Chat.store(caller, Chat.question("q1", null, 3));

        // Then
        assertThat(Json.of(daily(caller, "2026-03-01", "2026-03-01")).path("total")).isEqualTo(Json.of(NOTHING));
        assertThat(Json.of(daily(caller, before.toString(), null)).at("/total/messages_sent").intValue()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/usage/daily", "/api/usage/models", "/api/usage/summary" })
    void aRequestWithoutATokenIsRefused(String path) {
        // When
        Response answer = RestAssured.given().get(path);

        // Then
        assertProblem(answer, 401, "unauthorized");
    }

    @ParameterizedTest
    @CsvSource({ "POST, /api/usage/daily", "DELETE, /api/usage/summary", "PUT, /api/usage/models" })
    void usageIsReadOnly(String method, String path) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().request(method, path);

        // Then
        assertProblem(answer, 405, "method_not_allowed");
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/usage", "/api/usage/weekly", "/api/usage/daily/2026" })
    void anUnknownPathIsNotFound(String path) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().get(path);

        // Then
        assertProblem(answer, 404, "not_found");
    }

    private static Caller known() {
        Caller caller = Caller.fresh();
        caller.signIn().then().statusCode(200);
        return caller;
    }

    private static LocalDate today() {
        return LocalDate.parse(Sql.<String> value("select " + TODAY + "::text"));
    }

    private static Response daily(Caller caller, String from, String to) {
        return range(caller, "/api/usage/daily", from, to);
    }

    private static Response models(Caller caller, String from, String to) {
        return range(caller, "/api/usage/models", from, to);
    }

    private static Response range(Caller caller, String path, String from, String to) {
        var request = caller.request();
        if (from != null) {
            request.queryParam("from", from);
        }
        if (to != null) {
            request.queryParam("to", to);
        }
        return request.get(path);
    }

    private static void insertDay(Caller caller, String day, int n) {
        Sql.rows("""
                insert into user_usage_daily (user_id, usage_date, messages_sent, messages_received, input_tokens,
                       output_tokens, total_tokens, sessions_created, active_minutes, estimated_cost, models_used)
                select ?, ?::date, n, 2 * n, 3 * n, 4 * n, 7 * n, 5 * n, 6 * n, n / 1000000.0,
                       jsonb_build_object('a/b:free', 2 * n)
                  from (select ?::int as n) v
                """, caller.id(), day, n);
    }

    private static void insertModel(Caller caller, String day, String model, int n, String cost) {
        Sql.rows("""
                insert into chatkeep.usage_by_model (user_id, usage_date, model, messages_sent, messages_received,
                       input_tokens, output_tokens, cost)
                select ?, ?::date, ?, n, 2 * n, 3 * n, 4 * n, ?::numeric from (select ?::int as n) v
                """, caller.id(), day, model, cost, n);
    }
}

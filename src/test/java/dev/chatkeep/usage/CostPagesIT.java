package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static dev.chatkeep.usage.PricedChat.Message.answer;
import static dev.chatkeep.usage.PricedChat.Message.question;
import static dev.chatkeep.usage.PricedChat.Model.CHEAP;
import static dev.chatkeep.usage.PricedChat.Model.DEAR;
import static dev.chatkeep.usage.PricedChat.Model.SMALLEST;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

/** What each answer cost, and the series by day and model. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class CostPagesIT {

    private static final String TODAY = "(now() at time zone 'UTC')::date";

    @Test
    void anItemIsAnAnswerWithItsQuestion() {
        // Given
        PricedChat chat = new PricedChat().stores(question(3));
        Map<String, Object> answer = chat.body(answer(5));
        answer.put("completion_id", "gen-1");
        answer.put("elapsed_time", 1.5);
        chat.stores(answer);

        // When
        Response costs = costs(chat.caller(), "range", "today");

        // Then
        assertThat(costs.statusCode()).as(costs.asString()).isEqualTo(200);
        assertThat(costs.contentType()).isEqualTo("application/json;charset=UTF-8");
        String today = today().toString();
        assertThat(Json.of(costs)).isEqualTo(
                Json.of("""
                        {"items": [{"assistant_message_id": "a1", "user_message_id": "q1", "completion_id": "gen-1", "session_id": "s1",
                                    "model_id": "%1$s", "message_timestamp": "%2$s", "prompt_tokens": 3, "completion_tokens": 5,
                                    "total_tokens": 8, "cached_tokens": 0, "reasoning_tokens": 0, "elapsed_ms": 1500,
                                    "prompt_cost": 0.03, "completion_cost": 0.5, "image_cost": 0, "output_image_cost": 0, "websearch_cost": 0,
                                    "total_cost": 0.53}],
                         "pagination": {"page": 1, "page_size": 50, "total": 1, "total_pages": 1},
                         "summary": {"total_cost": 0.53, "prompt_cost": 0.03, "completion_cost": 0.5, "cost_per_1k": 66.25, "total_tokens": 8, "prompt_tokens": 3,
                                     "completion_tokens": 5, "count": 1,
                                     "top_models": {"by_tokens": [{"model_id": "%1$s", "total_tokens": 8, "total_cost": 0.53, "count": 1, "share_tokens": 100, "share_cost": 100}],
                                                    "by_cost": [{"model_id": "%1$s", "total_tokens": 8, "total_cost": 0.53, "count": 1, "share_tokens": 100, "share_cost": 100}]}},
                         "range": {"start": "%3$s", "end": "%3$s", "key": "today"}}
                        """,
                        chat.id(CHEAP), answer.get("timestamp"), today));
    }

    @Test
    void aQuestionThatNamesAModelIsAnItemOfItsOwn() {
        // Given
        PricedChat chat = new PricedChat().stores(question(3).naming(DEAR)).stores(answer(5));

        // When
        JsonNode costs = Json.of(costs(chat.caller()));

        // Then
        assertThat(costs.path("items")).extracting(CostPagesIT::brief).containsExactly(
                "a1 q1 0+5 " + chat.id(CHEAP) + " 0+0.5=0.5", "null q1 3+0 " + chat.id(DEAR) + " 3+0=3");
        assertThat(costs.at("/summary/total_cost").decimalValue()).isEqualByComparingTo(chat.cost())
                .isEqualByComparingTo("3.5");
    }

    @Test
    void theCostOfACallIsThatOfTheLedger() {
        // Given
        Caller caller = Chat.started();
        charge(caller, "call_1", "m", 0, """
                stream_id, question_id, input_tokens, cached_tokens, output_tokens, reasoning_tokens, input_cost, output_cost,
                cached_input_cost""", "'call_1', 'q', 100, 40, 10, 7, 0.0000005, 0.0000015, 0.0000001");
        charge(caller, "call_2", "m", 0, "stream_id, input_tokens, output_tokens, input_cost, output_cost, told_cost",
                "'call_2', 100, 10, 0.0000005, 0.0000015, 0.000012345678901");

        // When
        JsonNode costs = Json.of(costs(caller));

        // Then
        assertThat(costs.path("items")).extracting(CostPagesIT::brief).containsExactly(
                "call_2 null 100+10 m 0+0.000012345678901=0.000012345678901",
                "call_1 q 100+10 m 0.000034+0.000015=0.000049");
        assertThat(costs.at("/items/1/cached_tokens").intValue()).isEqualTo(40);
        assertThat(costs.at("/items/1/reasoning_tokens").intValue()).isEqualTo(7);
        assertThat(costs.at("/items/1/session_id").isNull()).isTrue();
        assertThat(costs.at("/summary/total_cost").decimalValue()).isEqualTo(new BigDecimal("0.000061345678901"));
    }

    @Test
    void theChargeOfADeletedConversationStays() {
        // Given
        PricedChat chat = new PricedChat().stores(question(3)).stores(answer(5)).deletesTheConversation();

        // When
        JsonNode costs = Json.of(costs(chat.caller()));

        // Then
        assertThat(costs.path("items")).extracting(CostPagesIT::brief)
                .containsExactly("a1 q1 3+5 " + chat.id(CHEAP) + " 0.03+0.5=0.53");
        assertThat(costs.at("/items/0/session_id").isNull()).isTrue();
    }

    @Test
    void whatNamesNoModelOrTakesNothingIsNoItem() {
        // Given
        PricedChat chat = new PricedChat().stores(question(3)).stores(answer(5).failed())
                .stores(question(0).withId("q2").naming(CHEAP));

        // When
        JsonNode costs = Json.of(costs(chat.caller()));

        // Then
        assertThat(costs.path("items")).isEmpty();
        assertThat(costs.path("pagination")).isEqualTo(Json.of("""
                {"page": 1, "page_size": 50, "total": 0, "total_pages": 0}"""));
        assertThat(costs.path("summary")).isEqualTo(
                Json.of("""
                        {"total_cost": 0, "prompt_cost": 0, "completion_cost": 0, "cost_per_1k": 0, "total_tokens": 0, "prompt_tokens": 0, "completion_tokens": 0,
                         "count": 0, "top_models": {"by_tokens": [], "by_cost": []}}"""));
    }

    @Test
    void pagesHoldEveryItemOnceTheNewestFirst() {
        // Given
        Caller caller = Chat.started();
        for (int i = 0; i < 5; i++) {
            charge(caller, "a" + i, "m", i < 2 ? 1 : 0, "output_tokens, output_cost", "1, 1");
        }

        // When
        List<JsonNode> pages = new ArrayList<>();
        for (int page = 1; page <= 4; page++) {
            pages.add(Json.of(costs(caller, "page", page, "page_size", 2)));
        }

        // Then
        assertThat(pages).extracting(page -> Json.texts(page.path("items"), "assistant_message_id")).containsExactly(
                List.of("a4", "a3"), List.of("a2", "a1"), List.of("a0"), List.of());
        assertThat(pages).extracting(page -> page.path("summary")).containsOnly(pages.get(0).path("summary"));
        assertThat(pages.get(0).at("/summary/count").intValue()).isEqualTo(5);
        assertThat(pages.get(3).path("pagination")).isEqualTo(Json.of("""
                {"page": 4, "page_size": 2, "total": 5, "total_pages": 3}"""));
    }

    @Test
    void theFirstFiveModelsAreNamedByCostAndByTokens() {
        // Given
        Caller caller = Chat.started();
        for (int i = 1; i <= 7; i++) {
            charge(caller, "a" + i, "m" + i, 0, "output_tokens, output_cost",
                    i + ", 1.0 / (" + i + " * " + i + " * " + i + ")");
        }

        // When
        JsonNode top = Json.of(costs(caller, "page_size", 1)).at("/summary/top_models");

        // Then
        assertThat(Json.texts(top.path("by_cost"), "model_id")).containsExactly("m1", "m2", "m3", "m4", "m5");
        assertThat(Json.texts(top.path("by_tokens"), "model_id")).containsExactly("m7", "m6", "m5", "m4", "m3");
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = { "-, 5", "today, 1", "7d, 3", "30d, 5", "90d, 7", "all, 9" })
    void aRangeEndsToday(String range, int items) {
        // Given
        Caller caller = Chat.started();
        for (int days : List.of(0, 1, 6, 7, 29, 30, 89, 90, 5000)) {
            charge(caller, "a" + days, "m", days, "output_tokens", "1");
        }

        // When
        JsonNode costs = Json.of(range == null ? costs(caller) : costs(caller, "range", range));

        // Then
        assertThat(costs.at("/pagination/total").intValue()).isEqualTo(items);
        assertThat(costs.at("/range/key").textValue()).isEqualTo(range == null ? "30d" : range);
        assertThat(costs.at("/range/end").textValue()).isEqualTo(today().toString());
        assertThat(costs.at("/range/start").isNull()).isEqualTo("all".equals(range));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = { "-, 2025-03-02, 2025-03-03, 2", "custom, 2025-03-03, 2025-03-03, 1",
            "custom, -, 2025-03-31, 3", "-, -, 2025-03-30, 3", "custom, 2025-03-05, 2026-03-05, 1" })
    void daysAreARangeToo(String range, String start, String end, int items) {
        // Given
        Caller caller = Chat.started();
        for (String day : List.of("2025-03-01", "2025-03-02", "2025-03-03", "2025-03-31")) {
            charge(caller, day, "m", "'" + day + "'::date", "output_tokens", "1");
        }
        Map<String, String> parameters = new LinkedHashMap<>();
        parameters.put("range", range);
        parameters.put("start", start);
        parameters.put("end", end);
        parameters.values().removeIf(value -> value == null);

        // When
        JsonNode costs = Json.of(caller.request().queryParams(parameters).get("/api/usage/costs"));

        // Then
        assertThat(costs.at("/pagination/total").intValue()).isEqualTo(items);
        assertThat(costs.at("/range/key").textValue()).isEqualTo("custom");
    }

    @Test
    void oneModelCanBeAskedFor() {
        // Given
        PricedChat chat = new PricedChat().stores(question(3)).stores(answer(5)).stores(answer(7).withId("a2").naming(DEAR));

        // When
        JsonNode costs = Json.of(costs(chat.caller(), "model_key", chat.id(DEAR)));

        // Then
        assertThat(costs.path("items")).extracting(CostPagesIT::brief)
                .containsExactly("a2 q1 3+7 " + chat.id(DEAR) + " 3+14=17");
        assertThat(costs.at("/summary/total_cost").decimalValue()).isEqualByComparingTo(chat.cost(DEAR));
        assertThat(Json.texts(costs.at("/summary/top_models/by_cost"), "model_id")).containsExactly(chat.id(DEAR));
    }

    @ParameterizedTest
    @ValueSource(strings = { "model_key", "model_id" })
    void theDaysOfOneModelCanBeAskedFor(String parameter) {
        // Given
        Caller caller = Chat.started();
        charge(caller, "a1", "a", 0, "output_tokens, output_cost", "1, 2");
        charge(caller, "a2", "b", 0, "output_tokens, output_cost", "3, 4");

        // When
        JsonNode daily = Json.of(caller.request().queryParam(parameter, "b").get("/api/usage/costs/models/daily?range=today"));

        // Then
        assertThat(daily.at("/charts/tokens")).isEqualTo(Json.of("""
                {"models": ["b"], "days": [{"date": "%s", "segments": {"b": 3}, "others": 0, "total": 3}]}""", today()));
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/usage/costs", "/api/usage/costs/models/daily" })
    void whatOthersUsedIsNotShown(String path) {
        // Given
        PricedChat ada = new PricedChat().stores(question(3)).stores(answer(5));
        Caller bob = ada.ofAnotherUser().starts().caller();

        // When
        Response costs = bob.request().queryParam("user_id", ada.caller().id()).get(path);

        // Then
        assertThat(costs.statusCode()).isEqualTo(200);
        assertThat(costs.asString()).doesNotContain(ada.id(CHEAP), "a1");
    }

    @Test
    void eachChartHasTheDaysWithTheirModels() {
        // Given
        Caller caller = Chat.started();
        charge(caller, "a1", "cheap", "'2025-03-01'::date", "input_tokens, output_tokens, input_cost, output_cost",
                "2, 3, 0.1, 0.2");
        charge(caller, "a2", "dear", "'2025-03-01'::date", "output_tokens, output_cost", "1, 5");
        charge(caller, "a3", "cheap", "'2025-03-03'::date", "output_tokens, output_cost", "1, 0.2");

        // When
        Response daily = caller.request().get("/api/usage/costs/models/daily?start=2025-03-01&end=2025-03-03");

        // Then
        assertThat(daily.statusCode()).as(daily.asString()).isEqualTo(200);
        assertThat(Json.of(daily)).isEqualTo(Json.of("""
                {"range": {"start": "2025-03-01", "end": "2025-03-03", "key": "custom"},
                 "charts": {
                     "tokens": {"models": ["cheap", "dear"], "days": [
                         {"date": "2025-03-01", "segments": {"cheap": 5, "dear": 1}, "others": 0, "total": 6},
                         {"date": "2025-03-02", "segments": {}, "others": 0, "total": 0},
                         {"date": "2025-03-03", "segments": {"cheap": 1}, "others": 0, "total": 1}]},
                     "cost": {"models": ["dear", "cheap"], "days": [
                         {"date": "2025-03-01", "segments": {"cheap": 0.8, "dear": 5}, "others": 0, "total": 5.8},
                         {"date": "2025-03-02", "segments": {}, "others": 0, "total": 0},
                         {"date": "2025-03-03", "segments": {"cheap": 0.2}, "others": 0, "total": 0.2}]}}}
                """));
    }

    @Test
    void whatIsLeftBesideTheTopModelsIsOthers() {
        // Given
        Caller caller = Chat.started();
        charge(caller, "a1", "a", 5, "output_tokens, output_cost", "1, 2");
        charge(caller, "a2", "b", 5, "output_tokens, output_cost", "1, 1.5");
        charge(caller, "a3", "c", 5, "output_tokens, output_cost", "2, 1");
        charge(caller, "a4", "d", 0, "output_tokens, output_cost", "9, 0");

        // When
        JsonNode daily = Json.of(caller.request().get("/api/usage/costs/models/daily?range=all&top_models=1"));

        // Then
        assertThat(daily.path("charts")).isEqualTo(Json.of("""
                {"tokens": {"models": ["d"], "days": [
                     {"date": "%1$s", "segments": {}, "others": 4, "total": 4},
                     {"date": "%2$s", "segments": {"d": 9}, "others": 0, "total": 9}]},
                 "cost": {"models": ["c"], "days": [
                     {"date": "%1$s", "segments": {"c": 2}, "others": 3.5, "total": 5.5},
                     {"date": "%2$s", "segments": {}, "others": 0, "total": 0}]}}
                """, today().minusDays(5), today()));
    }

    @Test
    void bothHaveTheSameSums() {
        // Given
        PricedChat chat = new PricedChat().stores(question(3)).stores(answer(5)).stores(answer(7).withId("a2").naming(DEAR))
                .stores(question(11).withId("q2").naming(SMALLEST)).stores(answer(13).withId("a3").to("q2").naming(SMALLEST));

        // When
        JsonNode daily = Json.of(chat.caller().request().get("/api/usage/costs/models/daily?range=7d"));

        // Then
        JsonNode summary = Json.of(costs(chat.caller(), "range", "7d")).path("summary");
        assertThat(daily.at("/charts/cost/days")).hasSize(7);
        assertThat(daily.at("/charts/cost/days/6/total").decimalValue())
                .isEqualByComparingTo(summary.path("total_cost").decimalValue())
                .isEqualByComparingTo("17.530000000013");
        assertThat(daily.at("/charts/tokens/days/6/total")).isEqualTo(summary.path("total_tokens"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            range=week                              | range must be today, 7d, 30d, 90d, all or custom
            range=7D                                | range must be today, 7d, 30d, 90d, all or custom
            range=custom                            | start must be given where range is custom
            range=7d&start=2025-03-01               | range must be custom where start or end is given
            start=2025-03-02&end=2025-03-01         | start must not be after end
            start=2024-01-01&end=2025-01-01         | start must be at most 365 days before end
            start=1969-12-31&end=1970-01-01         | start must be a day from 1970-01-01 to 9999-12-31
            """)
    void aWrongRangeIsRefused(String query, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        List<Response> answers = List.of(caller.request().get("/api/usage/costs?" + query),
                caller.request().get("/api/usage/costs/models/daily?" + query));

        // Then
        answers.forEach(answer -> assertFields(answer, 422, complaint));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            costs?page=0                      | page must be greater than or equal to 1
            costs?page=1000001                | page must be less than or equal to 1000000
            costs?page_size=0                 | page_size must be greater than or equal to 1
            costs?page_size=201               | page_size must be less than or equal to 200
            costs?model_key=a%00b             | model_key must not hold the character NUL
            costs/models/daily?top_models=0   | top_models must be greater than or equal to 1
            costs/models/daily?top_models=101 | top_models must be less than or equal to 100
            """)
    void aParameterBeyondItsBoundsIsRefused(String query, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().urlEncodingEnabled(false).get("/api/usage/" + query);

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "costs?page=x", "costs?page_size=1.5", "costs?start=yesterday",
            "costs/models/daily?end=2025-02-30",
            "costs/models/daily?top_models=all" })
    void aParameterThatCannotBeReadIsRefused(String query) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().get("/api/usage/" + query);

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @ParameterizedTest
    @ValueSource(strings = { "costs?range=&start=&end=&model_key=&page=&page_size=",
            "costs/models/daily?range=&top_models=&model_id=" })
    void whatIsEmptyCountsAsLeftOut(String query) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().get("/api/usage/" + query);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.<String> path("range.key")).isEqualTo("30d");
    }

    @ParameterizedTest
    @ValueSource(strings = { "costs", "costs/models/daily" })
    void aRequestWithoutATokenIsRefused(String path) {
        // When
        Response answer = RestAssured.get("/api/usage/" + path);

        // Then
        assertProblem(answer, 401, "unauthorized");
    }

    private static Response costs(Caller caller, Object... parameters) {
        var request = caller.request();
        for (int i = 0; i < parameters.length; i += 2) {
            request.queryParam((String) parameters[i], parameters[i + 1]);
        }
        return request.get("/api/usage/costs");
    }

    private static void charge(Caller caller, String message, String model, int daysAgo, String columns, String values) {
        charge(caller, message, model, TODAY + " - " + daysAgo, columns, values);
    }

    /** An answer, as the ledger has it. */
    private static void charge(Caller caller, String message, String model, String day, String columns, String values) {
        Sql.rows("insert into chatkeep.charges (user_id, message_id, model, usage_date, messages_received, charged_at, "
                + columns
                + ") values (?, ?, ?, " + day + ", 1, clock_timestamp(), " + values + ")", caller.id(), message, model);
    }

    private static String brief(JsonNode item) {
        return "%s %s %s+%s %s %s+%s=%s".formatted(item.path("assistant_message_id").asText(),
                item.path("user_message_id").asText(),
                item.path("prompt_tokens"), item.path("completion_tokens"), item.path("model_id").asText(),
                item.path("prompt_cost").decimalValue().toPlainString(),
                item.path("completion_cost").decimalValue().toPlainString(),
                item.path("total_cost").decimalValue().toPlainString());
    }

    private static LocalDate today() {
        return LocalDate.parse(Sql.<String> value("select " + TODAY + "::text"));
    }
}

package dev.chatkeep.catalog;

import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.testsupport.Administrator;
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
class ModelResourceIT {

    private static final String[] TIERS = { "free", "pro", "enterprise", "admin" };
    private static final String UNLIMITED = "{\"daily\": null, \"monthly\": null}";

    @Test
    void aModelIsListedWithEverythingThatAFrontEndShows() {
        // Given
        Caller caller = Caller.fresh();
        String model = Models.freshId();
        granted(Administrator.service().request().body("""
                {"model_id": "%s", "tier": "free", "model_name": "A name", "model_description": "What it is for",
                 "model_tags": ["tools", "image"], "input_cost_per_token": 0.0000005, "output_cost_per_token": 0.000001500,
                 "cached_input_cost_per_token": 0.00000005, "context_length": 163840,
                 "other_prices": {"request": "0.005", "web_search": "0.01", "input_cache_write": "0.000001"},
                 "input_modalities": ["text", "image"], "output_modalities": ["text"], "supported_parameters": ["tools"]}
                """.formatted(model)).post("/api/admin/models"));

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.without(find(Json.of(answer), model), "created")).isEqualTo(Json.of("""
                {"id": "%s", "name": "A name", "description": "What it is for", "tags": ["tools", "image"], "tier": "free",
                 "input_cost_per_token": 0.0000005, "output_cost_per_token": 0.0000015, "cached_input_cost_per_token": 5.0E-8,
                 "context_length": 163840,
                 "is_default": false, "limits": %s,
                 "pricing": {"prompt": "0.0000005", "completion": "0.0000015", "request": "0.005", "image": "0",
                             "web_search": "0.01", "internal_reasoning": "0", "input_cache_read": "0.00000005",
                             "input_cache_write": "0.000001"},
                 "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
                 "input_modalities": ["text", "image"], "output_modalities": ["text"], "supported_parameters": ["tools"]}
                """, model, UNLIMITED));
    }

    @Test
    void aModelWithoutANameIsNamedAfterItsId() {
        // Given
        Caller caller = Caller.fresh();
        String model = Models.open("free", "0", "0");

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        JsonNode listed = find(Json.of(answer), model);
        assertThat(listed.path("created").longValue()).isEqualTo(Sql.<Long> value(
                "select extract(epoch from created_at)::bigint from model_access where model_id = ?", model));
        assertThat(Json.without(listed, "created")).isEqualTo(
                Json.of("""
                        {"id": "%1$s", "name": "%1$s", "description": null, "tags": [], "tier": "free", "input_cost_per_token": 0,
                         "output_cost_per_token": 0, "cached_input_cost_per_token": null, "context_length": null, "is_default": false, "limits": %2$s,
                         "pricing": {"prompt": "0", "completion": "0", "request": "0", "image": "0", "web_search": "0",
                                     "internal_reasoning": "0"},
                         "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
                         "input_modalities": ["text"], "output_modalities": ["text"], "supported_parameters": []}
                        """,
                        model, UNLIMITED));
    }

    @Test
    void aModelOfACatalogueHasWhatItsProviderSaysOfIt() {
        // Given
        Caller caller = Caller.fresh();
        String model = Models.freshId();
        granted(Administrator.service().request().body("""
                {"data": [{"id": "%s", "name": "Listed", "created": 1748455170, "context_length": 8192,
                           "architecture": {"input_modalities": ["text", "file"], "output_modalities": ["text", "image"]},
                           "pricing": {"prompt": "0.00000015", "completion": "6e-7", "request": "0", "image": "0.0050",
                                       "audio": "1e-6"},
                           "supported_parameters": ["tools", "seed", "reasoning"]}]}
                """.formatted(model)).put("/api/admin/models/catalog?tier=free"));

        // When
        JsonNode listed = find(Json.of(caller.request().get("/api/models")), model);

        // Then
        assertThat(listed.path("pricing")).isEqualTo(Json.of("""
                {"prompt": "0.00000015", "completion": "0.0000006", "request": "0", "image": "0.005", "web_search": "0",
                 "internal_reasoning": "0", "audio": "0.000001"}
                """));
        assertThat(listed.path("architecture")).isEqualTo(Json.of("""
                {"input_modalities": ["text", "file"], "output_modalities": ["text", "image"]}
                """));
        assertThat(listed.path("input_modalities")).isEqualTo(listed.at("/architecture/input_modalities"));
        assertThat(listed.path("output_modalities")).isEqualTo(listed.at("/architecture/output_modalities"));
        assertThat(listed.path("supported_parameters")).isEqualTo(Json.of("[\"tools\", \"seed\", \"reasoning\"]"));
        assertThat(listed.path("created").longValue()).isEqualTo(1748455170);
        assertThat(listed.path("context_length").intValue()).isEqualTo(8192);
    }

    @Test
    void theResponseCountsTheModelsAndNamesTheTier() {
        // Given
        Caller caller = known("enterprise");
        Models.open("free", "0", "0");

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(answer.path("subscription_tier").textValue()).isEqualTo("enterprise");
        assertThat(answer.path("count").intValue()).isEqualTo(answer.path("models").size()).isPositive();
        assertThat(answer.fieldNames()).toIterable().containsExactlyInAnyOrder("models", "count", "subscription_tier");
    }

    @Test
    void aUserWhoHasNeverWrittenAnythingMayUseFreeModels() {
        // Given
        Caller caller = Caller.fresh();
        String free = Models.open("free", "0", "0");
        String pro = Models.open("pro", "0", "0");

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(answer.path("subscription_tier").textValue()).isEqualTo("free");
        assertThat(Json.texts(answer.path("models"), "id")).contains(free).doesNotContain(pro);
        assertThat(Sql.rows("select id from profiles where id = ?", caller.id())).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({ "free, 1", "pro, 2", "enterprise, 3", "admin, 4" })
    void usersSeeTheModelsOfTheirTierAndOfAllLowerTiers(String tier, int visible) {
        // Given
        Caller caller = known(tier);
        List<String> models = new ArrayList<>();
        for (String opened : TIERS) {
            models.add(Models.open(opened, "0", "0"));
        }

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        List<String> seen = ids(answer);
        assertThat(models).filteredOn(seen::contains).isEqualTo(models.subList(0, visible));
    }

    @ParameterizedTest
    @CsvSource({ "free, free, 1", "pro, free, 1", "enterprise, enterprise, 3", "admin, admin, 4" })
    void aModelOfSeveralTiersIsListedOnceWithTheHighestTierThatTheUserReaches(String tier, String shown, int price) {
        // Given
        Caller caller = known(tier);
        String model = Models.freshId();
        Models.open(model, "free", "1", "1");
        Models.open(model, "admin", "4", "4");
        Models.open(model, "enterprise", "3", "3");

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(Json.texts(answer.path("models"), "id")).containsOnlyOnce(model);
        assertThat(find(answer, model).path("tier").textValue()).isEqualTo(shown);
        assertThat(find(answer, model).path("input_cost_per_token").intValue()).isEqualTo(price);
    }

    @Test
    void anInactiveModelIsNotListed() {
        // Given
        Caller caller = known("admin");
        String model = Models.freshId();
        String row = Models.open(model, "free", "0", "0");
        Models.change(row, "{\"is_active\": false}");

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(ids(answer)).doesNotContain(model);
    }

    @Test
    void aModelThatIsInactiveInOneTierIsListedWithTheNextLowerTier() {
        // Given
        Caller caller = known("pro");
        String model = Models.freshId();
        Models.open(model, "free", "1", "1");
        Models.change(Models.open(model, "pro", "2", "2"), "{\"is_active\": false}");

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(find(answer, model).path("tier").textValue()).isEqualTo("free");
    }

    @Test
    void theDefaultComesFirst() {
        // Given
        Caller caller = known("free");
        Models.open("0-" + Models.freshId(), "free", "0", "0");
        String model = "zzz/" + Models.freshId();
        Models.open(model, "free", "0", "0");
        setDefault(caller, model);

        // When
        JsonNode models = Json.of(caller.request().get("/api/models")).path("models");

        // Then
        assertThat(models.get(0).path("id").textValue()).isEqualTo(model);
        assertThat(models.get(0).path("is_default").booleanValue()).isTrue();
        assertThat(Json.texts(models, "id").subList(1, models.size())).isSorted();
        assertThat(models).filteredOn(each -> each.path("is_default").booleanValue()).hasSize(1);
    }

    @Test
    void aDefaultModelThatTheTierNoLongerOpensIsNotListed() {
        // Given
        Caller caller = known("pro");
        String model = Models.open("pro", "0", "0");
        setDefault(caller, model);
        Administrator.service().setTier(caller, "free");

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(Json.texts(answer.path("models"), "id")).doesNotContain(model);
        assertThat(answer.path("models")).noneMatch(each -> each.path("is_default").booleanValue());
    }

    @Test
    void theDefaultOfOneUserIsNotThatOfAnother() {
        // Given
        Caller ada = known("free");
        Caller bob = known("free");
        String model = Models.open("free", "0", "0");
        setDefault(ada, model);

        // When
        JsonNode answer = Json.of(bob.request().get("/api/models"));

        // Then
        assertThat(find(answer, model).path("is_default").booleanValue()).isFalse();
    }

    @Test
    void aLimitCountsTheAnswersOfTheServiceAlone() {
        // Given
        Caller caller = Chat.started();
        String model = limited("3", "100");
        Chat.called(caller, "r1", model);
        Chat.called(caller, "r2", model);
        Chat.store(caller, Chat.question("q1", model, 1));
        Chat.store(caller, Chat.answer("a1", "q1", model, 1));

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(withoutTimes(find(answer, model).path("limits"))).isEqualTo(Json.of("""
                {"daily": {"limit": 3, "used": 2, "remaining": 1}, "monthly": {"limit": 100, "used": 2, "remaining": 98}}
                """));
    }

    @Test
    void limitsStartAfreshAtMidnightAndOnTheFirstOfTheMonth() {
        // Given
        Caller caller = known("free");
        String model = limited("3", "100");
        List<Map<String, Object>> before = nextDayAndMonth();

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        JsonNode limits = find(answer, model).path("limits");
        assertThat(Map.of("day", limits.at("/daily/resets_at").textValue(), "month",
                limits.at("/monthly/resets_at").textValue())).isIn(before.get(0), nextDayAndMonth().get(0));
    }

    @Test
    void aLimitOfTheMonthCountsAllItsDaysAndNoOthers() {
        // Given
        Caller caller = known("free");
        String model = limited("5", "100");
        Sql.rows("""
                insert into chatkeep.usage_by_model (user_id, usage_date, model, calls)
                select ?, d.day, ?, d.n
                  from (select date_trunc('month', now() at time zone 'UTC')::date as first) m,
                       (values (0, 7), (-1, 50)) as v (days, n),
                       lateral (select m.first + v.days as day, v.n) d
                """, caller.id(), model);

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(find(answer, model).at("/limits/monthly/used").intValue()).isEqualTo(7);
        assertThat(find(answer, model).at("/limits/monthly/remaining").intValue()).isEqualTo(93);
    }

    @Test
    void nothingIsLeftOfALimitThatIsUsedUp() {
        // Given
        Caller caller = Chat.started();
        String model = limited("1", "0");
        Chat.called(caller, "r1", model);
        Chat.called(caller, "r2", model);

        // When
        JsonNode answer = Json.of(caller.request().get("/api/models"));

        // Then
        assertThat(withoutTimes(find(answer, model).path("limits"))).isEqualTo(Json.of("""
                {"daily": {"limit": 1, "used": 2, "remaining": 0}, "monthly": {"limit": 0, "used": 2, "remaining": 0}}
                """));
    }

    @Test
    void theUsageOfOthersDoesNotCount() {
        // Given
        Caller ada = known("free");
        Caller bob = Chat.started();
        String model = limited("3", "3");
        Chat.called(bob, "r1", model);

        // When
        JsonNode answer = Json.of(ada.request().get("/api/models"));

        // Then
        assertThat(find(answer, model).at("/limits/daily/remaining").intValue()).isEqualTo(3);
    }

    @Test
    void theListIsCachedForTheTier() {
        // Given
        Caller caller = known("enterprise");
        String model = Models.open("enterprise", "0", "0");

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(ids(answer)).contains(model);
        JsonNode cached = Json.of(Sql.<String> value("""
                select c.cache_value::text from system_cache c, chatkeep.catalog_version v
                 where c.cache_key = 'models:enterprise:' || v.version and c.expires_at > now()
                """));
        assertThat(Json.texts(cached, "id")).contains(model);
    }

    @Test
    void theListIsReadFromTheCache() {
        // Given
        Caller caller = known("free");
        String model = Models.open("free", "0", "0");
        granted(caller.request().get("/api/models"));
        Sql.rows("""
                update system_cache c
                   set cache_value = jsonb_build_array(c.cache_value -> 0 || '{"id": "kept", "name": "Kept"}')
                  from chatkeep.catalog_version v where c.cache_key = 'models:free:' || v.version
                """);

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(ids(answer)).containsExactly("kept");
        Sql.rows("select chatkeep.forget('models:')");
        assertThat(ids(caller.request().get("/api/models"))).contains(model);
    }

    @Test
    void anExpiredListIsReadAgain() {
        // Given
        Caller caller = known("free");
        String model = Models.open("free", "0", "0");
        granted(caller.request().get("/api/models"));
        Sql.rows("""
                update system_cache c set cache_value = '[]', expires_at = now()
                  from chatkeep.catalog_version v where c.cache_key = 'models:free:' || v.version
                """);

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(ids(answer)).contains(model);
    }

    @ParameterizedTest
    @ValueSource(strings = { "{\"model_name\": \"Another name\"}", "{\"is_active\": false}", "{\"daily_limit\": 1}",
            "{\"input_cost_per_token\": 1}" })
    void aChangeOfAModelShowsAtOnce(String change) {
        // Given
        Caller caller = known("free");
        String model = Models.freshId();
        String row = Models.open(model, "free", "0", "0");
        JsonNode before = find(Json.of(caller.request().get("/api/models")), model);
        Models.change(row, change);

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(find(Json.of(answer), model)).isNotEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = { "insert into model_access (model_id, tier) values (?, 'free')",
            "insert into model_access (model_id, tier) values (?, 'free') on conflict (model_id, tier) do nothing" })
    void aModelAddedDirectlyInTheDatabaseShowsAtOnce(String sql) {
        // Given
        Caller caller = known("free");
        granted(caller.request().get("/api/models"));
        String model = Models.freshId();
        Sql.rows(sql, model);

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(ids(answer)).contains(model);
    }

    @Test
    void aModelDeletedDirectlyFromTheDatabaseIsGoneAtOnce() {
        // Given
        Caller caller = known("free");
        String model = Models.open("free", "0", "0");
        granted(caller.request().get("/api/models"));
        Sql.rows("delete from model_access where model_id = ?", model);

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(ids(answer)).doesNotContain(model);
    }

    @ParameterizedTest
    @CsvSource({ "free, pro, false, true", "enterprise, enterprise, true, false" })
    void aMoveToTheTierProShowsAtOnce(String from, String tierOfModel, boolean before, boolean after) {
        // Given
        Caller caller = known(from);
        String model = Models.open(tierOfModel, "0", "0");
        List<String> idsBefore = ids(caller.request().get("/api/models"));
        Administrator.service().setTier(caller, "pro");

        // When
        Response answer = caller.request().get("/api/models");

        // Then
        assertThat(idsBefore.contains(model)).isEqualTo(before);
        assertThat(ids(answer).contains(model)).isEqualTo(after);
    }

    @Test
    void aModelOfTheTierMayBeUsed() {
        // Given
        Caller caller = known("free");
        String model = Models.open("free", "0", "0");

        // When
        Response answer = access(caller, model);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"model_id": "%s", "allowed": true, "reason": null, "required_tier": "free", "limits": %s}
                """, model, UNLIMITED));
    }

    @Test
    void aModelOfAHigherTierMayNotBeUsedAndTheResponseNamesTheTier() {
        // Given
        Caller caller = known("free");
        String model = Models.freshId();
        Models.open(model, "admin", "0", "0");
        Models.open(model, "enterprise", "0", "0");

        // When
        Response answer = access(caller, model);

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"model_id": "%s", "allowed": false, "reason": "tier", "required_tier": "enterprise", "limits": null}
                """, model));
    }

    @Test
    void anUnknownModelMayNotBeUsed() {
        // Given
        Caller caller = known("admin");
        String model = Models.freshId();

        // When
        Response answer = access(caller, model);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"model_id": "%s", "allowed": false, "reason": "unknown_model", "required_tier": null, "limits": null}
                """, model));
    }

    @Test
    void anInactiveModelIsUnknown() {
        // Given
        Caller caller = known("admin");
        String model = Models.freshId();
        Models.change(Models.open(model, "free", "0", "0"), "{\"is_active\": false}");

        // When
        Response answer = access(caller, model);

        // Then
        assertThat(answer.<String> path("reason")).isEqualTo("unknown_model");
    }

    @Test
    void theResponseSaysWhatIsLeftOfTheLimits() {
        // Given
        Caller caller = Chat.started();
        String model = limited("3", "100");
        Chat.called(caller, "r1", model);

        // When
        JsonNode answer = Json.of(access(caller, model));

        // Then
        assertThat(answer.path("allowed").booleanValue()).isTrue();
        assertThat(answer.at("/limits/daily/remaining").intValue()).isEqualTo(2);
        assertThat(answer.at("/limits/monthly/remaining").intValue()).isEqualTo(99);
    }

    @Test
    void aUserWhoHasNeverWrittenAnythingMayAskToo() {
        // Given
        Caller caller = Caller.fresh();
        String model = Models.open("pro", "0", "0");

        // When
        Response answer = access(caller, model);

        // Then
        assertThat(answer.<String> path("reason")).isEqualTo("tier");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            deepseek/deepseek-r1-0528:free     | deepseek/deepseek-r1-0528:free
            deepseek%2Fdeepseek-r1-0528%3Afree | deepseek/deepseek-r1-0528:free
            deepseek%2fdeepseek-r1-0528:free   | deepseek/deepseek-r1-0528:free
            plain                              | plain
            a/b/c/d                            | a/b/c/d
            a/access                           | a/access
            access                             | access
            a/access/b                         | a/access/b
            a%20b                              | a b
            a+b                                | a+b
            a%2Bb                              | a+b
            100%25                             | 100%
            a%252Fb                            | a%2Fb
            %C3%BC/%E5%AD%97                   | ü/字
            %F0%9F%98%80                       | 😀
            a%27%20or%201=1                    | a' or 1=1
            a%3Bb                              | a;b
            a%3Fb                              | a?b
            a,b@c!$&*()                        | a,b@c!$&*()
            """)
    void anIdStandsInThePathAsItIsOrEncoded(String path, String model) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().urlEncodingEnabled(false).get("/api/models/" + path + "/access");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer).path("model_id").textValue()).isEqualTo(model);
    }

    @ParameterizedTest
    @ValueSource(strings = { "/", "%2F", "%2f" })
    void aSlashFindsTheModelAsItIsOrEncoded(String slash) {
        // Given
        Caller caller = known("free");
        String model = Models.open("free", "0", "0");
        String path = model.replace("/", slash);

        // When
        Response answer = caller.request().urlEncodingEnabled(false).get("/api/models/" + path + "/access");

        // Then
        assertThat(Json.of(answer).path("allowed").booleanValue()).isTrue();
    }

    @Test
    void anIdHas100CharactersAtTheMost() {
        // Given
        Caller caller = Caller.fresh();
        String id = "\u5B57".repeat(100);

        // When
        Response answer = access(caller, id);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer).path("model_id").textValue()).isEqualTo(id);
    }

    @Test
    void anIdOf101CharactersIsRefused() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = access(caller, "x".repeat(101));

        // Then
        assertFields(answer, 422, "id must have at most 100 characters");
    }

    @Test
    void anIdWithTheCharacterNulIsRefused() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().urlEncodingEnabled(false).get("/api/models/a%00b/access");

        // Then
        assertFields(answer, 422, "id must not hold the character NUL");
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/models/access", "/api/models//access", "/api/models/a/b:free",
            "/api/models/a/b:free/acces" })
    void anyOtherPathIsNotFound(String path) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().urlEncodingEnabled(false).get(path);

        // Then
        assertProblem(answer, 404, "not_found");
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/models/", "/api/models/a/b:free/access/" })
    void aSlashAtTheEndOfThePathIsAccepted(String path) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().get(path);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/models", "/api/models/a/b:free/access" })
    void aRequestWithoutATokenIsRefused(String path) {
        // When
        Response answer = RestAssured.given().get(path);

        // Then
        assertProblem(answer, 401, "unauthorized");
    }

    @ParameterizedTest
    @CsvSource({ "POST, /api/models", "DELETE, /api/models", "PUT, /api/models/a/access" })
    void usersCannotChangeModels(String method, String path) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().request(method, path);

        // Then
        assertProblem(answer, 405, "method_not_allowed");
    }

    private static Caller known(String tier) {
        Caller caller = Caller.fresh();
        caller.signIn().then().statusCode(200);
        Administrator.service().setTier(caller, tier);
        return caller;
    }

    private static String limited(String daily, String monthly) {
        String model = Models.freshId();
        Models.change(Models.open(model, "free", "0", "0"),
                "{\"daily_limit\": " + daily + ", \"monthly_limit\": " + monthly + "}");
        return model;
    }

    private static void setDefault(Caller caller, String model) {
        caller.request().body(Map.of("model", Map.of("default_model", model))).put("/api/user/data").then().statusCode(200);
    }

    private static Response access(Caller caller, String model) {
        return caller.request().urlEncodingEnabled(true).pathParam("id", model).get("/api/models/{id}/access");
    }

    private static JsonNode withoutTimes(JsonNode limits) {
        ObjectNode copy = limits.deepCopy();
        copy.forEach(limit -> ((ObjectNode) limit).remove("resets_at"));
        return copy;
    }

    private static List<String> ids(Response answer) {
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        return Json.texts(Json.of(answer).path("models"), "id");
    }

    private static JsonNode find(JsonNode answer, String model) {
        for (JsonNode each : answer.path("models")) {
            if (each.path("id").textValue().equals(model)) {
                return each;
            }
        }
        return Json.of("null");
    }

    private static List<Map<String, Object>> nextDayAndMonth() {
        return Sql.rows("""
                select to_char(t + interval '1 day', 'YYYY-MM-DD"T00:00:00.000Z"') as day,
                       to_char(t + interval '1 month', 'YYYY-MM-01"T00:00:00.000Z"') as month
                  from (select now() at time zone 'UTC' as t) n
                """);
    }
}

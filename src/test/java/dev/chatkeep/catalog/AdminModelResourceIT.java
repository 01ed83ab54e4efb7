package dev.chatkeep.catalog;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class AdminModelResourceIT {

    private static final String[] RUN = { "id", "created_at", "updated_at" };
    private static final Administrator SERVICE = Administrator.service();

    @Test
    void creatingAModelReturnsItsRow() {
        // Given
        String model = Models.freshId();

        // When
        Response answer = create(
                """
                        {"model_id": "%s", "tier": "pro", "is_active": false, "input_cost_per_token": 0.000000000001,
                         "output_cost_per_token": 1000, "cached_input_cost_per_token": null, "daily_limit": 0, "monthly_limit": 2147483647,
                         "model_name": "A name",
                         "model_description": "What it is for", "model_tags": ["tools", "tools", "ü"], "context_length": 1}
                        """
                        .formatted(model));

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(201);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.without(Json.of(answer), RUN)).isEqualTo(
                Json.of("""
                        {"model_id": "%s", "tier": "pro", "is_active": false, "input_cost_per_token": 1.0E-12,
                         "output_cost_per_token": 1000, "cached_input_cost_per_token": null, "daily_limit": 0, "monthly_limit": 2147483647,
                         "model_name": "A name",
                         "model_description": "What it is for", "model_tags": ["tools", "tools", "ü"], "context_length": 1,
                         "other_prices": {}, "input_modalities": ["text"], "output_modalities": ["text"],
                         "supported_parameters": [], "released_at": null}
                        """,
                        model));
        assertThat(Sql.rows("""
                select input_cost_per_token, array_to_string(model_tags, ',') as tags from model_access
                 where id = ?::uuid and created_at = ?::timestamptz and updated_at = ?::timestamptz
                """, answer.path("id"), answer.path("created_at"), answer.path("updated_at")))
                .containsExactly(Map.of("input_cost_per_token", new BigDecimal("0.000000000001"), "tags", "tools,tools,ü"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "", """
            , "is_active": null, "input_cost_per_token": null, "output_cost_per_token": null, "daily_limit": null,
            "monthly_limit": null, "model_name": null, "model_description": null, "model_tags": null,
            "context_length": null""" })
    void aNewModelIsActiveFreeAndUnlimitedUnlessSomethingElseIsSaid(String more) {
        // Given
        String model = Models.freshId();

        // When
        Response answer = create("{\"model_id\": \"" + model + "\", \"tier\": \"free\"" + more + "}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(201);
        assertThat(Json.without(Json.of(answer), RUN)).isEqualTo(Json.of("""
                {"model_id": "%s", "tier": "free", "is_active": true, "input_cost_per_token": 0,
                 "output_cost_per_token": 0, "cached_input_cost_per_token": null, "daily_limit": null, "monthly_limit": null,
                 "model_name": null,
                 "model_description": null, "model_tags": [], "context_length": null,
                 "other_prices": {}, "input_modalities": ["text"], "output_modalities": ["text"],
                 "supported_parameters": [], "released_at": null}
                """, model));
    }

    @Test
    void aModelMayBeOpenForSeveralTiers() {
        // Given
        String model = Models.freshId();
        Models.open(model, "free", "1", "1");

        // When
        Response answer = create("{\"model_id\": \"" + model + "\", \"tier\": \"pro\"}");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(tiers(model)).containsExactly("free", "pro");
    }

    @Test
    void creatingAModelThatTheTierAlreadyHasIsAConflictAndChangesNothing() {
        // Given
        String model = Models.freshId();
        String row = Models.open(model, "free", "1", "1");
        String before = version(row);

        // When
        Response answer = create("{\"model_id\": \"" + model + "\", \"tier\": \"free\", \"input_cost_per_token\": 2}");

        // Then
        assertProblem(answer, 409, "model_exists");
        assertThat(version(row)).isEqualTo(before);
        assertThat(log("model_created", row)).hasSize(1);
    }

    @Test
    void onlyOneOfSeveralAdministratorsCreatesTheSameModelAtOnce() throws Exception {
        // Given
        String model = Models.freshId();
        Callable<Integer> create = () -> Administrator.fresh().request()
                .body("{\"model_id\": \"" + model + "\", \"tier\": \"free\"}").post("/api/admin/models").statusCode();

        // When
        List<Integer> answers = allAtOnce(Collections.nCopies(8, create));

        // Then
        assertThat(answers).containsOnlyOnce(201).filteredOn(status -> status == 409).hasSize(7);
        assertThat(tiers(model)).containsExactly("free");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"tier": "free"}                       | model_id is missing
            {"model_id": null, "tier": "free"}     | model_id is missing
            {"model_id": "x"}                      | tier is missing
            {"model_id": "x", "tier": null}        | tier is missing
            """)
    void aNewModelWithoutWhatItNeedsIsRefused(String body, String complaint) {
        // Given
        String json = body;

        // When
        Response answer = create(json);

        // Then
        assertFields(answer, 400, complaint);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "model_id": ""                                   | model_id must not be empty
            "model_id": "a\\u0000b"                          | model_id must not hold the character NUL
            "model_id": 5                                    | model_id has the wrong type
            "model_id": ["x"]                                | model_id has the wrong type
            "tier": ""                                       | tier must be free, pro, enterprise or admin
            "tier": "Free"                                   | tier must be free, pro, enterprise or admin
            "tier": "free "                                  | tier must be free, pro, enterprise or admin
            "tier": "service_role"                           | tier must be free, pro, enterprise or admin
            "tier": 1                                        | tier has the wrong type
            "is_active": "true"                              | is_active has the wrong type
            "is_active": 1                                   | is_active has the wrong type
            "input_cost_per_token": -0.000000000001          | input_cost_per_token must be greater than or equal to 0
            "input_cost_per_token": 1000.000000000001        | input_cost_per_token must be less than or equal to 1000
            "cached_input_cost_per_token": -0.000000000001   | cached_input_cost_per_token must be greater than or equal to 0
            "cached_input_cost_per_token": 1000.000000000001 | cached_input_cost_per_token must be less than or equal to 1000
            "cached_input_cost_per_token": "0.5"             | cached_input_cost_per_token has the wrong type
            "output_cost_per_token": -1                      | output_cost_per_token must be greater than or equal to 0
            "output_cost_per_token": 1e400                   | output_cost_per_token must be less than or equal to 1000
            "output_cost_per_token": "0.5"                   | output_cost_per_token has the wrong type
            "output_cost_per_token": true                    | output_cost_per_token has the wrong type
            "daily_limit": -1                                | daily_limit must be greater than or equal to 0
            "daily_limit": 1.5                               | daily_limit has the wrong type
            "daily_limit": 2147483648                        | daily_limit has the wrong type
            "daily_limit": "5"                               | daily_limit has the wrong type
            "monthly_limit": -1                              | monthly_limit must be greater than or equal to 0
            "monthly_limit": 99999999999999999999            | monthly_limit has the wrong type
            "context_length": 0                              | context_length must be greater than or equal to 1
            "context_length": -1                             | context_length must be greater than or equal to 1
            "model_name": 5                                  | model_name has the wrong type
            "model_name": "a\\u0000b"                        | model_name must not hold the character NUL
            "model_description": {}                          | model_description has the wrong type
            "model_tags": "tools"                            | model_tags has the wrong type
            "model_tags": [5]                                | model_tags[0] has the wrong type
            "model_tags": [""]                               | model_tags[0] must not be empty
            "model_tags": ["a", "a\\u0000b"]                 | model_tags[1] must not hold the character NUL
            "other_prices": {"request": 0.005}               | other_prices.request has the wrong type
            "other_prices": {"request": "-1"}                | other_prices.request must be a decimal number such as 0.005
            "other_prices": {"image": "1e-7"}                | other_prices.image must be a decimal number such as 0.005
            "other_prices": {"prompt": "1"}                  | other_prices.prompt is not known
            "other_prices": "0"                              | other_prices has the wrong type
            "input_modalities": []                           | input_modalities size must be between 1 and 20
            "output_modalities": [""]                        | output_modalities[0] must not be empty
            "supported_parameters": "tools"                  | supported_parameters has the wrong type
            "released_at": "2026-01-01T00:00:00Z"            | released_at is not known
            "id": "11111111-1111-1111-1111-111111111111"     | id is not known
            "created_at": "2026-01-01T00:00:00Z"             | created_at is not known
            "price": 5                                       | price is not known
            "modelName": "x"                                 | modelName is not known
            "Tier": "free"                                   | Tier is not known
            """)
    void aWrongFieldOfANewModelIsRefusedAndNothingIsStored(String field, String complaint) {
        // Given
        String model = Models.freshId();
        String body = field.startsWith("\"model_id\"") ? "{\"tier\": \"free\", " + field + "}"
                : field.startsWith("\"tier\"") ? "{\"model_id\": \"" + model + "\", " + field + "}"
                        : "{\"model_id\": \"" + model + "\", \"tier\": \"free\", " + field + "}";

        // When
        Response answer = create(body);

        // Then
        assertFields(answer, 422, complaint);
        assertThat(tiers(model)).isEmpty();
    }

    @Test
    void textHasItsLimitsInCharactersAndBytes() {
        // Given
        String model = "\u5B57".repeat(63) + "/" + UUID.randomUUID();
        String body = Json.write(Map.of("model_id", model, "tier", "free", "model_name", "\uD83D\uDE00".repeat(255),
                "model_description", "x".repeat(16_384), "model_tags", Collections.nCopies(100, "\u5B57".repeat(100))));

        // When
        Response answer = create(body);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(201);
        assertThat(tiers(model)).containsExactly("free");
    }

    @Test
    void textBeyondItsLimitsIsRefused() {
        // Given
        String body = Json.write(Map.of("model_id", "x".repeat(101), "tier", "free", "model_name", "x".repeat(256),
                "model_description", "\u5B57".repeat(5_462), "model_tags", Collections.nCopies(101, "x")));

        // When
        Response answer = create(body);

        // Then
        assertFields(answer, 422, "model_description must have at most 16384 bytes",
                "model_id must have at most 100 characters", "model_name must have at most 255 characters",
                "model_tags size must be between 0 and 100");
    }

    @Test
    void aNullTagCountsAsMissing() {
        // Given
        String body = "{\"model_id\": \"x\", \"tier\": \"free\", \"model_tags\": [null]}";

        // When
        Response answer = create(body);

        // Then
        assertFields(answer, 400, "model_tags[0] is missing");
    }

    @Test
    void halfASurrogatePairInANameBecomesTheReplacementCharacter() {
        // Given
        String model = Models.freshId();

        // When
        Response answer = create("{\"model_id\": \"" + model + "\", \"tier\": \"free\", \"model_name\": \"cut \\ud83d\"}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(201);
        assertThat(Json.of(answer).path("model_name").textValue()).isEqualTo("cut \uFFFD");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{", "{\"model_id\": ", "model_id=x", "{\"model_id\": \"x\"} {}", "{'model_id': 'x'}",
            "{\"model_id\": NaN}", "\u0000" })
    void aBodyThatIsNotJsonIsRefused(String body) {
        // Given
        String text = body;

        // When
        Response answer = create(text);

        // Then
        assertProblem(answer, 400, "invalid_request");
    }

    @ParameterizedTest
    @ValueSource(strings = { "null" })
    void aBodyThatIsMissingIsRefused(String body) {
        // Given
        String text = body;

        // When
        Response answer = create(text);

        // Then
        assertFields(answer, 400, "body is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = { "[]", "5", "true", "\"x\"", "\"\"", "[{\"model_id\": \"x\", \"tier\": \"free\"}]" })
    void aBodyThatIsNotAnObjectIsRefused(String body) {
        // Given
        String text = body;

        // When
        Response answer = create(text);

        // Then
        assertFields(answer, 422, "has the wrong type");
    }

    @Test
    void aBodyThatIsTooLargeIsRefused() {
        // Given
        String body = "{\"model_id\": \"" + "x".repeat(256 << 10) + "\"}";

        // When
        Response answer = create(body);

        // Then
        assertProblem(answer, 413, "too_large");
    }

    @Test
    void creatingAModelLogsWhoDidIt() {
        // Given
        Administrator administrator = Administrator.fresh();
        String model = Models.freshId();

        // When
        Response answer = administrator.request().header("User-Agent", "A test")
                .body("{\"model_id\": \"" + model + "\", \"tier\": \"free\"}").post("/api/admin/models");

        // Then
        List<Map<String, Object>> log = log("model_created", answer.path("id"));
        assertThat(log).hasSize(1);
        assertThat(log.get(0)).containsEntry("user_id", null).containsEntry("resource_type", "model_access")
                .containsEntry("user_agent", "A test");
        JsonNode details = Json.of((String) log.get(0).get("details"));
        assertThat(details.path("actor")).isEqualTo(Json.of("{\"role\": \"admin\", \"id\": \"%s\"}", administrator.id()));
        assertThat(details.path("model_id").textValue()).isEqualTo(model);
        assertThat(details.path("tier").textValue()).isEqualTo("free");
    }

    @Test
    void aChangeOfTheCatalogueAppearsInNoUsersLog() {
        // Given
        Administrator administrator = Administrator.fresh();
        Caller self = administrator.asUser();
        granted(administrator.request().post("/api/auth/session"));

        // When
        administrator.request().body("{\"model_id\": \"" + Models.freshId() + "\", \"tier\": \"free\"}")
                .post("/api/admin/models").then().statusCode(201);

        // Then
        assertThat(Json.texts(Json.of(self.request().get("/api/user/activity")).path("activities"), "action"))
                .containsExactly("profile_created");
        assertThat(Json.of(SERVICE.request().get("/api/admin/users/" + administrator.id())).has("profile")).isTrue();
    }

    @Test
    void aChangeNamesWhatChangesAndLeavesTheRest() {
        // Given
        String model = Models.freshId();
        String row = Models.open(model, "free", "1", "2");

        // When
        Response answer = change(row, "{\"input_cost_per_token\": 0.5, \"daily_limit\": 7, \"model_tags\": [\"x\"]}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.without(Json.of(answer), RUN)).isEqualTo(Json.of("""
                {"model_id": "%s", "tier": "free", "is_active": true, "input_cost_per_token": 0.5,
                 "output_cost_per_token": 2, "cached_input_cost_per_token": null, "daily_limit": 7, "monthly_limit": null,
                 "model_name": null,
                 "model_description": null, "model_tags": ["x"], "context_length": null,
                 "other_prices": {}, "input_modalities": ["text"], "output_modalities": ["text"],
                 "supported_parameters": [], "released_at": null}
                """, model));
        assertThat(answer.<String> path("id")).isEqualTo(row);
    }

    @Test
    void aPriceOfCachedTokensIsSetAndChanged() {
        // Given
        Response created = create("""
                {"model_id": "%s", "tier": "free", "input_cost_per_token": 1, "cached_input_cost_per_token": 0.000000000001}
                """.formatted(Models.freshId()));
        String row = created.path("id");

        // When
        Response answer = change(row, "{\"cached_input_cost_per_token\": 0.250}");

        // Then
        assertThat(Json.of(created).path("cached_input_cost_per_token").decimalValue()).isEqualByComparingTo("0.000000000001");
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer).path("cached_input_cost_per_token").decimalValue()).isEqualByComparingTo("0.25");
        assertThat(Json.of((String) log("model_updated", row).get(0).get("details")).path("changes")).isEqualTo(Json.of("""
                {"cached_input_cost_per_token": {"old": 1.0E-12, "new": 0.25}}
                """));
    }

    @Test
    void nullClearsLimitsAndOtherOptionalFields() {
        // Given
        String row = create("""
                {"model_id": "%s", "tier": "free", "daily_limit": 1, "monthly_limit": 2, "model_name": "A name",
                 "model_description": "Text", "context_length": 5, "model_tags": ["x"], "cached_input_cost_per_token": 0.1}
                """.formatted(Models.freshId())).path("id");

        // When
        Response answer = change(row, """
                {"daily_limit": null, "monthly_limit": null, "model_name": null, "model_description": null,
                 "context_length": null, "model_tags": [], "cached_input_cost_per_token": null}
                """);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Sql.rows("""
                select daily_limit is null and monthly_limit is null and model_name is null and model_description is null
                       and context_length is null and model_tags = '{}' and cached_input_cost_per_token is null as cleared
                  from model_access where id = ?::uuid
                """, row)).containsExactly(Map.of("cleared", true));
    }

    @ParameterizedTest
    @ValueSource(strings = { "is_active", "input_cost_per_token", "output_cost_per_token", "model_tags" })
    void aRequiredFieldCannotBeSetToNull(String field) {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");
        String before = version(row);

        // When
        Response answer = change(row, "{\"" + field + "\": null}");

        // Then
        assertFields(answer, 422, field + " must not be null");
        assertThat(version(row)).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"model_id": "another"}              | model_id is not known
            {"tier": "admin"}                    | tier is not known
            {"id": "x"}                          | id is not known
            {"daily_limit": 1, "weekly_limit": 1} | weekly_limit is not known
            {"daily_limit": -1}                  | daily_limit must be greater than or equal to 0
            {"daily_limit": "1"}                 | daily_limit has the wrong type
            {"cached_input_cost_per_token": -1}  | cached_input_cost_per_token must be greater than or equal to 0
            {"input_cost_per_token": 1001}       | input_cost_per_token must be less than or equal to 1000
            {"context_length": 0}                | context_length must be greater than or equal to 1
            {"is_active": "no"}                  | is_active has the wrong type
            {"other_prices": {"audio": "."}}     | other_prices.audio must be a decimal number such as 0.005
            {"other_prices": null}               | other_prices must not be null
            {"input_modalities": null}           | input_modalities must not be null
            {"output_modalities": []}            | output_modalities size must be between 1 and 20
            {"supported_parameters": null}       | supported_parameters must not be null
            {}                                   | must name something to change
            []                                   | has the wrong type
            """)
    void aWrongChangeIsRefusedAndChangesNothing(String body, String complaint) {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");
        String before = version(row);

        // When
        Response answer = change(row, body);

        // Then
        assertFields(answer, 422, complaint);
        assertThat(version(row)).isEqualTo(before);
    }

    @Test
    void aChangeThatChangesNothingWritesNothing() {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");
        String before = version(row);

        // When
        Response answer = change(row, "{\"input_cost_per_token\": 1.0000000000000001, \"daily_limit\": null}");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(version(row)).isEqualTo(before);
        assertThat(log("model_updated", row)).isEmpty();
    }

    @Test
    void aChangeIsLoggedWithWhatWasAndWhatIs() {
        // Given
        String model = Models.freshId();
        String row = Models.open(model, "free", "1", "2");

        // When
        change(row, "{\"input_cost_per_token\": 0.5, \"output_cost_per_token\": 2, \"daily_limit\": 7}").then().statusCode(200);

        // Then
        List<Map<String, Object>> log = log("model_updated", row);
        assertThat(log).hasSize(1);
        assertThat(log.get(0)).containsEntry("user_id", null);
        assertThat(Json.of((String) log.get(0).get("details"))).isEqualTo(Json.of("""
                {"model_id": "%s", "tier": "free",
                 "changes": {"input_cost_per_token": {"old": 1, "new": 0.5}, "daily_limit": {"old": null, "new": 7}},
                 "actor": {"role": "service_role", "id": null}}
                """, model));
    }

    @Test
    void changesOfOtherFieldsAtTheSameTimeAreAllKept() throws Exception {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");
        List<Callable<Integer>> changes = List.of(
                () -> change(row, "{\"daily_limit\": 1}").statusCode(),
                () -> change(row, "{\"monthly_limit\": 2}").statusCode(),
                () -> change(row, "{\"context_length\": 3}").statusCode(),
                () -> change(row, "{\"model_name\": \"4\"}").statusCode());

        // When
        List<Integer> answers = allAtOnce(changes);

        // Then
        assertThat(answers).containsOnly(200);
        assertThat(
                Sql.rows("select daily_limit, monthly_limit, context_length, model_name from model_access where id = ?::uuid",
                        row))
                .containsExactly(Map.of("daily_limit", 1, "monthly_limit", 2, "context_length", 3, "model_name", "4"));
    }

    @Test
    void deletingDeactivatesAndKeepsTheRow() {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");

        // When
        Response answer = SERVICE.request().delete("/api/admin/models/" + row);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.<Boolean> path("is_active")).isFalse();
        assertThat(Sql.rows("select is_active, input_cost_per_token::int as price from model_access where id = ?::uuid", row))
                .containsExactly(Map.of("is_active", false, "price", 1));
        assertThat(log("model_updated", row)).hasSize(1);
    }

    @Test
    void deletingAgainChangesNothing() {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");
        Models.close(row);
        String before = version(row);

        // When
        Response answer = SERVICE.request().delete("/api/admin/models/" + row);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(version(row)).isEqualTo(before);
    }

    @Test
    void aDeactivatedModelCanBeActivatedAgain() {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");
        Models.close(row);

        // When
        Response answer = change(row, "{\"is_active\": true}");

        // Then
        assertThat(answer.<Boolean> path("is_active")).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = { "PATCH", "DELETE" })
    void anUnknownRowIsNotFound(String method) {
        // Given
        String path = "/api/admin/models/" + UUID.randomUUID();

        // When
        Response answer = SERVICE.request().body("{\"daily_limit\": 1}").request(method, path);

        // Then
        assertProblem(answer, 404, "model_not_found");
    }

    @ParameterizedTest
    @CsvSource({ "PATCH, x", "DELETE, x", "PATCH, 1-1-1-1-1x", "DELETE, %27%20or%201=1", "DELETE, a%2Fb:free" })
    void aMalformedRowIdIsRefused(String method, String id) {
        // Given
        String path = "/api/admin/models/" + id;

        // When
        Response answer = SERVICE.request().urlEncodingEnabled(false).body("{\"daily_limit\": 1}").request(method, path);

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @Test
    void theListHoldsTheRowsOfAllTiers() {
        // Given
        String model = Models.freshId();
        String free = Models.open(model, "free", "1", "2");
        String admin = Models.open(model, "admin", "3", "4");
        Models.close(admin);

        // When
        Response answer = list("");

        // Then
        List<JsonNode> rows = rows(answer, model);
        assertThat(rows).extracting(row -> row.path("id").textValue()).containsExactlyInAnyOrder(free, admin);
        assertThat(rows).filteredOn(row -> row.path("id").textValue().equals(free)).first()
                .satisfies(row -> assertThat(Json.without(row, RUN)).isEqualTo(
                        Json.of("""
                                {"model_id": "%s", "tier": "free", "is_active": true, "input_cost_per_token": 1,
                                 "output_cost_per_token": 2, "cached_input_cost_per_token": null, "daily_limit": null, "monthly_limit": null,
                                 "model_name": null,
                                 "model_description": null, "model_tags": [], "context_length": null,
                                 "other_prices": {}, "input_modalities": ["text"], "output_modalities": ["text"],
                                 "supported_parameters": [], "released_at": null}
                                """,
                                model)));
    }

    @ParameterizedTest
    @CsvSource({ "tier=free, free", "tier=admin, admin", "active=true, free", "active=false, admin",
            "tier=admin&active=true, ''", "tier=pro, ''" })
    void theListCanBeFiltered(String filter, String tiers) {
        // Given
        String model = Models.freshId();
        Models.open(model, "free", "1", "2");
        Models.close(Models.open(model, "admin", "3", "4"));

        // When
        Response answer = list(filter);

        // Then
        assertThat(rows(answer, model)).extracting(row -> row.path("tier").textValue())
                .isEqualTo(tiers.isEmpty() ? List.of() : List.of(tiers));
    }

    @Test
    void thePagesOfTheListHoldEveryRowOnceInOrder() {
        // Given
        String prefix = "page/" + UUID.randomUUID() + "/";
        for (int i = 0; i < 5; i++) {
            Models.open(prefix + i, "free", "0", "0");
        }
        Models.open(prefix + "2", "pro", "0", "0");

        // When
        List<Response> pages = new ArrayList<>();
        String cursor = "";
        do {
            Response page = SERVICE.request().queryParam("limit", 2)
                    .queryParams(cursor.isEmpty() ? Map.of() : Map.of("cursor", cursor)).get("/api/admin/models");
            pages.add(page);
            cursor = page.path("next_cursor");
        } while (cursor != null);

        // Then
        assertThat(pages).allSatisfy(page -> {
            assertThat(page.statusCode()).as(page.asString()).isEqualTo(200);
            assertThat(page.<Integer> path("count")).isEqualTo(Json.of(page).path("models").size());
        });
        List<String> ids = pages.stream().flatMap(page -> Json.texts(Json.of(page).path("models"), "id").stream()).toList();
        assertThat(ids).doesNotHaveDuplicates()
                .isEqualTo(Json.texts(Json.of(SERVICE.request().get("/api/admin/models?limit=1000")).path("models"), "id"));
        assertThat(Sql.<Long> value("select count(*) from model_access")).isEqualTo(ids.size());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            limit=0       | limit must be greater than or equal to 1
            limit=-1      | limit must be greater than or equal to 1
            limit=1001    | limit must be less than or equal to 1000
            tier=gold     | tier must be free, pro, enterprise or admin
            tier=FREE     | tier must be free, pro, enterprise or admin
            """)
    void aWrongParameterOfTheListIsRefused(String query, String complaint) {
        // Given
        String parameters = query;

        // When
        Response answer = list(parameters);

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @CsvSource({ "limit=x, limit must be a whole number", "limit=1.5, limit must be a whole number",
            "limit=2147483648, limit must be a whole number", "active=maybe, active must be true or false",
            "active=TRUE, active must be true or false", "active=1, active must be true or false" })
    void aParameterThatCannotBeReadIsNamed(String query, String complaint) {
        // Given
        String parameters = query;

        // When
        Response answer = list(parameters);

        // Then
        assertProblem(answer, 422, "invalid_parameter");
        assertThat(Json.of(answer).path("detail").textValue()).isEqualTo(complaint + ".");
        assertThat(Json.of(answer).at("/errors/0/field").textValue()).isEqualTo(complaint.split(" ")[0]);
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "W10", "e30", "WyJhIl0", "WyJhIiwiYiJd", "WzEsMl0", "WyJhXHUwMDAwIiwiYiJd", "%00", "null" })
    void aWrongCursorOfTheListIsRefused(String cursor) {
        // Given
        String parameters = "cursor=" + cursor;

        // When
        Response answer = list(parameters);

        // Then
        assertProblem(answer, 422, "invalid_cursor");
    }

    @Test
    void importingACatalogueCreatesItsModels() {
        // Given
        String first = Models.freshId();
        String second = Models.freshId();

        // When
        Response answer = bringIn("pro", """
                {"data": [
                  {"id": "%s", "canonical_slug": "x", "hugging_face_id": "", "name": "First", "created": 1748455170,
                   "description": "What it is for", "context_length": 163840,
                   "architecture": {"modality": "text+image->text", "input_modalities": ["text", "image", "file"],
                                    "output_modalities": ["text"], "tokenizer": "Other", "instruct_type": null},
                   "pricing": {"prompt": "0.0000005", "completion": "0.0000015", "request": "0", "image": "0.0050",
                               "web_search": "1e-2", "internal_reasoning": "-1", "audio": "x", "discount": 0},
                   "top_provider": {"context_length": 163840, "max_completion_tokens": null, "is_moderated": false},
                   "per_request_limits": null, "supported_parameters": ["max_tokens", "reasoning", "tools"]},
                  {"id": "%s", "pricing": {"prompt": "0", "completion": "1e-12"}}], "extra": 1}
                """.formatted(first, second));

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"created": 2, "updated": 0, "unchanged": 0, "errors": 0, "details": []}
                """));
        assertThat(Json.without(rows(list("tier=pro"), first).get(0), RUN)).isEqualTo(
                Json.of("""
                        {"model_id": "%s", "tier": "pro", "is_active": true, "input_cost_per_token": 5.0E-7,
                         "output_cost_per_token": 0.0000015, "cached_input_cost_per_token": null, "daily_limit": null, "monthly_limit": null,
                         "model_name": "First",
                         "model_description": "What it is for", "model_tags": ["file", "image", "reasoning", "tools"],
                         "context_length": 163840, "other_prices": {"request": "0", "image": "0.005", "web_search": "0.01"},
                         "input_modalities": ["text", "image", "file"], "output_modalities": ["text"],
                         "supported_parameters": ["max_tokens", "reasoning", "tools"], "released_at": "2025-05-28T17:59:30.000Z"}
                        """,
                        first));
        assertThat(Json.without(rows(list("tier=pro"), second).get(0), RUN)).isEqualTo(
                Json.of("""
                        {"model_id": "%s", "tier": "pro", "is_active": true, "input_cost_per_token": 0,
                         "output_cost_per_token": 1.0E-12, "cached_input_cost_per_token": null, "daily_limit": null, "monthly_limit": null,
                         "model_name": null,
                         "model_description": null, "model_tags": [], "context_length": null,
                         "other_prices": {}, "input_modalities": ["text"], "output_modalities": ["text"],
                         "supported_parameters": [], "released_at": null}
                        """,
                        second));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
            "0.00000005, 0.00000005", "0, 0", "1e-12, 0.000000000001", "1e-99, 0", "'', -", "x, -" })
    void thePriceOfCachedTokensFollowsTheCatalogue(String listed, BigDecimal price) {
        // Given
        String model = Models.freshId();
        String row = Models.open(model, "free", "1", "2");
        Models.change(row, "{\"cached_input_cost_per_token\": 0.7}");

        // When
        Response answer = bringIn("free", """
                {"data": [{"id": "%s", "pricing": {"prompt": "1", "completion": "2", "input_cache_read": "%s"}}]}
                """.formatted(model, listed));

        // Then
        assertThat(answer.<Integer> path("updated")).as(answer.asString()).isEqualTo(1);
        assertThat(Sql.<BigDecimal> value(
                "select trim_scale(cached_input_cost_per_token) from model_access where id = ?::uuid", row)).isEqualTo(price);
    }

    @Test
    void whatAModelTakesAndGivesFollowsTheCatalogue() {
        // Given
        String model = Models.freshId();
        String row = Models.open(model, "free", "1", "2");
        Models.change(row, """
                {"other_prices": {"request": "0.5"}, "input_modalities": ["audio"], "output_modalities": ["audio"],
                 "supported_parameters": ["seed"]}
                """);

        // When
        Response answer = bringIn("free", """
                {"data": [{"id": "%s", "created": 999999999999999, "supported_parameters": ["tools", null, "tools", ""],
                           "architecture": {"input_modalities": [null, "text", "image"], "output_modalities": []},
                           "pricing": {"prompt": "1", "completion": "2", "web_search": "1001"}}]}
                """.formatted(model));

        // Then
        assertThat(answer.<Integer> path("updated")).as(answer.asString()).isEqualTo(1);
        JsonNode stored = rows(list("tier=free"), model).get(0);
        assertThat(stored.path("other_prices")).isEqualTo(Json.of("{}"));
        assertThat(stored.path("input_modalities")).isEqualTo(Json.of("[\"text\", \"image\"]"));
        assertThat(stored.path("output_modalities")).isEqualTo(Json.of("[\"text\"]"));
        assertThat(stored.path("supported_parameters")).isEqualTo(Json.of("[\"tools\"]"));
        assertThat(stored.path("released_at").isNull()).isTrue();
    }

    @Test
    void whatAModelTakesAndGivesIsForAdministratorsToSay() {
        // Given
        String row = Models.open(Models.freshId(), "free", "1", "2");

        // When
        Response answer = change(row, """
                {"other_prices": {"request": "0.5", "image": null}, "input_modalities": ["text", "file"],
                 "output_modalities": ["image"], "supported_parameters": ["tools", "seed"]}
                """);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        JsonNode stored = Json.of(answer);
        assertThat(stored.path("other_prices")).isEqualTo(Json.of("{\"request\": \"0.5\"}"));
        assertThat(stored.path("input_modalities")).isEqualTo(Json.of("[\"text\", \"file\"]"));
        assertThat(stored.path("output_modalities")).isEqualTo(Json.of("[\"image\"]"));
        assertThat(stored.path("supported_parameters")).isEqualTo(Json.of("[\"tools\", \"seed\"]"));
    }

    @Test
    void theSameCatalogueAgainChangesNothing() {
        // Given
        String model = Models.freshId();
        String catalogue = "{\"data\": [" + listed(model, "0.00000000000049", "0.5") + "]}";
        granted(bringIn("free", catalogue));
        String before = version(rowId(model));

        // When
        Response answer = bringIn("free", catalogue);

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"created": 0, "updated": 0, "unchanged": 1, "errors": 0, "details": []}
                """));
        assertThat(version(rowId(model))).isEqualTo(before);
    }

    @Test
    void anImportUpdatesAnExistingModelExceptForItsLimitsAndActivity() {
        // Given
        String model = Models.freshId();
        String row = Models.open(model, "free", "1", "2");
        Models.change(row, "{\"is_active\": false, \"daily_limit\": 3, \"monthly_limit\": 4, \"model_name\": \"Old\"}");

        // When
        Response answer = bringIn("free", "{\"data\": [" + listed(model, "0.1", "0.2") + "]}");

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"created": 0, "updated": 1, "unchanged": 0, "errors": 0, "details": []}
                """));
        assertThat(Json.without(rows(list(""), model).get(0), "created_at", "updated_at")).isEqualTo(Json.of("""
                {"id": "%s", "model_id": "%s", "tier": "free", "is_active": false, "input_cost_per_token": 0.1,
                 "output_cost_per_token": 0.2, "cached_input_cost_per_token": null, "daily_limit": 3, "monthly_limit": 4,
                 "model_name": "A name",
                 "model_description": null, "model_tags": [], "context_length": null,
                 "other_prices": {}, "input_modalities": ["text"], "output_modalities": ["text"],
                 "supported_parameters": [], "released_at": null}
                """, row, model));
    }

    @Test
    void anImportLeavesModelsOfOtherTiersAlone() {
        // Given
        String model = Models.freshId();
        String row = Models.open(model, "free", "1", "2");
        String before = version(row);

        // When
        Response answer = bringIn("admin", "{\"data\": [" + listed(model, "0.1", "0.2") + "]}");

        // Then
        assertThat(answer.<Integer> path("created")).isEqualTo(1);
        assertThat(version(row)).isEqualTo(before);
        assertThat(tiers(model)).containsExactly("admin", "free");
    }

    @Test
    void ofTwoModelsWithTheSameIdTheLastOneCounts() {
        // Given
        String model = Models.freshId();

        // When
        Response answer = bringIn("free", "{\"data\": [" + listed(model, "1", "1") + "," + listed(model, "2", "2") + "]}");

        // Then
        assertThat(answer.<Integer> path("created")).isEqualTo(1);
        assertThat(Sql.<Integer> value("select input_cost_per_token::int from model_access where model_id = ?", model))
                .isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"id": "%s", "pricing": {"prompt": "-1", "completion": "-1"}}       | input_cost_per_token has no fixed price
            {"id": "%s", "pricing": {"prompt": "x", "completion": "0"}}         | input_cost_per_token is missing
            {"id": "%s", "pricing": {"prompt": "NaN", "completion": "0"}}       | input_cost_per_token is missing
            {"id": "%s", "pricing": {"prompt": "", "completion": "0"}}          | input_cost_per_token is missing
            {"id": "%s", "pricing": {"prompt": "0"}}                            | output_cost_per_token is missing
            {"id": "%s", "pricing": {"prompt": "0", "completion": "1001"}}      | output_cost_per_token must be less than
            {"id": "%s", "pricing": {"prompt": "0", "completion": "1e999999"}}  | output_cost_per_token must be less than
            {"id": "%s", "pricing": {"prompt": "0", "completion": "0", "input_cache_read": "-1"}} | cached_input_cost_per_token has no fixed price
            {"id": "%s", "pricing": {"prompt": "0", "completion": "0", "input_cache_read": 0}} | wrong type
            {"id": "%s", "pricing": {"prompt": 0, "completion": 0}}             | wrong type
            {"id": "%s", "pricing": "free"}                                     | wrong type
            {"id": "%s", "pricing": null}                                       | input_cost_per_token is missing
            {"id": "%s"}                                                        | input_cost_per_token is missing
            {"id": "%s", "name": 5, "pricing": {"prompt": "0", "completion": "0"}} | wrong type
            {"id": "%s", "context_length": 0, "pricing": {"prompt": "0", "completion": "0"}} | context_length must be
            {"id": "%s", "context_length": 1e10, "pricing": {"prompt": "0", "completion": "0"}} | wrong type
            {"id": "%s", "architecture": [], "pricing": {"prompt": "0", "completion": "0"}} | wrong type
            {"id": "%s", "supported_parameters": "tools", "pricing": {"prompt": "0", "completion": "0"}} | wrong type
            """)
    void aModelThatCannotBeBroughtInIsReportedAndTheOthersAreStored(String wrong, String complaint) {
        // Given
        String model = Models.freshId();
        String other = Models.freshId();

        // When
        Response answer = bringIn("free", "{\"data\": [" + wrong.formatted(model) + "," + listed(other, "1", "2") + "]}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        JsonNode result = Json.of(answer);
        assertThat(Json.without(result, "details")).isEqualTo(Json.of("""
                {"created": 1, "updated": 0, "unchanged": 0, "errors": 1}
                """));
        assertThat(result.at("/details/0/model_id").textValue()).isEqualTo(model);
        assertThat(result.at("/details/0/error").textValue()).contains(complaint);
        assertThat(tiers(model)).isEmpty();
        assertThat(tiers(other)).containsExactly("free");
    }

    @ParameterizedTest
    @ValueSource(strings = { "null", "5", "\"x\"", "[]", "{}", "{\"id\": null}", "{\"id\": \"\"}", "{\"id\": 5}",
            "{\"id\": {}}",
            "{\"id\": \"a\\u0000b\", \"pricing\": {\"prompt\": \"0\", \"completion\": \"0\"}}",
            "{\"id\": \"\\ud83d\", \"pricing\": 5}" })
    void whatIsNoModelIsReportedAndTheOthersAreStored(String wrong) {
        // Given
        String other = Models.freshId();

        // When
        Response answer = bringIn("free", "{\"data\": [" + wrong + "," + listed(other, "1", "2") + "]}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.<Integer> path("errors")).isEqualTo(1);
        assertThat(tiers(other)).containsExactly("free");
    }

    @ParameterizedTest
    @ValueSource(strings = { "\"architecture\": {\"input_modalities\": [null, \"text\"]}",
            "\"architecture\": {\"input_modalities\": [\"a\\u0000b\"]}", "\"architecture\": {\"input_modalities\": null}",
            "\"architecture\": {}", "\"supported_parameters\": [null]", "\"name\": \"a\\u0000b\"", "\"name\": \"\\ud83d\"",
            "\"description\": \"\\u0000\"", "\"pricing\": {\"prompt\": \"1e-99999\", \"completion\": \"0e-99999\"}",
            "\"pricing\": {\"prompt\": \"0e99999999\", \"completion\": \"1e-2147483647\"}" })
    void whatAProviderMaySayMakesNoOtherModelFail(String odd) {
        // Given
        String model = Models.freshId();
        String other = Models.freshId();

        // When
        Response answer = bringIn("free", "{\"data\": [{\"id\": \"" + model
                + "\", \"pricing\": {\"prompt\": \"0\", \"completion\": \"0\"}, " + odd + "}," + listed(other, "1", "2")
                + "]}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(tiers(other)).containsExactly("free");
    }

    @Test
    void aLongNameIsShortened() {
        // Given
        String model = Models.freshId();

        // When
        Response answer = bringIn("free", "{\"data\": [{\"id\": \"" + model + "\", \"name\": \"" + "\uD83D\uDE00".repeat(300)
                + "\", \"description\": \"" + "x".repeat(5_000)
                + "\", \"pricing\": {\"prompt\": \"0\", \"completion\": \"0\"}}]}");

        // Then
        assertThat(answer.<Integer> path("created")).isEqualTo(1);
        assertThat(Sql.rows("select model_name, length(model_description) as length from model_access where model_id = ?",
                model)).containsExactly(Map.of("model_name", "\uD83D\uDE00".repeat(255), "length", 4_000));
    }

    @Test
    void aWholeCatalogueIsImportedInOneRequest() {
        // Given
        String prefix = "many/" + UUID.randomUUID() + "/";
        String models = String.join(",", IntStream.range(0, 1_000).mapToObj(i -> listed(prefix + i, "0.1", "0.2")).toList());

        // When
        Response answer = bringIn("admin", "{\"data\": [" + models + "]}");

        // Then
        assertThat(answer.<Integer> path("created")).isEqualTo(1_000);
        Sql.rows("delete from model_access where model_id like ?", prefix + "%");
    }

    @Test
    void anEmptyCatalogueChangesNothing() {
        // Given
        String model = Models.freshId();
        String before = version(Models.open(model, "free", "0", "0"));

        // When
        Response answer = bringIn("free", "{\"data\": []}");

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"created": 0, "updated": 0, "unchanged": 0, "errors": 0, "details": []}
                """));
        assertThat(version(rowId(model))).isEqualTo(before);
    }

    @Test
    void importingACatalogueLogsWhoDidIt() {
        // Given
        Administrator administrator = Administrator.fresh();

        // When
        administrator.request().body("{\"data\": [" + listed(Models.freshId(), "0", "0") + "]}")
                .put("/api/admin/models/catalog?tier=enterprise").then().statusCode(200);

        // Then
        assertThat(Sql.rows("""
                select user_id, resource_type, resource_id, details::text from user_activity_log
                 where action = 'models_imported' and details -> 'actor' ->> 'id' = ?
                """, administrator.id().toString())).singleElement().satisfies(entry -> {
            assertThat(entry).containsEntry("user_id", null).containsEntry("resource_type", "model_access")
                    .containsEntry("resource_id", "enterprise");
            assertThat(Json.of((String) entry.get("details"))).isEqualTo(Json.of("""
                    {"created": 1, "updated": 0, "unchanged": 0, "actor": {"role": "admin", "id": "%s"}}
                    """, administrator.id()));
        });
    }

    @Test
    void theSameCatalogueFromTwoAdministratorsAtOnceIsImportedOnce() throws Exception {
        // Given
        String prefix = "both/" + UUID.randomUUID() + "/";
        List<String> models = new ArrayList<>(IntStream.range(0, 100).mapToObj(i -> listed(prefix + i, "0.1", "0.2")).toList());
        String forwards = "{\"data\": [" + String.join(",", models) + "]}";
        Collections.reverse(models);
        String backwards = "{\"data\": [" + String.join(",", models) + "]}";
        List<Callable<Response>> calls = List.of(() -> bringIn("free", forwards), () -> bringIn("free", backwards),
                () -> bringIn("free", forwards), () -> bringIn("free", backwards));

        // When
        List<Response> answers = allAtOnce(calls);

        // Then
        assertThat(answers).extracting(Response::statusCode).containsOnly(200);
        assertThat(answers.stream().mapToInt(answer -> answer.<Integer> path("created")).sum()).isEqualTo(100);
        Sql.rows("delete from model_access where model_id like ?", prefix + "%");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {}             | 400 | data is missing
            {"data": null} | 400 | data is missing
            {"data": {}}   | 422 | data has the wrong type
            {"data": "x"}  | 422 | data has the wrong type
            []             | 422 | has the wrong type
            "x"            | 422 | has the wrong type
            null           | 400 | body is missing
            """)
    void aCatalogueOfAnotherShapeIsRefused(String body, int status, String complaint) {
        // Given
        String json = body;

        // When
        Response answer = bringIn("free", json);

        // Then
        assertFields(answer, status, complaint);
    }

    @Test
    void aCatalogueWithoutABodyIsRefused() {
        // Given
        String path = "/api/admin/models/catalog?tier=free";

        // When
        Response answer = SERVICE.request().put(path);

        // Then
        assertFields(answer, 400, "body is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{", "data", "{\"data\": [}", "{\"data\": []} []" })
    void aCatalogueThatIsNotJsonIsRefused(String body) {
        // Given
        String text = body;

        // When
        Response answer = bringIn("free", text);

        // Then
        assertProblem(answer, 400, "invalid_request");
    }

    @Test
    void aCatalogueOfMoreThanTenThousandModelsIsRefused() {
        // Given
        String body = "{\"data\": [" + String.join(",", Collections.nCopies(10_001, "1")) + "]}";

        // When
        Response answer = bringIn("free", body);

        // Then
        assertFields(answer, 422, "data size must be between 0 and 10000");
    }

    @Test
    void aCatalogueNeedsATier() {
        // Given
        String path = "/api/admin/models/catalog";

        // When
        Response answer = SERVICE.request().body("{\"data\": []}").put(path);

        // Then
        assertFields(answer, 400, "tier is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = { "gold", "FREE", "free " })
    void aCatalogueNeedsAKnownTier(String tier) {
        // Given
        String name = tier;

        // When
        Response answer = bringIn(name, "{\"data\": []}");

        // Then
        assertFields(answer, 422, "tier must be free, pro, enterprise or admin");
    }

    @ParameterizedTest
    @CsvSource({ "POST, /api/admin/models", "PATCH, /api/admin/models/11111111-1111-1111-1111-111111111111",
            "PUT, /api/admin/models/catalog?tier=free" })
    void onlyJsonIsRead(String method, String path) {
        // Given
        String body = "{\"model_id\": \"x\", \"tier\": \"free\"}";

        // When
        Response answer = SERVICE.request().contentType("text/plain").body(body).request(method, path);

        // Then
        assertProblem(answer, 415, "unsupported_media_type");
    }

    private static Response create(String body) {
        return SERVICE.request().body(body).post("/api/admin/models");
    }

    private static Response change(String row, String body) {
        return SERVICE.request().body(body).patch("/api/admin/models/" + row);
    }

    private static Response bringIn(String tier, String body) {
        return SERVICE.request().queryParam("tier", tier).body(body).put("/api/admin/models/catalog");
    }

    private static Response list(String query) {
        return SERVICE.request().urlEncodingEnabled(false)
                .get("/api/admin/models?" + (query.contains("limit") ? "" : "limit=1000&") + query);
    }

    private static String listed(String model, String prompt, String completion) {
        return """
                {"id": "%s", "name": "A name", "pricing": {"prompt": "%s", "completion": "%s"}}
                """.formatted(model, prompt, completion);
    }

    private static List<JsonNode> rows(Response list, String model) {
        assertThat(list.statusCode()).as(list.asString()).isEqualTo(200);
        List<JsonNode> rows = new ArrayList<>();
        Json.of(list).path("models").forEach(row -> {
            if (row.path("model_id").textValue().equals(model)) {
                rows.add(row);
            }
        });
        return rows;
    }

    private static List<String> tiers(String model) {
        return Sql.rows("select tier from model_access where model_id = ? order by tier", model).stream()
                .map(row -> (String) row.get("tier")).toList();
    }

    private static String rowId(String model) {
        return Sql.value("select id::text from model_access where model_id = ?", model);
    }

    private static String version(String row) {
        return Sql.value("select xmin || '/' || ctid from model_access where id = ?::uuid", row);
    }

    private static List<Map<String, Object>> log(String action, String row) {
        return Sql.rows("""
                select user_id, resource_type, user_agent, details::text from user_activity_log
                 where action = ? and resource_id = ?
                """, action, row);
    }
}

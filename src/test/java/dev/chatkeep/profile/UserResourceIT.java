package dev.chatkeep.profile;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.Tokens;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithinOneDay
class UserResourceIT {

    private static final String TIME = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}(\\d{3})?Z";

    // ---- What a front end starts with

    @Test
    void aNewUserStartsWithEmptyData() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response data = caller.request().get("/api/user/data");

        // Then
        assertThat(data.statusCode()).isEqualTo(200);
        JsonNode body = Json.of(data);
        assertThat(Json.without(body, "allTime", "availableModels", "timestamps")).isEqualTo(
                Json.of("""
                        {"today": {"messages_sent": 0, "messages_received": 0, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
                                   "models_used": {}, "sessions_created": 0, "active_minutes": 0},
                         "profile": {"email": "%s", "full_name": "User %s", "avatar_url": null, "subscription_tier": "free", "credits": 0},
                         "preferences": {"ui": {}, "session": {}, "model": {"default_model": null, "temperature": 0.70,
                                         "system_prompt": null, "allowed_models": null, "personality_preset": null}},
                         "storage": {"sessions": 0, "messages": 0, "bytes": 0,
                                     "limits": {"sessions": null, "messages": null, "bytes": null}}}""",
                        Tokens.email(caller.id()), caller.id()));
        assertThat(Json.without(body.path("allTime"), "last_reset")).isEqualTo(Json.of("""
                {"total_messages": 0, "total_tokens": 0, "sessions_created": 0}"""));
        assertThat(body.at("/allTime/last_reset").textValue()).matches(TIME);
        assertThat(body.path("availableModels").isArray()).isTrue();
        assertThat(body.path("timestamps")).allSatisfy(time -> assertThat(time.textValue()).matches(TIME)).hasSize(3);
    }

    @Test
    void theUsageOfTodayIsShown() {
        // Given
        Caller caller = Caller.fresh();
        exchange(caller);

        // When
        JsonNode data = Json.of(caller.request().get("/api/user/data"));

        // Then
        assertThat(data.path("today")).isEqualTo(Json.of("""
                {"messages_sent": 1, "messages_received": 1, "input_tokens": 3, "output_tokens": 7, "total_tokens": 10,
                 "models_used": {"m/one:free": 1}, "sessions_created": 1, "active_minutes": 1}"""));
        assertThat(Json.without(data.path("allTime"), "last_reset")).isEqualTo(Json.of("""
                {"total_messages": 2, "total_tokens": 10, "sessions_created": 1}"""));
    }

    @Test
    void theUsageOfOthersIsNotShown() {
        // Given
        exchange(Caller.fresh());
        Caller caller = Caller.fresh();

        // When
        JsonNode data = Json.of(caller.request().get("/api/user/data"));

        // Then
        assertThat(data.at("/today/messages_sent").intValue()).isZero();
        assertThat(data.at("/profile/email").textValue()).isEqualTo(Tokens.email(caller.id()));
    }

    @Test
    void theModelsOfTheTierAreListed() {
        // Given
        String free = model("free", true);
        String pro = model("pro", true);
        String closed = model("free", false);

        // When
        JsonNode data = Json.of(Caller.fresh().request().get("/api/user/data"));

        // Then
        assertThat(Json.texts(data.path("availableModels"), "model_id")).contains(free).doesNotContain(pro, closed);
    }

    @ParameterizedTest
    @CsvSource({ "GET, /api/user/data", "PUT, /api/user/data", "GET, /api/user/profile", "POST, /api/user/sync",
            "GET, /api/user/activity" })
    void aRequestWithoutATokenIsRefused(String method, String path) {
        // When
        Response answer = RestAssured.given().contentType("application/json").request(method, path);

        // Then
        assertProblem(answer, 401, "unauthorized");
    }

    // ---- Changing preferences

    @Test
    void sectionsAreMergedIntoWhatIsStored() {
        // Given
        Caller caller = Caller.fresh();
        put(caller,
                "{\"ui\": {\"theme\": \"dark\", \"panel\": {\"left\": 1, \"list\": [1, 2]}}, \"session\": {\"sort\": \"new\"}}");

        // When
        Response changed = put(caller,
                """
                        {"ui": {"panel": {"right": null, "list": [3]}, "n": 123456789012345678901234567890.125}, "model": {"temperature": 2}}""");

        // Then
        assertThat(changed.statusCode()).isEqualTo(200);
        assertThat(changed.asString()).contains("123456789012345678901234567890.125");
        assertThat(Json.without(Json.of(changed).at("/preferences/ui"), "n")).isEqualTo(Json.of("""
                {"theme": "dark", "panel": {"left": 1, "right": null, "list": [3]}}"""));
        assertThat(Json.of(changed).at("/preferences/session")).isEqualTo(Json.of("{\"sort\": \"new\"}"));
        assertThat(Json.of(changed)).isEqualTo(Json.of(caller.request().get("/api/user/data")));
    }

    @Test
    void theModelSectionChangesWhatItNames() {
        // Given
        Caller caller = Caller.fresh();
        String model = model("free", true);
        put(caller,
                "{\"model\": {\"temperature\": 0.25, \"system_prompt\": \"Be brief.\", \"allowed_models\": [\"a\", \"b/c:d\"]}}");

        // When
        Response changed = put(caller, "{\"model\": {\"default_model\": \"" + model + "\", \"system_prompt\": null}}");

        // Then
        assertThat(Json.of(changed).at("/preferences/model")).isEqualTo(Json.of("""
                {"default_model": "%s", "temperature": 0.25, "system_prompt": null, "allowed_models": ["a", "b/c:d"],
                 "personality_preset": null}""",
                model));
    }

    @ParameterizedTest
    @ValueSource(strings = { "null", "\"\"" })
    void nullAndEmptyTextClearTheDefaultModel(String nothing) {
        // Given
        Caller caller = Caller.fresh();
        put(caller, "{\"model\": {\"default_model\": \"" + model("free", true) + "\"}}");

        // When
        Response changed = put(caller, "{\"model\": {\"default_model\": " + nothing + "}}");

        // Then
        assertThat(Json.of(changed).at("/preferences/model/default_model").isNull()).isTrue();
    }

    @Test
    void aPresetIsKept() {
        // Given
        Caller caller = Caller.fresh();
        granted(put(caller, "{\"model\": {\"personality_preset\": \"concise\", \"default_model\": \"\"}}"));
        granted(put(caller, "{\"model\": {\"temperature\": 1}}"));

        // When
        JsonNode model = Json.of(caller.request().get("/api/user/data")).at("/preferences/model");

        // Then
        assertThat(model).isEqualTo(Json.of("""
                {"default_model": null, "temperature": 1.00, "system_prompt": null, "allowed_models": null,
                 "personality_preset": "concise"}"""));
        assertThat(Json.of(caller.request().get("/api/user/profile")).at("/preferences/model")).isEqualTo(model);
    }

    @ParameterizedTest
    @ValueSource(strings = { "null", "\"\"" })
    void nullAndEmptyTextClearThePreset(String nothing) {
        // Given
        Caller caller = Caller.fresh();
        granted(put(caller, "{\"model\": {\"personality_preset\": \"witty\"}}"));

        // When
        Response changed = put(caller, "{\"model\": {\"personality_preset\": " + nothing + "}}");

        // Then
        assertThat(changed.statusCode()).isEqualTo(200);
        assertThat(Json.of(changed).at("/preferences/model/personality_preset").isNull()).isTrue();
    }

    @Test
    void withAPresetThatNobodyKnowsNothingIsSaved() {
        // Given
        Caller caller = Caller.fresh();
        granted(put(caller, "{\"model\": {\"personality_preset\": \"witty\"}}"));
        String before = Stored.versions(caller);

        // When
        Response refused = put(caller, "{\"ui\": {\"lost\": 1}, \"model\": {\"personality_preset\": \"Witty\"}}");

        // Then
        assertProblem(refused, 422, "invalid_field");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({ "pro, true", "free, false", "none, true" })
    void aModelThatTheTierDoesNotOpenCannotBeTheDefault(String tier, boolean active) {
        // Given
        Caller caller = Caller.fresh();
        put(caller, "{\"ui\": {\"kept\": 1}}");
        String model = tier.equals("none") ? "no/such-model" : model(tier, active);
        String before = Stored.versions(caller);

        // When
        Response refused = put(caller, "{\"ui\": {\"lost\": 1}, \"model\": {\"default_model\": \"" + model + "\"}}");

        // Then
        assertFields(refused, 422, "model.default_model is not a model that your tier opens");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = { "0", "0.0", "0.7000000000000001", "1.99", "2", "2.0" })
    void theTemperatureGoesFromZeroToTwo(String temperature) {
        // When
        Response changed = put(Caller.fresh(), "{\"model\": {\"temperature\": " + temperature + "}}");

        // Then
        assertThat(changed.statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "{\"model\": {\"temperature\": -0.01}} | model.temperature must be greater than or equal to 0",
            "{\"model\": {\"temperature\": 2.01}} | model.temperature must be less than or equal to 2",
            "{\"model\": {\"temperature\": 1e400}} | model.temperature must be less than or equal to 2",
            "{\"model\": {\"temperature\": \"1\"}} | model.temperature has the wrong type",
            "{\"model\": {\"temperature\": null}} | model.temperature must not be null",
            "{\"model\": {\"personality_preset\": \"unheard of\"}} | model.personality_preset must be one of helpful, professional,"
                    + " creative, concise, empathetic, technical, socratic, witty",
            "{\"model\": {\"personality_preset\": 5}} | model.personality_preset has the wrong type",
            "{\"model\": {\"default_model\": 5}} | model.default_model has the wrong type",
            "{\"model\": {\"system_prompt\": [\"x\"]}} | model.system_prompt has the wrong type",
            "{\"model\": {\"system_prompt\": \"\\u0000\"}} | model.system_prompt must not hold the character NUL",
            "{\"model\": {\"allowed_models\": \"x\"}} | model.allowed_models has the wrong type",
            "{\"model\": {\"allowed_models\": [5]}} | model.allowed_models[0] has the wrong type",
            "{\"model\": {\"top_p\": 1}} | model.top_p is not known",
            "{\"model\": {}, \"credits\": 1000} | credits is not known",
            "{\"profile\": {\"subscription_tier\": \"admin\"}} | profile is not known",
            "{\"ui\": null} | ui must not be null",
            "{\"session\": []} | session has the wrong type",
            "{\"ui\": \"dark\"} | ui has the wrong type",
            "{\"model\": 5} | model has the wrong type",
            "{} | must name something to change",
            "[] | has the wrong type",
            "5 | has the wrong type" })
    void whatIsWrongIsRefusedWithItsName(String body, String complaint) {
        // Given
        Caller caller = Caller.fresh();
        put(caller, "{\"ui\": {\"kept\": 1}}");
        String before = Stored.versions(caller);

        // When
        Response refused = put(caller, body);

        // Then
        assertFields(refused, 422, complaint);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({ "'{', invalid_request", "'{} {}', invalid_request", "'', missing_field", "null, missing_field" })
    void aBodyThatIsNotAChangeIsMalformed(String body, String code) {
        // When
        Response refused = put(Caller.fresh(), body);

        // Then
        assertProblem(refused, 400, code);
    }

    @ParameterizedTest
    @ValueSource(strings = { "ui", "session", "model" })
    void aSectionMayHaveSixteenKibibytes(String section) {
        // Given
        Caller caller = Caller.fresh();
        String key = section.equals("model") ? "system_prompt" : "key";
        // What is stored of the model section has all its fields.
        int frame = section.equals("model")
                ? "{\"default_model\":null,\"temperature\":0.70,\"system_prompt\":\"\",\"allowed_models\":null,\"personality_preset\":null}"
                        .length()
                : "{\"key\":\"\"}".length();
        String most = "x".repeat(16_384 - frame);

        // When
        Response stored = put(caller, "{\"" + section + "\": {\"" + key + "\": \"" + most + "\"}}");
        Response refused = put(caller, "{\"" + section + "\": {\"" + key + "\": \"" + most + "x\"}}");

        // Then
        assertThat(stored.statusCode()).isEqualTo(200);
        assertProblem(refused, 422, "invalid_field");
        assertThat(Json.of(refused).at("/errors/0/field").textValue()).isEqualTo(section);
    }

    @Test
    void aSectionMayNotGrowBeyondSixteenKibibytes() {
        // Given
        Caller caller = Caller.fresh();
        put(caller, "{\"ui\": {\"one\": \"" + "x".repeat(9_000) + "\"}}");

        // When
        Response refused = put(caller, "{\"session\": {\"a\": 1}, \"ui\": {\"two\": \"" + "x".repeat(9_000) + "\"}}");

        // Then
        assertFields(refused, 422, "ui must have at most 16384 bytes, with what is stored already");
        assertThat(Json.of(caller.request().get("/api/user/data")).at("/preferences/session")).isEqualTo(Json.of("{}"));
    }

    @Test
    void aRequestLargerThanAnyChangeIsRefused() {
        // When
        Response refused = put(Caller.fresh(), "{\"ui\": {\"a\": \"" + "x".repeat(300_000) + "\"}}");

        // Then
        assertProblem(refused, 413, "too_large");
    }

    @Test
    void devicesThatChangeDifferentKeysAtOnceLoseNone() throws Exception {
        // Given
        Caller caller = Caller.fresh();
        List<Callable<Void>> devices = new ArrayList<>();
        for (int device = 0; device < 12; device++) {
            int number = device;
            devices.add(() -> {
                for (int i = 0; i < 10; i++) {
                    String section = number % 2 == 0 ? "ui" : "session";
                    granted(put(caller, "{\"" + section + "\": {\"d" + number + "\": {\"k" + i + "\": " + i + "}}, \"model\": {"
                            + (number % 3 == 0 ? "\"temperature\": 0.5"
                                    : number % 3 == 1 ? "\"system_prompt\": \"x\""
                                            : "\"allowed_models\": [\"m\"]")
                            + "}}"));
                }
                return null;
            });
        }

        // When
        allAtOnce(devices);

        // Then
        JsonNode preferences = Json.of(caller.request().get("/api/user/data")).path("preferences");
        for (int device = 0; device < 12; device++) {
            JsonNode section = preferences.path(device % 2 == 0 ? "ui" : "session").path("d" + device);
            assertThat(section)
                    .isEqualTo(Json.of("{\"k0\": 0, \"k1\": 1, \"k2\": 2, \"k3\": 3, \"k4\": 4, \"k5\": 5, \"k6\": 6,"
                            + " \"k7\": 7, \"k8\": 8, \"k9\": 9}"));
        }
        assertThat(preferences.path("model")).isEqualTo(Json.of("""
                {"default_model": null, "temperature": 0.50, "system_prompt": "x", "allowed_models": ["m"],
                 "personality_preset": null}"""));
    }

    // ---- Profile and activity

    @Test
    void theProfileIsTheCompleteOneFromTheDatabase() {
        // Given
        Caller caller = Caller.fresh();
        exchange(caller);

        // When
        Response profile = caller.request().get("/api/user/profile");

        // Then
        assertThat(Json.of(profile)).isEqualTo(Json.of(Sql.<String> value("select public.get_user_complete_profile(?)::text",
                caller.id())));
    }

    @Test
    void theProfileOfANewUserIsCreated() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response profile = caller.request().get("/api/user/profile");

        // Then
        assertThat(Json.of(profile).path("id").textValue()).isEqualTo(caller.id().toString());
    }

    @Test
    void syncBringsTheProfileToWhatTheAuthenticationServiceSays() {
        // Given
        Caller caller = Caller.fresh();
        caller.signIn();
        Sql.rows("update public.profiles set full_name = 'Old' where id = ?", caller.id());

        // When
        Response synced = caller.request().post("/api/user/sync");

        // Then
        assertThat(Json.of(synced)).isEqualTo(Json.of("""
                {"success": true, "updated": true, "changes": {"full_name": {"old": "Old", "new": "User %s"}}}""",
                caller.id()));
    }

    @Test
    void activityRecordsWhereItCameFrom() {
        // Given
        Caller caller = Caller.fresh();

        // When
        caller.request().header("User-Agent", "Test/1.0").header("X-Forwarded-For", "203.0.113.7").body("{\"ui\": {\"a\": 1}}")
                .put("/api/user/data").then().statusCode(200);

        // Then
        JsonNode newest = Json.of(caller.request().get("/api/user/activity")).at("/activities/0");
        assertThat(Json.without(newest, "id", "timestamp")).isEqualTo(Json.of("""
                {"action": "preferences_updated", "resource_type": "profile", "resource_id": "%s",
                 "details": {"preference_type": "ui", "keys": ["a"]}, "ip_address": "127.0.0.1", "user_agent": "Test/1.0"}""",
                caller.id()));
        assertThat(newest.path("timestamp").textValue()).matches(TIME);
    }

    @Test
    void aUserAgentOfAnyLengthAndKindIsAccepted() {
        // Given
        Caller caller = Caller.fresh();

        // When
        caller.request().header("User-Agent", "é".repeat(3_000)).post("/api/auth/session").then().statusCode(200);

        // Then
        assertThat(Sql.<Integer> value("select char_length(user_agent) from public.user_activity_log where user_id = ?",
                caller.id())).isEqualTo(1_024);
    }

    @Test
    void activityIsPagedNewestFirst() {
        // Given
        Caller caller = Caller.fresh();
        caller.signIn();
        Caller.fresh().signIn();
        Sql.rows(
                "insert into public.user_activity_log (user_id, action, timestamp) select ?, 'a' || n, timestamptz '2026-01-01'"
                        + " + (n / 3) * interval '1 microsecond' from generate_series(1, 10) n",
                caller.id());
        List<JsonNode> pages = new ArrayList<>();
        String cursor = null;

        // When
        do {
            var request = caller.request().queryParam("limit", 4);
            JsonNode page = Json
                    .of((cursor == null ? request : request.queryParam("cursor", cursor)).get("/api/user/activity"));
            pages.add(page);
            cursor = page.path("next_cursor").textValue();
        } while (cursor != null);

        // Then
        assertThat(pages).allSatisfy(page -> assertThat(page.path("count").intValue())
                .isEqualTo(page.path("activities").size()).isPositive());
        List<String> all = pages.stream().flatMap(page -> Json.texts(page.path("activities"), "action").stream()).toList();
        assertThat(all).hasSize(11).startsWith("profile_created").doesNotHaveDuplicates();
        assertThat(Sql.rows("select action from public.user_activity_log where user_id = ? order by timestamp desc, id desc",
                caller.id()).stream().map(row -> row.get("action"))).containsExactlyElementsOf(all);
    }

    @ParameterizedTest
    @CsvSource({ "limit, 0", "limit, 1001", "limit, x", "cursor, x", "cursor, WzEsMl0", "cursor, WzEsImEiXQ" })
    void anImpossiblePageIsRefused(String parameter, String value) {
        // When
        Response refused = Caller.fresh().request().queryParam(parameter, value).get("/api/user/activity");

        // Then
        assertThat(refused.statusCode()).isEqualTo(422);
        assertThat(Json.of(refused).path("code").textValue()).isIn("invalid_field", "invalid_parameter", "invalid_cursor");
    }

    private static Response put(Caller caller, String body) {
        return caller.request().body(body == null ? "" : body).put("/api/user/data");
    }

    private static void exchange(Caller caller) {
        caller.upload(List.of(Map.of("id", "s1", "messages", List.of(
                Map.of("id", "q1", "role", "user", "content", "?", "input_tokens", 3),
                Map.of("id", "a1", "role", "assistant", "content", "!", "output_tokens", 7, "model", "m/one:free")))))
                .then().statusCode(200);
    }

    private static String model(String tier, boolean active) {
        String id = "test/" + UUID.randomUUID() + ":" + tier;
        Sql.rows("insert into public.model_access (model_id, tier, is_active) values (?, ?, ?)", id, tier, active);
        return id;
    }
}

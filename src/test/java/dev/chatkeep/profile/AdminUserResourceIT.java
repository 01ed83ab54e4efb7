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
import java.util.stream.IntStream;

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
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.Tokens;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class AdminUserResourceIT {

    private static final String[] TIMES = { "created_at", "updated_at", "last_active" };
    private static final Administrator SERVICE = Administrator.service();

    @Test
    void usersAreListedWithWhatAdministratorsNeed() {
        // Given
        Caller user = known();

        // When
        Response answer = search(Tokens.email(user.id()));

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        JsonNode found = Json.of(answer).at("/users/0");
        assertThat(Json.without(found, TIMES)).isEqualTo(Json.of("""
                {"id": "%1$s", "email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                 "subscription_tier": "free", "credits": 0, "banned_at": null, "banned_until": null, "ban_reason": null}
                """, user.id()));
        assertThat(Sql.rows("""
                select email from profiles
                 where id = ? and created_at = ?::timestamptz and updated_at = ?::timestamptz and last_active = ?::timestamptz
                """, user.id(), found.path(TIMES[0]).textValue(), found.path(TIMES[1]).textValue(),
                found.path(TIMES[2]).textValue())).hasSize(1);
        assertThat(Json.without(Json.of(answer), "users")).isEqualTo(Json.of("{\"count\": 1, \"next_cursor\": null}"));
    }

    @Test
    void aPartOfTheAddressFindsAUserWhateverTheCase() {
        // Given
        Caller user = known();

        // When
        Response answer = search(user.id().toString().substring(3, 30).toUpperCase());

        // Then
        assertThat(ids(answer)).containsExactly(user.id().toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            %      | a%b@x.org
            _      | a_b@x.org
            a%     | a%b@x.org
            a_b    | a_b@x.org
            %b@    | a%b@x.org
            \\     | a\\b@x.org
            \\b    | a\\b@x.org
            a'b    | a'b@x.org
            ü      | ü@x.org
            (.*)   | (.*)@x.org
            a+b    | a+b@x.org
            """)
    void everyCharacterIsTakenLiterally(String part, String address) {
        // Given
        String name = UUID.randomUUID().toString();
        List<String> addresses = List.of("a%b@x.org", "a_b@x.org", "a\\b@x.org", "a'b@x.org", "ü@x.org", "(.*)@x.org",
                "a+b@x.org", "axb@x.org");
        addresses.forEach(each -> knownAs(name + each));

        // When
        Response answer = search(name + part);

        // Then
        List<String> expected = addresses.stream().filter(each -> each.startsWith(part)).map(each -> name + each).toList();
        assertThat(emails(answer)).containsExactlyInAnyOrderElementsOf(expected).allMatch(email -> email.contains(part));
        assertThat(emails(SERVICE.request().queryParam("email", part).queryParam("limit", 1000).get("/api/admin/users")))
                .contains(name + address).doesNotContain(name + "axb@x.org");
    }

    @Test
    void searchingForAnUnknownUserFindsNobody() {
        // Given
        String nobody = UUID.randomUUID().toString();

        // When
        Response answer = search(nobody);

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("{\"users\": [], \"count\": 0, \"next_cursor\": null}"));
    }

    @ParameterizedTest
    @CsvSource({ "free, 1", "pro, 1", "enterprise, 0", "admin, 1" })
    void theListCanBeFilteredByTier(String tier, int count) {
        // Given
        String name = UUID.randomUUID().toString();
        knownAs(name + "free@x.org");
        SERVICE.setTier(knownAs(name + "pro@x.org"), "pro");
        SERVICE.setTier(knownAs(name + "admin@x.org"), "admin");

        // When
        Response answer = SERVICE.request().queryParam("email", name).queryParam("tier", tier).get("/api/admin/users");

        // Then
        assertThat(emails(answer)).isEqualTo(count == 0 ? List.of() : List.of(name + tier + "@x.org"));
    }

    @Test
    void thePagesHoldEveryUserOnceInOrder() {
        // Given
        String name = UUID.randomUUID().toString();
        List<Caller> users = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            users.add(knownAs(name + "@x.org")); // all with one address
        }

        // When
        List<String> ids = new ArrayList<>();
        List<Integer> counts = new ArrayList<>();
        String cursor = null;
        do {
            Response page = SERVICE.request().queryParam("email", name).queryParam("limit", 2)
                    .queryParams(cursor == null ? Map.of() : Map.of("cursor", cursor)).get("/api/admin/users");
            ids.addAll(ids(page));
            counts.add(page.path("count"));
            cursor = page.path("next_cursor");
        } while (cursor != null);

        // Then
        assertThat(counts).containsExactly(2, 2, 1);
        assertThat(ids).containsExactlyElementsOf(users.stream().map(user -> user.id().toString()).sorted().toList());
    }

    @Test
    void aCursorWorksWithAddressesOfAllKinds() {
        // Given
        String name = UUID.randomUUID().toString();
        List.of("\"@x.org", "Ü@x.org", "z@x.org", "A@x.org", "a@x.org", "\uD83D\uDE00@x.org", "' or 1=1@x.org")
                .forEach(each -> knownAs(name + each));
        List<String> all = emails(search(name));

        // When
        List<String> paged = new ArrayList<>();
        String cursor = null;
        do {
            Response page = SERVICE.request().queryParam("email", name).queryParam("limit", 1)
                    .queryParams(cursor == null ? Map.of() : Map.of("cursor", cursor)).get("/api/admin/users");
            paged.addAll(emails(page));
            cursor = page.path("next_cursor");
        } while (cursor != null);

        // Then
        assertThat(paged).hasSize(7).isEqualTo(all);
    }

    @Test
    void aLastPageThatIsExactlyFullHasNoCursor() {
        // Given
        String name = UUID.randomUUID().toString();
        knownAs(name + "1@x.org");
        knownAs(name + "2@x.org");

        // When
        Response answer = SERVICE.request().queryParam("email", name).queryParam("limit", 2).get("/api/admin/users");

        // Then
        assertThat(answer.<Integer> path("count")).isEqualTo(2);
        assertThat(answer.<String> path("next_cursor")).isNull();
    }

    @Test
    void aPageHasFiftyUsersByDefault() {
        // Given
        String name = UUID.randomUUID().toString();
        Sql.rows("""
                insert into auth.users (id, email) select gen_random_uuid(), ? || i || '@x.org' from generate_series(1, 51) i
                """, name);

        // When
        Response answer = search(name);

        // Then
        assertThat(answer.<Integer> path("count")).isEqualTo(50);
        assertThat(answer.<String> path("next_cursor")).isNotBlank();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            limit=0       | limit must be greater than or equal to 1
            limit=1001    | limit must be less than or equal to 1000
            tier=gold     | tier must be free, pro, enterprise or admin
            tier=Pro      | tier must be free, pro, enterprise or admin
            email=%00     | email must not hold the character NUL
            """)
    void aWrongParameterIsRefused(String query, String complaint) {
        // Given
        String path = "/api/admin/users?" + query;

        // When
        Response answer = SERVICE.request().urlEncodingEnabled(false).get(path);

        // Then
        assertFields(answer, 422, complaint);
    }

    @Test
    void anAddressHas255CharactersAtTheMost() {
        // Given
        String address = "x".repeat(256);

        // When
        Response answer = search(address);

        // Then
        assertFields(answer, 422, "email must have at most 255 characters");
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "W10", "e30", "WyJhIl0", "WyJhIiwiYiJd", "WzEsMl0", "%00", "null" })
    void aWrongCursorIsRefused(String cursor) {
        // Given
        String path = "/api/admin/users?cursor=" + cursor;

        // When
        Response answer = SERVICE.request().urlEncodingEnabled(false).get(path);

        // Then
        assertProblem(answer, 422, "invalid_cursor");
    }

    @ParameterizedTest
    @ValueSource(strings = { "limit=x", "limit=1.5", "limit=99999999999" })
    void aLimitThatIsNotANumberIsRefused(String query) {
        // Given
        String path = "/api/admin/users?" + query;

        // When
        Response answer = SERVICE.request().get(path);

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @Test
    void aUserIsShownWithProfileAndUsage() {
        // Given
        Caller user = Chat.started();
        String model = Models.open("free", "0.01", "0.1");
        Chat.store(user, Chat.question("q1", model, 3));
        Chat.store(user, Chat.answer("a1", "q1", model, 5));

        // When
        Response answer = SERVICE.request().get("/api/admin/users/" + user.id());

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        JsonNode body = Json.of(answer);
        assertThat(body.fieldNames()).toIterable().containsExactlyInAnyOrder("profile", "usage");
        assertThat(body.path("profile")).isEqualTo(Json.of(user.request().get("/api/user/profile")));
        assertThat(body.path("usage")).isEqualTo(Chat.usage(user, "summary"));
        assertThat(body.at("/usage/all_time/estimated_cost").decimalValue()).isEqualByComparingTo("0.53");
    }

    @ParameterizedTest
    @CsvSource({ "GET, ''", "GET, /usage", "PATCH, ''" })
    void anUnknownUserIsNotFound(String method, String suffix) {
        // Given
        String path = "/api/admin/users/" + UUID.randomUUID() + suffix;

        // When
        Response answer = SERVICE.request().body("{\"credits\": 1}").request(method, path);

        // Then
        assertProblem(answer, 404, "user_not_found");
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "1", "%27%20or%201=1", "00000000-0000-0000-0000-00000000000x", "x/usage" })
    void aMalformedUserIdIsRefused(String id) {
        // Given
        String path = "/api/admin/users/" + id;

        // When
        Response answer = SERVICE.request().urlEncodingEnabled(false).get(path);

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @Test
    void theUsageOfOneUserIsThatOfTheUserThemselves() {
        // Given
        Caller user = known();
        Caller other = known();
        insertDay(user, "2025-03-02", 1);
        insertDay(other, "2025-03-02", 10);

        // When
        Response answer = SERVICE.request().get("/api/admin/users/" + user.id() + "/usage?from=2025-03-01&to=2025-03-03");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of(user.request().get("/api/usage/daily?from=2025-03-01&to=2025-03-03")));
        assertThat(Json.of(answer).at("/total/messages_sent").intValue()).isEqualTo(1);
        assertThat(Json.of(answer).path("days")).hasSize(3);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            from=2025-01-02&to=2025-01-01 | from must not be after to
            from=2024-01-01&to=2025-01-01 | from must be at most 365 days before to
            to=1969-12-31                 | to must be a day from 1970-01-01 to 9999-12-31
            """)
    void whatIsNoRangeIsRefused(String range, String complaint) {
        // Given
        Caller user = known();

        // When
        Response answer = SERVICE.request().get("/api/admin/users/" + user.id() + "/usage?" + range);

        // Then
        assertFields(answer, 422, complaint);
    }

    @Test
    void whoIsBannedOnlyReadsAndDeletes() {
        // Given
        Caller user = known();
        user.hasSession("s1", "A title");
        Administrator administrator = Administrator.fresh();

        // When
        Response answer = administrator.change(user, "{\"banned_until\": \"2999-01-01T00:00:00Z\", \"ban_reason\": \"Spam\"}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Json.of(answer).at("/user/banned_until").textValue()).isEqualTo("2999-01-01T00:00:00.000Z");
        assertThat(Json.of(answer).at("/user/ban_reason").textValue()).isEqualTo("Spam");
        assertThat(Json.of(answer).at("/user/banned_at").isTextual()).isTrue();
        for (Response refused : List.of(user.createSession("s2", "Another"), user.rename("s1", "Renamed"),
                user.post("s1", Map.of("id", "m1", "role", "user", "content", "Hello")),
                user.upload(List.of(Map.of("id", "s3"))),
                user.signIn(), user.request().body(Map.of("ui", Map.of("theme", "dark"))).put("/api/user/data"),
                user.request().body(Map.of("message", "Hello")).post("/api/chat"),
                user.request().body(Map.of("model", "any", "messages", List.of(Map.of("role", "user", "content", "Hello"))))
                        .post("/v1/chat/completions"))) {
            assertThat(refused.statusCode()).as(refused.asString()).isEqualTo(403);
            assertThat(refused.asString()).contains("account_banned");
        }
        for (Response allowed : List.of(user.listSessions(), user.download(), user.request().get("/api/user/data"),
                user.request().get("/api/user/export"), user.delete("s1"), user.clearAll())) {
            assertThat(allowed.statusCode()).as(allowed.asString()).isEqualTo(200);
        }
        assertThat(Json.of(user.request().get("/api/user/activity")).toString()).contains("user_banned", "Spam");
    }

    @Test
    void whoseBanEndsMayDoAllAgain() {
        // Given
        Caller user = known();
        granted(SERVICE.change(user, "{\"banned_until\": \"2999-01-01T00:00:00Z\"}"));

        // When
        Response answer = SERVICE.change(user, "{\"banned_until\": null}");

        // Then
        assertThat(Json.of(answer).at("/user/banned_until").isNull()).isTrue();
        assertThat(user.createSession("s2", "Another").statusCode()).isEqualTo(201);
        assertThat(Json.of(user.request().get("/api/user/activity")).toString()).contains("user_unbanned");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{\"banned_until\": \"tomorrow\"}", "{\"ban_reason\": \"Spam\"}",
            "{\"banned_until\": null, \"ban_reason\": \"Spam\"}" })
    void aBanThatIsNotValidIsRefused(String body) {
        // Given
        Caller user = known();

        // When
        Response answer = SERVICE.change(user, body);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(422);
    }

    @Test
    void tierAndCreditsAreChangedTogether() {
        // Given
        Caller user = known();

        // When
        Response answer = SERVICE.change(user, "{\"subscription_tier\": \"pro\", \"credits\": 100}");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        JsonNode body = Json.of(answer);
        assertThat(Json.without(body, "user")).isEqualTo(Json.of("""
                {"success": true, "old_tier": "free", "old_credits": 0}
                """));
        assertThat(Json.without(body.path("user"), TIMES)).isEqualTo(Json.of("""
                {"id": "%1$s", "email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                 "subscription_tier": "pro", "credits": 100, "banned_at": null, "banned_until": null, "ban_reason": null}
                """, user.id()));
        assertThat(tierAndCredits(user)).isEqualTo("pro 100");
    }

    @ParameterizedTest
    @ValueSource(strings = { "free", "pro", "enterprise", "admin" })
    void everyTierCanBeGiven(String tier) {
        // Given
        Caller user = known();
        granted(SERVICE.change(user, "{\"subscription_tier\": \"enterprise\", \"credits\": 7}"));

        // When
        Response answer = SERVICE.change(user, "{\"subscription_tier\": \"" + tier + "\"}");

        // Then
        assertThat(answer.<String> path("old_tier")).isEqualTo("enterprise");
        assertThat(tierAndCredits(user)).isEqualTo(tier + " 7");
    }

    @ParameterizedTest
    @ValueSource(ints = { 0, 1, Integer.MAX_VALUE })
    void creditsAreWholeNumbers(int credits) {
        // Given
        Caller user = known();
        SERVICE.setTier(user, "pro");

        // When
        Response answer = SERVICE.change(user, "{\"credits\": " + credits + "}");

        // Then
        assertThat(answer.<Integer> path("user.credits")).isEqualTo(credits);
        assertThat(tierAndCredits(user)).isEqualTo("pro " + credits);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"subscription_tier": "gold"}             | subscription_tier must be free, pro, enterprise or admin
            {"subscription_tier": "Pro"}              | subscription_tier must be free, pro, enterprise or admin
            {"subscription_tier": ""}                 | subscription_tier must be free, pro, enterprise or admin
            {"subscription_tier": 1}                  | subscription_tier has the wrong type
            {"subscription_tier": ["pro"]}            | subscription_tier has the wrong type
            {"subscription_tier": null}               | subscription_tier must not be null
            {"credits": -1}                           | credits must be greater than or equal to 0
            {"credits": 2147483648}                   | credits has the wrong type
            {"credits": 1.5}                          | credits has the wrong type
            {"credits": 1.05e1}                       | credits has the wrong type
            {"credits": "5"}                          | credits has the wrong type
            {"credits": true}                         | credits has the wrong type
            {"credits": null}                         | credits must not be null
            {"credits": 5, "subscription_tier": null} | subscription_tier must not be null
            {"credits": 5, "email": "x@x.org"}        | email is not known
            {"id": "x"}                               | id is not known
            {"subscriptionTier": "pro"}               | subscriptionTier is not known
            {"tier": "pro"}                           | tier is not known
            {}                                        | must name something to change
            []                                        | has the wrong type
            5                                         | has the wrong type
            "pro"                                     | has the wrong type
            """)
    void aWrongChangeIsRefusedAndChangesNothing(String body, String complaint) {
        // Given
        Caller user = known();
        String before = Stored.versions(user);

        // When
        Response answer = SERVICE.change(user, body);

        // Then
        assertFields(answer, 422, complaint);
        assertThat(Stored.versions(user)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "null" })
    void aChangeWithoutABodyIsRefused(String body) {
        // Given
        Caller user = known();

        // When
        Response answer = SERVICE.change(user, body);

        // Then
        assertFields(answer, 400, "body is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{", "credits=5", "{\"credits\": 5}}", "{\"credits\": 05}", "{\"credits\": 5,}" })
    void aBodyThatIsNotJsonIsRefused(String body) {
        // Given
        Caller user = known();

        // When
        Response answer = SERVICE.change(user, body);

        // Then
        assertProblem(answer, 400, "invalid_request");
        assertThat(tierAndCredits(user)).isEqualTo("free 0");
    }

    @Test
    void aChangeIsInTheUsersLogWithWhoMadeIt() {
        // Given
        Caller user = known();
        Administrator administrator = Administrator.fresh();

        // When
        administrator.change(user, "{\"subscription_tier\": \"pro\", \"credits\": 100}").then().statusCode(200);

        // Then
        JsonNode activity = Stored.of(user, "activity");
        assertThat(activity.get(1)).isEqualTo(Json.of("""
                {"action": "tier_updated", "resource_type": "profile", "resource_id": "%s",
                 "details": {"old_tier": "free", "new_tier": "pro", "actor": {"role": "admin", "id": "%s"}}}
                """, user.id(), administrator.id()));
        assertThat(activity.get(2)).isEqualTo(Json.of("""
                {"action": "credits_updated", "resource_type": "profile", "resource_id": "%s",
                 "details": {"old_credits": 0, "new_credits": 100, "actor": {"role": "admin", "id": "%s"}}}
                """, user.id(), administrator.id()));
        assertThat(activity).hasSize(3);
        assertThat(Json.texts(Json.of(user.request().get("/api/user/activity")).path("activities"), "action"))
                .containsExactly("credits_updated", "tier_updated", "profile_created");
    }

    @Test
    void aChangeByTheServiceIsLoggedAsItsOwn() {
        // Given
        Caller user = known();

        // When
        SERVICE.change(user, "{\"credits\": 100}").then().statusCode(200);

        // Then
        assertThat(Stored.of(user, "activity").get(1).at("/details/actor"))
                .isEqualTo(Json.of("{\"role\": \"service_role\", \"id\": null}"));
    }

    @Test
    void aChangeDoesNotAppearInTheLogOfTheAdministrator() {
        // Given
        Caller user = known();
        Administrator administrator = Administrator.fresh();
        granted(administrator.request().post("/api/auth/session"));

        // When
        administrator.change(user, "{\"credits\": 100}").then().statusCode(200);

        // Then
        assertThat(Json.texts(Stored.of(administrator.asUser(), "activity"), "action"))
                .containsExactly("profile_created");
    }

    @Test
    void makingAChangeDoesNotTurnAnAdministratorIntoAUser() {
        // Given
        Caller user = known();
        Administrator administrator = Administrator.fresh();

        // When
        administrator.change(user, "{\"credits\": 100}").then().statusCode(200);

        // Then
        assertThat(Sql.rows("select id from profiles where id = ?", administrator.id())).isEmpty();
    }

    @Test
    void administratorsMayChangeThemselves() {
        // Given
        Administrator administrator = Administrator.fresh();
        Caller self = administrator.asUser();
        self.hasSignedIn();

        // When
        Response answer = administrator.change(self, "{\"subscription_tier\": \"enterprise\"}");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(tierAndCredits(self)).isEqualTo("enterprise 0");
    }

    @Test
    void otherUsersAreNotChanged() {
        // Given
        Caller user = known();
        Caller other = known();
        String before = Stored.versions(other);

        // When
        SERVICE.change(user, "{\"subscription_tier\": \"pro\", \"credits\": 100}").then().statusCode(200);

        // Then
        assertThat(Stored.versions(other)).isEqualTo(before);
    }

    @Test
    void theUserSeesTheChangeAtOnce() {
        // Given
        Caller user = known();

        // When
        SERVICE.change(user, "{\"subscription_tier\": \"pro\", \"credits\": 100}").then().statusCode(200);

        // Then
        JsonNode profile = Json.of(user.request().get("/api/user/data")).path("profile");
        assertThat(profile.path("subscription_tier").textValue()).isEqualTo("pro");
        assertThat(profile.path("credits").intValue()).isEqualTo(100);
    }

    @Test
    void signingInAgainKeepsTierAndCredits() {
        // Given
        Caller user = known();
        granted(SERVICE.change(user, "{\"subscription_tier\": \"pro\", \"credits\": 100}"));

        // When
        Response answer = user.signIn();

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(tierAndCredits(user)).isEqualTo("pro 100");
    }

    @Test
    void changesAtTheSameTimeAreLoggedOneAfterTheOther() throws Exception {
        // Given
        Caller user = known();
        List<Callable<Integer>> changes = new ArrayList<>();
        IntStream.rangeClosed(1, 8).forEach(i -> changes
                .add(() -> SERVICE.change(user, "{\"credits\": " + i + "}").statusCode()));

        // When
        List<Integer> answers = allAtOnce(changes);

        // Then
        assertThat(answers).containsOnly(200);
        List<Integer> expected = new ArrayList<>(List.of(0));
        List<Integer> old = new ArrayList<>();
        for (JsonNode entry : Stored.of(user, "activity")) {
            if (entry.path("action").textValue().equals("credits_updated")) {
                old.add(entry.at("/details/old_credits").intValue());
                expected.add(entry.at("/details/new_credits").intValue());
            }
        }
        assertThat(old).isEqualTo(expected.subList(0, 8));
        assertThat(tierAndCredits(user)).isEqualTo("free " + expected.get(8));
    }

    @Test
    void tierAndCreditsAtTheSameTimeAreBothKept() throws Exception {
        // Given
        Caller user = known();
        List<Callable<Integer>> changes = List.of(
                () -> SERVICE.change(user, "{\"credits\": 100}").statusCode(),
                () -> SERVICE.change(user, "{\"subscription_tier\": \"pro\"}").statusCode(),
                () -> user.createSession("s1", "A title").statusCode());

        // When
        List<Integer> answers = allAtOnce(changes);

        // Then
        assertThat(answers).containsExactly(200, 200, 201);
        assertThat(tierAndCredits(user)).isEqualTo("pro 100");
    }

    @Test
    void onlyJsonIsRead() {
        // Given
        Caller user = known();

        // When
        Response answer = SERVICE.request().contentType("text/plain").body("{\"credits\": 5}")
                .patch("/api/admin/users/" + user.id());

        // Then
        assertProblem(answer, 415, "unsupported_media_type");
    }

    @ParameterizedTest
    @ValueSource(strings = { "PUT", "DELETE", "POST" })
    void usersCannotBeCreatedOrDeleted(String method) {
        // Given
        Caller user = known();

        // When
        Response answer = SERVICE.request().request(method, "/api/admin/users/" + user.id());

        // Then
        assertProblem(answer, 405, "method_not_allowed");
    }

    private static Caller known() {
        Caller user = Caller.fresh();
        user.signIn().then().statusCode(200);
        return user;
    }

    private static Caller knownAs(String email) {
        Caller user = Caller.fresh();
        String token = Tokens.claims(user.id()).claim("email", email).sign(Tokens.secretKey());
        RestAssured.given().auth().oauth2(token).post("/api/auth/session").then().statusCode(200);
        return user;
    }

    private static Response search(String email) {
        return SERVICE.request().queryParam("email", email).get("/api/admin/users");
    }

    private static List<String> ids(Response list) {
        assertThat(list.statusCode()).as(list.asString()).isEqualTo(200);
        return Json.texts(Json.of(list).path("users"), "id");
    }

    private static List<String> emails(Response list) {
        assertThat(list.statusCode()).as(list.asString()).isEqualTo(200);
        return Json.texts(Json.of(list).path("users"), "email");
    }

    private static String tierAndCredits(Caller user) {
        return Sql.value("select subscription_tier || ' ' || credits from profiles where id = ?", user.id());
    }

    private static void insertDay(Caller user, String day, int messages) {
        Sql.rows("insert into user_usage_daily (user_id, usage_date, messages_sent) values (?, ?::date, ?)", user.id(), day,
                messages);
    }
}

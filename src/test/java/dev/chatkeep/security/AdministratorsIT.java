package dev.chatkeep.security;

import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

import javax.crypto.spec.SecretKeySpec;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.RawToken;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.Tokens;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.smallrye.jwt.build.JwtClaimsBuilder;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class AdministratorsIT {

    private static final String HEADER = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    private static final byte[] SECRET = Tokens.SECRET.getBytes(StandardCharsets.UTF_8);

    /**
     * A call that administrators alone may make.
     *
     * @param path with {@code %u} for a user and {@code %m} for a row of model access
     * @param body likewise with {@code %n} for a new model, or null
     */
    record Call(String method, String path, String body, int status) {

        Response send(String authorization, Caller user, String row, String newModel) {
            var request = RestAssured.given().contentType(ContentType.JSON);
            if (authorization != null) {
                request.header("Authorization", authorization);
            }
            if (body != null) {
                request.body(body.replace("%n", newModel));
            }
            return request.request(method, path.replace("%u", user.id().toString()).replace("%m", row));
        }

        @Override
        public String toString() {
            return method + " " + path;
        }
    }

    static Stream<Call> calls() {
        return Stream.of(
                new Call("GET", "/api/admin/users", null, 200),
                new Call("GET", "/api/admin/users/%u", null, 200),
                new Call("PATCH", "/api/admin/users/%u", "{\"subscription_tier\": \"pro\", \"credits\": 5}", 200),
                new Call("GET", "/api/admin/users/%u/usage", null, 200),
                new Call("GET", "/api/admin/models", null, 200),
                new Call("POST", "/api/admin/models", "{\"model_id\": \"%n\", \"tier\": \"free\"}", 201),
                new Call("PATCH", "/api/admin/models/%m", "{\"daily_limit\": 5}", 200),
                new Call("DELETE", "/api/admin/models/%m", null, 200),
                new Call("PUT", "/api/admin/models/catalog?tier=free",
                        "{\"data\": [{\"id\": \"%n\", \"pricing\": {\"prompt\": \"0\", \"completion\": \"0\"}}]}", 200),
                new Call("GET", "/api/admin/health", null, 200),
                new Call("GET", "/api/admin/stats", null, 200),
                new Call("GET", "/api/admin/overview", null, 200),
                new Call("POST", "/api/admin/maintenance/cleanup", "{\"days_to_keep\": 36500}", 200));
    }

    @Test
    void thisTestKnowsEveryCall() {
        // Given
        List<String> described = new ArrayList<>();

        // When
        JsonNode paths = Json.of(RestAssured.given().get("/q/openapi?format=json")).path("paths");

        // Then
        paths.fields().forEachRemaining(path -> path.getValue().fieldNames().forEachRemaining(method -> {
            if (path.getKey().startsWith("/api/admin")) {
                described.add(method.toUpperCase() + " " + path.getKey());
            }
        }));
        assertThat(described).containsExactlyInAnyOrder(calls().map(call -> call.toString().replace("?tier=free", "")
                .replace("%u", "{id}").replace("%m", "{id}")).toArray(String[]::new));
    }

    @ParameterizedTest(name = "{0}: {2}")
    @MethodSource("callsOfThoseWhoMay")
    void administratorsAndTheServiceMayMakeTheCall(String who, String token, Call call) {
        // Given
        Caller user = known();
        String row = Models.open(Models.freshId(), "free", "0", "0");

        // When
        Response answer = call.send("Bearer " + token, user, row, Models.freshId());

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(call.status());
    }

    static Stream<Arguments> callsOfThoseWhoMay() {
        return calls().flatMap(call -> Stream.of(
                Arguments.of("a user whom the issuer calls an administrator", Administrator.fresh().token(), call),
                Arguments.of("the service with a key that names nobody", Administrator.service().token(), call),
                Arguments.of("the service with a token that names a user",
                        signed(claims -> claims.claim("role", "service_role")), call)));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("callsOfThoseWhoMayNot")
    void nobodyElseMayMakeTheCallOrChangeAnything(Intruder intruder, Call call) {
        // Given
        Caller user = known();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0", "0");
        String newModel = Models.freshId();
        String before = versions(user, model, newModel);

        // When
        Response answer = call.send(intruder.authorization().apply(user), user, row, newModel);

        // Then
        assertProblem(answer, intruder.status(), intruder.code());
        assertThat(versions(user, model, newModel)).isEqualTo(before);
    }

    static Stream<Arguments> callsOfThoseWhoMayNot() {
        String forged = RawToken.sign(HEADER, "{\"role\":\"service_role\",\"exp\":" + (now() + 3600) + "}", "HmacSHA256",
                "another-secret-that-is-long-enough-0123456789".getBytes(StandardCharsets.UTF_8));
        return calls().flatMap(call -> Stream.of(
                new Intruder("an ordinary user", user -> "Bearer " + Tokens.of(user.id()), 403, "forbidden"),
                new Intruder("nobody, without a token", user -> null, 401, "unauthorized"),
                new Intruder("nobody, with a forged key of the service", user -> "Bearer " + forged, 401, "invalid_token"))
                .map(intruder -> Arguments.of(intruder, call)));
    }

    /** Who tries to make calls, perhaps about themselves, and how that is refused. */
    record Intruder(String name, Function<Caller, String> authorization, int status, String code) {

        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Arguments> ordinaryTokens() {
        return Stream.of(
                Arguments.of("says so where users write",
                        signed(claims -> claims.claim("user_metadata", Map.of("role", "admin")))),
                Arguments.of("says so where users write, in full",
                        signed(claims -> claims.claim("user_metadata", Map.of("app_metadata", Map.of("role", "admin"))))),
                Arguments.of("is in the group of administrators", signed(claims -> claims.groups("administrator"))),
                Arguments.of("is in many groups",
                        signed(claims -> claims.groups(Set.of("admin", "administrator", "service_role", "**")))),
                Arguments.of("has roles", signed(claims -> claims.claim("roles", List.of("administrator", "admin")))),
                Arguments.of("has a realm's roles",
                        signed(claims -> claims.claim("realm_access", Map.of("roles", List.of("administrator", "admin"))))),
                Arguments.of("has scopes", signed(claims -> claims.claim("scope", "administrator admin"))),
                Arguments.of("has permissions", signed(claims -> claims.claim("permissions", List.of("administrator")))),
                Arguments.of("has a tier", signed(claims -> claims.claim("subscription_tier", "admin"))),
                Arguments.of("has a tier that the issuer wrote",
                        signed(claims -> claims.claim("app_metadata", Map.of("subscription_tier", "admin")))),
                Arguments.of("has a claim with a dot", signed(claims -> claims.claim("app_metadata.role", "admin"))),
                Arguments.of("has another role", appMetadata("user")),
                Arguments.of("has the role of the service in the wrong place", appMetadata("service_role")),
                Arguments.of("has the name of the service's own role", appMetadata("administrator")),
                Arguments.of("in capitals", appMetadata("ADMIN")),
                Arguments.of("with a capital", appMetadata("Admin")),
                Arguments.of("with a space before", appMetadata(" admin")),
                Arguments.of("with a space behind", appMetadata("admin ")),
                Arguments.of("with a quotation mark", appMetadata("\"admin\"")),
                Arguments.of("with a letter that looks the same", appMetadata("\u0430dmin")),
                Arguments.of("empty", appMetadata("")),
                Arguments.of("a list", appMetadata(List.of("admin"))),
                Arguments.of("an object", appMetadata(Map.of("admin", true))),
                Arguments.of("true", appMetadata(true)),
                Arguments.of("a number", appMetadata(1)),
                Arguments.of("null", RawToken.sign(HEADER, payload("\"app_metadata\":{\"role\":null}"))),
                Arguments.of("deeper",
                        signed(claims -> claims.claim("app_metadata", Map.of("app_metadata", Map.of("role", "admin"))))),
                Arguments.of("in a name in capitals", signed(claims -> claims.claim("app_metadata", Map.of("Role", "admin")))),
                Arguments.of("as roles", signed(claims -> claims.claim("app_metadata", Map.of("roles", List.of("admin"))))),
                Arguments.of("as text", signed(claims -> claims.claim("app_metadata", "{\"role\":\"admin\"}"))),
                Arguments.of("in a list", signed(claims -> claims.claim("app_metadata", List.of(Map.of("role", "admin"))))),
                Arguments.of("as the metadata", signed(claims -> claims.claim("app_metadata", "admin"))),
                Arguments.of("metadata is null", RawToken.sign(HEADER, payload("\"app_metadata\":null"))),
                Arguments.of("metadata is empty", signed(claims -> claims.claim("app_metadata", Map.of()))));
    }

    static Stream<Arguments> tokensOfOthers() {
        return Stream.concat(
                ordinaryTokens().map(token -> Arguments.of(token.get()[0], token.get()[1], 403, "forbidden")),
                refusedTokens().map(token -> Arguments.of(token.get()[0], token.get()[1], 401, "invalid_token")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("tokensOfOthers")
    void noOtherTokenMakesAnAdministrator(String name, String token, int status, String code) {
        // Given
        Caller user = known();

        // When
        Response answer = giveCredits(token, user);

        // Then
        assertProblem(answer, status, code);
        assertThat(credits(user)).isZero();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("ordinaryTokens")
    void theDatabaseAcceptsNoOtherClaimAsAnAdministrator(String name, String token) throws Exception {
        // Given
        String claims = new String(Base64.getUrlDecoder().decode(token.split("\\.")[1]), StandardCharsets.UTF_8);
        try (var connection = Sql.connect()) {
            connection.setAutoCommit(false);
            Sql.rows(connection, "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', ?, true)",
                    claims);

            // When
            List<Map<String, Object>> answer = Sql.rows(connection,
                    "select chatkeep.is_admin() or chatkeep.is_service() as may");

            // Then
            assertThat(answer).containsExactly(Map.of("may", false));
            connection.rollback();
        }
    }

    @Test
    void theHighestTierDoesNotMakeAnAdministrator() {
        // Given
        Caller user = known();
        Administrator.service().setTier(user, "admin");

        // When
        Response answer = user.request().get("/api/admin/users");

        // Then
        assertProblem(answer, 403, "forbidden");
    }

    static Stream<Arguments> refusedTokens() {
        String service = Administrator.service().token();
        String[] key = service.split("\\.");
        String[] user = Tokens.of(UUID.randomUUID()).split("\\.");
        String[] administrator = Administrator.fresh().token().split("\\.");
        return Stream.of(
                Arguments.of("of the service, expired",
                        RawToken.sign(HEADER, "{\"role\":\"service_role\",\"exp\":" + (now() - 120) + "}")),
                Arguments.of("of the service, for ever", RawToken.sign(HEADER, "{\"role\":\"service_role\"}")),
                Arguments.of("of the service, not valid yet", RawToken.sign(HEADER,
                        "{\"role\":\"service_role\",\"nbf\":" + (now() + 3600) + ",\"exp\":" + (now() + 7200) + "}")),
                Arguments.of("of the service for another audience", serviceKey("\"aud\":\"somebody-else\"")),
                Arguments.of("of the service for no audience", serviceKey("\"aud\":[]")),
                Arguments.of("of the service for a user who is no UUID", serviceKey("\"sub\":\"ada\"")),
                Arguments.of("of the service for an empty user", serviceKey("\"sub\":\"\"")),
                Arguments.of("of the service for the short form of a UUID", serviceKey("\"sub\":\"1-1-1-1-1\"")),
                Arguments.of("of the service for a number", serviceKey("\"sub\":5")),
                Arguments.of("of the service twice over", serviceKey("\"role\":\"service_role\"")),
                Arguments.of("of the service with its name twice", RawToken.sign(HEADER,
                        "{\"role\":\"authenticated\",\"role\":\"service_role\",\"exp\":" + (now() + 3600) + "}")),
                Arguments.of("of the service in capitals",
                        RawToken.sign(HEADER, "{\"role\":\"SERVICE_ROLE\",\"exp\":" + (now() + 3600) + "}")),
                Arguments.of("of the service in a list",
                        RawToken.sign(HEADER, "{\"role\":[\"service_role\"],\"exp\":" + (now() + 3600) + "}")),
                Arguments.of("of the service with a space",
                        RawToken.sign(HEADER, "{\"role\":\"service_role \",\"exp\":" + (now() + 3600) + "}")),
                Arguments.of("of an unknown role",
                        RawToken.sign(HEADER, "{\"role\":\"administrator\",\"exp\":" + (now() + 3600) + "}")),
                Arguments.of("of Supabase's superuser", signed(claims -> claims.claim("role", "supabase_admin"))),
                Arguments.of("of the owner", signed(claims -> claims.claim("role", "chatkeep_owner"))),
                Arguments.of("of a user without an id",
                        RawToken.sign(HEADER, "{\"role\":\"authenticated\",\"aud\":\"authenticated\",\"exp\":"
                                + (now() + 3600) + ",\"app_metadata\":{\"role\":\"admin\"}}")),
                Arguments.of("of a user without an audience",
                        signed(claims -> claims.remove("aud").claim("app_metadata", Map.of("role", "admin")))),
                Arguments.of("says in the metadata both",
                        RawToken.sign(HEADER, payload("\"app_metadata\":{\"role\":\"user\",\"role\":\"admin\"}"))),
                Arguments.of("has two metadata", RawToken.sign(HEADER,
                        payload("\"app_metadata\":{\"role\":\"user\"},\"app_metadata\":{\"role\":\"admin\"}"))),
                Arguments.of("of a user with the payload of the service", user[0] + "." + key[1] + "." + user[2]),
                Arguments.of("of a user with the payload of an administrator",
                        user[0] + "." + administrator[1] + "." + user[2]),
                Arguments.of("of the service with another's signature", key[0] + "." + key[1] + "." + administrator[2]),
                Arguments.of("of the service without signature", key[0] + "." + key[1] + "."),
                Arguments.of("of the service with algorithm none",
                        RawToken.encode("{\"alg\":\"none\"}") + "." + key[1] + "."),
                Arguments.of("of the service with algorithm none and its signature",
                        RawToken.encode("{\"alg\":\"none\"}") + "." + key[1] + "." + key[2]),
                Arguments.of("of the service with HS512", RawToken.sign("{\"alg\":\"HS512\"}",
                        "{\"role\":\"service_role\",\"exp\":" + (now() + 3600) + "}", "HmacSHA512", SECRET)),
                Arguments.of("of an administrator with another secret",
                        Tokens.claims(UUID.randomUUID()).claim("app_metadata", Map.of("role", "admin"))
                                .sign(new SecretKeySpec(Arrays.copyOf(SECRET, SECRET.length - 1), "HmacSHA256"))),
                Arguments.of("of an administrator, expired",
                        signed(claims -> claims.claim("app_metadata", Map.of("role", "admin")).issuedAt(now() - 3600)
                                .expiresAt(now() - 120))));
    }

    static Stream<Arguments> goodTokens() {
        return Stream.of(
                Arguments.of("a key without anything else", Administrator.service().token()),
                Arguments.of("a key as Supabase makes it",
                        serviceKey("\"iss\":\"supabase\",\"ref\":\"abcdefghijklmnopqrst\",\"iat\":" + (now() - 60))),
                Arguments.of("a key with null for what it lacks", serviceKey("\"sub\":null")),
                Arguments.of("a key with the right audience", serviceKey("\"aud\":\"authenticated\"")),
                Arguments.of("a key with the right audience among others", serviceKey("\"aud\":[\"x\",\"authenticated\"]")),
                Arguments.of("a key of an administrator", serviceKey("\"app_metadata\":{\"role\":\"admin\"}")),
                Arguments.of("a key with metadata of another kind", serviceKey("\"app_metadata\":\"x\"")),
                Arguments.of("an administrator as Supabase makes them", signed(claims -> claims.claim("app_metadata",
                        Map.of("provider", "email", "providers", List.of("email"), "role", "admin")))),
                Arguments.of("an administrator with groups",
                        signed(claims -> claims.groups("nobody").claim("app_metadata", Map.of("role", "admin")))),
                Arguments.of("an administrator who says otherwise where users write", signed(claims -> claims
                        .claim("user_metadata", Map.of("role", "user")).claim("app_metadata", Map.of("role", "admin")))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("goodTokens")
    void aTokenOfAnAdministratorOpensTheAdministration(String name, String token) {
        // Given
        Caller user = known();

        // When
        Response answer = giveCredits(token, user);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(credits(user)).isEqualTo(5);
    }

    static Stream<Call> ordinaryCalls() {
        return Stream.of(
                new Call("GET", "/api/chat/sessions", null, 0),
                new Call("POST", "/api/chat/sessions", "{\"id\": \"s1\", \"title\": \"A title\"}", 0),
                new Call("PATCH", "/api/chat/sessions", "{\"id\": \"s1\", \"title\": \"A title\"}", 0),
                new Call("POST", "/api/chat/session", "{\"id\": \"s1\", \"title\": \"A title\"}", 0),
                new Call("DELETE", "/api/chat/sessions?id=s1", null, 0),
                new Call("GET", "/api/chat/messages?session_id=s1", null, 0),
                new Call("POST", "/api/chat/messages",
                        "{\"sessionId\": \"s1\", \"message\": {\"id\": \"m1\", \"role\": \"user\", \"content\": \"x\"}}", 0),
                new Call("GET", "/api/chat/sync", null, 0),
                new Call("POST", "/api/chat/sync", "{\"conversations\": [{\"id\": \"s1\", \"messages\": []}]}", 0),
                new Call("DELETE", "/api/chat/clear-all", null, 0),
                new Call("GET", "/api/user/data", null, 0),
                new Call("PUT", "/api/user/data", "{\"ui\": {\"theme\": \"dark\"}}", 0),
                new Call("GET", "/api/user/profile", null, 0),
                new Call("POST", "/api/user/sync", null, 0),
                new Call("GET", "/api/user/activity", null, 0),
                new Call("GET", "/api/user/export", null, 0),
                new Call("DELETE", "/api/user", "{\"confirm\": \"erase\"}", 0),
                new Call("GET", "/api/models", null, 0),
                new Call("GET", "/api/models/a/b:free/access", null, 0),
                new Call("GET", "/api/usage/daily", null, 0),
                new Call("GET", "/api/usage/models", null, 0),
                new Call("GET", "/api/usage/summary", null, 0));
    }

    @ParameterizedTest
    @MethodSource("ordinaryCalls")
    void aKeyWithoutAUserHasNoDataOfItsOwn(Call call) {
        // Given
        String authorization = "Bearer " + Administrator.service().token();

        // When
        Response answer = call.send(authorization, Caller.fresh(), "", "");

        // Then
        assertProblem(answer, 403, "forbidden");
    }

    @Test
    void aKeyWithoutAUserCannotSignIn() {
        // Given
        String token = Administrator.service().token();

        // When
        Response answer = RestAssured.given().auth().oauth2(token).post("/api/auth/session");

        // Then
        assertProblem(answer, 403, "forbidden");
    }

    @Test
    void anAdministratorIsAUserLikeAnyOtherInTheChat() {
        // Given
        Administrator administrator = Administrator.fresh();
        Caller ada = Caller.fresh();
        ada.hasSession("s1", "Ada's");

        // When
        Response answer = administrator.request().get("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer).path("sessions")).isEmpty();
    }

    @Test
    void anErasedAdministratorIsRefused() {
        // Given
        Administrator administrator = Administrator.fresh();
        administrator.asUser().hasSignedIn();
        Caller user = known();
        Sql.rows("select chatkeep.erase_account(?)", administrator.id());

        // When
        Response answer = administrator.change(user, "{\"credits\": 5}");

        // Then
        assertProblem(answer, 401, "account_erased");
        assertThat(credits(user)).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = { "/api/admin/users/", "/api/admin/users;x=1", "/api/admin/models/", "/api/admin/health/",
            "/api/admin/users?role=admin", "/api/admin/users/../users", "/api/%61dmin/users" })
    void noSpellingOfAPathGetsAroundTheRule(String path) {
        // Given
        Caller user = Caller.fresh();

        // When
        Response answer = user.request().urlEncodingEnabled(false).get(path);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isIn(403, 404);
        assertThat(answer.asString()).doesNotContain("\"users\":", "\"models\":", "\"tables\":");
    }

    @Test
    void aRoleClaimedInAHeaderIsIgnored() {
        // Given
        Caller user = Caller.fresh();

        // When
        Response answer = user.request().header("X-Role", "service_role").header("apikey", Administrator.service().token())
                .get("/api/admin/users");

        // Then
        assertProblem(answer, 403, "forbidden");
    }

    private static Response giveCredits(String token, Caller user) {
        return RestAssured.given().auth().oauth2(token).contentType(ContentType.JSON).body("{\"credits\": 5}")
                .patch("/api/admin/users/" + user.id());
    }

    private static int credits(Caller user) {
        return Sql.<Integer> value("select credits from profiles where id = ?", user.id());
    }

    private static Caller known() {
        Caller user = Caller.fresh();
        user.hasSignedIn();
        return user;
    }

    private static String versions(Caller user, String... models) {
        return Stored.versions(user) + Sql.value("select string_agg(xmin || '/' || ctid, ', ') from model_access"
                + " where model_id = any (?)", (Object) models);
    }

    private static String signed(UnaryOperator<JwtClaimsBuilder> change) {
        return change.apply(Tokens.claims(UUID.randomUUID())).sign(Tokens.secretKey());
    }

    private static String appMetadata(Object role) {
        return signed(claims -> claims.claim("app_metadata", Map.of("role", role)));
    }

    private static long now() {
        return Instant.now().getEpochSecond();
    }

    private static String payload(String more) {
        return "{\"sub\":\"" + UUID.randomUUID() + "\",\"aud\":\"authenticated\",\"role\":\"authenticated\",\"exp\":"
                + (now() + 3600) + "," + more + "}";
    }

    private static String serviceKey(String more) {
        return RawToken.sign(HEADER, "{\"role\":\"service_role\",\"exp\":" + (now() + 3600) + "," + more + "}");
    }
}

package dev.chatkeep.profile;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.Tokens;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;
import io.smallrye.jwt.build.JwtClaimsBuilder;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class SignInResourceIT {

    private static final String EMOJI = "\uD83D\uDE00";

    @Test
    void signingInForTheFirstTimeReturnsANewProfile() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.signIn();

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.without(Json.of(answer), "created_at", "updated_at", "last_active")).isEqualTo(Json.of("""
                {"id": "%1$s", "email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                 "subscription_tier": "free", "credits": 0}
                """, caller.id()));
        assertThat(Sql.rows("""
                select email from profiles
                 where id = ? and created_at = ?::timestamptz and updated_at = ?::timestamptz and last_active = ?::timestamptz
                """, caller.id(), answer.path("created_at"), answer.path("updated_at"), answer.path("last_active")))
                .containsExactly(Map.of("email", Tokens.email(caller.id())));
    }

    @Test
    void signingInForTheFirstTimeIsStoredAndLogged() {
        // Given
        Caller caller = Caller.fresh();

        // When
        caller.signIn().then().statusCode(200);

        // Then
        assertThat(Stored.of(caller)).isEqualTo(Json.of("""
                {"profile": {"email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                             "subscription_tier": "free",
                             "usage_stats": {"total_messages": 0, "total_tokens": 0, "sessions_created": 0}},
                 "activity": [{"action": "profile_created", "resource_type": "profile", "resource_id": "%1$s", "details": {}}],
                 "sessions": [], "messages": [], "usage": null}
                """, caller.id()));
        assertThat(Sql.rows("""
                select email, raw_user_meta_data::text as metadata, raw_app_meta_data::text as rights,
                       last_sign_in_at is not null as signed_in
                  from auth.users where id = ?
                """, caller.id())).containsExactly(Map.of("email", Tokens.email(caller.id()),
                "metadata", "{\"full_name\": \"User " + caller.id() + "\"}", "rights", "{}", "signed_in", true));
    }

    @Test
    void signingInAgainUpdatesTheProfileFromTheNewClaims() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSignedIn();

        // When
        Response answer = signIn(Tokens.claims(caller.id())
                .claim("email", "new-" + caller.id() + "@example.org")
                .claim("user_metadata", Map.of("full_name", "Ada", "avatar_url", "https://example.org/ada.png")));

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.without(Json.of(answer), "created_at", "updated_at", "last_active")).isEqualTo(Json.of("""
                {"id": "%1$s", "email": "new-%1$s@example.org", "full_name": "Ada",
                 "avatar_url": "https://example.org/ada.png", "subscription_tier": "free", "credits": 0}
                """, caller.id()));
        assertThat(Stored.of(caller)).isEqualTo(Json.of("""
                {"profile": {"email": "new-%1$s@example.org", "full_name": "Ada", "avatar_url": "https://example.org/ada.png",
                             "subscription_tier": "free",
                             "usage_stats": {"total_messages": 0, "total_tokens": 0, "sessions_created": 0}},
                 "activity": [{"action": "profile_created", "resource_type": "profile", "resource_id": "%1$s", "details": {}},
                              {"action": "profile_synced", "resource_type": "profile", "resource_id": "%1$s",
                               "details": {"changed": ["avatar_url", "email", "full_name"]}}],
                 "sessions": [], "messages": [], "usage": null}
                """, caller.id()));
    }

    @Test
    void signingInAgainUpdatesTheLastActivity() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSignedIn();
        Sql.rows("update profiles set last_active = '2026-01-01Z', created_at = '2025-01-01Z' where id = ?", caller.id());

        // When
        Response answer = caller.signIn();

        // Then
        assertThat(answer.<String> path("created_at")).isEqualTo("2025-01-01T00:00:00.000Z");
        assertThat(Sql.rows("""
                select p.last_active = p.updated_at as active, p.updated_at > '2026-01-01Z' as updated,
                       u.last_sign_in_at = u.updated_at as signed_in
                  from profiles p join auth.users u on u.id = p.id
                 where p.id = ?
                """, caller.id())).containsExactly(Map.of("active", true, "updated", true, "signed_in", true));
    }

    @Test
    void signingInOftenIsLoggedOnce() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSignedIn();
        caller.hasSignedIn();

        // When
        caller.signIn().then().statusCode(200);

        // Then
        assertThat(Stored.of(caller, "activity")).isEqualTo(Json.of("""
                [{"action": "profile_created", "resource_type": "profile", "resource_id": "%1$s", "details": {}},
                 {"action": "profile_synced", "resource_type": "profile", "resource_id": "%1$s", "details": {"changed": []}}]
                """, caller.id()));
    }

    @Test
    void aNewAddressIsAlwaysLogged() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSignedIn();
        caller.hasSignedIn();

        // When
        signIn(Tokens.claims(caller.id()).claim("email", "new@example.org")).then().statusCode(200);

        // Then
        assertThat(Json.texts(Stored.of(caller, "activity"), "action")).containsExactly("profile_created", "profile_synced",
                "profile_synced");
        assertThat(Stored.of(caller, "activity").at("/2/details")).isEqualTo(Json.of("{\"changed\": [\"email\"]}"));
    }

    @Test
    void fieldsThatTheTokenDoesNotMentionAreKept() {
        // Given
        Caller caller = Caller.fresh();
        granted(signIn(Tokens.claims(caller.id()).claim("user_metadata",
                Map.of("full_name", "Ada", "avatar_url", "https://a/b.png"))));

        // When
        Response answer = signIn(Tokens.claims(caller.id()).remove("email").remove("user_metadata"));

        // Then
        assertThat(Json.without(Json.of(answer), "created_at", "updated_at", "last_active")).isEqualTo(Json.of("""
                {"id": "%1$s", "email": "%1$s@example.org", "full_name": "Ada", "avatar_url": "https://a/b.png",
                 "subscription_tier": "free", "credits": 0}
                """, caller.id()));
    }

    @Test
    void claimNamesOfOtherIssuersAreUnderstood() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = signIn(Tokens.claims(caller.id()).remove("user_metadata")
                .claim("name", "Ada").claim("picture", "https://example.org/ada.png"));

        // Then
        assertThat(answer.<String> path("full_name")).isEqualTo("Ada");
        assertThat(answer.<String> path("avatar_url")).isEqualTo("https://example.org/ada.png");
    }

    @Test
    void claimsThatAreTooLongAreAccepted() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = signIn(Tokens.claims(caller.id()).claim("email", "a".repeat(300))
                .claim("user_metadata", Map.of("full_name", EMOJI.repeat(256), "avatar_url", "x".repeat(8193))));

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer).path("email").textValue()).isEqualTo("a".repeat(255));
        assertThat(Json.of(answer).path("full_name").textValue()).isEqualTo(EMOJI.repeat(255));
        assertThat(Json.of(answer).path("avatar_url").isNull()).isTrue();
    }

    @Test
    void claimsOfAnyShapeAreAccepted() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = signIn(Tokens.claims(caller.id()).remove("email")
                .claim("user_metadata", List.of("full_name", 5)).claim("name", Map.of("first", "Ada")));

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.<String> path("email")).isEmpty();
    }

    @Test
    void metadataThatUsersWriteThemselvesGivesNoRights() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = signIn(Tokens.claims(caller.id()).claim("user_metadata", Map.of("full_name", "Ada",
                "subscription_tier", "admin", "credits", 1_000_000, "role", "admin")).claim("subscription_tier", "admin"));

        // Then
        assertThat(answer.<String> path("subscription_tier")).isEqualTo("free");
        assertThat(answer.<Integer> path("credits")).isZero();
    }

    @Test
    void aUserWhomTheIssuerWritesIsThereBeforeTheFirstRequest() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Sql.rows("""
                insert into auth.users (id, email, raw_user_meta_data)
                values (?, 'ada@example.org', '{"full_name": "Ada", "avatar_url": "https://example.org/ada.png"}')
                """, caller.id());

        // Then
        assertThat(Stored.of(caller)).isEqualTo(Json.of("""
                {"profile": {"email": "ada@example.org", "full_name": "Ada", "avatar_url": "https://example.org/ada.png",
                             "subscription_tier": "free",
                             "usage_stats": {"total_messages": 0, "total_tokens": 0, "sessions_created": 0}},
                 "activity": [{"action": "profile_created", "resource_type": "profile", "resource_id": "%s", "details": {}}],
                 "sessions": [], "messages": [], "usage": null}
                """, caller.id()));
    }

    @Test
    void aUserWhomTheIssuerChangesHasTheChangedProfile() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSignedIn();

        // When
        Sql.rows("update auth.users set email = 'ada@example.org', last_sign_in_at = now() where id = ?", caller.id());

        // Then
        assertThat(Stored.of(caller, "profile").path("email").textValue()).isEqualTo("ada@example.org");
        assertThat(Stored.of(caller, "profile").path("full_name").textValue()).isEqualTo("User " + caller.id());
        assertThat(Stored.of(caller, "activity").at("/1")).isEqualTo(Json.of("""
                {"action": "profile_synced", "resource_type": "profile", "resource_id": "%s", "details": {"changed": ["email"]}}
                """, caller.id()));
    }

    @Test
    void signingInLeavesEverythingElseOfTheUserAlone() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");
        caller.hasMessage("s1", Map.of("id", "m1", "role", "user", "content", "Hello", "input_tokens", 2));
        JsonNode before = Stored.of(caller);

        // When
        caller.signIn().then().statusCode(200);

        // Then
        assertThat(Json.without(Stored.of(caller), "activity")).isEqualTo(Json.without(before, "activity"));
    }

    @Test
    void signingInLeavesOtherProfilesAlone() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSignedIn();
        String before = Stored.versions(ada);

        // When
        signIn(Tokens.claims(bob.id()).claim("email", Tokens.email(ada.id()))).then().statusCode(200);

        // Then
        assertThat(Stored.versions(ada)).isEqualTo(before);
        assertThat(Stored.of(bob, "profile").path("email").textValue()).isEqualTo(Tokens.email(ada.id()));
    }

    @Test
    void signingInOnManyDevicesAtOnceCreatesOneUser() throws Exception {
        // Given
        Caller caller = Caller.fresh();
        Callable<Response> signIn = caller::signIn;

        // When
        List<Response> answers = allAtOnce(Collections.nCopies(8, signIn));

        // Then
        assertThat(answers).hasSize(8)
                .allSatisfy(answer -> assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200));
        assertThat(Json.texts(Stored.of(caller, "activity"), "action")).containsExactly("profile_created", "profile_synced");
    }

    @Test
    void aFirstWriteOnManyDevicesAtOnceCreatesOneUser() throws Exception {
        // Given
        Caller caller = Caller.fresh();
        List<Callable<Response>> writes = new ArrayList<>();
        for (int number = 0; number < 4; number++) {
            String id = "s" + number;
            writes.add(() -> caller.createSession(id, "A title"));
            writes.add(() -> caller.upload(List.of(Map.of("id", id + "-uploaded"))));
        }

        // When
        List<Response> answers = allAtOnce(writes);

        // Then
        assertThat(answers).allSatisfy(answer -> assertThat(answer.statusCode()).isIn(200, 201));
        assertThat(Json.texts(Stored.of(caller, "activity"), "action")).containsExactly("profile_created");
        assertThat(Stored.of(caller, "sessions")).hasSize(8);
        assertThat(Stored.of(caller, "usage").path("sessions_created").intValue()).isEqualTo(8);
    }

    static Stream<Arguments> firstRequests() {
        return Stream.of(
                Arguments.of("signing in", (Function<Caller, Response>) Caller::signIn),
                Arguments.of("writing", (Function<Caller, Response>) caller -> caller.createSession("s1", "A title")),
                Arguments.of("clearing", (Function<Caller, Response>) Caller::clearAll));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("firstRequests")
    void aUserWhomTheIssuerNoLongerKnowsIsRefused(String name, Function<Caller, Response> request) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = whileUsersBelongToTheIssuer(() -> request.apply(caller));

        // Then
        assertProblem(answer, 403, "unknown_user");
        assertThat(Stored.versions(caller)).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "{}", "{\"email\": \"mallory@example.org\"}", "no JSON" })
    void theBodyOfTheRequestDoesNotMatter(String body) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body(body).post("/api/auth/session");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.<String> path("email")).isEqualTo(Tokens.email(caller.id()));
    }

    @Test
    void aSlashAtTheEndOfThePathIsAccepted() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().post("/api/auth/session/");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource({ "/api/auth/session", "/api/auth/session/" })
    void signingInWithoutATokenIsRefused(String path) {
        // Given
        String usersBefore = Sql.value("select count(*)::text from auth.users");

        // When
        Response answer = RestAssured.given().post(path);

        // Then
        assertProblem(answer, 401, "unauthorized");
        assertThat(Sql.<String> value("select count(*)::text from auth.users")).isEqualTo(usersBefore);
    }

    /** As it is on Supabase, where the owner of the schema only reads auth.users. */
    private static Response whileUsersBelongToTheIssuer(Supplier<Response> call) {
        Sql.rows("alter table auth.users owner to postgres");
        Sql.rows("grant select on auth.users to " + PostgresServer.OWNER);
        try {
            return call.get();
        } finally {
            Sql.rows("alter table auth.users owner to " + PostgresServer.OWNER);
        }
    }

    private static Response signIn(JwtClaimsBuilder claims) {
        return RestAssured.given().auth().oauth2(claims.sign(Tokens.secretKey())).post("/api/auth/session");
    }
}

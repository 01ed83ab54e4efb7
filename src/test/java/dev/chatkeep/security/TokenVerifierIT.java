package dev.chatkeep.security;

import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

import javax.crypto.spec.SecretKeySpec;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.RawToken;
import dev.chatkeep.testsupport.Tokens;
import io.restassured.response.Response;
import io.smallrye.jwt.algorithm.SignatureAlgorithm;
import io.smallrye.jwt.build.JwtClaimsBuilder;

@BesideOthers
class TokenVerifierIT {

    private static final UUID USER = UUID.fromString("0b6f9a52-4f0e-4f7a-9c55-2d0f6a1e7c31");
    private static final String HEADER = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    private static final byte[] SECRET = Tokens.SECRET.getBytes(StandardCharsets.UTF_8);

    private static PackagedService service;

    /** Without jobs it sends the database nothing but what requests ask for, so that it can be counted. */
    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of("QUARKUS_SCHEDULER_ENABLED", "false"));
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    static Stream<Arguments> goodTokens() {
        return Stream.of(
                Arguments.of("as the issuer makes it", Tokens.of(USER)),
                Arguments.of("without iat", RawToken.sign(HEADER, payload())),
                Arguments.of("without typ", RawToken.sign("{\"alg\":\"HS256\"}", payload())),
                Arguments.of("with a key id", RawToken.sign("{\"alg\":\"HS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}", payload())),
                Arguments.of("with one of several audiences",
                        good(claims -> claims.audience(Set.of("a", "authenticated")))),
                Arguments.of("with an issuer that nobody asked for", good(claims -> claims.issuer("https://example.org"))),
                Arguments.of("valid since a moment ago", good(claims -> claims.claim("nbf", now() - 1))),
                Arguments.of("with a UUID in capitals", good(claims -> claims.subject(USER.toString().toUpperCase()))),
                Arguments.of("of the service itself", good(claims -> claims.claim("role", "service_role"))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("goodTokens")
    void aGoodTokenOpensTheApi(String name, String token) {
        // Given
        String authorization = "Bearer " + token;

        // When
        Response answer = service.given().header("Authorization", authorization).get("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
    }

    /** Made last of all: it is good for the rest of the skew alone. */
    @Test
    void aTokenThatExpiredWithinTheClockSkewOpensTheApi() {
        // Given
        String token = good(claims -> claims.issuedAt(now() - 3600).expiresAt(now() - 1));

        // When
        Response answer = service.given().auth().oauth2(token).get("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = { "Bearer", "bearer", "BEARER" })
    void theSchemeMayBeWrittenInAnyCase(String scheme) {
        // Given
        String authorization = scheme + " " + Tokens.of(USER);

        // When
        Response answer = service.given().header("Authorization", authorization).get("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
    }

    static Stream<Arguments> badTokens() throws Exception {
        KeyPairGenerator rsa = KeyPairGenerator.getInstance("RSA");
        rsa.initialize(2048);
        KeyPair rsaKeys = rsa.generateKeyPair();
        KeyPairGenerator ec = KeyPairGenerator.getInstance("EC");
        ec.initialize(256);
        String good = RawToken.sign(HEADER, payload());
        String[] parts = good.split("\\.");
        SecretKeySpec otherSecret = new SecretKeySpec("another-secret-that-is-long-enough-0123456789".getBytes(
                StandardCharsets.UTF_8), "HmacSHA256");
        return Stream.of(
                Arguments.of("expired", good(claims -> claims.issuedAt(now() - 3600).expiresAt(now() - 120))),
                Arguments.of("expired at the beginning of time", signed("\"exp\":0")),
                Arguments.of("without exp", signed("\"x\":1")),
                Arguments.of("exp is null", signed("\"exp\":null")),
                Arguments.of("exp is text", signed("\"exp\":\"" + (now() + 3600) + "\"")),
                Arguments.of("not valid yet", good(claims -> claims.claim("nbf", now() + 3600))),
                Arguments.of("another secret", Tokens.claims(USER).sign(otherSecret)),
                Arguments.of("no secret at all", RawToken.sign(HEADER, payload(), "HmacSHA256", new byte[1])),
                Arguments.of("algorithm none", RawToken.encode("{\"alg\":\"none\"}") + "." + parts[1] + "."),
                Arguments.of("algorithm None", RawToken.encode("{\"alg\":\"None\"}") + "." + parts[1] + "."),
                Arguments.of("algorithm none with a signature", RawToken.sign("{\"alg\":\"none\"}", payload())),
                Arguments.of("algorithm in small letters", RawToken.sign("{\"alg\":\"hs256\"}", payload())),
                Arguments.of("algorithm missing", RawToken.sign("{\"typ\":\"JWT\"}", payload())),
                Arguments.of("algorithm is null", RawToken.sign("{\"alg\":null}", payload())),
                Arguments.of("algorithm is no text", RawToken.sign("{\"alg\":256}", payload())),
                Arguments.of("algorithm unknown", RawToken.sign("{\"alg\":\"HS255\"}", payload())),
                Arguments.of("algorithm HS384", RawToken.sign("{\"alg\":\"HS384\"}", payload(), "HmacSHA384", SECRET)),
                Arguments.of("algorithm HS512", RawToken.sign("{\"alg\":\"HS512\"}", payload(), "HmacSHA512", SECRET)),
                Arguments.of("algorithm RS256 without keys", Tokens.claims(USER).sign(rsaKeys.getPrivate())),
                Arguments.of("algorithm ES256 without keys",
                        Tokens.claims(USER).jws().algorithm(SignatureAlgorithm.ES256).sign(ec.generateKeyPair().getPrivate())),
                Arguments.of("algorithm RS256 signed with the secret", RawToken.sign("{\"alg\":\"RS256\"}", payload())),
                Arguments.of("secret is somebody's public key",
                        RawToken.sign(HEADER, payload(), "HmacSHA256", rsaKeys.getPublic().getEncoded())),
                Arguments.of("brings its own key", RawToken.sign("{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
                        payload(), "HmacSHA256", new byte[3])),
                Arguments.of("asks for what nobody understands",
                        RawToken.sign("{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", payload())),
                Arguments.of("asks for nothing in a wrong way", RawToken.sign("{\"alg\":\"HS256\",\"crit\":5}", payload())),
                Arguments.of("header is no object", RawToken.sign("[]", payload())),
                Arguments.of("header is no JSON", RawToken.sign("header", payload())),
                Arguments.of("header says twice", RawToken.sign("{\"alg\":\"HS256\",\"alg\":\"none\"}", payload())),
                Arguments.of("expires before it was issued",
                        signed("\"iat\":" + (now() + 7200) + ",\"exp\":" + (now() + 3600))),
                Arguments.of("iat is text", signed("\"exp\":" + (now() + 3600) + ",\"jti\":{\"a\":[1]},\"iat\":\"x\"")),
                Arguments.of("audience is a number", RawToken.sign(HEADER, payload().replace("\"authenticated\",\"role\"",
                        "5,\"role\""))),
                Arguments.of("role is a number", RawToken.sign(HEADER, payload().replace("\"role\":\"authenticated\"",
                        "\"role\":5"))),
                Arguments.of("nbf is text", signed("\"nbf\":\"now\",\"exp\":" + (now() + 3600))),
                Arguments.of("signature empty", parts[0] + "." + parts[1] + "."),
                Arguments.of("signature missing", parts[0] + "." + parts[1]),
                Arguments.of("signature cut", good.substring(0, good.length() - 4)),
                Arguments.of("signature of another token", parts[0] + "." + parts[1] + "." + Tokens.of(USER).split("\\.")[2]),
                Arguments.of("payload tampered with", parts[0] + "." + RawToken.encode(payload().replace(USER.toString(),
                        UUID.randomUUID().toString())) + "." + parts[2]),
                Arguments.of("header tampered with", RawToken.encode("{\"alg\":\"HS256\",\"kid\":\"x\"}") + "." + parts[1] + "."
                        + parts[2]),
                Arguments.of("payload is no object", RawToken.sign(HEADER, "[]")),
                Arguments.of("payload is no JSON", RawToken.sign(HEADER, "claims")),
                Arguments.of("payload is empty", RawToken.sign(HEADER, "")),
                Arguments.of("payload with something behind it", RawToken.sign(HEADER, payload() + "x")),
                Arguments.of("without sub", good(claims -> claims.remove("sub"))),
                Arguments.of("sub is null", signed("\"exp\":" + (now() + 3600) + ",\"sub\":null", "sub")),
                Arguments.of("sub is a number", signed("\"exp\":" + (now() + 3600) + ",\"sub\":5", "sub")),
                Arguments.of("sub is empty", good(claims -> claims.subject(""))),
                Arguments.of("sub is no UUID", good(claims -> claims.subject("ada"))),
                Arguments.of("sub is the short form of a UUID", good(claims -> claims.subject("1-1-1-1-1"))),
                Arguments.of("sub is a UUID in braces", good(claims -> claims.subject("{" + USER + "}"))),
                Arguments.of("sub is a UUID and more", good(claims -> claims.subject(USER + " "))),
                Arguments.of("without role", good(claims -> claims.remove("role"))),
                Arguments.of("role is empty", good(claims -> claims.claim("role", ""))),
                Arguments.of("role anon", good(claims -> claims.claim("role", "anon"))),
                Arguments.of("role postgres", good(claims -> claims.claim("role", "postgres"))),
                Arguments.of("role of the owner", good(claims -> claims.claim("role", "chatkeep_owner"))),
                Arguments.of("role none", good(claims -> claims.claim("role", "none"))),
                Arguments.of("role in capitals", good(claims -> claims.claim("role", "AUTHENTICATED"))),
                Arguments.of("role is a list", good(claims -> claims.claim("role", List.of("authenticated")))),
                Arguments.of("another audience", good(claims -> claims.audience("anon"))),
                Arguments.of("without audience", good(claims -> claims.remove("aud"))),
                Arguments.of("audience is a part of the right one", good(claims -> claims.audience("authenticated "))),
                Arguments.of("encrypted", Tokens.claims(USER).jwe().encryptWithSecret(Tokens.SECRET.substring(0, 32))),
                Arguments.of("signed and encrypted",
                        Tokens.claims(USER).innerSignWithSecret(Tokens.SECRET)
                                .encryptWithSecret(Tokens.SECRET.substring(0, 32))),
                Arguments.of("claims with NUL", good(claims -> claims.claim("user_metadata", Map.of("full_name", "a\u0000b")))),
                Arguments.of("claims with NUL in a name", good(claims -> claims.claim("user_metadata", Map.of("a\u0000b", 1)))),
                Arguments.of("claims with half a surrogate pair",
                        signed("\"exp\":" + (now() + 3600) + ",\"name\":\"\\ud83d\"")),
                Arguments.of("claims that are there twice",
                        signed("\"exp\":" + (now() + 3600) + ",\"sub\":\"" + UUID.randomUUID() + "\"")),
                Arguments.of("garbage", "garbage"),
                Arguments.of("a dot", "."),
                Arguments.of("two dots only", ".."),
                Arguments.of("four dots only", "...."),
                Arguments.of("four parts", good + ".x"),
                Arguments.of("not base64", "a b.c d.e f"),
                Arguments.of("brackets without end", RawToken.sign("[".repeat(5_000), "{")),
                Arguments.of("huge", RawToken.sign(HEADER, payload().replace("}", ",\"x\":\"" + "y".repeat(12_000) + "\"}"),
                        "HmacSHA256", new byte[32])));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badTokens")
    void aBadTokenIsRefusedBeforeTheDatabaseIsAsked(String name, String token) {
        // Given
        String before = service.text("select clock_timestamp()::text");

        // When
        Response answer = service.given().header("Authorization", "Bearer " + token).get("/api/chat/sessions");

        // Then
        assertProblem(answer, 401, "invalid_token");
        assertThat(answer.header("WWW-Authenticate")).isEqualTo("Bearer error=\"invalid_token\"");
        assertThat(statementsSince(before)).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = { "Basic YWRhOmFkYQ==", "Digest username=\"ada\"", "Token %s", "%s", "Bearer", "BearerToken %s" })
    void withoutABearerTokenTheDatabaseIsNotAsked(String authorization) {
        // Given
        String before = service.text("select clock_timestamp()::text");

        // When
        Response answer = service.given().header("Authorization", authorization.replace("%s", Tokens.of(USER)))
                .get("/api/chat/sessions");

        // Then
        assertAskedForAToken(answer, before);
    }

    @Test
    void aTokenOutsideTheHeaderIsIgnored() {
        // Given
        String token = Tokens.of(USER);
        String before = service.text("select clock_timestamp()::text");

        // When
        Response answer = service.given().queryParam("access_token", token).queryParam("token", token)
                .cookie("Bearer", token).cookie("access_token", token).header("X-Authorization", "Bearer " + token)
                .get("/api/chat/sessions");

        // Then
        assertAskedForAToken(answer, before);
    }

    @Test
    void aBadTokenIsRefusedBeforeTheRequestIsRead() {
        // Given
        String before = service.text("select clock_timestamp()::text");

        // When
        Response answer = service.given().header("Authorization", "Bearer garbage").contentType("application/json")
                .body("{\"conversations\": [").post("/api/chat/sync");

        // Then
        assertProblem(answer, 401, "invalid_token");
        assertThat(statementsSince(before)).isZero();
    }

    @Test
    void policiesReadTheClaimsOfTheToken() {
        // Given
        Caller caller = service.newCaller();
        String token = Tokens.claims(caller.id())
                .claim("user_metadata", Map.of("full_name", "\u00C4d\u00E2 \uD83D\uDE00 'x' \\ \""))
                .sign(Tokens.secretKey());

        // When
        Response answer = service.given().auth().oauth2(token).post("/api/auth/session");

        // Then
        assertThat(Json.of(answer).path("full_name").textValue()).isEqualTo("\u00C4d\u00E2 \uD83D\uDE00 'x' \\ \"");
    }

    /** Without a statement in the database since that time. */
    private static void assertAskedForAToken(Response answer, String before) {
        assertProblem(answer, 401, "unauthorized");
        assertThat(answer.header("WWW-Authenticate")).isEqualTo("Bearer");
        assertThat(statementsSince(before)).isZero();
    }

    /** How many statements the service has sent or connections it has made since then. */
    private static long statementsSince(String time) {
        return Long.parseLong(service.text(
                """
                        select count(*) from pg_stat_activity
                         where datname = current_database() and usename = 'chatkeep_app' and greatest(query_start, backend_start) > ?::timestamptz
                        """,
                time));
    }

    private static String good(UnaryOperator<JwtClaimsBuilder> change) {
        return change.apply(Tokens.claims(USER)).sign(Tokens.secretKey());
    }

    private static long now() {
        return Instant.now().getEpochSecond();
    }

    private static String payload() {
        return "{\"sub\":\"" + USER + "\",\"aud\":\"authenticated\",\"role\":\"authenticated\",\"exp\":" + (now() + 3600) + "}";
    }

    /** The claims of a good token without {@code exp} and some others, and these. */
    private static String signed(String claims, String... without) {
        String sub = Arrays.asList(without).contains("sub") ? "" : "\"sub\":\"" + USER + "\",";
        return RawToken.sign(HEADER, "{" + sub + "\"aud\":\"authenticated\",\"role\":\"authenticated\"," + claims + "}");
    }
}

package dev.chatkeep.security;

import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Patience.await;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static io.smallrye.jwt.algorithm.SignatureAlgorithm.ES256;
import static io.smallrye.jwt.algorithm.SignatureAlgorithm.RS256;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.PublicKey;
import java.security.interfaces.RSAPublicKey;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.JwksServer;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.RawToken;
import dev.chatkeep.testsupport.Tokens;
import io.restassured.response.Response;
import io.smallrye.jwt.algorithm.SignatureAlgorithm;
import io.smallrye.jwt.build.JwtClaimsBuilder;

/** A secret and published keys at the same time, and an issuer that tokens must name. */
@BesideOthers
class JwksIT {

    private static final UUID USER = UUID.fromString("0b6f9a52-4f0e-4f7a-9c55-2d0f6a1e7c31");
    private static final String ISSUER = "https://issuer.example.org/auth/v1";

    private enum Source {
        HS256,
        RS256,
        ES256
    }

    private static final KeyPair RSA = JwksServer.rsa();
    private static final KeyPair EC = JwksServer.ec();

    private static JwksServer issuer;
    private static PackagedService service;

    @BeforeAll
    static void start() throws Exception {
        issuer = new JwksServer();
        issuer.publish("rsa-1", "RS256", RSA.getPublic());
        issuer.publish("ec-1", "ES256", EC.getPublic());
        service = new PackagedService(Map.of("CHATKEEP_AUTH_JWKS_URL", issuer.url(), "CHATKEEP_AUTH_ISSUER", ISSUER,
                "CHATKEEP_AUTH_VERIFIED_FOR", "2S"));
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
        issuer.close();
    }

    @ParameterizedTest
    @EnumSource(Source.class)
    void aGoodTokenOfEachAlgorithmOpensTheApi(Source source) {
        // Given
        String token = sign(source, claims());

        // When
        Response answer = get(token);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource({ "tokensWithWrongClaims", "tokensWithWrongKeys", "tokensSignedWithAPublishedKeyAsSecret" })
    void aTokenThatIsNotTheIssuersIsRefused(String name, String token) {
        // When
        Response answer = get(token);

        // Then
        assertProblem(answer, 401, "invalid_token");
    }

    static Stream<Arguments> tokensWithWrongClaims() {
        return Stream.of(Source.values()).flatMap(source -> Stream.of(
                Arguments.of(source + ", another issuer",
                        sign(source, claims().issuer("https://issuer.example.org/auth/v2"))),
                Arguments.of(source + ", no issuer", sign(source, claims().remove("iss"))),
                Arguments.of(source + ", another audience", sign(source, claims().audience("anon"))),
                Arguments.of(source + ", expired",
                        sign(source, claims().issuedAt(1_700_000_000).expiresAt(1_700_003_600)))));
    }

    static Stream<Arguments> tokensWithWrongKeys() {
        return Stream.of(
                Arguments.of("another RSA key under a published id", signed(RS256, "rsa-1", JwksServer.rsa())),
                Arguments.of("another elliptic key under a published id", signed(ES256, "ec-1", JwksServer.ec())),
                Arguments.of("RS256, an id that is not published", signed(RS256, "rsa-2", RSA)),
                Arguments.of("ES256, an id that is not published", signed(ES256, "ec-2", EC)),
                Arguments.of("RS256, the id of the elliptic key", signed(RS256, "ec-1", RSA)),
                Arguments.of("ES256, the id of the RSA key", signed(ES256, "rsa-1", EC)),
                Arguments.of("RS256, an empty id", signed(RS256, "", RSA)),
                Arguments.of("RS384 by a key published for RS256", signed(SignatureAlgorithm.RS384, "rsa-1", RSA)),
                Arguments.of("RS512 by a key published for RS256", signed(SignatureAlgorithm.RS512, "rsa-1", RSA)),
                Arguments.of("PS256 by a key published for RS256", signed(SignatureAlgorithm.PS256, "rsa-1", RSA)),
                Arguments.of("PS512 by a key published for RS256", signed(SignatureAlgorithm.PS512, "rsa-1", RSA)));
    }

    static Stream<Arguments> tokensSignedWithAPublishedKeyAsSecret() {
        String header = "{\"alg\":\"HS256\",\"kid\":\"rsa-1\"}";
        return Stream.concat(
                Stream.of("bytes", "base64", "PEM", "PEM with a line end", "modulus")
                        .map(form -> Arguments.of("the published key as secret: " + form,
                                RawToken.sign(header, payload(), "HmacSHA256", secret(RSA.getPublic(), form)))),
                Stream.of(Arguments.of("the published key as secret, with the algorithm of the key",
                        RawToken.sign("{\"alg\":\"RS256\",\"kid\":\"rsa-1\"}", payload(), "HmacSHA256",
                                RSA.getPublic().getEncoded()))));
    }

    @Test
    void aTokenSignedWithTheSecretMayNameAPublishedKey() {
        // Given
        String token = RawToken.sign("{\"alg\":\"HS256\",\"kid\":\"rsa-1\"}", payload());

        // When
        Response answer = get(token);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = { "jwk", "jku", "x5u", "x5c" })
    void aTokenThatBringsItsOwnKeyIsRefused(String header) {
        // Given
        JwksServer attacker = new JwksServer();
        KeyPair own = JwksServer.rsa();
        attacker.publish("rsa-1", "RS256", own.getPublic());
        Object value = switch (header) {
            case "jwk" -> Map.of("kty", "RSA", "kid", "rsa-1", "e", "AQAB", "n",
                    RawToken.encode(((RSAPublicKey) own.getPublic()).getModulus().toByteArray()));
            case "x5c" -> List.of(Base64.getEncoder().encodeToString(own.getPublic().getEncoded()));
            default -> attacker.url();
        };
        String token = claims().jws().keyId("rsa-1").header(header, value).sign(own.getPrivate());

        // When
        Response answer = get(token);

        // Then
        attacker.close();
        assertProblem(answer, 401, "invalid_token");
        assertThat(attacker.requests()).isZero();
    }

    @Test
    void keysAreNotFetchedForAlgorithmsThatAreNeverAccepted() {
        // Given
        granted(get(sign(Source.RS256, claims())));
        int before = issuer.requests();

        // When
        Response answer = get(RawToken.encode("{\"alg\":\"none\",\"kid\":\"rsa-9\"}") + "." + RawToken.encode(payload()) + ".");

        // Then
        assertProblem(answer, 401, "invalid_token");
        assertThat(issuer.requests()).isEqualTo(before);
    }

    @Test
    void manyTokensWithUnknownKeyIdsDoNotFloodTheIssuer() {
        // Given
        granted(get(sign(Source.RS256, claims())));
        int before = issuer.requests();
        Instant began = Instant.now();

        // When
        for (int number = 0; number < 50; number++) {
            get(claims().jws().keyId("unknown-" + number).sign(RSA.getPrivate())).then().statusCode(401);
        }

        // Then
        assertThat(issuer.requests() - before)
                .isLessThanOrEqualTo(1 + (int) Duration.between(began, Instant.now()).dividedBy(PublishedKeys.PAUSE));
    }

    @Test
    void aNewKeyOpensTheApiWithinSeconds() {
        // Given
        KeyPair next = JwksServer.ec();
        granted(get(sign(Source.RS256, claims())));
        issuer.publish("ec-new", "ES256", next.getPublic());
        String token = signed(ES256, "ec-new", next);

        // When
        int status = await("the new key").until(() -> get(token).statusCode(), answer -> answer == 200);

        // Then
        assertThat(status).isEqualTo(200);
    }

    @Test
    void aWithdrawnKeyOpensTheApiNoLonger() {
        // Given
        KeyPair old = JwksServer.ec();
        issuer.publish("ec-old", "ES256", old.getPublic());
        String token = signed(ES256, "ec-old", old);
        await("the key").until(() -> get(token).statusCode() == 200);
        issuer.withdraw("ec-old");

        // When
        // The token is asked for all the time, so it is in the cache if anything keeps it there.
        Response refused = await("refusal").until(() -> get(token), answer -> answer.statusCode() != 200);

        // Then
        assertProblem(refused, 401, "invalid_token");
        assertThat(get(sign(Source.RS256, claims())).statusCode()).isEqualTo(200);
    }

    private static String signed(SignatureAlgorithm algorithm, String keyId, KeyPair keys) {
        return claims().jws().keyId(keyId).algorithm(algorithm).sign(keys.getPrivate());
    }

    private static JwtClaimsBuilder claims() {
        return Tokens.claims(USER).issuer(ISSUER);
    }

    private static String sign(Source source, JwtClaimsBuilder claims) {
        return switch (source) {
            case HS256 -> claims.sign(Tokens.secretKey());
            case RS256 -> claims.jws().keyId("rsa-1").sign(RSA.getPrivate());
            case ES256 -> claims.jws().keyId("ec-1").algorithm(SignatureAlgorithm.ES256).sign(EC.getPrivate());
        };
    }

    private static String payload() {
        return """
                {"sub":"%s","iss":"%s","aud":"authenticated","role":"authenticated","exp":4102444800}
                """.formatted(USER, ISSUER).strip();
    }

    private static byte[] secret(PublicKey key, String form) {
        String base64 = Base64.getMimeEncoder(64, new byte[] { '\n' }).encodeToString(key.getEncoded());
        String pem = "-----BEGIN PUBLIC KEY-----\n" + base64 + "\n-----END PUBLIC KEY-----";
        return switch (form) {
            case "bytes" -> key.getEncoded();
            case "base64" -> Base64.getEncoder().encode(key.getEncoded());
            case "PEM" -> pem.getBytes(StandardCharsets.UTF_8);
            case "PEM with a line end" -> (pem + "\n").getBytes(StandardCharsets.UTF_8);
            default -> ((RSAPublicKey) key).getModulus().toByteArray();
        };
    }

    private static Response get(String token) {
        return service.given().auth().oauth2(token).get("/api/chat/sessions");
    }
}

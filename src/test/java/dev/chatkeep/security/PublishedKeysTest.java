package dev.chatkeep.security;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.testsupport.JwksServer;
import dev.chatkeep.testsupport.Tokens;
import io.smallrye.jwt.auth.principal.ParseException;

/** How the verifier gets on with an issuer that changes its keys, or is away. */
class PublishedKeysTest {

    private static final UUID USER = UUID.fromString("0b6f9a52-4f0e-4f7a-9c55-2d0f6a1e7c31");

    private final KeyPair keys = JwksServer.rsa();
    private JwksServer issuer;
    private TokenVerifier verifier;

    @BeforeEach
    void start() {
        issuer = new JwksServer();
        issuer.publish("key-1", "RS256", keys.getPublic());
        verifier = verifier(Duration.ofMinutes(5));
    }

    @AfterEach
    void stop() {
        issuer.close();
    }

    @Test
    void theKeysAreFetchedOnce() throws ParseException {
        // Given
        verifier.parse(token("key-1", keys), null);

        // When
        verifier.parse(token("key-1", keys), null);

        // Then
        assertThat(issuer.requests()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({ "503, ''", "404, Not found", "200, <html>Down for maintenance</html>", "200, ''", "200, {}",
            "200, '{\"keys\": 5}'" })
    void anIssuerThatWasAwayAtFirstIsAskedAgain(int status, String body) throws ParseException {
        // Given
        issuer.answer(status, body);
        Throwable refusedAtFirst = catchThrowable(() -> verifier.parse(token("key-1", keys), null));
        issuer.publish("key-2", "RS256", JwksServer.rsa().getPublic());

        // When
        String subject = await("the keys").ignoreExceptions()
                .until(() -> verifier.parse(token("key-1", keys), null).getSubject(), Objects::nonNull);

        // Then
        assertThat(refusedAtFirst).isInstanceOf(ParseException.class);
        assertThat(subject).isEqualTo(USER.toString());
    }

    @Test
    void keysStayKnownWhenTheIssuerGoesAway() throws ParseException {
        // Given
        verifier.parse(token("key-1", keys), null);
        issuer.close();

        // When
        String subject = verifier.parse(token("key-1", keys), null).getSubject();

        // Then
        assertThat(subject).isEqualTo(USER.toString());
    }

    @Test
    void tokensAreRefusedWhileTheIssuerIsAway() {
        // Given
        issuer.close();

        // When
        ThrowingCallable parse = () -> verifier.parse(token("key-1", keys), null);

        // Then
        assertThatExceptionOfType(ParseException.class).isThrownBy(parse);
    }

    @Test
    void aNewKeyIsFetchedForTheFirstTokenThatNamesIt() throws ParseException {
        // Given
        verifier.parse(token("key-1", keys), null);
        KeyPair next = JwksServer.rsa();
        issuer.publish("key-2", "RS256", next.getPublic());

        // When
        String subject = await("the new key").ignoreExceptions()
                .until(() -> verifier.parse(token("key-2", next), null).getSubject(), Objects::nonNull);

        // Then
        assertThat(subject).isEqualTo(USER.toString());
        assertThat(issuer.requests()).isEqualTo(2);
    }

    @Test
    void tokensThatNoKeyFitsAreNotWorthAFetchEach() throws ParseException {
        // Given
        verifier.parse(token("key-1", keys), null);
        Instant began = Instant.now();

        // When
        for (int number = 0; number < 50; number++) {
            String token = token("unknown-" + number, keys);
            catchThrowable(() -> verifier.parse(token, null));
        }

        // Then
        long pauses = Duration.between(began, Instant.now()).dividedBy(PublishedKeys.PAUSE);
        assertThat(issuer.requests()).isLessThanOrEqualTo(2 + (int) pauses);
    }

    @Test
    void anIssuerThatIsAwayIsNotAskedForEachToken() {
        // Given
        issuer.answer(503, "");
        Instant began = Instant.now();

        // When
        for (int number = 0; number < 50; number++) {
            catchThrowable(() -> verifier.parse(token("key-1", keys), null));
        }

        // Then
        long pauses = Duration.between(began, Instant.now()).dividedBy(PublishedKeys.PAUSE);
        // Each attempt is one and its repetition.
        assertThat(issuer.requests()).isLessThanOrEqualTo(2 * (1 + (int) pauses));
    }

    @Test
    void aWithdrawnKeyIsRefusedAfterTheTimeThatIsSet() throws ParseException {
        // Given
        verifier = verifier(Duration.ofSeconds(1));
        verifier.parse(token("key-1", keys), null);
        issuer.withdraw("key-1");
        issuer.publish("key-2", "RS256", JwksServer.rsa().getPublic());

        // When
        Throwable refused = await("refusal").until(() -> catchThrowable(() -> verifier.parse(token("key-1", keys), null)),
                Objects::nonNull);

        // Then
        assertThat(refused).isInstanceOf(ParseException.class);
    }

    @Test
    void theIssuerDoesNotSayHowLongItsKeysAreKept() throws ParseException {
        // Given
        verifier = verifier(Duration.ofSeconds(1));
        issuer.header("Cache-Control", "max-age=86400");
        verifier.parse(token("key-1", keys), null);

        // When
        int requests = await("another fetch").until(() -> {
            verifier.parse(token("key-1", keys), null);
            return issuer.requests();
        }, count -> count > 1);

        // Then
        assertThat(requests).isEqualTo(2);
    }

    @Test
    void aTokenIsCachedNoLongerThanTheKeysOfItsIssuerAreKnown() {
        // Given
        PublishedKeys published = new PublishedKeys(issuer.url(), Duration.ofMinutes(5));
        Duration before = published.knownFor();

        // When
        catchThrowable(published::refresh);

        // Then
        assertThat(before).isZero();
        assertThat(published.knownFor()).isPositive().isLessThanOrEqualTo(Duration.ofMinutes(5));
    }

    private TokenVerifier verifier(Duration verifiedFor) {
        AuthConfig settings = new AuthSettings(Optional.empty(), Optional.of(issuer.url()), 0, verifiedFor);
        return new TokenVerifier(settings, new VerifiedTokens(settings));
    }

    private static String token(String id, KeyPair keys) {
        return Tokens.claims(USER).jws().keyId(id).sign(keys.getPrivate());
    }
}

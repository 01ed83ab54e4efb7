package dev.chatkeep.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.security.KeyPair;
import java.time.Duration;
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

/** How the verifier gets on with an issuer that is away. */
class PublishedKeysTest {

    private static final UUID USER = UUID.fromString("0b6f9a52-4f0e-4f7a-9c55-2d0f6a1e7c31");

    private final KeyPair keys = JwksServer.rsa();
    private JwksServer issuer;
    private TokenVerifier verifier;

    @BeforeEach
    void start() {
        issuer = new JwksServer();
        issuer.publish("key-1", "RS256", keys.getPublic());
        AuthConfig settings = new AuthSettings(Optional.empty(), Optional.of(issuer.url()), 0, Duration.ofMinutes(5));
        verifier = new TokenVerifier(settings, new VerifiedTokens(settings));
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
        String subject = verifier.parse(token("key-1", keys), null).getSubject();

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

    private static String token(String id, KeyPair keys) {
        return Tokens.claims(USER).jws().keyId(id).sign(keys.getPrivate());
    }
}

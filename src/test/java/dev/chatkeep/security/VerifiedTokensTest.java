package dev.chatkeep.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.NumericDate;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.Tokens;
import io.quarkus.security.credential.TokenCredential;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.request.TokenAuthenticationRequest;
import io.quarkus.smallrye.jwt.runtime.auth.JsonWebTokenCredential;

class VerifiedTokensTest {

    /** Stands still until a test moves it, for what expires and for how long it is kept alike. */
    private static final class StoppedClock extends Clock {

        private Instant now = Instant.parse("2026-02-28T23:59:59.750Z");

        void advance(Duration duration) {
            now = now.plus(duration);
        }

        long nanos() {
            return TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano();
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            throw new UnsupportedOperationException();
        }
    }

    private static final Duration MOMENT = Duration.ofMillis(1);
    private static final UUID USER = UUID.fromString("2d3c1c7e-52d1-4b7e-8c0a-2f4f7d9b1a55");

    private final StoppedClock clock = new StoppedClock();

    @Test
    void aCachedTokenIsRecognisedOnlyAsAWhole() throws Exception {
        // Given
        VerifiedTokens tokens = tokens(10);
        String token = keep(tokens, clock.instant().plusSeconds(60), Duration.ofMinutes(1));

        // When
        SecurityIdentity identity = known(tokens, token);

        // Then
        assertThat(identity.getPrincipal()).isInstanceOfSatisfying(VerifiedToken.class,
                verified -> assertThat(verified.userId()).isEqualTo(USER));
        assertThat(identity.getRoles()).isEmpty();
        assertThat(known(tokens, token + "A")).isNull();
        assertThat(known(tokens, token.substring(0, token.length() - 1))).isNull();
    }

    @Test
    void onlyBearerTokensAreLookedUp() throws Exception {
        // Given
        VerifiedTokens tokens = tokens(10);
        String token = keep(tokens, clock.instant().plusSeconds(60), Duration.ofMinutes(1));

        // When
        TokenAuthenticationRequest other = new TokenAuthenticationRequest(new TokenCredential(token, "other"));

        // Then
        assertThat(tokens.authenticate(other, null).await().indefinitely()).isNull();
    }

    @Test
    void noTokenOutlivesItsExpiryAndTheSkewThatIsAllowed() throws Exception {
        // Given
        VerifiedTokens tokens = tokens(10);
        // An exp has whole seconds.
        Instant expiry = clock.instant().plusSeconds(2).truncatedTo(ChronoUnit.SECONDS).minus(TokenVerifier.CLOCK_SKEW);
        String token = keep(tokens, expiry, Duration.ofMinutes(10));
        clock.advance(Duration.between(clock.instant(), expiry.plus(TokenVerifier.CLOCK_SKEW)).minus(MOMENT));
        boolean knownBefore = known(tokens, token) != null;

        // When
        clock.advance(MOMENT);

        // Then
        assertThat(knownBefore).isTrue();
        assertThat(known(tokens, token)).isNull();
        assertThat(known(tokens, keep(tokens, clock.instant().minusSeconds(61), Duration.ofMinutes(10)))).isNull();
    }

    @Test
    void afterAWhileATokenIsVerifiedAgain() throws Exception {
        // Given
        VerifiedTokens tokens = tokens(10);
        String token = keep(tokens, clock.instant().plusSeconds(60), Duration.ofSeconds(30));
        clock.advance(Duration.ofSeconds(30).minus(MOMENT));
        boolean knownBefore = known(tokens, token) != null;

        // When
        clock.advance(MOMENT);

        // Then
        assertThat(knownBefore).isTrue();
        assertThat(known(tokens, token)).isNull();
    }

    @Test
    void aCacheOfSizeZeroKeepsNoToken() throws Exception {
        // Given
        VerifiedTokens tokens = tokens(0);
        String token = keep(tokens, clock.instant().plusSeconds(60), Duration.ofMinutes(1));

        // When
        SecurityIdentity identity = known(tokens, token);

        // Then
        assertThat(identity).isNull();
    }

    private static SecurityIdentity known(VerifiedTokens tokens, String token) {
        return tokens.authenticate(new TokenAuthenticationRequest(new JsonWebTokenCredential(token)), null).await()
                .indefinitely();
    }

    private static String keep(VerifiedTokens tokens, Instant expiry, Duration most) throws InvalidJwtException {
        String token = Tokens.claims(USER).expiresAt(expiry).sign(Tokens.secretKey());
        JwtClaims claims = new JwtClaims();
        claims.setSubject(USER.toString());
        claims.setClaim("role", "authenticated");
        claims.setExpirationTime(NumericDate.fromSeconds(expiry.getEpochSecond()));
        tokens.keep(token, new VerifiedToken(token, claims), most);
        return token;
    }

    private VerifiedTokens tokens(int most) {
        return new VerifiedTokens(new AuthSettings(Optional.of(Tokens.SECRET), Optional.empty(), most, Duration.ofMinutes(5)),
                clock, clock::nanos);
    }
}

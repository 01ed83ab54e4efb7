package dev.chatkeep.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

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

    private static final UUID USER = UUID.fromString("2d3c1c7e-52d1-4b7e-8c0a-2f4f7d9b1a55");

    @Test
    void aTokenThatWasKeptIsKnownWhole() throws Exception {
        VerifiedTokens tokens = tokens(10, Duration.ofMinutes(1));
        String token = keep(tokens, Instant.now().plusSeconds(60));

        SecurityIdentity identity = known(tokens, token);

        assertThat(identity.getPrincipal()).isInstanceOfSatisfying(VerifiedToken.class,
                verified -> assertThat(verified.userId()).isEqualTo(USER));
        assertThat(identity.getRoles()).isEmpty();
        assertThat(known(tokens, token + "A")).isNull();
        assertThat(known(tokens, token.substring(0, token.length() - 1))).isNull();
    }

    @Test
    void onlyBearerTokensAreLookedUp() throws Exception {
        VerifiedTokens tokens = tokens(10, Duration.ofMinutes(1));
        String token = keep(tokens, Instant.now().plusSeconds(60));

        TokenAuthenticationRequest other = new TokenAuthenticationRequest(new TokenCredential(token, "other"));

        assertThat(tokens.authenticate(other, null).await().indefinitely()).isNull();
    }

    @Test
    void noTokenOutlivesItsExpiryAndTheSkewThatIsAllowed() throws Exception {
        VerifiedTokens tokens = tokens(10, Duration.ofMinutes(10));
        // An exp has whole seconds.
        Instant expiry = Instant.ofEpochSecond(Instant.now().getEpochSecond() + 2).minus(TokenVerifier.CLOCK_SKEW);
        String token = keep(tokens, expiry);
        boolean knownBefore = known(tokens, token) != null;

        Thread.sleep(Duration.between(Instant.now(), expiry.plus(TokenVerifier.CLOCK_SKEW)).toMillis() + 50);

        assertThat(knownBefore).isTrue();
        assertThat(known(tokens, token)).isNull();
        assertThat(known(tokens, keep(tokens, Instant.now().minusSeconds(61)))).isNull();
    }

    @Test
    void afterAWhileATokenIsVerifiedAgain() throws Exception {
        VerifiedTokens tokens = tokens(10, Duration.ofMillis(200));
        String token = keep(tokens, Instant.now().plusSeconds(60));
        boolean knownBefore = known(tokens, token) != null;

        Thread.sleep(300);

        assertThat(knownBefore).isTrue();
        assertThat(known(tokens, token)).isNull();
    }

    @Test
    void noneIsKeptWhereNoneMayBe() throws Exception {
        VerifiedTokens tokens = tokens(0, Duration.ofMinutes(1));
        String token = keep(tokens, Instant.now().plusSeconds(60));

        assertThat(known(tokens, token)).isNull();
    }

    private static SecurityIdentity known(VerifiedTokens tokens, String token) {
        return tokens.authenticate(new TokenAuthenticationRequest(new JsonWebTokenCredential(token)), null).await()
                .indefinitely();
    }

    private static String keep(VerifiedTokens tokens, Instant expiry) throws InvalidJwtException {
        String token = Tokens.claims(USER).expiresAt(expiry).sign(Tokens.secretKey());
        JwtClaims claims = new JwtClaims();
        claims.setSubject(USER.toString());
        claims.setClaim("role", "authenticated");
        claims.setExpirationTime(NumericDate.fromSeconds(expiry.getEpochSecond()));
        tokens.keep(token, new VerifiedToken(token, claims));
        return token;
    }

    private static VerifiedTokens tokens(int most, Duration verifiedFor) {
        return new VerifiedTokens(new AuthSettings(Optional.of(Tokens.SECRET), Optional.empty(), most, verifiedFor));
    }
}

package dev.chatkeep.security;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import com.github.benmanes.caffeine.cache.Ticker;

import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.IdentityProvider;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.request.TokenAuthenticationRequest;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.quarkus.smallrye.jwt.runtime.auth.JsonWebTokenCredential;
import io.smallrye.mutiny.Uni;

/**
 * Tokens that have been verified a short while ago, so that a client's many requests cost one signature. It is asked before
 * the extension's own provider, which verifies on a worker thread where keys come over the network.
 * <p>
 * Only good tokens are kept, whole: one that differs in a single character is another one. None outlives its {@code exp},
 * and each is verified again after a while, as issuers withdraw keys.
 */
@ApplicationScoped
public class VerifiedTokens implements IdentityProvider<TokenAuthenticationRequest> {

    /** Which part of a cache's life a token has left is known when it comes in, and does not change. */
    private record Lifetime(Duration most, Clock clock) implements Expiry<String, VerifiedToken> {

        @Override
        public long expireAfterCreate(String token, VerifiedToken verified, long now) {
            Duration left = Duration.between(clock.instant(), Instant.ofEpochSecond(verified.getExpirationTime()))
                    .plus(TokenVerifier.CLOCK_SKEW);
            return Math.max(0, TimeUnit.NANOSECONDS.convert(left.compareTo(most) < 0 ? left : most));
        }

        @Override
        public long expireAfterUpdate(String token, VerifiedToken verified, long now, long left) {
            return expireAfterCreate(token, verified, now);
        }

        @Override
        public long expireAfterRead(String token, VerifiedToken verified, long now, long left) {
            return left;
        }
    }

    private final boolean keepsAny;
    private final Cache<String, VerifiedToken> tokens;

    @Inject
    public VerifiedTokens(AuthConfig config) {
        this(config, Clock.systemUTC(), Ticker.systemTicker());
    }

    /** @param ticker what tokens are kept by; the clock says when they expire */
    VerifiedTokens(AuthConfig config, Clock clock, Ticker ticker) {
        // A cache drops what is too much a while after it came in; none at all must mean none at any time.
        keepsAny = config.verifiedTokens() > 0;
        tokens = Caffeine.newBuilder().maximumSize(config.verifiedTokens())
                .expireAfter(new Lifetime(config.verifiedFor(), clock)).ticker(ticker).build();
    }

    /** It has just been verified. */
    void keep(String token, VerifiedToken verified) {
        if (keepsAny) {
            tokens.put(token, verified);
        }
    }

    @Override
    public Class<TokenAuthenticationRequest> getRequestType() {
        return TokenAuthenticationRequest.class;
    }

    @Override
    public int priority() {
        return IdentityProvider.super.priority() + 1;
    }

    /** The identity behind a token that is known, or null for the next provider to verify it. */
    @Override
    public Uni<SecurityIdentity> authenticate(TokenAuthenticationRequest request, AuthenticationRequestContext context) {
        if (!(request.getToken() instanceof JsonWebTokenCredential credential)) {
            return Uni.createFrom().nullItem();
        }
        VerifiedToken verified = tokens.getIfPresent(credential.getToken());
        return Uni.createFrom().item(verified == null ? null
                : QuarkusSecurityIdentity.builder().setPrincipal(verified).addCredential(credential).build());
    }
}

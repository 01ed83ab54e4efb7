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
 * A cache of verified tokens, so that many requests of a client cost one verification of the signature. It comes before the
 * extension's own identity provider, which verifies on a worker thread if keys are fetched over the network.
 * <p>
 * Only valid tokens are cached, with the whole token as key, so a token that differs in a single character is not found. No
 * token stays longer than its {@code exp} or than the published keys that it was verified with, because issuers withdraw keys.
 */
@ApplicationScoped
public class VerifiedTokens implements IdentityProvider<TokenAuthenticationRequest> {

    private record Kept(VerifiedToken token, Duration most) {
    }

    /** How long a token stays in the cache. It is known when the token is added and does not change. */
    private record Lifetime(Clock clock) implements Expiry<String, Kept> {

        @Override
        public long expireAfterCreate(String token, Kept kept, long now) {
            Duration left = Duration.between(clock.instant(), Instant.ofEpochSecond(kept.token().getExpirationTime()))
                    .plus(TokenVerifier.CLOCK_SKEW);
            return Math.max(0, TimeUnit.NANOSECONDS.convert(left.compareTo(kept.most()) < 0 ? left : kept.most()));
        }

        @Override
        public long expireAfterUpdate(String token, Kept kept, long now, long left) {
            return expireAfterCreate(token, kept, now);
        }

        @Override
        public long expireAfterRead(String token, Kept kept, long now, long left) {
            return left;
        }
    }

    private final boolean keepsAny;
    private final Cache<String, Kept> tokens;

    @Inject
    public VerifiedTokens(AuthConfig config) {
        this(config, Clock.systemUTC(), Ticker.systemTicker());
    }

    /** @param ticker measures how long tokens have been cached; the clock says when they expire */
    VerifiedTokens(AuthConfig config, Clock clock, Ticker ticker) {
        // A cache evicts entries over its maximum size with a delay, so a size of 0 would still keep tokens for a moment.
        keepsAny = config.verifiedTokens() > 0;
        tokens = Caffeine.newBuilder().maximumSize(config.verifiedTokens())
                .expireAfter(new Lifetime(clock)).ticker(ticker).build();
    }

    /** Adds a token that has just been verified, for that long at most. */
    void keep(String token, VerifiedToken verified, Duration most) {
        if (keepsAny) {
            tokens.put(token, new Kept(verified, most));
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

    /** The identity of a cached token, or null to let the next provider verify the token. */
    @Override
    public Uni<SecurityIdentity> authenticate(TokenAuthenticationRequest request, AuthenticationRequestContext context) {
        if (!(request.getToken() instanceof JsonWebTokenCredential credential)) {
            return Uni.createFrom().nullItem();
        }
        Kept kept = tokens.getIfPresent(credential.getToken());
        return Uni.createFrom().item(kept == null ? null
                : QuarkusSecurityIdentity.builder().setPrincipal(kept.token()).addCredential(credential).build());
    }
}

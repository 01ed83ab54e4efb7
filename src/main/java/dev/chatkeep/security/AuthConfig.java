package dev.chatkeep.security;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

import jakarta.validation.constraints.Min;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How tokens are verified. At least one of the two sources of keys is set. */
@ConfigMapping(prefix = "chatkeep.auth")
public interface AuthConfig {

    /** The secret of HS256 as plain text, at least 32 bytes. */
    Optional<String> jwtSecret();

    /** Where the issuer publishes its keys for ES256 and RS256 (RFC 7517). */
    Optional<String> jwksUrl();

    /** The {@code iss} that tokens must have; not checked if it is not set. */
    Optional<String> issuer();

    /** The {@code aud} that tokens must have. */
    @WithDefault("authenticated")
    String audience();

    /** The maximum number of verified tokens in the cache; 0 disables the cache. */
    @WithDefault("5000")
    @Min(0)
    int verifiedTokens();

    /**
     * How long published keys, and the tokens verified with them, are taken for good. Then the keys are fetched again, so for
     * so
     * long at most a key works that the issuer has withdrawn. While the issuer cannot be reached the keys stay.
     */
    @WithDefault("5M")
    Duration verifiedFor();

    /** The cookie that the token may come in instead of the {@code Authorization} header; none if it is not set. */
    Optional<String> cookie();

    /**
     * The origins, beside the service's own, from which requests that may change something are taken with the cookie:
     * {@code https://chat.example.org}.
     */
    Optional<Set<String>> cookieOrigins();
}

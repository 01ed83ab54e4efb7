package dev.chatkeep.security;

import java.time.Duration;
import java.util.Optional;

import jakarta.validation.constraints.Min;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How tokens are verified; at least one of the two sources of keys is set. */
@ConfigMapping(prefix = "chatkeep.auth")
public interface AuthConfig {

    /** The secret of HS256 as it stands, at least 32 bytes. */
    Optional<String> jwtSecret();

    /** Where the issuer publishes its keys for ES256 and RS256 (RFC 7517). */
    Optional<String> jwksUrl();

    /** The {@code iss} that tokens must carry; not checked where it is not set. */
    Optional<String> issuer();

    /** The {@code aud} that tokens must carry. */
    @WithDefault("authenticated")
    String audience();

    /** How many verified tokens are remembered at the most; none with 0. */
    @WithDefault("5000")
    @Min(0)
    int verifiedTokens();

    /** After how long a token is verified again even if it is good for longer: an issuer may have withdrawn its key. */
    @WithDefault("5M")
    Duration verifiedFor();
}

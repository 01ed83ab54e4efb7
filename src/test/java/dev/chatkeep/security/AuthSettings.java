package dev.chatkeep.security;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

record AuthSettings(Optional<String> jwtSecret, Optional<String> jwksUrl, int verifiedTokens,
        Duration verifiedFor) implements AuthConfig {

    @Override
    public Optional<String> issuer() {
        return Optional.empty();
    }

    @Override
    public String audience() {
        return "authenticated";
    }

    @Override
    public Optional<String> cookie() {
        return Optional.empty();
    }

    @Override
    public Optional<Set<String>> cookieOrigins() {
        return Optional.empty();
    }
}

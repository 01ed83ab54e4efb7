package dev.chatkeep.security;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.UUID;

import org.eclipse.microprofile.jwt.JsonWebToken;

import io.quarkus.security.identity.SecurityIdentity;

/**
 * Who a request acts as.
 *
 * @param userId the {@code sub} of the token, whose rows the request is about
 * @param role the database role that it takes on
 * @param claims the payload of the token, as PostgREST and Supabase hand it to policies
 */
public record Caller(UUID userId, String role, String claims) {

    /** The caller of the current request; its token has been verified. */
    static Caller of(SecurityIdentity identity) {
        JsonWebToken token = (JsonWebToken) identity.getPrincipal();
        String payload = token.getRawToken().split("\\.", 3)[1];
        return new Caller(UUID.fromString(token.getSubject()), token.getClaim("role").toString(),
                new String(Base64.getUrlDecoder().decode(payload), StandardCharsets.UTF_8));
    }
}

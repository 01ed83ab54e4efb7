package dev.chatkeep.security;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.UUID;

import jakarta.json.JsonObject;
import jakarta.json.JsonString;

import org.jose4j.jwt.JwtClaims;

import io.smallrye.jwt.auth.principal.DefaultJWTCallerPrincipal;

/** A verified token. What requests need of its claims is read once. */
final class VerifiedToken extends DefaultJWTCallerPrincipal {

    private final UUID userId;
    private final String role;
    private final String payload;
    private final boolean administrator;

    /** @param claims the claims of the token, which have been checked */
    VerifiedToken(String token, JwtClaims claims) {
        super("JWT", claims);
        userId = getSubject() == null ? null : UUID.fromString(getSubject());
        role = getClaim("role").toString();
        payload = new String(Base64.getUrlDecoder().decode(token.split("\\.", 3)[1]), StandardCharsets.UTF_8);
        administrator = Caller.SERVICE_ROLE.equals(role)
                || getClaim("app_metadata") instanceof JsonObject metadata
                        && metadata.get("role") instanceof JsonString metadataRole && metadataRole.getString().equals("admin");
    }

    /** Null if the service itself calls. */
    UUID userId() {
        return userId;
    }

    /** The database role of its requests. */
    String role() {
        return role;
    }

    /** The signed JSON. */
    String payload() {
        return payload;
    }

    boolean isAdministrator() {
        return administrator;
    }
}

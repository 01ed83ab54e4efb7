package dev.chatkeep.security;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.json.JsonObject;
import jakarta.json.JsonString;

import org.eclipse.microprofile.jwt.JsonWebToken;

import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.SecurityIdentityAugmentor;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.smallrye.mutiny.Uni;

/**
 * Gives the role of an administrator to the service's tokens and to users whom the issuer calls one in
 * {@code app_metadata}, which users cannot write themselves. Nothing else in a token gives a role: not
 * {@code user_metadata}, not the tier, not {@code groups}.
 */
@ApplicationScoped
public class Administrators implements SecurityIdentityAugmentor {

    /** For {@code RolesAllowed}. */
    public static final String ROLE = "administrator";

    @Override
    public Uni<SecurityIdentity> augment(SecurityIdentity identity, AuthenticationRequestContext context) {
        if (!(identity.getPrincipal() instanceof JsonWebToken token)) {
            return Uni.createFrom().item(identity);
        }
        QuarkusSecurityIdentity.Builder caller = QuarkusSecurityIdentity.builder()
                .setPrincipal(token)
                .addCredentials(identity.getCredentials())
                .addAttributes(identity.getAttributes());
        if (isAdministrator(token)) {
            caller.addRole(ROLE);
        }
        return Uni.createFrom().item(caller.build());
    }

    private static boolean isAdministrator(JsonWebToken token) {
        return Caller.SERVICE_ROLE.equals(token.getClaim("role").toString())
                || token.getClaim("app_metadata") instanceof JsonObject metadata
                        && metadata.get("role") instanceof JsonString role && role.getString().equals("admin");
    }
}

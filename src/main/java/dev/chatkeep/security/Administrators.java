package dev.chatkeep.security;

import jakarta.enterprise.context.ApplicationScoped;

import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.SecurityIdentityAugmentor;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.smallrye.mutiny.Uni;

/**
 * Gives the role of an administrator to service tokens and to users whom the issuer marks as administrators in
 * {@code app_metadata}, which users cannot change themselves. Nothing else in a token gives the role: not
 * {@code user_metadata}, not the tier, not {@code groups}.
 */
@ApplicationScoped
public class Administrators implements SecurityIdentityAugmentor {

    /** For {@code RolesAllowed}. */
    public static final String ROLE = "administrator";

    @Override
    public Uni<SecurityIdentity> augment(SecurityIdentity identity, AuthenticationRequestContext context) {
        if (!(identity.getPrincipal() instanceof VerifiedToken token)) {
            return Uni.createFrom().item(identity);
        }
        QuarkusSecurityIdentity.Builder caller = QuarkusSecurityIdentity.builder()
                .setPrincipal(token)
                .addCredentials(identity.getCredentials())
                .addAttributes(identity.getAttributes());
        if (token.isAdministrator()) {
            caller.addRole(ROLE);
        }
        return Uni.createFrom().item(caller.build());
    }
}

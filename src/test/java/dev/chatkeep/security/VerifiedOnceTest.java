package dev.chatkeep.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Tokens;
import io.quarkus.security.identity.IdentityProviderManager;
import io.quarkus.security.identity.request.TokenAuthenticationRequest;
import io.quarkus.smallrye.jwt.runtime.auth.JsonWebTokenCredential;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;

/** The providers of identities as they are put together. */
@QuarkusTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class VerifiedOnceTest {

    @Inject
    IdentityProviderManager identities;

    @Test
    void aTokenIsVerifiedOnce() {
        // Given
        String token = Tokens.of(UUID.randomUUID());
        Object first = principal(token);

        // When
        Object second = principal(token);

        // Then
        assertThat(second).isSameAs(first);
        assertThat(principal(Tokens.of(UUID.randomUUID()))).isNotEqualTo(first);
    }

    private Object principal(String token) {
        return identities.authenticate(new TokenAuthenticationRequest(new JsonWebTokenCredential(token))).await()
                .indefinitely().getPrincipal();
    }
}

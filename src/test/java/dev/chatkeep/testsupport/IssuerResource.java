package dev.chatkeep.testsupport;

import java.security.KeyPair;
import java.util.Map;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;

/** Has the service under test accept an issuer's published keys beside the secret. */
public class IssuerResource implements QuarkusTestResourceLifecycleManager {

    public static final String ISSUER = "https://issuer.example.org/auth/v1";

    /** What a test that has a field of this type is given. */
    public record Issuer(JwksServer server, KeyPair rsa, KeyPair ec) {
    }

    private final Issuer issuer = new Issuer(new JwksServer(), JwksServer.rsa(), JwksServer.ec());

    @Override
    public Map<String, String> start() {
        issuer.server().publish("rsa-1", "RS256", issuer.rsa().getPublic());
        issuer.server().publish("ec-1", "ES256", issuer.ec().getPublic());
        return Map.of("chatkeep.auth.jwks-url", issuer.server().url(), "chatkeep.auth.issuer", ISSUER);
    }

    @Override
    public void inject(TestInjector injector) {
        injector.injectIntoFields(issuer, new TestInjector.MatchesType(Issuer.class));
    }

    @Override
    public void stop() {
        issuer.server().close();
    }
}

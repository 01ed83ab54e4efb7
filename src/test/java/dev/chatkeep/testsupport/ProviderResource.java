package dev.chatkeep.testsupport;

import java.util.Map;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;

/** Has the service under test call a provider that follows scripts. Fields of its type are given that provider. */
public class ProviderResource implements QuarkusTestResourceLifecycleManager {

    /** Nobody but the provider must ever see it. */
    public static final String API_KEY = "sk-test-secret-of-the-provider";

    private ScriptedProvider provider;

    @Override
    public Map<String, String> start() {
        provider = ScriptedProvider.start();
        return Map.of("chatkeep.provider.base-url", provider.baseUrl(), "chatkeep.provider.api-key", API_KEY,
                // Tests have no time, and share one service, which must not spare the provider for what one of them does.
                "chatkeep.provider.retry-delay", "0.05S",
                "chatkeep.provider.breaker.calls", "100000",
                // What the database decides about requests at the same time is decided there.
                "chatkeep.provider.max-concurrent-calls-per-user", "1000",
                "chatkeep.database.max-waiting-writes-per-user", "1000",
                // Who wants to come back may be slow; whoever is to be found out has a service that waits for nobody.
                "chatkeep.completion.resume-grace", "2M",
                "chatkeep.completion.checkpoint-interval", "1S",
                "chatkeep.limits.enterprise.requests-per-minute", "5");
    }

    @Override
    public void inject(TestInjector injector) {
        injector.injectIntoFields(provider, new TestInjector.MatchesType(ScriptedProvider.class));
    }

    @Override
    public void stop() {
        if (provider != null) {
            provider.close();
        }
    }
}

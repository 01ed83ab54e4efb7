package dev.chatkeep.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Sql;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;

/** Requests that forward an address and do not come from the proxy that may: the tests come from the loopback address. */
@QuarkusIntegrationTest
@TestProfile(UntrustedProxyIT.BesideProxy.class)
class UntrustedProxyIT {

    public static class BesideProxy implements QuarkusTestProfile {

        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("quarkus.http.proxy.proxy-address-forwarding", "true",
                    "quarkus.http.proxy.trusted-proxies", "192.0.2.1");
        }
    }

    @Test
    void theAddressThatTheyForwardIsNotBelieved() {
        Caller caller = Caller.fresh();

        caller.request().header("X-Forwarded-For", "203.0.113.7").post("/api/auth/session").then().statusCode(200);

        assertThat(Sql.<String> value("select host(ip_address) from public.user_activity_log where user_id = ?", caller.id()))
                .isEqualTo("127.0.0.1");
    }
}

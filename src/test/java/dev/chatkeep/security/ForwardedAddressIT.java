package dev.chatkeep.security;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;

/** Requests that say whom they come from, sent from the loopback address. */
@BesideOthers
class ForwardedAddressIT {

    @ParameterizedTest
    @CsvSource({ "127.0.0.0/8, 203.0.113.7", "192.0.2.1, 127.0.0.1" })
    void onlyATrustedProxyIsBelieved(String trusted, String logged) throws Exception {
        // Given
        try (PackagedService service = new PackagedService(Map.of("QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING", "true",
                "QUARKUS_HTTP_PROXY_TRUSTED_PROXIES", trusted))) {
            service.start();
            Caller caller = service.newCaller();

            // When
            caller.request().header("X-Forwarded-For", "203.0.113.7").post("/api/auth/session").then().statusCode(200);

            // Then
            assertThat(service.text("select host(ip_address) from public.user_activity_log where user_id = ?", caller.id()))
                    .isEqualTo(logged);
        }
    }
}

package dev.chatkeep.security;

import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;

/** Front ends whose session is in a cookie. */
@BesideOthers
class TokenCookieIT {

    private static final String NAME = "sb-project-auth-token";
    private static final String FRONT_END = "https://chat.example.org";
    private static final String SESSIONS = "/api/chat/sessions";

    private static PackagedService service;

    /** The ways in which the libraries write it. */
    private enum Form {
        TOKEN {
            @Override
            String of(String token) {
                return token;
            }
        },
        JSON {
            @Override
            String of(String token) {
                return URLEncoder.encode(session(token), StandardCharsets.UTF_8);
            }
        },
        LIST {
            @Override
            String of(String token) {
                return URLEncoder.encode("[\"" + token + "\",\"refresh\",null,null]", StandardCharsets.UTF_8);
            }
        },
        BASE64 {
            @Override
            String of(String token) {
                return "base64-" + Base64.getUrlEncoder().withoutPadding()
                        .encodeToString(session(token).getBytes(StandardCharsets.UTF_8));
            }
        };

        abstract String of(String token);

        private static String session(String token) {
            return "{\"access_token\":\"" + token + "\",\"refresh_token\":\"r\",\"user\":{\"name\":\"Ünal\"}}";
        }
    }

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of("CHATKEEP_AUTH_COOKIE", NAME, "CHATKEEP_AUTH_COOKIE_ORIGINS", FRONT_END));
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    @ParameterizedTest
    @EnumSource(Form.class)
    void theTokenOfTheCookieSaysWhoCalls(Form form) {
        // Given
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");

        // When
        Response sessions = with(form.of(caller.token())).get(SESSIONS);

        // Then
        assertThat(sessions.statusCode()).isEqualTo(200);
        assertThat(sessions.<String> path("sessions[0].id")).isEqualTo("s1");
    }

    @Test
    void theCookieMayComeInParts() {
        // Given
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");
        String value = Form.BASE64.of(caller.token());
        int third = value.length() / 3;

        // When
        Response sessions = service.given().cookie(NAME + ".1", value.substring(third, 2 * third))
                .cookie(NAME + ".0", value.substring(0, third)).cookie(NAME + ".2", value.substring(2 * third)).get(SESSIONS);

        // Then
        assertThat(sessions.<String> path("sessions[0].id")).isEqualTo("s1");
    }

    @Test
    void aHeaderCountsMore() {
        // Given
        Caller ada = service.newCaller();
        Caller bob = service.newCaller();
        ada.hasSession("s1", "Ada's");
        bob.hasSession("s1", "Bob's");

        // When
        Response sessions = ada.request().cookie(NAME, bob.token()).get(SESSIONS);

        // Then
        assertThat(sessions.<String> path("sessions[0].title")).isEqualTo("Ada's");
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "nothing", "base64-", "base64-%%%", "base64-bm90aGluZw", "%7B", "%7B%22access_token%22%3A5%7D",
            "%5B%5D", "%zz", "%7B%22access_token%22%3A%22a%5Cu0000%22%7D",
            "%7B%22access_token%22%3A%22a%5Cr%5CnX%3A%201%22%7D", "%5B%22a%5Cnb%22%5D" })
    void whatIsNoSessionIsNobody(String value) {
        // When
        Response refused = with(value).get(SESSIONS);

        // Then
        assertThat(refused.statusCode()).isEqualTo(401);
    }

    @Test
    void anotherCookieIsNotLookedAt() {
        // Given
        Caller caller = service.newCaller();

        // When
        Response refused = service.given().cookie("token", caller.token()).get(SESSIONS);

        // Then
        assertProblem(refused, 401, "unauthorized");
    }

    @ParameterizedTest
    @ValueSource(strings = { FRONT_END, "own" })
    void aKnownOriginMayChangeSomething(String origin) {
        // Given
        Caller caller = service.newCaller();

        // When
        Response created = with(caller.token())
                .header("Origin", origin.equals("own") ? "http://127.0.0.1:" + service.port() : origin)
                .contentType("application/json").body("{\"id\": \"s1\"}").post(SESSIONS);

        // Then
        assertThat(created.statusCode()).isEqualTo(201);
    }

    @ParameterizedTest
    @CsvSource(nullValues = "none", value = { "none", "null", "https://evil.example.org", "https://chat.example.org.evil.org",
            "http://chat.example.org", "https://CHAT.example.org:444" })
    void anyOtherMayNot(String origin) {
        // Given
        Caller caller = service.newCaller();
        RequestSpecification request = with(caller.token()).contentType("application/json").body("{\"id\": \"s1\"}");

        // When
        Response refused = (origin == null ? request : request.header("Origin", origin)).post(SESSIONS);

        // Then
        assertProblem(refused, 403, "origin_not_allowed");
        assertThat(caller.listSessions().<Integer> path("count")).isZero();
    }

    @Test
    void deletingIsAChangeToo() {
        // Given
        Caller caller = service.newCaller();
        caller.hasSession("s1", "A title");

        // When
        Response refused = with(caller.token()).delete("/api/chat/clear-all");

        // Then
        assertProblem(refused, 403, "origin_not_allowed");
        assertThat(caller.listSessions().<Integer> path("count")).isEqualTo(1);
    }

    /** Tokens in headers are sent by those who have them, not by any page. */
    @Test
    void aHeaderNeedsNoOrigin() {
        // Given
        Caller caller = service.newCaller();

        // When
        Response created = caller.createSession("s1", "A title");

        // Then
        assertThat(created.statusCode()).isEqualTo(201);
    }

    private static RequestSpecification with(String cookie) {
        return service.given().header("Cookie", NAME + "=" + cookie);
    }
}

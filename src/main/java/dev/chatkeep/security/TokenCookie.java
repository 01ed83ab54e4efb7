package dev.chatkeep.security;

import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Set;
import java.util.regex.Pattern;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.core.Response.Status;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.problem.Problem;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.vertx.http.runtime.security.SecurityHandlerPriorities;
import io.vertx.core.http.Cookie;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/**
 * Takes the token from a cookie where a request has none in its {@code Authorization} header: the token itself, or the session
 * that Supabase's library for servers keeps, whole or in parts ({@code name.0}, {@code name.1}, …). From here on it is verified
 * like any other.
 *
 * <p>
 * Browsers send cookies whoever makes the request. So one that may change something has to come from an origin that is known
 * (cross-site request forgery).
 */
@ApplicationScoped
class TokenCookie {

    /** After what looks at addresses, headers and bodies of known length, and before who calls is asked. */
    private static final int BEFORE_AUTHENTICATION = 2 - SecurityHandlerPriorities.CORS;
    private static final Set<HttpMethod> SAFE = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);
    private static final String PROTECTED = "/(api|v1)(/.*)?";
    private static final int MAX_PARTS = 10;
    private static final String BASE64 = "base64-";
    /** As RFC 6750 has it. */
    private static final Pattern BEARER = Pattern.compile("[A-Za-z0-9._~+/-]++=*");
    private static final String ACCESS_TOKEN = "access_token";
    private static final HttpProblem FOREIGN = Problem.of(Status.FORBIDDEN, "origin_not_allowed",
            "A request with a cookie must come from an origin that may send it.");

    private final String name;
    private final Set<String> origins;
    private final ObjectMapper json;

    TokenCookie(AuthConfig config, ObjectMapper json) {
        this.name = config.cookie().orElse(null);
        this.origins = config.cookieOrigins().orElse(Set.of());
        this.json = json;
    }

    void register(@Observes Router router) {
        if (name != null) {
            router.routeWithRegex(PROTECTED).order(BEFORE_AUTHENTICATION).handler(this::take);
        }
    }

    private void take(RoutingContext exchange) {
        HttpServerRequest request = exchange.request();
        String token = request.headers().contains(HttpHeaders.AUTHORIZATION) ? null : token(request);
        if (token == null) {
            exchange.next();
        } else if (SAFE.contains(request.method()) || isKnown(request)) {
            request.headers().set(HttpHeaders.AUTHORIZATION, "Bearer " + token);
            exchange.next();
        } else {
            request.resume(); // the body, or the connection would wait for somebody to read it
            exchange.fail(FOREIGN.getStatusCode(), FOREIGN);
        }
    }

    /** Whether it comes from the service's own origin, or from one that is configured. */
    private boolean isKnown(HttpServerRequest request) {
        String origin = request.getHeader(HttpHeaders.ORIGIN);
        return origin != null && (origins.contains(origin)
                || request.authority() != null && origin.equals(request.scheme() + "://" + request.authority()));
    }

    /** Null where there is no cookie, or none that holds a token. */
    private String token(HttpServerRequest request) {
        String value = value(request);
        if (value == null || value.isEmpty()) {
            return null;
        }
        try {
            String session = value.startsWith(BASE64)
                    ? new String(Base64.getUrlDecoder().decode(value.substring(BASE64.length())), StandardCharsets.UTF_8)
                    : URLDecoder.decode(value, StandardCharsets.UTF_8);
            if (!session.startsWith("{") && !session.startsWith("[")) {
                return bearer(value);
            }
            JsonNode document = json.readTree(session);
            // Older libraries wrote a list, the token first.
            JsonNode token = document.isArray() ? document.path(0) : document.path(ACCESS_TOKEN);
            return bearer(token.asText());
        } catch (IllegalArgumentException | IOException e) {
            return null; // what is no session says nothing of who calls
        }
    }

    /** The token, or null for a text that a header may not have: line ends, for one. */
    private static String bearer(String token) {
        return BEARER.matcher(token).matches() ? token : null;
    }

    private String value(HttpServerRequest request) {
        Cookie whole = request.getCookie(name);
        if (whole != null) {
            return whole.getValue();
        }
        StringBuilder parts = new StringBuilder();
        for (int number = 0; number < MAX_PARTS; number++) {
            Cookie part = request.getCookie(name + "." + number);
            if (part == null) {
                break;
            }
            parts.append(part.getValue());
        }
        return parts.toString();
    }
}

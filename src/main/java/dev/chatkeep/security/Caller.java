package dev.chatkeep.security;

import java.util.Optional;
import java.util.UUID;

import jakarta.ws.rs.core.Response.Status;

import dev.chatkeep.problem.Problem;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.security.QuarkusHttpUser;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.RoutingContext;

/**
 * The identity that a request acts as.
 *
 * @param userId the {@code sub} of the token, whose rows the request is about; null if the service itself calls
 * @param role the database role of the request
 * @param claims the payload of the token, in the form in which PostgREST and Supabase pass it to policies
 * @param address the client's address for the activity log; empty if it is not known
 * @param userAgent the client's user agent for the activity log; empty if it is not known
 */
public record Caller(UUID userId, String role, String claims, String address, String userAgent) {

    static final String SERVICE_ROLE = "service_role";

    /** The service itself, for work that no request asked for. */
    public static final Caller SERVICE = new Caller(null, SERVICE_ROLE, "{\"role\":\"service_role\"}", "", "");

    /** The caller of the current request, if there is one. Its token has been verified. */
    public static Caller of(SecurityIdentity identity, RoutingContext exchange) {
        VerifiedToken token = (VerifiedToken) identity.getPrincipal();
        return new Caller(token.userId(), token.role(), token.payload(),
                exchange == null ? "" : address(exchange.request().remoteAddress()),
                exchange == null ? "" : userAgent(exchange));
    }

    /** The user of a request; empty if it is not authenticated yet or not a user's. */
    public static Optional<UUID> userOf(RoutingContext exchange) {
        return exchange.user() instanceof QuarkusHttpUser user
                && user.getSecurityIdentity().getPrincipal() instanceof VerifiedToken token
                        ? Optional.ofNullable(token.userId())
                        : Optional.empty();
    }

    /** The user of the token. Throws 403 for a service token, which has no user. */
    public UUID requireUserId() {
        if (userId == null) {
            throw Problem.of(Status.FORBIDDEN, "forbidden", "This token belongs to no user.");
        }
        return userId;
    }

    /** The address without the zone of a link-local address, because PostgreSQL's type has no zone. */
    private static String address(SocketAddress remote) {
        String address = remote == null ? null : remote.hostAddress();
        if (address == null) {
            return "";
        }
        int zone = address.indexOf('%');
        return zone < 0 ? address : address.substring(0, zone);
    }

    private static String userAgent(RoutingContext exchange) {
        String userAgent = exchange.request().getHeader(HttpHeaders.USER_AGENT);
        return userAgent == null ? "" : userAgent.replace("\0", "");
    }
}

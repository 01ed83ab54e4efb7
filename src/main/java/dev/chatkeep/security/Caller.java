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
 * Who a request acts as.
 *
 * @param userId the {@code sub} of the token, whose rows the request is about; null where the service itself calls
 * @param role the database role that it takes on
 * @param claims the payload of the token, as PostgREST and Supabase hand it to policies
 * @param address where the request comes from, for the activity log; empty where that is not known
 * @param userAgent what it comes from, likewise
 */
public record Caller(UUID userId, String role, String claims, String address, String userAgent) {

    static final String SERVICE_ROLE = "service_role";

    /** The service itself, for what no request asked for. */
    public static final Caller SERVICE = new Caller(null, SERVICE_ROLE, "{\"role\":\"service_role\"}", "", "");

    /** The caller of the current request, if there is one; its token has been verified. */
    public static Caller of(SecurityIdentity identity, RoutingContext exchange) {
        VerifiedToken token = (VerifiedToken) identity.getPrincipal();
        return new Caller(token.userId(), token.role(), token.payload(),
                exchange == null ? "" : address(exchange.request().remoteAddress()),
                exchange == null ? "" : userAgent(exchange));
    }

    /** Whose request it is, if it has come so far that this is known and if it is a user's. */
    public static Optional<UUID> userOf(RoutingContext exchange) {
        return exchange.user() instanceof QuarkusHttpUser user
                && user.getSecurityIdentity().getPrincipal() instanceof VerifiedToken token
                        ? Optional.ofNullable(token.userId())
                        : Optional.empty();
    }

    /** The user behind the token; 403 where it is a service's token, which has none. */
    public UUID requireUserId() {
        if (userId == null) {
            throw Problem.of(Status.FORBIDDEN, "forbidden", "This token belongs to no user.");
        }
        return userId;
    }

    /** Without the zone of a link-local address, which PostgreSQL's type does not have. */
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

package dev.chatkeep.telemetry;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.logging.Logger;
import java.util.regex.Pattern;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;

import org.jboss.logging.MDC;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Level;

import dev.chatkeep.security.Caller;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.impl.ContextInternal;
import io.vertx.ext.web.RoutingContext;

/**
 * Logs one line per request when its response has ended, and gives each request an id that all its log entries carry. The line
 * contains no path, because paths contain ids of conversations. Of what the client sent it contains only the request id.
 * <p>
 * {@code quarkus.log.category."dev.chatkeep.telemetry.RequestLog".level=OFF} switches the lines off.
 */
@ApplicationScoped
class RequestLog {

    static final String REQUEST_ID = "X-Request-Id";

    /** Runs before authentication, so that requests that it refuses are logged too. */
    private static final int FIRST = 10_000;
    private static final Pattern VALID_ID = Pattern.compile("[\\w.:/+=-]{1,128}");
    private static final String NO_ROUTE = "none";
    private static final Logger LOG = Logger.getLogger(RequestLog.class.getName());

    private final UserHash users;

    RequestLog(UserHash users) {
        this.users = users;
    }

    void register(@Observes Filters filters) {
        filters.register(this::handle, FIRST);
    }

    private void handle(RoutingContext exchange) {
        long start = System.nanoTime();
        String received = exchange.request().getHeader(REQUEST_ID);
        String id = received != null && VALID_ID.matcher(received).matches() ? received : UUID.randomUUID().toString();
        MDC.put("requestId", id);
        exchange.response().putHeader(REQUEST_ID, id);
        if (LOG.isLoggable(Level.INFO)) {
            exchange.addEndHandler(end -> write(exchange, id, start, end.succeeded()));
        }
        exchange.next();
    }

    private void write(RoutingContext exchange, String id, long start, boolean complete) {
        HttpServerRequest request = exchange.request();
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("method", request.method().name());
        fields.put("route", route(exchange));
        fields.put("status", Integer.toString(exchange.response().getStatusCode()));
        fields.put("durationMillis", Long.toString(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start)));
        if (!complete) {
            fields.put("clientGone", "true");
        }
        String line = String.join(" ", fields.values());
        Caller.userOf(exchange).ifPresent(user -> fields.put("user", users.of(user)));
        fields.put("requestId", id);
        ExtLogRecord record = new ExtLogRecord(Level.INFO, line, RequestLog.class.getName());
        record.setLoggerName(LOG.getName());
        record.setMdc(fields);
        LOG.log(record);
    }

    /**
     * The path template of the resource. The framework stores it for metrics only
     * (https://github.com/quarkusio/quarkus/issues/15044). {@code RequestLogIT} fails if it moves elsewhere.
     */
    private static String route(RoutingContext exchange) {
        Object template = exchange.vertx().getOrCreateContext() instanceof ContextInternal context
                ? context.getLocal("UrlPathTemplate")
                : null;
        return template == null ? NO_ROUTE : template.toString();
    }
}

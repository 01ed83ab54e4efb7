package dev.chatkeep.security;

import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.core.Response.Status;

import org.eclipse.microprofile.config.inject.ConfigProperty;

import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.problem.Problem;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.security.QuarkusHttpUser;
import io.quarkus.vertx.http.runtime.security.SecurityHandlerPriorities;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;

/**
 * Admits the bodies of requests. Nothing of a body is kept before it is known who calls; then it takes its share of a budget,
 * which is given back with the response. Quarkus refuses a body over the limit without a document and closes the connection at
 * once, which most clients report as a broken connection; here what they send is read and thrown away, up to a point.
 */
@ApplicationScoped
public class RequestBodies {

    /** A body that is larger than the limit is read to its end if it is not larger than this many times the limit. */
    private static final int MAX_DRAINED_LIMITS = 4;
    /** Smaller bodies are not worth counting. */
    private static final long SMALL_BYTES = 64 << 10;
    private static final int RETRY_AFTER_SECONDS = 2;
    private static final int LEAST_BODIES = 4;
    /** What a body takes of memory while it is read, in multiples of its size. */
    private static final int EXPANSION = 12;

    /** Right after the filter for other origins, whose headers let a front end there read the refusal. */
    private static final int AFTER_CORS = 1 - SecurityHandlerPriorities.CORS;
    private static final int AFTER_AUTHENTICATION = 1 - SecurityHandlerPriorities.AUTHENTICATION;

    private static final Set<HttpMethod> BODILESS = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);

    private final long limitBytes;
    private final HttpProblem tooLarge;
    private final long timeoutMillis;
    private final BodyBudget budget;
    private final BodyHandler bodiesOfUnknownLength;

    public RequestBodies(@ConfigProperty(name = "quarkus.http.limits.max-body-size") MemorySize limit, BodyConfig config) {
        this.limitBytes = limit.asLongValue();
        this.tooLarge = Problem.tooLarge(limitBytes);
        this.timeoutMillis = config.bodyTimeout().toMillis();
        long total = config.maxBodyMemory().map(MemorySize::asLongValue)
                .orElse(Math.max(Runtime.getRuntime().maxMemory() / EXPANSION, LEAST_BODIES * limitBytes));
        this.budget = new BodyBudget(total, Math.max(limitBytes, total / LEAST_BODIES));
        this.bodiesOfUnknownLength = BodyHandler.create(false).setBodyLimit(limitBytes);
    }

    void register(@Observes Router router, MeterRegistry metrics) {
        metrics.gauge("chatkeep.http.body.memory", budget, BodyBudget::reserved);
        router.route().order(AFTER_CORS).handler(this::limit);
        router.route().order(AFTER_AUTHENTICATION).handler(this::admit);
    }

    private void limit(RoutingContext exchange) {
        HttpServerRequest request = exchange.request();
        long length = contentLength(request);
        if (length <= limitBytes) {
            exchange.next();
        } else if (request.headers().contains(HttpHeaders.EXPECT) || length > limitBytes * MAX_DRAINED_LIMITS) {
            closeAfterwards(request);
            exchange.fail(tooLarge.getStatusCode(), tooLarge);
        } else {
            drain(exchange, tooLarge);
        }
    }

    private void admit(RoutingContext exchange) {
        HttpServerRequest request = exchange.request();
        boolean hasLength = request.headers().contains(HttpHeaders.CONTENT_LENGTH);
        if (hasLength ? contentLength(request) <= SMALL_BYTES : !mayHaveBody(request)) {
            exchange.next();
            return;
        }
        QuarkusHttpUser.getSecurityIdentity(exchange, null).subscribe().with(
                identity -> admit(exchange, identity, hasLength),
                // Whoever reads the identity for the resource gets the same failure and answers it.
                failure -> withoutBody(exchange));
    }

    private void admit(RoutingContext exchange, SecurityIdentity identity, boolean hasLength) {
        if (identity == null || !(identity.getPrincipal() instanceof VerifiedToken token)) {
            withoutBody(exchange);
            return;
        }
        UUID user = token.userId();
        long bytes = hasLength ? contentLength(exchange.request()) : limitBytes;
        switch (budget.reserve(user, bytes)) {
            case USER_HAS_TOO_MANY -> drain(exchange, Problem.later(Status.TOO_MANY_REQUESTS, "too_many_uploads",
                    "Too many of your uploads are on their way.", RETRY_AFTER_SECONDS));
            case ALL_HAVE_TOO_MANY -> drain(exchange, DatabaseProblems.tooBusy());
            default -> {
                releaseAtTheEnd(exchange, user, bytes);
                closeIfItDoesNotArrive(exchange);
                if (hasLength) {
                    exchange.next();
                } else {
                    bodiesOfUnknownLength.handle(exchange);
                }
            }
        }
    }

    private void releaseAtTheEnd(RoutingContext exchange, UUID user, long bytes) {
        AtomicBoolean released = new AtomicBoolean();
        Runnable release = () -> {
            if (released.compareAndSet(false, true)) {
                budget.release(user, bytes);
            }
        };
        exchange.addEndHandler(ignored -> release.run());
        // A client that has gone in the meantime brings no end any more.
        if (exchange.response().closed() || exchange.response().ended()) {
            release.run();
        }
    }

    private void closeIfItDoesNotArrive(RoutingContext exchange) {
        HttpServerRequest request = exchange.request();
        long timer = exchange.vertx().setTimer(timeoutMillis, ignored -> {
            if (!request.isEnded()) {
                request.connection().close();
            }
        });
        exchange.addEndHandler(ignored -> exchange.vertx().cancelTimer(timer));
    }

    /** The request goes on without its body, to be refused. What is not read must not be taken for the next request. */
    private static void withoutBody(RoutingContext exchange) {
        if (!exchange.request().headers().contains(HttpHeaders.CONTENT_LENGTH)) {
            closeAfterwards(exchange.request());
        }
        exchange.next();
    }

    private void drain(RoutingContext exchange, HttpProblem problem) {
        closeIfItDoesNotArrive(exchange);
        exchange.request().handler(ignored -> {
        }).endHandler(done -> exchange.fail(problem.getStatusCode(), problem)).resume();
    }

    private static void closeAfterwards(HttpServerRequest request) {
        if (request.version() != HttpVersion.HTTP_2) {
            request.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
        }
    }

    /** HTTP/2 needs neither header for a body; over HTTP/1.1 one without a length is chunked. */
    private static boolean mayHaveBody(HttpServerRequest request) {
        return request.version() == HttpVersion.HTTP_2 ? !BODILESS.contains(request.method())
                : request.headers().contains(HttpHeaders.TRANSFER_ENCODING);
    }

    private static long contentLength(HttpServerRequest request) {
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        return length == null ? 0 : Long.parseLong(length);
    }
}

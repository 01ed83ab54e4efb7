package dev.chatkeep.problem;

import java.util.Map;
import java.util.Set;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.core.Response.Status;

import org.eclipse.microprofile.config.inject.ConfigProperty;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.vertx.http.runtime.security.SecurityHandlerPriorities;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;

/**
 * Sends a problem document for failures before a resource is found, and refuses bodies over the limit before it checks tokens.
 * Quarkus would refuse such bodies without a document and close the connection at once, which most clients report as a broken
 * connection. Here the body is read and discarded, up to a limit.
 */
@ApplicationScoped
public class RouterProblems {

    private static final int READ_AT_MOST_TIMES_THE_LIMIT = 4;

    /** Right after the CORS filter, whose headers let a front end of another origin read the refusal. */
    private static final int AFTER_CORS = 1 - SecurityHandlerPriorities.CORS;

    private static final Set<HttpMethod> BODILESS = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);

    private final long limitBytes;
    private final Map<Integer, HttpProblem> problems;
    private final BodyHandler bodyOfUnknownLength;
    private final ObjectMapper json;

    public RouterProblems(@ConfigProperty(name = "quarkus.http.limits.max-body-size") MemorySize limit, ObjectMapper json) {
        this.limitBytes = limit.asLongValue();
        this.problems = Map.of(
                400, Problem.of(Status.BAD_REQUEST, "invalid_request", "The request is malformed."),
                413, Problem.of(Status.REQUEST_ENTITY_TOO_LARGE, "too_large",
                        "The request has more than " + limitBytes + " bytes."));
        this.bodyOfUnknownLength = BodyHandler.create(false).setBodyLimit(limitBytes);
        this.json = json;
    }

    void register(@Observes Router router) {
        router.route().order(AFTER_CORS).handler(this::limit).failureHandler(this::respond);
    }

    private void limit(RoutingContext exchange) {
        HttpServerRequest request = exchange.request();
        if (!request.headers().contains(HttpHeaders.CONTENT_LENGTH) && mayHaveBody(request)) {
            bodyOfUnknownLength.handle(exchange);
            return;
        }
        long contentLength = contentLength(request);
        if (contentLength <= limitBytes) {
            exchange.next();
        } else if (request.headers().contains(HttpHeaders.EXPECT)
                || contentLength > limitBytes * READ_AT_MOST_TIMES_THE_LIMIT) {
            request.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
            exchange.fail(Status.REQUEST_ENTITY_TOO_LARGE.getStatusCode());
        } else {
            request.handler(ignored -> {
            }).endHandler(done -> exchange.fail(Status.REQUEST_ENTITY_TOO_LARGE.getStatusCode())).resume();
        }
    }

    /** In HTTP/2 a body needs neither header. In HTTP/1.1 a body without a length is chunked. */
    private static boolean mayHaveBody(HttpServerRequest request) {
        return request.version() == HttpVersion.HTTP_2 ? !BODILESS.contains(request.method())
                : request.headers().contains(HttpHeaders.TRANSFER_ENCODING);
    }

    private static long contentLength(HttpServerRequest request) {
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        return length == null ? 0 : Long.parseLong(length);
    }

    private void respond(RoutingContext exchange) {
        HttpProblem problem = problems.get(exchange.statusCode());
        if (problem == null || exchange.response().ended()) {
            exchange.next();
            return;
        }
        try {
            exchange.response().setStatusCode(problem.getStatusCode())
                    .putHeader(HttpHeaders.CONTENT_TYPE, HttpProblem.MEDIA_TYPE.toString())
                    .end(json.writeValueAsString(problem));
        } catch (JsonProcessingException e) {
            exchange.fail(e);
        }
    }
}

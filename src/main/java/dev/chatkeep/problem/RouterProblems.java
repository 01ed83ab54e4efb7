package dev.chatkeep.problem;

import java.util.List;
import java.util.Map;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response.Status;

import org.eclipse.microprofile.config.inject.ConfigProperty;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.arc.All;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.vertx.http.runtime.security.SecurityHandlerPriorities;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/** Sends a problem document for failures before a resource is found, and refuses addresses and headers that are too long. */
@ApplicationScoped
public class RouterProblems {

    /** Right after the CORS filter, whose headers let a front end of another origin read the refusal. */
    private static final int AFTER_CORS = 1 - SecurityHandlerPriorities.CORS;

    /** Less than what the server reads at all: what is longer than that, it refuses without a document. */
    private static final int MAX_URI_CHARACTERS = 8 << 10;
    private static final int MAX_HEADER_CHARACTERS = 20 << 10;

    private final Map<Integer, HttpProblem> problems;
    private final List<ErrorShape> shapes;
    private final ObjectMapper json;

    public RouterProblems(@ConfigProperty(name = "quarkus.http.limits.max-body-size") MemorySize limit,
            @All List<ErrorShape> shapes, ObjectMapper json) {
        this.problems = Map.of(
                400, Problem.of(Status.BAD_REQUEST, "invalid_request", "The request is malformed."),
                413, Problem.tooLarge(limit.asLongValue()));
        this.shapes = shapes;
        this.json = json;
    }

    void register(@Observes Router router) {
        router.route().order(AFTER_CORS).failureHandler(this::respond).handler(RouterProblems::limit);
    }

    private static void limit(RoutingContext exchange) {
        HttpServerRequest request = exchange.request();
        if (request.uri().length() > MAX_URI_CHARACTERS) {
            refuse(exchange, Problem.of(Status.REQUEST_URI_TOO_LONG, "uri_too_long",
                    "The address of the request has more than " + MAX_URI_CHARACTERS + " characters."));
            return;
        }
        long characters = 0;
        for (Map.Entry<String, String> header : request.headers()) {
            characters += header.getKey().length() + header.getValue().length();
        }
        if (characters > MAX_HEADER_CHARACTERS) {
            refuse(exchange, Problem.of(Status.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large",
                    "The headers of the request have more than " + MAX_HEADER_CHARACTERS + " characters."));
            return;
        }
        exchange.next();
    }

    private static void refuse(RoutingContext exchange, HttpProblem problem) {
        exchange.request().resume(); // the body, or the connection would wait for somebody to read it
        exchange.fail(problem.getStatusCode(), problem);
    }

    private void respond(RoutingContext exchange) {
        HttpProblem problem = exchange.failure() instanceof HttpProblem failure ? failure : problems.get(exchange.statusCode());
        if (problem == null || exchange.response().ended()) {
            exchange.next();
            return;
        }
        send(exchange, problem);
    }

    private void send(RoutingContext exchange, HttpProblem problem) {
        Object document = problem;
        String type = HttpProblem.MEDIA_TYPE.toString();
        for (ErrorShape shape : shapes) {
            if (shape.isOf(exchange.request().path())) {
                document = shape.shape(problem);
                type = MediaType.APPLICATION_JSON;
            }
        }
        try {
            problem.getHeaders().forEach((name, value) -> exchange.response().putHeader(name, value.toString()));
            exchange.response().setStatusCode(problem.getStatusCode())
                    .putHeader(HttpHeaders.CONTENT_TYPE, type)
                    .end(json.writeValueAsString(document));
        } catch (JsonProcessingException e) {
            exchange.fail(e);
        }
    }
}

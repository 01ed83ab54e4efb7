package dev.chatkeep.problem;

import java.util.Map;

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
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/** Sends a problem document for failures before a resource is found. */
@ApplicationScoped
public class RouterProblems {

    /** Right after the CORS filter, whose headers let a front end of another origin read the refusal. */
    private static final int AFTER_CORS = 1 - SecurityHandlerPriorities.CORS;

    private final Map<Integer, HttpProblem> problems;
    private final ObjectMapper json;

    public RouterProblems(@ConfigProperty(name = "quarkus.http.limits.max-body-size") MemorySize limit, ObjectMapper json) {
        this.problems = Map.of(
                400, Problem.of(Status.BAD_REQUEST, "invalid_request", "The request is malformed."),
                413, Problem.tooLarge(limit.asLongValue()));
        this.json = json;
    }

    void register(@Observes Router router) {
        router.route().order(AFTER_CORS).failureHandler(this::respond);
    }

    private void respond(RoutingContext exchange) {
        HttpProblem problem = exchange.failure() instanceof HttpProblem failure ? failure : problems.get(exchange.statusCode());
        if (problem == null || exchange.response().ended()) {
            exchange.next();
            return;
        }
        try {
            problem.getHeaders().forEach((name, value) -> exchange.response().putHeader(name, value.toString()));
            exchange.response().setStatusCode(problem.getStatusCode())
                    .putHeader(HttpHeaders.CONTENT_TYPE, HttpProblem.MEDIA_TYPE.toString())
                    .end(json.writeValueAsString(problem));
        } catch (JsonProcessingException e) {
            exchange.fail(e);
        }
    }
}

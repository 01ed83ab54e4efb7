package dev.chatkeep.problem;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.core.Response.Status;

import org.jboss.resteasy.reactive.server.core.Deployment;
import org.jboss.resteasy.reactive.server.mapping.RuntimeResource;
import org.jboss.resteasy.reactive.server.util.RuntimeResourceVisitor;

import io.quarkus.resteasy.reactive.server.runtime.ResteasyReactiveRecorder;
import io.quarkus.vertx.http.runtime.security.SecurityHandlerPriorities;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;

/**
 * Says which methods a path takes, in the answer to {@code OPTIONS} and with each 405 (RFC 9110, sections 9.3.7 and 15.5.6).
 * The
 * framework says nothing with a 405, and for {@code OPTIONS} what any path of the resource takes, even where there is no path.
 */
@ApplicationScoped
class PathMethods {

    /** Other origins ask with {@code OPTIONS}, too, and have their answer before. */
    private static final int AFTER_CORS = 2 - SecurityHandlerPriorities.CORS;
    private static final Pattern VARIABLE = Pattern.compile("\\{\\s*\\w+\\s*(?::([^{}]+))?}");
    /** Of the framework's own pages, which are no resources. */
    private static final String OWN_PAGES = "/q/";

    /** A method that a path takes, and what addresses of that path look like. */
    private record Taken(String method, String path, Pattern pattern) {
    }

    private volatile List<Taken> taken;
    /**
     * What paths without a variable take, as far as one with a variable matches them too: that is not to get what they do not
     * take.
     */
    private volatile Map<String, Set<String>> named;

    void register(@Observes Router router) {
        router.route().order(AFTER_CORS).handler(this::handle);
    }

    private void handle(RoutingContext exchange) {
        String path = exchange.normalizedPath();
        if (exchange.request().method() == HttpMethod.OPTIONS && !path.startsWith(OWN_PAGES)) {
            Set<String> methods = of(path);
            if (methods.isEmpty()) {
                exchange.fail(Status.NOT_FOUND.getStatusCode(),
                        Problem.notFound("not_found", "There is nothing at this path."));
            } else {
                exchange.response().putHeader(HttpHeaders.ALLOW, String.join(", ", methods)).end();
            }
            return;
        }
        Set<String> methods = named().get(trimmed(path));
        if (methods != null && !methods.contains(exchange.request().method().name())) {
            exchange.response().putHeader(HttpHeaders.ALLOW, String.join(", ", methods));
            exchange.request().resume(); // the body, or the connection would wait for somebody to read it
            exchange.fail(Status.METHOD_NOT_ALLOWED.getStatusCode(),
                    Problem.of(Status.METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not take this method."));
            return;
        }
        exchange.addHeadersEndHandler(ignored -> {
            if (exchange.response().getStatusCode() == Status.METHOD_NOT_ALLOWED.getStatusCode()) {
                exchange.response().putHeader(HttpHeaders.ALLOW, String.join(", ", of(path)));
            }
        });
        exchange.next();
    }

    /** In the order of the alphabet; empty if there is no such path. */
    private Set<String> of(String path) {
        return of(trimmed(path), taken());
    }

    private static String trimmed(String path) {
        return path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
    }

    private List<Taken> taken() {
        if (taken == null) {
            taken = read(ResteasyReactiveRecorder.getCurrentDeployment());
        }
        return taken;
    }

    private Map<String, Set<String>> named() {
        if (named == null) {
            List<Taken> all = taken();
            named = all.stream().map(Taken::path)
                    .filter(path -> all.stream()
                            .anyMatch(each -> !each.path().equals(path) && each.pattern().matcher(path).matches()))
                    .distinct().collect(Collectors.toUnmodifiableMap(path -> path, path -> of(path, all)));
        }
        return named;
    }

    private static Set<String> of(String path, List<Taken> taken) {
        // A path with a variable also matches what has a path of its own, which is what is looked for first.
        boolean named = taken.stream().anyMatch(each -> each.path().equals(path));
        Set<String> methods = new TreeSet<>();
        for (Taken each : taken) {
            if (named ? each.path().equals(path) : each.pattern().matcher(path).matches()) {
                methods.add(each.method());
            }
        }
        if (methods.contains("GET")) {
            methods.add("HEAD");
        }
        if (!methods.isEmpty()) {
            methods.add("OPTIONS");
        }
        return methods;
    }

    private static List<Taken> read(Deployment deployment) {
        List<Taken> found = new ArrayList<>();
        RuntimeResourceVisitor.visitRuntimeResources("", deployment.getClassMappers(), new RuntimeResourceVisitor() {
            @Override
            public void visitRuntimeResource(String method, String path, RuntimeResource resource) {
                found.add(new Taken(method, path, pattern(path)));
            }
        });
        return List.copyOf(found);
    }

    private static Pattern pattern(String path) {
        StringBuilder pattern = new StringBuilder();
        Matcher variable = VARIABLE.matcher(path);
        int from = 0;
        while (variable.find()) {
            pattern.append(Pattern.quote(path.substring(from, variable.start())))
                    .append(variable.group(1) == null ? "[^/]+" : "(?s:" + variable.group(1).strip() + ")");
            from = variable.end();
        }
        return Pattern.compile(pattern.append(Pattern.quote(path.substring(from))).toString());
    }
}

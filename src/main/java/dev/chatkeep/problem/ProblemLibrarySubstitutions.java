package dev.chatkeep.problem;

import jakarta.ws.rs.core.Response.Status;

import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;

/**
 * Replaces methods of the problem library in native executables. The newest release of the library was built for an older
 * Quarkus.
 */
final class ProblemLibrarySubstitutions {

    private ProblemLibrarySubstitutions() {
    }

    /**
     * Reads a field of Quarkus' challenge that no longer exists. It is never called, because {@link ProblemMappers} come first.
     */
    @TargetClass(className = "io.quarkiverse.resteasy.problem.security.HttpUnauthorizedUtils")
    static final class Unauthorized {

        private Unauthorized() {
        }

        @Substitute
        static Uni<HttpProblem> toProblem(RoutingContext exchange, Exception failure) {
            return Uni.createFrom().item(ProblemMappers.challenged(
                    Problem.of(Status.UNAUTHORIZED, "invalid_token", "The bearer token is not valid.")));
        }
    }
}

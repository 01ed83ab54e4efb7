package dev.chatkeep.problem;

import jakarta.annotation.Priority;
import jakarta.validation.ConstraintViolationException;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response.Status;
import jakarta.ws.rs.ext.Provider;

import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;

import io.quarkiverse.resteasy.problem.ExceptionMapperBase;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.UnauthorizedException;

/**
 * Replaces mappers of the problem library: those for fields, because their documents differ here, and those for tokens, because
 * the newest release of the library uses the challenge of an older Quarkus.
 */
final class ProblemMappers {

    /** Comes before the library's mappers, which have the priority {@code AUTHENTICATION - 1}. */
    private static final int FIRST = 1;

    private ProblemMappers() {
    }

    @Provider
    @Priority(FIRST)
    public static final class ForViolations extends ExceptionMapperBase<ConstraintViolationException> {
        @Override
        protected HttpProblem toProblem(ConstraintViolationException e) {
            return RequestProblems.of(e);
        }
    }

    @Provider
    @Priority(FIRST)
    public static final class ForWrongTypes extends ExceptionMapperBase<MismatchedInputException> {
        @Override
        protected HttpProblem toProblem(MismatchedInputException e) {
            return RequestProblems.of(e);
        }
    }

    @Provider
    @Priority(FIRST)
    public static final class ForWrongFormats extends ExceptionMapperBase<InvalidFormatException> {
        @Override
        protected HttpProblem toProblem(InvalidFormatException e) {
            return RequestProblems.of(e);
        }
    }

    @Provider
    @Priority(FIRST)
    public static final class ForBadTokens extends ExceptionMapperBase<AuthenticationFailedException> {
        @Override
        protected HttpProblem toProblem(AuthenticationFailedException e) {
            return challenged(Problem.of(Status.UNAUTHORIZED, "invalid_token", "The bearer token is not valid."));
        }
    }

    @Provider
    @Priority(FIRST)
    public static final class ForMissingTokens extends ExceptionMapperBase<UnauthorizedException> {
        @Override
        protected HttpProblem toProblem(UnauthorizedException e) {
            return challenged(Problem.of(Status.UNAUTHORIZED, "unauthorized", "A bearer token is needed."), "Bearer");
        }
    }

    /** For a token that was sent but is not valid (RFC 6750, section 3). */
    static HttpProblem challenged(HttpProblem problem) {
        return challenged(problem, "Bearer error=\"invalid_token\"");
    }

    private static HttpProblem challenged(HttpProblem problem, String challenge) {
        return HttpProblem.builder(problem).withHeader(HttpHeaders.WWW_AUTHENTICATE, challenge).build();
    }
}

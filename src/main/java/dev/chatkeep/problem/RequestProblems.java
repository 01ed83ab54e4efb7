package dev.chatkeep.problem;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

import jakarta.validation.ConstraintViolation;
import jakarta.validation.ConstraintViolationException;
import jakarta.validation.ElementKind;
import jakarta.validation.Path;
import jakarta.validation.Payload;
import jakarta.validation.Validator;
import jakarta.validation.constraints.NotNull;
import jakarta.ws.rs.core.Response.Status;

import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;

import dev.chatkeep.problem.Problem.FieldError;
import io.quarkiverse.resteasy.problem.HttpProblem;

/** Problems of requests: 400 if something is missing, 422 if something is wrong. */
public final class RequestProblems {

    /** What a constraint has as its payload that finds something missing, as {@link NotNull} does. */
    public interface Missing extends Payload {
    }

    /** Jackson has no exception type for a second value after the first. */
    private static final String TRAILING_TOKENS = "Trailing token";

    private RequestProblems() {
    }

    public static HttpProblem of(ConstraintViolationException e) {
        List<FieldError> errors = e.getConstraintViolations().stream()
                .map(violation -> new FieldError(field(violation.getPropertyPath()), violation.getMessage()))
                .sorted((a, b) -> a.field().compareTo(b.field()))
                .toList();
        boolean missing = e.getConstraintViolations().stream().anyMatch(RequestProblems::isMissing);
        return missing
                ? Problem.ofFields(Status.BAD_REQUEST, "missing_field", sentence(errors), errors)
                : Problem.ofFields(UnprocessableContent.STATUS, "invalid_field", sentence(errors), errors);
    }

    /**
     * Validates a value that was read by hand, as the framework validates the parameters of resources.
     *
     * @param value null if there was no body
     */
    public static <T> T requireValid(Validator validator, T value) {
        if (value == null) {
            throw ofMissingBody();
        }
        Set<ConstraintViolation<T>> violations = validator.validate(value);
        if (!violations.isEmpty()) {
            throw new ConstraintViolationException(violations);
        }
        return value;
    }

    /** For a value of the wrong JSON type. A second value after the first makes the document malformed. */
    public static HttpProblem of(MismatchedInputException e) {
        if (e.getPath().isEmpty() && e.getOriginalMessage().startsWith(TRAILING_TOKENS)) {
            return malformed();
        }
        FieldError error = field(e);
        return Problem.ofFields(UnprocessableContent.STATUS, "invalid_field", sentence(List.of(error)), List.of(error));
    }

    /** For a field whose value is wrong for a reason that no constraint expresses. */
    public static HttpProblem ofField(String field, String message) {
        List<FieldError> errors = List.of(new FieldError(field, message));
        return Problem.ofFields(UnprocessableContent.STATUS, "invalid_field", sentence(errors), errors);
    }

    /** For a parameter that cannot be read. */
    public static HttpProblem ofParameter(String name, String message) {
        List<FieldError> errors = List.of(new FieldError(name, message));
        return Problem.ofFields(UnprocessableContent.STATUS, "invalid_parameter", sentence(errors), errors);
    }

    /** For a body that is not JSON. */
    public static HttpProblem malformed() {
        return Problem.of(Status.BAD_REQUEST, "invalid_request", "The request is malformed.");
    }

    /** For a request without a body. */
    public static HttpProblem ofMissingBody() {
        List<FieldError> errors = List.of(new FieldError("body", "is missing"));
        return Problem.ofFields(Status.BAD_REQUEST, "missing_field", sentence(errors), errors);
    }

    /** The field that has the wrong JSON type, has a value out of range, or is unknown. */
    public static FieldError field(JsonMappingException e) {
        return new FieldError(path(e), e instanceof UnrecognizedPropertyException ? "is not known" : "has the wrong type");
    }

    private static boolean isMissing(ConstraintViolation<?> violation) {
        return violation.getConstraintDescriptor().getAnnotation() instanceof NotNull
                || violation.getConstraintDescriptor().getPayload().contains(Missing.class);
    }

    public static String sentence(List<FieldError> errors) {
        return errors.stream().map(error -> (error.field().isEmpty() ? "The body" : error.field()) + " " + error.message())
                .collect(Collectors.joining("; ", "", "."));
    }

    /** The path of the field in the request, without the names of the method and of its body parameter. */
    public static String field(Path path) {
        List<Path.Node> nodes = StreamSupport.stream(path.spliterator(), false).toList();
        boolean method = !nodes.isEmpty() && nodes.get(0).getKind() == ElementKind.METHOD;
        int skip = !method ? 0 : nodes.size() > 2 ? 2 : 1;
        return nodes.stream().skip(skip).map(Path.Node::toString).collect(Collectors.joining("."))
                .replace(".<list element>", "");
    }

    private static String path(JsonMappingException e) {
        StringBuilder path = new StringBuilder();
        for (JsonMappingException.Reference step : e.getPath()) {
            if (step.getFieldName() == null) {
                path.append('[').append(step.getIndex()).append(']');
            } else {
                path.append(path.isEmpty() ? "" : ".").append(step.getFieldName());
            }
        }
        return path.toString();
    }
}

package dev.chatkeep.problem;

import java.util.List;

import jakarta.annotation.Nullable;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response.Status;
import jakarta.ws.rs.core.Response.StatusType;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

import io.quarkiverse.resteasy.problem.HttpProblem;

/**
 * Creates the problem documents of RFC 9457, the body of every error response. Besides the members of the standard they have
 * {@code code}, a stable word for programs, and {@code error} and {@code message}, the same sentence as {@code detail} under
 * the
 * names that existing front ends read.
 */
@JsonInclude(JsonInclude.Include.NON_NULL) // and as they are written
@Schema(name = "Problem", description = "An error (RFC 9457). `code` is stable, `error`, `message` and `detail` are one sentence for people.")
public record Problem(
        @Schema(examples = "404") int status,
        @Schema(examples = "Not Found") String title,
        @Schema(examples = "There is no such session.") String detail,
        @Schema(examples = "/api/chat/messages") @Nullable String instance,
        @Schema(examples = "session_not_found") String code,
        @Schema(examples = "There is no such session.") String error,
        @Schema(examples = "There is no such session.") String message,
        @Schema(description = "What is wrong with which field; only where fields are wrong") @Nullable List<FieldError> errors,
        @Schema(description = "Of the call that answers the same already") @JsonProperty("stream_id") @Nullable String streamId,
        @Schema(description = "The quota that is used up", examples = "messages") @Nullable String quota,
        @Schema(description = "How much of it the tier has") @Nullable Long limit,
        @Schema(description = "As the header `Retry-After`: seconds", examples = "30") @Nullable Long retryAfter,
        @Schema(description = "What the provider calls its failure: a word, or a number such as a status", examples = "502", anyOf = {
                String.class, Integer.class }) @Nullable Object upstreamErrorCode,
        @Schema(description = "What the provider says of its failure", examples = "Overloaded") @Nullable String upstreamErrorMessage,
        @Schema(description = "What the user might do; where the provider failed") @Nullable List<String> suggestions){

    public static final StatusType UNPROCESSABLE_CONTENT = UnprocessableContent.STATUS;

    public static final String CODE = "code";
    private static final String ERROR = "error";
    private static final String MESSAGE = "message";
    public static final String ERRORS = "errors";
    private static final String RETRY_AFTER = "retryAfter";

    /** What is wrong with one field; {@code field} is its path in the request, such as {@code message.content}. */
    @Schema(name = "FieldError")
    public record FieldError(@Schema(examples = "message.content") String field,
            @Schema(examples = "must not hold the character NUL") String message) {
    }

    /** The status of a code, which may be one that Jakarta REST has no name for. */
    public static StatusType status(int code) {
        return code == UNPROCESSABLE_CONTENT.getStatusCode() ? UNPROCESSABLE_CONTENT : Status.fromStatusCode(code);
    }

    /** To be thrown. */
    public static HttpProblem of(StatusType status, String code, String detail) {
        return builder(status, code, detail).build();
    }

    /** To be thrown if fields of the request are missing (400) or wrong (422). */
    public static HttpProblem ofFields(StatusType status, String code, String detail, List<FieldError> errors) {
        return builder(status, code, detail).with(ERRORS, errors).build();
    }

    /** To be thrown if something does not exist or belongs to another user. */
    public static HttpProblem notFound(String code, String detail) {
        return of(Status.NOT_FOUND, code, detail);
    }

    /** To be thrown if the cursor of a list request did not come from a list. */
    public static HttpProblem invalidCursor() {
        return of(UNPROCESSABLE_CONTENT, "invalid_cursor", "The cursor is not one that a list returned.");
    }

    /** To be thrown if a body is larger than it may be. */
    public static HttpProblem tooLarge(long limitBytes) {
        return of(Status.REQUEST_ENTITY_TOO_LARGE, "too_large", "The request has more than " + limitBytes + " bytes.");
    }

    /** To be thrown if the same request may succeed after so many seconds. */
    public static HttpProblem later(StatusType status, String code, String detail, int seconds) {
        return later(builder(status, code, detail), seconds).build();
    }

    /** Says in header and document when the same request may succeed. */
    public static HttpProblem.Builder later(HttpProblem.Builder problem, long seconds) {
        return problem.withHeader(HttpHeaders.RETRY_AFTER, seconds).with(RETRY_AFTER, seconds);
    }

    static HttpProblem.Builder builder(StatusType status, String code, String detail) {
        return HttpProblem.builder()
                .withStatus(status)
                .withTitle(status.getReasonPhrase())
                .withDetail(detail)
                .with(CODE, code)
                .with(ERROR, detail)
                .with(MESSAGE, detail);
    }
}

package dev.chatkeep.provider;

import java.io.IOException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;

import jakarta.ws.rs.core.Response.Status;

import org.eclipse.microprofile.faulttolerance.exceptions.BulkheadException;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.problem.Problem;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.vertx.core.VertxException;

/** Why there is no answer, or only part of one. Only what a caller can use is passed on from the provider's error. */
public final class ProviderFailure extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** The kind of failure, with the status and the code of the response to the caller. */
    public enum Kind {

        UNREACHABLE(Status.BAD_GATEWAY, "provider_unreachable", "The model provider cannot be reached.",
                "Try again in a moment.", "Choose another model."),
        TIMED_OUT(Status.GATEWAY_TIMEOUT, "provider_timeout", "The model provider took too long.", "Try again in a moment.",
                "Ask for a shorter answer, or choose another model."),
        RATE_LIMITED(Status.TOO_MANY_REQUESTS, "provider_rate_limited", "The model provider has too many requests."),
        /** 502, 503 and 504. */
        UNAVAILABLE(Status.BAD_GATEWAY, "provider_unavailable", "The model provider is not available at the moment.",
                "Try again in a moment.", "Choose another model."),
        /** The request is at fault, for example an unknown model or a context that is too long. */
        REJECTED(Status.BAD_REQUEST, "provider_rejected", "The model provider does not accept the request."),
        /** Any other status. One example is that the provider refuses the credentials of the service. */
        FAILED(Status.BAD_GATEWAY, "provider_error", "The model provider failed.", "Try again in a moment.",
                "Choose another model."),
        /** In the middle of an answer. */
        BROKEN_OFF(Status.BAD_GATEWAY, "provider_broke_off", "The model provider broke off its answer.",
                "Try again in a moment.", "Choose another model."),
        TOO_LARGE(Status.BAD_GATEWAY, "answer_too_large", "The answer is larger than can be kept.",
                "Ask for a shorter answer."),
        /** Not the provider's fault. */
        INTERNAL(Status.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side."),
        /** All places of this instance are taken. */
        BUSY(Status.SERVICE_UNAVAILABLE, "too_busy", "Too many answers are being written at the moment."),
        /** The circuit breaker of the model is open. */
        SPARED(Status.SERVICE_UNAVAILABLE, "provider_unavailable", "The model provider is not available at the moment.");

        private final Status status;
        private final String code;
        private final String sentence;

        /** What users might do; none where the provider has not failed. */
        private final List<String> suggestions;

        Kind(Status status, String code, String sentence, String... suggestions) {
            this.status = status;
            this.code = code;
            this.sentence = sentence;
            this.suggestions = List.of(suggestions);
        }
    }

    private static final Map<Integer, Kind> KINDS = Map.of(
            400, Kind.REJECTED, 404, Kind.REJECTED, 413, Kind.REJECTED, 422, Kind.REJECTED,
            429, Kind.RATE_LIMITED, 502, Kind.UNAVAILABLE, 503, Kind.UNAVAILABLE, 504, Kind.UNAVAILABLE);

    private static final int RETRY_AFTER_SECONDS = 5;

    /**
     * What a provider in OpenAI's shape says of a request that it rejects, beside its sentence. Each is null where it says
     * nothing that is short and plain.
     */
    public record Members(String type, String param, String code) {
    }

    /**
     * What the provider says of its own failure.
     *
     * @param code a word, or a number such as a status; null if it says none
     * @param message null if it says nothing that callers may read
     */
    record Upstream(Object code, String message) {
    }

    private final Kind kind;
    /** The status of the provider's response; 0 if there was none. */
    private final int status;
    private final Duration retryAfter;
    /** For callers. */
    private final String reason;
    /** For callers; null unless the request was rejected. */
    private final Members members;
    /** For callers; null where nothing came from the provider. */
    private final Upstream upstream;
    /** For the log. */
    private final String excerpt;
    /** The provider cannot have begun to work. */
    private final boolean unsent;

    private ProviderFailure(Kind kind, int status, Duration retryAfter, String reason, Members members,
            Upstream upstream, String excerpt, boolean unsent) {
        super(kind.code + (status == 0 ? "" : " (" + status + ")"), null, false, false);
        this.kind = kind;
        this.status = status;
        this.retryAfter = retryAfter;
        this.reason = reason;
        this.members = members;
        this.upstream = upstream;
        this.excerpt = excerpt;
        this.unsent = unsent;
    }

    public static ProviderFailure of(Kind kind) {
        return new ProviderFailure(kind, 0, null, null, null, null, null, false);
    }

    /** For an attempt that ended before its request was written. */
    static ProviderFailure unsent(Throwable failure) {
        ProviderFailure reason = of(failure);
        return new ProviderFailure(reason.kind, 0, null, null, null, null, null, reason.kind == Kind.UNREACHABLE);
    }

    /** Translates a failed attempt, whether the provider, the HTTP client or one of the guards reported it. */
    static ProviderFailure of(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ProviderFailure e) {
                return e;
            }
            if (cause instanceof BulkheadException) {
                return of(Kind.BUSY);
            }
            if (cause instanceof TimeoutException) {
                return of(Kind.TIMED_OUT);
            }
            if (cause instanceof IOException || cause instanceof VertxException) {
                return of(Kind.UNREACHABLE);
            }
        }
        return of(Kind.FAILED);
    }

    /** @param retryAfter the header as it was sent, or null */
    static ProviderFailure of(int status, String retryAfter, String body) {
        Kind kind = KINDS.getOrDefault(status, Kind.FAILED);
        return new ProviderFailure(kind, status, retryAfter(retryAfter),
                kind == Kind.REJECTED ? ProviderError.sentence(body) : null,
                kind == Kind.REJECTED ? ProviderError.members(body) : null, ProviderError.upstream(status, body),
                ProviderError.excerpt(body), false);
    }

    /**
     * For an error in place of an answer, or in the middle of one, whatever the status of the response was.
     *
     * @param error what the provider says of it; missing if it says nothing
     */
    static ProviderFailure ofError(JsonNode error) {
        return new ProviderFailure(ProviderError.isRateLimit(error) ? Kind.RATE_LIMITED : Kind.BROKEN_OFF, 0, null, null, null,
                ProviderError.upstream(error),
                error.isMissingNode() ? null : ProviderError.excerpt(error.toString()), false);
    }

    /** A copy without a secret that the provider may have repeated. */
    ProviderFailure redact(String secret) {
        Members redacted = members == null ? null
                : new Members(without(secret, members.type), without(secret, members.param), without(secret, members.code));
        return new ProviderFailure(kind, status, retryAfter, without(secret, reason), redacted,
                upstream == null ? null : new Upstream(upstream.code, without(secret, upstream.message)),
                without(secret, excerpt),
                unsent);
    }

    private static String without(String secret, String text) {
        return text == null ? null : text.replace(secret, "***");
    }

    /** Seconds or a date (RFC 9110, section 10.2.3). */
    private static Duration retryAfter(String header) {
        if (header == null) {
            return null;
        }
        try {
            return header.strip().matches("\\d{1,9}") ? Duration.ofSeconds(Long.parseLong(header.strip()))
                    : Duration.between(Instant.now(), Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(header.strip())));
        } catch (DateTimeException e) {
            return null;
        }
    }

    public Kind kind() {
        return kind;
    }

    /** Null unless the provider rejected the request. */
    public Members members() {
        return members;
    }

    /** For the log: the beginning of what the provider said is part of it. */
    public String describe() {
        return excerpt == null ? getMessage() : getMessage() + ": " + excerpt;
    }

    /** How long the provider asks callers to wait. */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }

    /**
     * Whether another attempt may succeed and costs nothing twice: nothing of the request was sent, or the provider says that
     * it
     * has not begun. After a hang-up, 502 or 504 it may be working, and each attempt would be paid for.
     */
    boolean isTransient() {
        return unsent || kind == Kind.RATE_LIMITED || status == Status.SERVICE_UNAVAILABLE.getStatusCode();
    }

    /** Whether it indicates that the provider is down. */
    boolean isOutage() {
        return kind == Kind.UNAVAILABLE || kind == Kind.UNREACHABLE || kind == Kind.TIMED_OUT || status >= 500;
    }

    public HttpProblem toProblem() {
        if (kind == Kind.REJECTED) {
            return Problem.of(Problem.status(status), kind.code, reason == null ? kind.sentence
                    : "The model provider does not accept the request: " + reason);
        }
        HttpProblem problem = kind.suggestions.isEmpty() ? Problem.of(kind.status, kind.code, kind.sentence) : withUpstream();
        boolean retryable = kind == Kind.RATE_LIMITED || kind == Kind.BUSY || kind == Kind.SPARED;
        if (!retryable) {
            return problem;
        }
        long seconds = retryAfter().map(pause -> Math.max(1, pause.toSeconds())).orElse((long) RETRY_AFTER_SECONDS);
        return Problem.later(HttpProblem.builder(problem), seconds).build();
    }

    private HttpProblem withUpstream() {
        HttpProblem.Builder problem = HttpProblem.builder(Problem.of(kind.status, kind.code, kind.sentence))
                .with("suggestions", kind.suggestions);
        if (upstream != null && upstream.code != null) {
            problem.with("upstreamErrorCode", upstream.code);
        }
        if (upstream != null && upstream.message != null) {
            problem.with("upstreamErrorMessage", upstream.message);
        }
        return problem.build();
    }
}

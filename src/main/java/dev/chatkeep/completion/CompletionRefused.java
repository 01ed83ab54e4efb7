package dev.chatkeep.completion;

import java.util.List;

/** A call that may not be made: a limit is used up, the tier does not open the model, or another call answers the same. */
public final class CompletionRefused extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private static final int RETRY_AFTER_SECONDS = 2;

    private final transient Admission.Refusal refusal;
    private final transient List<RateLimit> rateLimits;

    CompletionRefused(Admission.Refusal refusal, List<RateLimit> rateLimits) {
        super(refusal.code(), null, false, false);
        this.refusal = refusal;
        this.rateLimits = rateLimits;
    }

    /** For a user who has as many calls running as one may have. Any of them may end at any time. */
    static CompletionRefused tooManyCalls() {
        return new CompletionRefused(new Admission.Refusal(429, "too_many_calls",
                "Too many of your answers are being written at the moment.", RETRY_AFTER_SECONDS, null, null), List.of());
    }

    public Admission.Refusal refusal() {
        return refusal;
    }

    /** The limits that apply to the call; null or empty where nothing is limited. */
    public List<RateLimit> rateLimits() {
        return rateLimits;
    }
}

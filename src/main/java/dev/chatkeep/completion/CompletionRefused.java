package dev.chatkeep.completion;

import java.util.List;

/** A call that may not be made: a limit is used up, or the tier does not open the model. */
public final class CompletionRefused extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final transient Admission.Refusal refusal;
    private final transient List<RateLimit> rateLimits;

    CompletionRefused(Admission.Refusal refusal, List<RateLimit> rateLimits) {
        super(refusal.code(), null, false, false);
        this.refusal = refusal;
        this.rateLimits = rateLimits;
    }

    public Admission.Refusal refusal() {
        return refusal;
    }

    /** The limits that apply to the call; null or empty where nothing is limited. */
    public List<RateLimit> rateLimits() {
        return rateLimits;
    }
}

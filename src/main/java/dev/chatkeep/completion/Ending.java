package dev.chatkeep.completion;

import java.util.Locale;

/** How a call ends. The database knows these words. */
enum Ending {
    COMPLETE,
    /** By its client, or by the end of the service. */
    INTERRUPTED,
    /** By the provider, in the middle of the answer. */
    FAILED,
    /** Before there was any of the answer. Nothing is charged. */
    RELEASED;

    /** @param nothingArrived whether the provider had produced nothing yet */
    static Ending ofInterruption(boolean nothingArrived) {
        return nothingArrived ? RELEASED : INTERRUPTED;
    }

    /** @param nothingArrived as above */
    static Ending ofFailure(boolean nothingArrived) {
        return nothingArrived ? RELEASED : FAILED;
    }

    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What was used counts, also where the provider did not say how much. */
    boolean isCharged() {
        return this == COMPLETE || this == INTERRUPTED;
    }
}

package dev.chatkeep.completion;

import java.util.Locale;

import dev.chatkeep.provider.ProviderFailure.Kind;

/** How a call ends. The database knows these words. */
enum Ending {
    COMPLETE,
    /** By its client, by the end of the service, or because there was more of it than can be kept. */
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
    static Ending ofFailure(boolean nothingArrived, Kind kind) {
        // The provider did its work; it is this service that stopped it.
        Ending cut = kind == Kind.TOO_LARGE ? INTERRUPTED : FAILED;
        return nothingArrived ? RELEASED : cut;
    }

    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What was used counts, also where the provider did not say how much. */
    boolean isCharged() {
        return this == COMPLETE || this == INTERRUPTED;
    }
}

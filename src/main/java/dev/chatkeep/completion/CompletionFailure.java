package dev.chatkeep.completion;

import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;

/** Why a call that was admitted has no complete answer. How a client is told is left to the API that it speaks. */
public final class CompletionFailure extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public enum Reason {
        /** {@link #providerFailure()} says how. */
        PROVIDER_FAILED,
        /** By its client, or by the end of the service. */
        INTERRUPTED,
        /** The database did not take the answer, or not in time. */
        NOT_STORED,
        /** The database is there, and refuses the answer. */
        NOT_STORABLE,
        /** The account was deleted during the call. */
        UNKNOWN_USER
    }

    private final Reason reason;
    private final ProviderFailure providerFailure;

    private CompletionFailure(Reason reason, ProviderFailure providerFailure) {
        super(reason.name(), providerFailure, false, false);
        this.reason = reason;
        this.providerFailure = providerFailure;
    }

    public static CompletionFailure of(ProviderFailure failure) {
        return new CompletionFailure(Reason.PROVIDER_FAILED, failure);
    }

    public static CompletionFailure of(Kind kind) {
        return of(ProviderFailure.of(kind));
    }

    static CompletionFailure interrupted() {
        return new CompletionFailure(Reason.INTERRUPTED, null);
    }

    static CompletionFailure notStored() {
        return new CompletionFailure(Reason.NOT_STORED, null);
    }

    static CompletionFailure notStorable() {
        return new CompletionFailure(Reason.NOT_STORABLE, null);
    }

    static CompletionFailure unknownUser() {
        return new CompletionFailure(Reason.UNKNOWN_USER, null);
    }

    public Reason reason() {
        return reason;
    }

    /** Null unless the provider failed. */
    public ProviderFailure providerFailure() {
        return providerFailure;
    }
}

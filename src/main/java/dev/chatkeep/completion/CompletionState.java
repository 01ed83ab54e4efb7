package dev.chatkeep.completion;

import dev.chatkeep.provider.ProviderCall;
import io.smallrye.mutiny.subscription.UniEmitter;

/** Where a call stands, with what is known only there. {@link CompletionRun} draws how one state follows another. */
sealed interface CompletionState {

    /** Null before the call is admitted. */
    default Admission admission() {
        return null;
    }

    /** Null where the provider is not called, or not any more. */
    default ProviderCall provider() {
        return null;
    }

    /** How the call ends; null while nobody knows. */
    default Ending ending() {
        return null;
    }

    /** Null while it is not counted. */
    default Usage usage() {
        return null;
    }

    /** Whether the stored row is to be kept alive. */
    default boolean isEntered() {
        return true;
    }

    /** Who asked for the call, until the answer begins. */
    sealed interface Waiting {

        UniEmitter<? super Void> client();
    }

    /** The provider is called. The call may end at any time, once. */
    sealed interface Running extends CompletionState {

        /** Null until it is sent. */
        ProviderRequest request();

        Settling settle(Settlement settlement, long patienceTimer);
    }

    /**
     * The database is asked whether the call may be made.
     *
     * @param abandoned nobody waits for the answer any more; the call ends as soon as it is admitted
     */
    record Admitting(UniEmitter<? super Void> client, boolean abandoned) implements CompletionState, Waiting {

        @Override
        public boolean isEntered() {
            return false;
        }

        Admitting abandon() {
            return new Admitting(client, true);
        }

        Calling admit(Admission admission) {
            return new Calling(client, admission, null, null);
        }

        Refused refuse() {
            return new Refused();
        }
    }

    /** The call was not admitted. */
    record Refused() implements CompletionState {

        @Override
        public boolean isEntered() {
            return false;
        }
    }

    /**
     * The call is admitted, and nothing has come from the provider.
     *
     * @param request null while it is written
     * @param provider null while the request is written
     */
    record Calling(UniEmitter<? super Void> client, Admission admission, ProviderRequest request,
            ProviderCall provider) implements Running, Waiting {

        Calling send(ProviderRequest request, ProviderCall provider) {
            return new Calling(client, admission, request, provider);
        }

        Answering open() {
            return new Answering(admission, request, provider);
        }

        @Override
        public Settling settle(Settlement settlement, long patienceTimer) {
            return new Settling(client, admission, provider, settlement, patienceTimer);
        }
    }

    /** The answer arrives. */
    record Answering(Admission admission, ProviderRequest request, ProviderCall provider) implements Running {

        @Override
        public Settling settle(Settlement settlement, long patienceTimer) {
            return new Settling(null, admission, provider, settlement, patienceTimer);
        }
    }

    /**
     * The end of the call is being stored.
     *
     * @param client null if the answer had begun
     * @param patienceTimer when it fires, readers no longer wait for the answer to be stored
     */
    record Settling(UniEmitter<? super Void> client, Admission admission, ProviderCall provider,
            Settlement settlement, long patienceTimer) implements CompletionState, Waiting {

        @Override
        public Ending ending() {
            return settlement.ending();
        }

        @Override
        public Usage usage() {
            return settlement.usage();
        }

        /** What may be kept for late readers is the answer, not what led to it. */
        Settled settled() {
            return new Settled(admission.withoutContext(), ending(), usage());
        }
    }

    /** There is nothing left to do. */
    record Settled(Admission admission, Ending ending, Usage usage) implements CompletionState {

        @Override
        public boolean isEntered() {
            return false;
        }
    }
}

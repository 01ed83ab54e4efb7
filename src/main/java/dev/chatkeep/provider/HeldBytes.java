package dev.chatkeep.provider;

import java.util.concurrent.atomic.AtomicLong;

import dev.chatkeep.provider.ProviderFailure.Kind;

/**
 * Bounds the memory that pieces of answers take until they are complete, of one call and of all calls together. A provider that
 * never ends a piece would take all there is.
 */
final class HeldBytes {

    /** The share of the heap that all calls together may take. */
    private static final int SHARE_OF_HEAP = 4;
    /** What a call may hold in any case, in bytes. Usual pieces are far smaller. */
    private static final long ALWAYS_ALLOWED = 64 << 10;

    private final long most;
    private final long mostOfAll;
    private final AtomicLong all = new AtomicLong();

    /** @param most bytes that one call may hold */
    HeldBytes(long most, long mostOfAll) {
        this.most = most;
        this.mostOfAll = mostOfAll;
    }

    static HeldBytes ofHeap(long most) {
        return new HeldBytes(most, Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP);
    }

    Share share() {
        return new Share();
    }

    /** In bytes, of all calls. */
    long all() {
        return all.get();
    }

    /** What one call holds. */
    final class Share {

        private long bytes;

        /** In bytes. */
        long most() {
            return most;
        }

        /** @throws ProviderFailure if it is too much */
        void set(long held) {
            long together = held == bytes ? all.get() : all.addAndGet(held - bytes);
            bytes = held;
            if (held > most || held > ALWAYS_ALLOWED && together > mostOfAll) {
                throw ProviderFailure.of(Kind.TOO_LARGE);
            }
        }
    }
}

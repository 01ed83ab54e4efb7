package dev.chatkeep.wire;

import java.util.concurrent.Callable;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;

/** Computing that would hold up the event loop: reading megabytes of JSON, counting tokens. */
public final class OffEventLoop {

    private OffEventLoop() {
    }

    /** What the work returns or fails with, once it is subscribed to; it runs, and goes on, on a worker thread. */
    public static <T> Uni<T> run(Callable<T> work) {
        return here(work).runSubscriptionOn(Infrastructure.getDefaultWorkerPool());
    }

    /** The same, but at once and on the thread that subscribes where there is little to do. */
    public static <T> Uni<T> runIf(boolean large, Callable<T> work) {
        return large ? run(work) : here(work);
    }

    private static <T> Uni<T> here(Callable<T> work) {
        return Uni.createFrom().emitter(emitter -> {
            try {
                emitter.complete(work.call());
            } catch (Exception e) {
                emitter.fail(e);
            }
        });
    }
}

package dev.chatkeep.wire;

import java.util.concurrent.Callable;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;

/** Runs work that would block the event loop, such as reading megabytes of JSON or counting tokens. */
public final class OffEventLoop {

    private OffEventLoop() {
    }

    /** Runs the work on a worker thread once the result is subscribed to. The result is emitted on that thread. */
    public static <T> Uni<T> run(Callable<T> work) {
        return here(work).runSubscriptionOn(Infrastructure.getDefaultWorkerPool());
    }

    /** As {@link #run}, but small work runs at once on the thread that subscribes. */
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

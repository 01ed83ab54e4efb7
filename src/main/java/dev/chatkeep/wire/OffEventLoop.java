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
        return Uni.createFrom().<T> emitter(emitter -> {
            try {
                emitter.complete(work.call());
            } catch (Exception e) {
                emitter.fail(e);
            }
        }).runSubscriptionOn(Infrastructure.getDefaultWorkerPool());
    }
}

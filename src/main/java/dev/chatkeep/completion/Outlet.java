package dev.chatkeep.completion;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.subscription.MultiEmitter;
import io.vertx.core.buffer.Buffer;

/**
 * Where a response leaves piece by piece, as fast as its client reads. Everything but {@link #open} happens on the context of
 * the completion.
 */
final class Outlet {

    private MultiEmitter<? super Buffer> client;
    private long wanted;

    /**
     * @param opened there is a client now
     * @param more it can take more
     * @param closed it has gone, or has got everything
     */
    Multi<Buffer> open(LiveCompletion live, Runnable opened, Runnable more, Runnable closed) {
        return Multi.createFrom().<Buffer> emitter(emitter -> {
            emitter.onTermination(() -> live.onContext(closed));
            live.onContext(() -> {
                client = emitter;
                opened.run();
                more.run();
            });
        }).onRequest().invoke(count -> live.onContext(() -> {
            // Counted here, as this may run before the emitter has heard of it, and nothing would call again.
            wanted = Math.max(wanted, wanted + count);
            more.run();
        }));
    }

    boolean isOpen() {
        return client != null;
    }

    boolean takesMore() {
        return client != null && wanted > 0 && !client.isCancelled();
    }

    void emit(Buffer piece) {
        wanted--;
        client.emit(piece);
    }

    /** There is nothing more to come. */
    void complete() {
        MultiEmitter<? super Buffer> last = client;
        client = null;
        last.complete();
    }
}

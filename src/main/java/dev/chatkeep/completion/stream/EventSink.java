package dev.chatkeep.completion.stream;

import java.util.concurrent.Executor;

import org.jboss.logging.Logger;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.subscription.MultiEmitter;
import io.vertx.core.buffer.Buffer;

/**
 * Sends a response piece by piece, as fast as its client reads. Everything but {@link #open} happens on the context of the
 * call.
 */
public final class EventSink {

    private static final Logger LOGGER = Logger.getLogger(EventSink.class);

    private MultiEmitter<? super Buffer> client;
    private long wanted;

    /**
     * @param context runs all work of the call, one piece after the other
     * @param opened the client is there
     * @param more the client takes more
     * @param closed the client has gone, or has got everything
     */
    public Multi<Buffer> open(Executor context, Runnable opened, Runnable more, Runnable closed) {
        return Multi.createFrom().<Buffer> emitter(emitter -> {
            emitter.onTermination(() -> context.execute(closed));
            context.execute(() -> {
                client = emitter;
                guard(opened);
                guard(more);
            });
        }).onRequest().invoke(count -> context.execute(() -> {
            // Counted here: this may run before the emitter knows of the request, and nothing would call again.
            wanted = Math.max(wanted, wanted + count);
            guard(more);
        }));
    }

    /**
     * Runs work that makes pieces. If one cannot be made, the response ends at once: its client does not wait for what never
     * comes, and other readers do not notice.
     */
    public void guard(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException e) {
            LOGGER.error("A piece of an answer cannot be written", e);
            if (client != null) {
                MultiEmitter<? super Buffer> last = client;
                client = null;
                last.fail(e);
            }
        }
    }

    public boolean isOpen() {
        return client != null;
    }

    public boolean takesMore() {
        return client != null && wanted > 0 && !client.isCancelled();
    }

    public void emit(Buffer piece) {
        wanted--;
        client.emit(piece);
    }

    /** What is to come is missing, and the client is to notice. */
    public void fail(Throwable failure) {
        MultiEmitter<? super Buffer> last = client;
        client = null;
        last.fail(failure);
    }

    /** There is nothing more to come. */
    public void complete() {
        MultiEmitter<? super Buffer> last = client;
        client = null;
        last.complete();
    }
}

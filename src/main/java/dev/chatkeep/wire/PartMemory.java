package dev.chatkeep.wire;

import java.time.Duration;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** What one response holds in memory, part by part. It gives everything back at the end, which may be told more than once. */
public interface PartMemory {

    /** For what is written to no client. */
    PartMemory UNBOUNDED = new PartMemory() {

        @Override
        public void takeNow(long bytes) {
            // As much as it likes.
        }

        @Override
        public Uni<Void> take(long bytes) {
            return Uni.createFrom().voidItem();
        }

        @Override
        public void hold(long bytes) {
            // As above.
        }

        @Override
        public void end() {
            // As above.
        }

        @Override
        public Duration patience() {
            return Duration.ZERO;
        }

        @Override
        public Multi<Buffer> sending(Multi<Buffer> body) {
            return body;
        }
    };

    /** Takes what a part needs while it is read, before anything is sent; a problem (429, 503) where there is no room. */
    void takeNow(long bytes);

    /** As {@link #takeNow} once something has been sent: it waits for room, but not for ever. */
    Uni<Void> take(long bytes);

    /** The part has been made and has so many bytes; 0 when the client has taken it. */
    void hold(long bytes);

    void end();

    /** How long a client may take nothing. */
    Duration patience();

    /**
     * The body in slices, of which the client takes one after the other. It is cut off if it takes none for too long. At the
     * end
     * of the body everything is given back.
     */
    Multi<Buffer> sending(Multi<Buffer> body);
}

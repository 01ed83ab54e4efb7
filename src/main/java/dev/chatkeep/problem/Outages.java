package dev.chatkeep.problem;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

import org.jboss.logging.Logger;

/** Says in the log why the database turns the service away, once a minute rather than with each request. */
final class Outages {

    private static final Logger LOG = Logger.getLogger(Outages.class);
    private static final long PAUSE_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** When the last line was written, as {@code System.nanoTime()} says it; 0 before the first one. */
    private static final AtomicLong LOGGED = new AtomicLong();

    private Outages() {
    }

    static void log(String sqlState, String message) {
        long now = System.nanoTime();
        long last = LOGGED.get();
        if ((last == 0 || now - last > PAUSE_NANOS) && LOGGED.compareAndSet(last, now)) {
            LOG.errorf("The database refuses the service (SQLSTATE %s): %s", sqlState, message);
        }
    }
}

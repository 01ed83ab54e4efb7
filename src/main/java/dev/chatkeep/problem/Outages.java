package dev.chatkeep.problem;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

import org.jboss.logging.Logger;

/** Says in the log why the database turns the service away, once a minute for each cause rather than with each request. */
final class Outages {

    private static final Logger LOG = Logger.getLogger(Outages.class);
    private static final long PAUSE_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** When the last line with a SQLSTATE was written, as {@code System.nanoTime()} says it. */
    private static final Map<String, Long> LOGGED = new ConcurrentHashMap<>();

    private Outages() {
    }

    static void log(String sqlState, String message) {
        long now = System.nanoTime();
        Long last = LOGGED.get(sqlState);
        boolean due = last == null ? LOGGED.putIfAbsent(sqlState, now) == null
                : now - last > PAUSE_NANOS && LOGGED.replace(sqlState, last, now);
        if (due) {
            LOG.errorf("The database refuses the service (SQLSTATE %s): %s", sqlState, message);
        }
    }
}

package dev.chatkeep.completion;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Timers that fire when a test says so. */
final class ManualTimers implements Timers {

    private record Timer(Duration delay, boolean periodic, Runnable work) {
    }

    private final Map<Long, Timer> timers = new LinkedHashMap<>();
    private long last;

    @Override
    public long once(Duration delay, Runnable work) {
        timers.put(++last, new Timer(delay, false, work));
        return last;
    }

    @Override
    public long periodically(Duration period, Runnable work) {
        timers.put(++last, new Timer(period, true, work));
        return last;
    }

    @Override
    public void cancel(long timer) {
        timers.remove(timer);
    }

    /** The delays of the timers that have not fired, the oldest first. */
    List<Duration> waiting() {
        return timers.values().stream().map(Timer::delay).toList();
    }

    /** Lets the timers with this delay fire. */
    void fire(Duration delay) {
        for (Map.Entry<Long, Timer> entry : new ArrayList<>(timers.entrySet())) {
            if (entry.getValue().delay().equals(delay)) {
                if (!entry.getValue().periodic()) {
                    timers.remove(entry.getKey());
                }
                entry.getValue().work().run();
            }
        }
    }
}

package dev.chatkeep.testsupport;

import java.time.Duration;

import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;

/** How tests wait for what takes its time: until it is so, and not for as long as it should take. */
public final class Patience {

    /** More than anything takes on the slowest machine, and less than JUnit gives a test; who has waited so long fails. */
    public static final Duration PATIENCE = Duration.ofMinutes(2);

    private Patience() {
    }

    /** In the test's own thread, which has the test's class loader and is the one that JUnit interrupts. */
    public static ConditionFactory await() {
        return Awaitility.await().atMost(PATIENCE).pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(20))
                .pollInSameThread();
    }

    /** @param what stands in the failure */
    public static ConditionFactory await(String what) {
        return await().alias(what);
    }
}

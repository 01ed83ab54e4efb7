package dev.chatkeep.testsupport;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Many requests at the same time. */
public final class AtOnce {

    private AtOnce() {
    }

    /** Makes every call on a thread of its own and returns what they came to, in their order. */
    public static <T> List<T> allAtOnce(List<? extends Callable<T>> calls) throws Exception {
        return allAtOnce(calls.size(), calls);
    }

    public static <T> List<T> allAtOnce(int threads, List<? extends Callable<T>> calls) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> result : executor.invokeAll(calls)) {
                results.add(result.get());
            }
            return results;
        } finally {
            executor.shutdownNow();
        }
    }
}

package dev.chatkeep.command;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;

/** Shows on standard error how far a task is. */
final class Progress {

    private static final int COLUMNS = 80;
    private static final int REFRESH_MILLIS = 200;
    private static final long UNKNOWN = -1;

    private Progress() {
    }

    /** @param bytes all there are */
    static ProgressBar ofBytes(String task, long bytes) {
        return new ProgressBarBuilder().setTaskName(task).setInitialMax(bytes).setUnit(" KiB", 1 << 10)
                .setUpdateIntervalMillis(REFRESH_MILLIS)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, COLUMNS))
                .build();
    }

    /** @param most all there are */
    static ProgressBar of(String task, long most) {
        return new ProgressBarBuilder().setTaskName(task).setInitialMax(most).setUpdateIntervalMillis(REFRESH_MILLIS)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, COLUMNS))
                .build();
    }

    /** Where nobody knows how many there are. */
    static ProgressBar ofBytes(String task) {
        return ofBytes(task, UNKNOWN);
    }
}

package dev.chatkeep.command;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;

/** Shows the progress of a task on standard error. */
final class Progress {

    private static final int COLUMNS = 80;
    private static final int REFRESH_MILLIS = 200;
    private static final long UNKNOWN = -1;

    private Progress() {
    }

    /** @param bytes the total */
    static ProgressBar ofBytes(String task, long bytes) {
        return new ProgressBarBuilder().setTaskName(task).setInitialMax(bytes).setUnit(" KiB", 1 << 10)
                .setUpdateIntervalMillis(REFRESH_MILLIS)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, COLUMNS))
                .build();
    }

    /** @param total how many there are */
    static ProgressBar of(String task, long total) {
        return new ProgressBarBuilder().setTaskName(task).setInitialMax(total).setUpdateIntervalMillis(REFRESH_MILLIS)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, COLUMNS))
                .build();
    }

    /** For a task whose size is not known. */
    static ProgressBar ofBytes(String task) {
        return ofBytes(task, UNKNOWN);
    }
}

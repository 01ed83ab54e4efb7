package dev.chatkeep.problem;

import io.quarkiverse.resteasy.problem.HttpProblem;

/** How the errors of an API look whose clients know no problem documents. */
public interface ErrorShape {

    /** Whether the errors of this path look like this. */
    boolean isOf(String path);

    /** To be written as {@code application/json}. */
    Object shape(HttpProblem problem);
}

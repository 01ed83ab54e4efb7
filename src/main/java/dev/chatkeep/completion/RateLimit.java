package dev.chatkeep.completion;

import io.quarkus.runtime.annotations.RegisterForReflection;

/**
 * One limit and what is left of it.
 *
 * @param quota calls within the window
 * @param window seconds
 * @param remaining calls
 * @param reset seconds until there is something left again
 */
@RegisterForReflection // read from the result of the database
public record RateLimit(String name, long quota, long window, long remaining, long reset) {
}

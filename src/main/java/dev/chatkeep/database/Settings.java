package dev.chatkeep.database;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import dev.chatkeep.security.Caller;

/** What a transaction sets before anything else, and what ends with it: the role comes first. */
final class Settings {

    private static final List<String> NAMES = List.of("role", "request.jwt.claims", "chatkeep.client_address",
            "chatkeep.user_agent", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
            "chatkeep.quotas");

    private Settings() {
    }

    /** @param mark what a client writes before the number of a parameter */
    static String statement(String mark, String separator) {
        return IntStream.range(0, NAMES.size())
                .mapToObj(i -> "set_config('" + NAMES.get(i) + "', " + mark + (i + 1) + ", true)")
                .collect(Collectors.joining(separator, "select ", ""));
    }

    /** In the order of the parameters. */
    static List<String> values(Caller caller, Bounds bounds) {
        return List.of(caller.role(), caller.claims(), caller.address(), caller.userAgent(), bounds.statement(),
                bounds.lock(), bounds.idleTransaction(), bounds.quotas());
    }
}

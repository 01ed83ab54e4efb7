package dev.chatkeep.database;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import dev.chatkeep.security.Caller;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Future;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;

/**
 * Runs a statement in a transaction of its own in one round trip: begin, role, statement and commit are pipelined. If one of
 * them fails, PostgreSQL refuses those that follow and turns the commit into a rollback. If setting the role fails, the
 * statement therefore runs without any right. A pipeline that was sent runs to its end even if nobody waits for it any more, so
 * a client that disconnects costs no connection.
 */
final class Pipeline {

    private static final String ACT_AS = Settings.statement("$", ", ");
    private static final String REQUIRE_ACCOUNT = "select chatkeep.require_account()";
    /** Checks the account before the statement runs: PostgreSQL evaluates a condition that refers to no row once, and first. */
    private static final String OF_ACCOUNT = "select q.* from (%s) q where chatkeep.require_account() is not null";

    private final Pool pool;
    /**
     * The statements that read, each with the check of the account added. All of them are constants, so the map stays small.
     */
    private final Map<String, String> ofAccount = new ConcurrentHashMap<>();

    Pipeline(Pool pool) {
        this.pool = pool;
    }

    Uni<RowSet<Row>> read(Caller caller, Bounds bounds, String sql, Tuple parameters) {
        return run("begin read only", caller, bounds, false,
                caller == Caller.SERVICE ? sql : ofAccount.computeIfAbsent(sql, OF_ACCOUNT::formatted), parameters);
    }

    /**
     * A statement that changes rows cannot be a subquery, so a statement before it checks the account.
     *
     * @param requireAccount false where the statement does so itself
     */
    Uni<RowSet<Row>> write(Caller caller, Bounds bounds, boolean requireAccount, String sql, Tuple parameters) {
        return run("begin", caller, bounds, requireAccount && caller != Caller.SERVICE, sql, parameters);
    }

    private Uni<RowSet<Row>> run(String begin, Caller caller, Bounds bounds, boolean requireAccount, String sql,
            Tuple parameters) {
        return Uni.createFrom().completionStage(() -> pool.getConnection().compose(connection -> {
            List<Future<?>> steps = new ArrayList<>();
            steps.add(connection.query(begin).execute());
            steps.add(connection.preparedQuery(ACT_AS)
                    .execute(Tuple.from(Settings.values(caller, bounds))));
            if (requireAccount) {
                steps.add(connection.preparedQuery(REQUIRE_ACCOUNT).execute());
            }
            Future<RowSet<Row>> result = connection.preparedQuery(sql).execute(parameters);
            steps.add(result);
            steps.add(connection.query("commit").execute());
            return Future.join(steps).eventually(() -> connection.close()).map(all -> result.result());
        }).toCompletionStage());
    }
}

package dev.chatkeep.security;

import java.util.UUID;
import java.util.function.Function;

import jakarta.enterprise.context.ApplicationScoped;

import org.hibernate.reactive.mutiny.Mutiny;

import dev.chatkeep.problem.DatabaseProblems;
import io.quarkus.hibernate.reactive.panache.Panache;
import io.quarkus.security.identity.SecurityIdentity;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Future;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.Tuple;

/**
 * The one way to the database. The service's login has no rights of its own, so every transaction takes on the role and
 * the claims of the caller, and row-level security decides what it sees; both end with the transaction.
 * <p>
 * Failures arrive as problems: what the schema refuses with its status and code, a database that is away as 503.
 */
@ApplicationScoped
public class CallerTransaction {

    private static final String TAKE_ON = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)";
    private static final String SERVICE_ROLE = "service_role";
    private static final int RETRIES = 3;

    private final Pool pool;
    private final SecurityIdentity identity;

    public CallerTransaction(Pool pool, SecurityIdentity identity) {
        this.pool = pool;
        this.identity = identity;
    }

    /**
     * Runs one statement as the caller in a read-only transaction, in a single flight.
     *
     * @param sql a statement of at most one row; its {@code $1} is the caller's id, and it fails if it does not use it
     * @param parameters {@code $2} and following
     * @return the first column, or null if there was no row
     */
    public Uni<String> read(String sql, Object... parameters) {
        return asCaller("begin read only", sql, parameters).onFailure().transform(DatabaseProblems::translate);
    }

    /**
     * Runs one statement as the caller in a transaction that it may write in, in a single flight. It is run again if
     * it lost against another transaction (deadlock, serialization).
     *
     * @param sql as for {@link #read}
     */
    public Uni<String> write(String sql, Object... parameters) {
        return asCaller("begin", sql, parameters).onFailure(DatabaseProblems::isTransient).retry().atMost(RETRIES)
                .onFailure().transform(DatabaseProblems::translate);
    }

    /**
     * Works with entities as the caller, in one transaction and session. The user's writes have taken their turn when
     * the work begins, and the user's row exists.
     */
    public <T> Uni<T> entities(Function<Caller, Uni<T>> work) {
        Caller caller = Caller.of(identity);
        return Panache.withTransaction(() -> Panache.getSession()
                .chain(session -> takeOn(session, caller).chain(() -> beginWrite(session, caller)))
                .chain(() -> work.apply(caller)))
                .onFailure(DatabaseProblems::isTransient).retry().atMost(RETRIES)
                .onFailure().transform(DatabaseProblems::translate);
    }

    /**
     * Runs one statement as the service itself, for what belongs to no user.
     *
     * @param sql a statement of at most one row
     * @return the row, or null
     */
    public Uni<Row> asService(String sql, Object... parameters) {
        return flight("begin", SERVICE_ROLE, "{\"role\":\"service_role\"}", sql, Tuple.from(parameters))
                .onFailure().transform(DatabaseProblems::translate);
    }

    private Uni<String> asCaller(String begin, String sql, Object... parameters) {
        Caller caller = Caller.of(identity);
        return flight(begin, caller.role(), caller.claims(), sql, ownedBy(caller.userId(), parameters))
                .map(row -> row == null ? null : row.getString(0));
    }

    /**
     * Begin, role, statement and commit are sent without waiting for each other. If one fails, PostgreSQL refuses what
     * follows and turns the commit into a rollback; if already the role fails, the statement runs without any right.
     * The futures run to their end even if nobody waits any more, so a client that goes away costs no connection.
     */
    private Uni<Row> flight(String begin, String role, String claims, String sql, Tuple parameters) {
        return Uni.createFrom().completionStage(() -> pool.getConnection().compose(connection -> {
            Future<?> begun = connection.query(begin).execute();
            Future<?> taken = connection.preparedQuery(TAKE_ON).execute(Tuple.of(role, claims));
            Future<RowSet<Row>> result = connection.preparedQuery(sql).execute(parameters);
            Future<?> ended = connection.query("commit").execute();
            return Future.join(begun, taken, result, ended)
                    .eventually(() -> connection.close())
                    .map(all -> result.result().size() == 0 ? null : result.result().iterator().next());
        }).toCompletionStage());
    }

    private static Tuple ownedBy(UUID userId, Object... parameters) {
        Tuple tuple = Tuple.tuple().addValue(userId);
        for (Object parameter : parameters) {
            tuple.addValue(parameter);
        }
        return tuple;
    }

    private static Uni<Object> takeOn(Mutiny.Session session, Caller caller) {
        return session.createNativeQuery("select set_config('role', ?1, true) || set_config('request.jwt.claims', ?2, true)",
                Object.class).setParameter(1, caller.role()).setParameter(2, caller.claims()).getSingleResult();
    }

    private static Uni<Object> beginWrite(Mutiny.Session session, Caller caller) {
        return session.createNativeQuery("select cast(chatkeep.begin_write(?1) as text)", Object.class)
                .setParameter(1, caller.userId()).getSingleResult();
    }
}

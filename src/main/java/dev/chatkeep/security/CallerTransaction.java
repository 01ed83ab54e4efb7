package dev.chatkeep.security;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

import jakarta.enterprise.context.ApplicationScoped;

import org.hibernate.reactive.mutiny.Mutiny;

import dev.chatkeep.problem.DatabaseProblems;
import io.quarkus.hibernate.reactive.panache.Panache;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
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

    private static final String TAKE_ON = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true),"
            + " set_config('chatkeep.client_address', $3, true), set_config('chatkeep.user_agent', $4, true)";
    private static final String REQUIRE_ACCOUNT = "select chatkeep.require_account()";
    /** Checks the account before anything else: PostgreSQL evaluates what names no row once, and first. */
    private static final String ROWS = "select q.* from (%s) q where chatkeep.require_account() is not null";
    /** The same, of the bytes of an answer as they are sent on. */
    private static final String DOCUMENT = "select convert_to((%s), 'UTF8') where chatkeep.require_account() is not null";
    private static final String READ = "begin read only";
    private static final String WRITE = "begin";
    private static final int RETRIES = 3;

    private final Pool pool;
    private final SecurityIdentity identity;
    private final CurrentVertxRequest request;
    /** By the statements in them, all of which are constants. */
    private final Map<String, String> documents = new ConcurrentHashMap<>();
    private final Map<String, String> checked = new ConcurrentHashMap<>();

    public CallerTransaction(Pool pool, SecurityIdentity identity, CurrentVertxRequest request) {
        this.pool = pool;
        this.identity = identity;
        this.request = request;
    }

    /**
     * Runs one statement as the caller in a read-only transaction, in a single flight.
     *
     * @param sql a constant: a query of one text and at most one row; its {@code $1} is the caller's id, and it fails if it
     *        does not use it
     * @param parameters {@code $2} and following
     * @return the text in UTF-8, or null if there was no row
     */
    public Uni<Buffer> read(String sql, Object... parameters) {
        Caller caller = caller();
        return document(READ, caller, sql, ownedBy(caller, parameters))
                .onFailure().transform(DatabaseProblems::translate);
    }

    /**
     * Runs one statement as the caller in a transaction that it may write in, in a single flight. It is run again if
     * it lost against another transaction (deadlock, serialization).
     *
     * @param sql as for {@link #read}
     */
    public Uni<Buffer> write(String sql, Object... parameters) {
        Caller caller = caller();
        return retried(document(WRITE, caller, sql, ownedBy(caller, parameters)));
    }

    /**
     * As {@link #read}, for an administrator, whose statement is about other users: all its parameters are its own, and
     * the functions that it calls check who calls them.
     */
    public Uni<Buffer> adminRead(String sql, Object... parameters) {
        return document(READ, caller(), sql, Tuple.from(parameters))
                .onFailure().transform(DatabaseProblems::translate);
    }

    /**
     * Works with entities as the caller, in one transaction and session. The user's writes have taken their turn when
     * the work begins, and the user's row exists.
     */
    public <T> Uni<T> entities(Function<Caller, Uni<T>> work) {
        Caller caller = caller();
        caller.requireUserId();
        return retried(Panache.withTransaction(() -> Panache.getSession()
                .chain(session -> takeOn(session, caller).chain(() -> beginWrite(session, caller)))
                .chain(() -> work.apply(caller))));
    }

    /**
     * Runs one statement as the service itself, for what belongs to no user or is done for one without a request.
     *
     * @param sql a statement of at most one row
     * @return the row, or null
     */
    public Uni<Row> asService(String sql, Object... parameters) {
        return retried(rows(WRITE, Caller.SERVICE, sql, Tuple.from(parameters)).map(CallerTransaction::first));
    }

    /** Statements that read as the caller of this request; their {@code $1} is the caller's id. */
    public Statements reading() {
        Caller caller = caller();
        return reading(caller, caller.requireUserId());
    }

    /** Whose rows this request is about; 403 where a service's token belongs to no user. */
    public UUID userId() {
        return caller().requireUserId();
    }

    /** Statements that may write, as the caller of this request, also when it is over; {@code $1} is the caller's id. */
    public Statements writing() {
        Caller caller = caller();
        UUID userId = caller.requireUserId();
        return (sql, parameters) -> retried(rows(WRITE, caller, sql, tuple(userId, parameters)));
    }

    /** As {@link #reading()}, by the service for one user. */
    public Statements readingAsService(UUID userId) {
        return reading(Caller.SERVICE, userId);
    }

    private Statements reading(Caller caller, UUID userId) {
        return (sql, parameters) -> rows(READ, caller, sql, tuple(userId, parameters))
                .onFailure().transform(DatabaseProblems::translate);
    }

    /** Statements that read as the administrator who made this request; see {@link #adminRead}. */
    public Statements administrationReading() {
        Caller caller = caller();
        return (sql, parameters) -> rows(READ, caller, sql, Tuple.from(parameters))
                .onFailure().transform(DatabaseProblems::translate);
    }

    /** As {@link #administrationReading}, of statements that may write. */
    public Statements administration() {
        return administration(caller());
    }

    /** Statements of the service itself, where no request asked for them. */
    public Statements service() {
        return administration(Caller.SERVICE);
    }

    private Statements administration(Caller caller) {
        return (sql, parameters) -> retried(rows(WRITE, caller, sql, Tuple.from(parameters)));
    }

    private Caller caller() {
        return Caller.of(identity, request.getCurrent());
    }

    private static <T> Uni<T> retried(Uni<T> transaction) {
        return transaction.onFailure(DatabaseProblems::isTransient).retry().atMost(RETRIES)
                .onFailure().transform(DatabaseProblems::translate);
    }

    private Uni<Buffer> document(String begin, Caller caller, String sql, Tuple parameters) {
        return flight(begin, caller, false, documents.computeIfAbsent(sql, DOCUMENT::formatted), parameters)
                .map(rows -> first(rows).getBuffer(0));
    }

    /** A statement that changes rows cannot stand within another, so the account is checked by one before it. */
    private Uni<RowSet<Row>> rows(String begin, Caller caller, String sql, Tuple parameters) {
        boolean isUser = caller != Caller.SERVICE;
        boolean reads = begin.equals(READ);
        return flight(begin, caller, isUser && !reads, isUser && reads ? checked.computeIfAbsent(sql, ROWS::formatted) : sql,
                parameters);
    }

    /**
     * Begin, role, statement and commit are sent without waiting for each other. If one fails, PostgreSQL refuses what
     * follows and turns the commit into a rollback; if already the role fails, the statement runs without any right.
     * The futures run to their end even if nobody waits any more, so a client that goes away costs no connection.
     */
    private Uni<RowSet<Row>> flight(String begin, Caller caller, boolean requireAccount, String sql, Tuple parameters) {
        return Uni.createFrom().completionStage(() -> pool.getConnection().compose(connection -> {
            List<Future<?>> steps = new ArrayList<>();
            steps.add(connection.query(begin).execute());
            steps.add(connection.preparedQuery(TAKE_ON)
                    .execute(Tuple.of(caller.role(), caller.claims(), caller.address(), caller.userAgent())));
            if (requireAccount) {
                steps.add(connection.preparedQuery(REQUIRE_ACCOUNT).execute());
            }
            Future<RowSet<Row>> result = connection.preparedQuery(sql).execute(parameters);
            steps.add(result);
            steps.add(connection.query("commit").execute());
            return Future.join(steps).eventually(() -> connection.close()).map(all -> result.result());
        }).toCompletionStage());
    }

    private static Row first(RowSet<Row> rows) {
        return rows.size() == 0 ? null : rows.iterator().next();
    }

    private static Tuple ownedBy(Caller caller, Object... parameters) {
        return tuple(caller.requireUserId(), parameters);
    }

    private static Tuple tuple(UUID userId, Object... parameters) {
        Tuple tuple = Tuple.tuple().addValue(userId);
        for (Object parameter : parameters) {
            tuple.addValue(parameter);
        }
        return tuple;
    }

    private static Uni<Object> takeOn(Mutiny.Session session, Caller caller) {
        return session.createNativeQuery("select set_config('role', ?1, true) || set_config('request.jwt.claims', ?2, true)"
                + " || set_config('chatkeep.client_address', ?3, true) || set_config('chatkeep.user_agent', ?4, true)",
                Object.class).setParameter(1, caller.role()).setParameter(2, caller.claims())
                .setParameter(3, caller.address()).setParameter(4, caller.userAgent()).getSingleResult();
    }

    private static Uni<Object> beginWrite(Mutiny.Session session, Caller caller) {
        return session.createNativeQuery("select cast(chatkeep.begin_write(?1) as text)", Object.class)
                .setParameter(1, caller.userId()).getSingleResult();
    }
}

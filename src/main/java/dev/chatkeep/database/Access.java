package dev.chatkeep.database;

import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

import org.hibernate.reactive.mutiny.Mutiny;

import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.security.Caller;
import io.quarkus.hibernate.reactive.panache.Panache;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Tuple;

/** Access to the database as a caller that was set when this object was created. */
public final class Access {

    private static final int MAX_RETRIES = 3;
    /** All uploads stand in one line. */
    private static final String UPLOADS = "uploads";

    /** One text, because Hibernate would make an array of several columns. */
    private static final String ACT_AS = Settings.statement("?", " || ");

    /**
     * A large write. It holds its body while it waits, which counts only while its client is there.
     *
     * @param turns of all uploads, which it takes besides those of its user
     * @param whenGone runs what it is given once the client has gone
     */
    record Upload(Turns<String> turns, Consumer<Runnable> whenGone) {
    }

    private final Pipeline pipeline;
    private final Turns<UUID> turns;
    private final Upload upload;
    private final Caller caller;
    private final UUID userId;
    private final Bounds bounds;

    /**
     * @param upload null if the writes are small
     * @param userId the first parameter of each statement; null if there is none
     */
    Access(Pipeline pipeline, Turns<UUID> turns, Upload upload, Caller caller, UUID userId, Bounds bounds) {
        this.pipeline = pipeline;
        this.turns = turns;
        this.upload = upload;
        this.caller = caller;
        this.userId = userId;
        this.bounds = bounds;
    }

    /** The user whose rows the statements concern; null if each statement names its users itself. */
    public UUID userId() {
        return userId;
    }

    /** Statements that only read. */
    public Statements read() {
        return (sql, parameters) -> pipeline.read(caller, bounds, sql, tuple(parameters))
                .onFailure().transform(DatabaseProblems::translate);
    }

    /**
     * Statements that may write. A statement that fails because of another transaction (deadlock, serialization) runs again.
     */
    public Statements write() {
        return (sql, parameters) -> inTurn(() -> writing(true).run(sql, parameters));
    }

    /**
     * As {@link #write()}, for calls of functions that begin with {@code chatkeep.begin_write}: it checks the account, too, so
     * nobody does it before them.
     */
    public Statements writeByFunction() {
        return (sql, parameters) -> inTurn(() -> writing(false).run(sql, parameters));
    }

    /**
     * Prepares what is written, and writes it, in one turn of the user. Of what takes long to prepare one user then takes one
     * processor at a time, however many requests come at once.
     *
     * @param work gets statements as those of {@link #writeByFunction()}, which belong to the turn
     */
    public <T> Uni<T> writeInTurn(Function<Statements, Uni<T>> work) {
        return inTurn(() -> work.apply(writing(false)));
    }

    private Statements writing(boolean requireAccount) {
        return (sql, parameters) -> retried(pipeline.write(caller, bounds, requireAccount, sql, tuple(parameters)));
    }

    /** Reads entities in one session and a transaction that may not write. */
    public <T> Uni<T> readEntities(Function<UUID, Uni<T>> work) {
        return retried(inSession(ACT_AS + " || set_config('transaction_read_only', 'on', true)",
                "select cast(chatkeep.require_account() as text) where cast(?1 as uuid) is not null", work));
    }

    /**
     * Works with entities in one transaction and session. When the work begins, the row of the user exists and is locked, so
     * writes of one user run one after another.
     */
    public <T> Uni<T> writeEntities(Function<UUID, Uni<T>> work) {
        return inTurn(() -> retried(inSession(ACT_AS, "select cast(chatkeep.begin_write(?1) as text)", work)));
    }

    /** As {@link #writeEntities}, for what users may do although they are banned: delete what is theirs. */
    public <T> Uni<T> removeEntities(Function<UUID, Uni<T>> work) {
        return inTurn(() -> retried(inSession(ACT_AS, "select cast(chatkeep.begin_removal(?1) as text)", work)));
    }

    private <T> Uni<T> inSession(String actAs, String begin, Function<UUID, Uni<T>> work) {
        return Panache.withTransaction(() -> Panache.getSession()
                .chain(session -> actAs(session.createNativeQuery(actAs, Object.class)).getSingleResult()
                        .chain(() -> session.createNativeQuery(begin, Object.class).setParameter(1, userId).getSingleResult()))
                .chain(() -> work.apply(userId)));
    }

    private Mutiny.SelectionQuery<Object> actAs(Mutiny.SelectionQuery<Object> query) {
        List<String> values = Settings.values(caller, bounds);
        for (int position = 1; position <= values.size(); position++) {
            query.setParameter(position, values.get(position - 1));
        }
        return query;
    }

    /**
     * Writes of one user run one after the other; what is about no user does not wait. An upload waits for a place among the
     * uploads when it is its user's turn, so a user takes or waits for one place at a time, however much they send.
     */
    private <T> Uni<T> inTurn(Supplier<Uni<T>> write) {
        if (userId == null) {
            return write.get();
        }
        if (upload == null) {
            return turns.inTurn(userId, write);
        }
        return turns.inTurn(userId, () -> upload.turns().inTurn(UPLOADS, write, upload.whenGone()), upload.whenGone());
    }

    private static <T> Uni<T> retried(Uni<T> transaction) {
        return transaction.onFailure(DatabaseProblems::isTransient).retry().atMost(MAX_RETRIES)
                .onFailure().transform(DatabaseProblems::translate);
    }

    private Tuple tuple(Object... parameters) {
        Tuple tuple = Tuple.tuple();
        if (userId != null) {
            tuple.addValue(userId);
        }
        for (Object parameter : parameters) {
            tuple.addValue(parameter);
        }
        return tuple;
    }
}

package dev.chatkeep.database;

import io.vertx.core.AsyncResult;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.impl.CloseFuture;
import io.vertx.core.impl.VertxInternal;
import io.vertx.pgclient.impl.PgPoolImpl;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.SqlConnection;

/** A pool that hands out connections as {@link Connections} says, to whoever asks it for one: also to Hibernate. */
final class LivePool extends PgPoolImpl {

    private final Pool pool;
    private final Connections connections;

    LivePool(VertxInternal vertx, Pool pool) {
        super(vertx, new CloseFuture(), pool);
        this.pool = pool;
        this.connections = new Connections(pool);
    }

    @Override
    public Future<SqlConnection> getConnection() {
        return connections.take();
    }

    @Override
    public void getConnection(Handler<AsyncResult<SqlConnection>> handler) {
        connections.take().onComplete(handler);
    }

    @Override
    public Future<Void> close() {
        return pool.close();
    }

    @Override
    public void close(Handler<AsyncResult<Void>> handler) {
        pool.close(handler);
    }
}

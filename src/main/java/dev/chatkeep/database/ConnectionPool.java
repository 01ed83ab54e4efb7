package dev.chatkeep.database;

import java.util.concurrent.TimeUnit;

import jakarta.enterprise.context.ApplicationScoped;

import io.netty.handler.flush.FlushConsolidationHandler;
import io.quarkus.reactive.pg.client.PgPoolCreator;
import io.vertx.pgclient.PgPool;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.impl.SocketConnectionBase;
import io.vertx.sqlclient.impl.SqlConnectionInternal;

/** The pool that all requests share. It adds what configuration alone cannot express. */
@ApplicationScoped
public class ConnectionPool implements PgPoolCreator {

    /**
     * The longest statement that the cache of prepared statements accepts. The default is shorter than our longest statement.
     */
    private static final int MAX_PREPARED_CHARACTERS = 8_192;
    private static final int MAX_MESSAGES_PER_WRITE = 256;

    private final DatabaseConfig config;

    public ConnectionPool(DatabaseConfig config) {
        this.config = config;
    }

    @Override
    @SuppressWarnings("deprecation") // The interface asks for a pool of this type.
    public Pool create(Input input) {
        input.poolOptions().setMaxWaitQueueSize(config.maxWaiting())
                .setConnectionTimeout(Math.toIntExact(config.patience().toMillis()))
                .setConnectionTimeoutUnit(TimeUnit.MILLISECONDS);
        input.pgConnectOptionsList()
                .forEach(options -> options.setPreparedStatementCacheSqlLimit(MAX_PREPARED_CHARACTERS));
        return PgPool.pool(input.vertx(), input.pgConnectOptionsList(), input.poolOptions())
                .connectHandler(ConnectionPool::consolidateWrites);
    }

    /**
     * The client writes each statement to the socket separately, at the cost of a system call and a wake-up of the backend
     * each. This handler sends all statements of one turn of the event loop together, until the client can do that itself
     * (https://github.com/eclipse-vertx/vertx-sql-client/issues/1042).
     */
    private static void consolidateWrites(SqlConnection connection) {
        if (((SqlConnectionInternal) connection).unwrap().unwrap() instanceof SocketConnectionBase socket) {
            socket.socket().channelHandlerContext().pipeline()
                    .addFirst(new FlushConsolidationHandler(MAX_MESSAGES_PER_WRITE, true));
        }
        connection.close();
    }
}

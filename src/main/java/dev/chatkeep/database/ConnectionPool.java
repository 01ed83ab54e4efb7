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

/** The pool that all requests share, beyond what configuration alone can say of it. */
@ApplicationScoped
public class ConnectionPool implements PgPoolCreator {

    /** The list of statements to prepare holds none longer than this; its default is shorter than our longest. */
    private static final int MAX_PREPARED_CHARACTERS = 8_192;
    private static final int MAX_MESSAGES_A_WRITE = 256;

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
                .connectHandler(ConnectionPool::gatherWrites);
    }

    /**
     * The client writes each statement to the socket on its own, at a system call and a wake-up of the backend apiece. What is
     * issued in one turn of the event loop goes out together instead, until the client can do that itself
     * (https://github.com/eclipse-vertx/vertx-sql-client/issues/1042).
     */
    private static void gatherWrites(SqlConnection connection) {
        if (((SqlConnectionInternal) connection).unwrap().unwrap() instanceof SocketConnectionBase socket) {
            socket.socket().channelHandlerContext().pipeline()
                    .addFirst(new FlushConsolidationHandler(MAX_MESSAGES_A_WRITE, true));
        }
        connection.close();
    }
}

package dev.chatkeep.database;

import io.netty.channel.ChannelPipeline;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.vertx.core.Future;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.impl.Connection;
import io.vertx.sqlclient.impl.SocketConnectionBase;
import io.vertx.sqlclient.impl.SqlConnectionInternal;

/** Takes connections out of the pool: only those that are alive, and prepared for pipelines. */
final class Connections {

    private static final String CONSOLIDATION = "chatkeep-consolidation";
    private static final int MAX_MESSAGES_PER_WRITE = 256;

    private final Pool pool;

    Connections(Pool pool) {
        this.pool = pool;
    }

    /** A connection that was alive a moment ago. Whoever takes it closes it. */
    Future<SqlConnection> take() {
        return pool.getConnection().compose(connection -> {
            SqlConnectionInternal internal = (SqlConnectionInternal) connection;
            if (!(internal.unwrap().unwrap() instanceof SocketConnectionBase socket)) {
                return Future.succeededFuture(connection);
            }
            if (!socket.socket().channelHandlerContext().channel().isActive()) {
                return remove(internal).transform(gone -> take());
            }
            consolidateWrites(socket.socket().channelHandlerContext().pipeline());
            return Future.succeededFuture(connection);
        });
    }

    /**
     * The pool can miss the end of a connection that is closed at an unlucky moment. It would hand out the dead connection for
     * ever, so the pool is told again. What it has handed out is given back all the same, or its metrics would count it as in
     * use for ever.
     */
    private static Future<Void> remove(SqlConnectionInternal connection) {
        if (connection.unwrap() instanceof Connection.Holder pooled) {
            pooled.handleClosed();
        }
        return connection.close();
    }

    /**
     * The client writes each statement to the socket separately, at the cost of a system call and a wake-up of the backend
     * each. This handler sends all statements of one turn of the event loop together, until the client can do that itself
     * (https://github.com/eclipse-vertx/vertx-sql-client/issues/1042). It is added here and not by the pool's connect handler,
     * which widens the moment in which the pool misses the end of a connection.
     */
    private static void consolidateWrites(ChannelPipeline pipeline) {
        if (pipeline.get(CONSOLIDATION) == null) {
            pipeline.addFirst(CONSOLIDATION, new FlushConsolidationHandler(MAX_MESSAGES_PER_WRITE, true));
        }
    }
}

package dev.chatkeep.database;

import java.util.concurrent.TimeUnit;

import jakarta.enterprise.context.ApplicationScoped;

import io.quarkus.reactive.pg.client.PgPoolCreator;
import io.vertx.core.impl.VertxInternal;
import io.vertx.pgclient.PgPool;
import io.vertx.sqlclient.Pool;

/** The pool that all requests share. It adds what configuration alone cannot express. */
@ApplicationScoped
public class ConnectionPool implements PgPoolCreator {

    /**
     * The longest statement that the cache of prepared statements accepts. The default is shorter than our longest statement.
     */
    private static final int MAX_PREPARED_CHARACTERS = 8_192;

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
        return new LivePool((VertxInternal) input.vertx(),
                PgPool.pool(input.vertx(), input.pgConnectOptionsList(), input.poolOptions()));
    }
}

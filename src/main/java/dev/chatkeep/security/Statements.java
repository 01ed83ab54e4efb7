package dev.chatkeep.security;

import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Statements that are run one after the other for somebody who was determined before the first, each in a transaction and a
 * flight of its own: what takes more than one statement can hold, or longer than one transaction should.
 */
@FunctionalInterface
public interface Statements {

    /** Failures arrive as those of {@link CallerTransaction} do. */
    Uni<RowSet<Row>> run(String sql, Object... parameters);
}

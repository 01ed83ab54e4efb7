package dev.chatkeep.database;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Statements that are run one after the other for somebody who was determined before the first, each in a transaction and a
 * round trip of its own: what takes more than one statement can hold, or longer than one transaction should.
 */
@FunctionalInterface
public interface Statements {

    /** Failures arrive as those of {@link Database} do. */
    Uni<RowSet<Row>> run(String sql, Object... parameters);

    /** What one row, the first, says; null if there is none. */
    default <T> Uni<T> one(Function<Row, T> mapper, String sql, Object... parameters) {
        return run(sql, parameters).map(rows -> rows.size() == 0 ? null : mapper.apply(rows.iterator().next()));
    }

    /** The one row, the first; null if there is none. */
    default Uni<Row> row(String sql, Object... parameters) {
        return one(row -> row, sql, parameters);
    }

    /**
     * The one text of a query that gives one, in UTF-8 as it is sent on; null if there is no row. PostgreSQL hands it over as
     * bytes, so nobody decodes and encodes it on the way.
     */
    default Uni<Buffer> document(String sql, Object... parameters) {
        return one(row -> row.getBuffer(0), "select convert_to((" + sql + "), 'UTF8')", parameters);
    }

    /** What all rows say. */
    default <T> Uni<List<T>> list(Function<Row, T> mapper, String sql, Object... parameters) {
        return run(sql, parameters).map(rows -> {
            List<T> items = new ArrayList<>(rows.size());
            rows.forEach(row -> items.add(mapper.apply(row)));
            return items;
        });
    }
}

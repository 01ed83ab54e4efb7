package dev.chatkeep.database;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Runs statements one after another for a caller that was set before the first, each in its own transaction and round trip. It
 * is for work that needs more than one statement or would make a single transaction too long.
 */
@FunctionalInterface
public interface Statements {

    /** Failures arrive as described for {@link Database}. */
    Uni<RowSet<Row>> run(String sql, Object... parameters);

    /** Maps the first row; null if there is none. */
    default <T> Uni<T> one(Function<Row, T> mapper, String sql, Object... parameters) {
        return run(sql, parameters).map(rows -> rows.size() == 0 ? null : mapper.apply(rows.iterator().next()));
    }

    /** The first row; null if there is none. */
    default Uni<Row> row(String sql, Object... parameters) {
        return one(row -> row, sql, parameters);
    }

    /**
     * The text that a query returns, as UTF-8; null if there is no row. PostgreSQL sends it as bytes, so it is not decoded and
     * encoded on the way.
     */
    default Uni<Buffer> document(String sql, Object... parameters) {
        return one(row -> row.getBuffer(0), "select convert_to((" + sql + "), 'UTF8')", parameters);
    }

    /** Maps all rows. */
    default <T> Uni<List<T>> list(Function<Row, T> mapper, String sql, Object... parameters) {
        return run(sql, parameters).map(rows -> {
            List<T> items = new ArrayList<>(rows.size());
            rows.forEach(row -> items.add(mapper.apply(row)));
            return items;
        });
    }
}

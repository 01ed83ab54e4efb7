package dev.chatkeep.security;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

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

    /** What one row, the first, says; null if there is none. */
    default <T> Uni<T> one(Function<Row, T> mapper, String sql, Object... parameters) {
        return run(sql, parameters).map(rows -> rows.size() == 0 ? null : mapper.apply(rows.iterator().next()));
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

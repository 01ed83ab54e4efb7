package dev.chatkeep.wire;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Creates a response with one page of a list from the page's items, their number and the cursor of the next page, which is null
 * on the last page.
 */
@FunctionalInterface
public interface Page<T, R> {

    R create(List<T> items, int count, String nextCursor);

    /** @param rows one more than the page holds if there are more, to know whether there is a next page */
    static <T, R> R of(RowSet<Row> rows, int size, Function<Row, T> mapper, Function<T, String> cursor, Page<T, R> response) {
        List<T> items = new ArrayList<>(rows.size());
        for (Row row : rows) {
            if (items.size() == size) {
                return response.create(items, size, cursor.apply(items.get(size - 1)));
            }
            items.add(mapper.apply(row));
        }
        return response.create(items, items.size(), null);
    }
}

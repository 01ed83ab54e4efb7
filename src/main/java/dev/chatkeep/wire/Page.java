package dev.chatkeep.wire;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** A page of a list: as many items as it may hold, how many they are, and where the next one begins; null on the last. */
@FunctionalInterface
public interface Page<T, A> {

    A answer(List<T> items, int count, String nextCursor);

    /** @param rows of which one more was asked for than the page holds, to know whether there are more */
    static <T, A> A of(RowSet<Row> rows, int size, Function<Row, T> mapper, Function<T, String> cursor, Page<T, A> page) {
        List<T> items = new ArrayList<>(rows.size());
        for (Row row : rows) {
            if (items.size() == size) {
                return page.answer(items, size, cursor.apply(items.get(size - 1)));
            }
            items.add(mapper.apply(row));
        }
        return page.answer(items, items.size(), null);
    }
}

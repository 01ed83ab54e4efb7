package dev.chatkeep.profile;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.profile.ProfileResponses.Activities;
import dev.chatkeep.profile.ProfileResponses.Activity;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.Page;
import dev.chatkeep.wire.Timestamps;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** Lists a user's activity, newest first. */
final class ActivityQueries {

    /** {@code $1} user, {@code $2} number of rows. */
    private static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $3} timestamp, {@code $4} id. */
    private static final String NEXT = page("and (l.timestamp, l.id) < ($3, $4)");

    private ActivityQueries() {
    }

    private static String page(String after) {
        return """
                select l.id, l.action, l.resource_type, l.resource_id, l.details::text, l.timestamp, host(l.ip_address),
                       l.user_agent
                  from public.user_activity_log l
                 where l.user_id = $1 %s
                 order by l.timestamp desc, l.id desc
                 limit $2""".formatted(after);
    }

    /** @param cursor from an earlier page, or null; 422 {@code invalid_cursor} if it is not valid */
    static Uni<Activities> read(Statements reading, int size, String cursor, ObjectMapper json) {
        Cursor after = cursor == null ? null : Cursor.parse(cursor, 2, json);
        Uni<RowSet<Row>> rows = after == null ? reading.run(FIRST, size + 1)
                : reading.run(NEXT, size + 1, after.time(0), after.uuid(1));
        return rows.map(found -> Page.of(found, size, ActivityQueries::activity, last -> Cursor.of(last.timestamp(), last.id()),
                Activities::new));
    }

    private static Activity activity(Row row) {
        return new Activity(row.getUUID(0), row.getString(1), row.getString(2), row.getString(3), row.getString(4),
                Timestamps.of(row, 5), row.getString(6), row.getString(7));
    }
}

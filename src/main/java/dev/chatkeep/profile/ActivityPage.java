package dev.chatkeep.profile;

import dev.chatkeep.wire.Cursor;

/** Lists a user's activity, newest first. */
final class ActivityPage {

    private static final String ORDER = "l.timestamp desc, l.id desc";
    private static final String CURSOR = Cursor.sql(Cursor.sqlTime("l.timestamp"), "l.id");

    /** {@code $1} user, {@code $2} how many. One row more is read to know whether there are more. */
    static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $3} timestamp, {@code $4} id. */
    static final String NEXT = page(" and (l.timestamp, l.id) < ($3, $4)");

    private ActivityPage() {
    }

    private static String page(String after) {
        return "with found as (select l.*, row_number() over (order by " + ORDER + ") as position"
                + " from public.user_activity_log l where l.user_id = $1" + after + " order by " + ORDER + " limit $2 + 1)"
                + " select json_build_object("
                + "'activities', coalesce(json_agg(json_build_object('id', l.id, 'action', l.action,"
                + " 'resource_type', l.resource_type, 'resource_id', l.resource_id, 'details', l.details,"
                + " 'timestamp', chatkeep.iso(l.timestamp), 'ip_address', host(l.ip_address), 'user_agent', l.user_agent)"
                + " order by l.position) filter (where l.position <= $2), '[]'),"
                + " 'count', count(*) filter (where l.position <= $2),"
                + " 'next_cursor', case when count(*) > $2 then max(" + CURSOR + ") filter (where l.position = $2) end)::text"
                + " from found l";
    }
}

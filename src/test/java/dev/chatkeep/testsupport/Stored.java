package dev.chatkeep.testsupport;

import com.fasterxml.jackson.databind.JsonNode;

/** What the database holds of one user, table by table, without what differs from run to run. */
public final class Stored {

    private static final String TIME = "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'";

    private static final String EVERYTHING = """
            select jsonb_build_object(
              'profile', (
                select jsonb_build_object('email', p.email, 'full_name', p.full_name, 'avatar_url', p.avatar_url,
                         'subscription_tier', p.subscription_tier, 'usage_stats', p.usage_stats - 'last_reset')
                  from public.profiles p where p.id = u.id),
              'activity', (
                select coalesce(jsonb_agg(jsonb_build_object('action', l.action, 'resource_type', l.resource_type,
                         'resource_id', l.resource_id, 'details', l.details) order by l.timestamp, l.action), '[]')
                  from public.user_activity_log l where l.user_id = u.id),
              'sessions', (
                select coalesce(jsonb_agg(to_jsonb(s) - '{user_id,created_at,updated_at,last_activity,stored_messages,stored_bytes}'::text[]
                         || jsonb_build_object('last_message_timestamp',
                              to_char(s.last_message_timestamp at time zone 'UTC', %1$s)) order by s.id), '[]')
                  from public.chat_sessions s where s.user_id = u.id),
              'messages', (
                select coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(m) - '{user_id,is_streaming,metadata,ordinal,updated_at}'::text[]
                         || jsonb_build_object('message_timestamp',
                              to_char(m.message_timestamp at time zone 'UTC', %1$s))) order by m.id), '[]')
                  from public.chat_messages m where m.user_id = u.id),
              'usage', (
                select jsonb_build_object('messages_sent', sum(d.messages_sent), 'messages_received', sum(d.messages_received),
                         'input_tokens', sum(d.input_tokens), 'output_tokens', sum(d.output_tokens),
                         'total_tokens', sum(d.total_tokens), 'sessions_created', sum(d.sessions_created),
                         'models_used', (select coalesce(jsonb_object_agg(a.model, a.answers), '{}')
                                           from (select key as model, sum(value::bigint) as answers
                                                   from public.user_usage_daily o, jsonb_each_text(o.models_used)
                                                  where o.user_id = u.id group by key) a))
                  from public.user_usage_daily d where d.user_id = u.id having count(*) > 0))::text
              from (select ?::uuid as id) u
            """
            .formatted(TIME);

    private static final String VERSIONS = """
            select string_agg(name || ' ' || id || ' ' || version, ', ' order by name, id)
              from (select user_id, 'session' as name, id, xmin || '/' || ctid as version from public.chat_sessions
                    union all select user_id, 'message', id, xmin || '/' || ctid from public.chat_messages
                    union all select user_id, 'usage', usage_date::text, xmin || '/' || ctid from public.user_usage_daily
                    union all select user_id, 'activity', id::text, xmin || '/' || ctid from public.user_activity_log
                    union all select id, 'profile', '', xmin || '/' || ctid from public.profiles) v
             where user_id = ?
            """;

    private Stored() {
    }

    /** All tables: {@code profile}, {@code activity}, {@code sessions}, {@code messages}, {@code usage}. */
    public static JsonNode of(Caller caller) {
        return Json.of(Sql.<String> value(EVERYTHING, caller.id()));
    }

    /** One of the tables that {@link #of} names. */
    public static JsonNode of(Caller caller, String table) {
        return of(caller).path(table);
    }

    /** Every row with the version of it that PostgreSQL holds: two that are equal mean that nothing was written between. */
    public static String versions(Caller caller) {
        return Sql.value(VERSIONS, caller.id());
    }
}

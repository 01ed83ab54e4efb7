package dev.chatkeep.profile;

import static dev.chatkeep.wire.RowMembers.json;

import java.util.List;

/**
 * Reads all columns of all tables that hold something about a user. They are named: a statement with {@code *} that a
 * connection has prepared fails once a migration adds a column.
 */
final class ExportQueries {

    static final String CONVERSATION = "conversation";
    static final String MESSAGE = "message";
    /** The column between those of a conversation and those of a message. */
    static final String MESSAGES = "messages";

    private static final String SESSION_COLUMNS = """
            user_id, id, title, message_count, total_tokens, last_model, last_message_preview, last_message_timestamp, is_active,
            created_at, updated_at, last_activity, stored_messages, stored_bytes""";
    private static final String MESSAGE_COLUMNS = """
            user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
            content_type, elapsed_ms, completion_id, message_timestamp, error_message, is_streaming, %s, %s, ordinal, updated_at,
            stored_bytes"""
            .formatted(json("metadata"), json("extras"));
    private static final String ACTIVITY_COLUMNS = """
            id, user_id, action, resource_type, resource_id, %s, t.timestamp, abbrev(ip_address) as ip_address, user_agent"""
            .formatted(json("details"));
    private static final String USAGE_COLUMNS = """
            id, user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, %s,
            sessions_created, active_minutes, estimated_cost, created_at, updated_at""".formatted(json("models_used"));
    private static final String CHARGE_COLUMNS = """
            user_id, message_id, stream_id, question_id, usage_date, model, messages_sent, messages_received, input_tokens,
            output_tokens, question_tokens, reasoning_tokens, cached_tokens, input_cost, output_cost, cached_input_cost,
            told_cost, cost, charged_at, is_report""";
    private static final String COMPLETION_COLUMNS = """
            user_id, id, session_id, question_id, message_id, model, completion_id, state, started_at, lease_until, finished_at,
            input_cost, output_cost, cached_input_cost, prompt_tokens, reason, request_hash,
            question_hash::text as question_hash, question_named, choices""";

    /** How many columns come before those of the profile. */
    static final int HEAD_MEMBERS = 2;
    static final String HEAD = """
            select now() as exported_at, convert_to(chatkeep.account(id)::text, 'UTF8') as account,
                   id, email, full_name, avatar_url, default_model, temperature, system_prompt, personality_preset,
                   subscription_tier, credits, allowed_models, %s, %s, %s, created_at, updated_at, last_active, banned_at,
                   banned_until, ban_reason
              from public.profiles
             where id = $1""".formatted(json("ui_preferences"), json("session_preferences"), json("usage_stats"));

    /**
     * Conversations by id, each followed by its messages in time order. The key is where the page before ended: session,
     * time and ordinal of the message. Sessions are taken for a page by what they count, so that few messages are sorted in
     * vain. A row has the columns of a conversation, {@value #MESSAGES}, and the columns of a message: one of both is null, or
     * each where it is too large. What is not counted of a row one by one is taken for 500 bytes.
     */
    private static final String CONVERSATIONS = """
            with sessions as (
                select s.id
                  from (select s.id, sum(s.rows) over (order by s.id) - s.rows as rows_before
                          from (select s.id, case when s.id = $4 then 0 else s.message_count + 1 end as rows
                                  from public.chat_sessions s
                                 where s.user_id = $1 and s.id >= $4
                                 order by s.id
                                 limit $2) s) s
                 where s.rows_before <= $2
            ), entries as (
                select s.id as session_id, '-infinity'::timestamptz as at, 0::bigint as ordinal, '' as message_id, 0 as bytes
                  from sessions s
                 where s.id > $4
                union all
                select s.id, m.message_timestamp, m.ordinal, m.id, m.bytes
                  from sessions s
                 cross join lateral (
                       -- Of metadata that are small it is not worth knowing more.
                       select m.message_timestamp, m.ordinal, m.id,
                              m.stored_bytes + coalesce(octet_length(m.error_message), 0)
                              + case when pg_column_size(m.metadata) < 1000 then 0 else octet_length(m.metadata::text) end
                                as bytes
                         from public.chat_messages m
                        where m.user_id = $1 and m.session_id = s.id
                          and (s.id > $4 or (m.message_timestamp, m.ordinal) > ($5, $6))
                        order by m.message_timestamp, m.ordinal
                        limit $2) m
            ), page as (
                select e.*, sum(e.bytes + 500) over place as total, row_number() over place as position
                  from entries e
                window place as (order by e.session_id, e.at, e.ordinal)
                 order by e.session_id, e.at, e.ordinal
                 limit $2
            )
            select p.session_id, p.at, p.ordinal, p.total, s.*, null as %s, m.*
              from page p
              -- offset: each row by its key. The planner might rather read all that the user has.
              left join lateral (
                   select %s from public.chat_sessions
                    where p.ordinal = 0 and p.total <= $3 and user_id = $1 and id = p.session_id
                   offset 0) s on true
              left join lateral (
                   select %s from public.chat_messages
                    where p.ordinal <> 0 and p.total <= $3 and user_id = $1 and id = p.message_id
                   offset 0) m on true
             where p.total <= $3 or p.position = 1
             order by p.position""".formatted(MESSAGES, SESSION_COLUMNS, MESSAGE_COLUMNS);

    /**
     * A list in the document. Its statements read a page of at most {@code $2} rows and {@code $3} bytes: of each row the key,
     * how many bytes there are up to here, and the columns.
     *
     * @param first begins; the driver can send no time that comes before all others
     * @param next goes on after the key {@code $4, …}
     * @param keys how many columns a key has
     */
    record Section(String name, String kind, String first, String next, int keys) {
    }

    static final List<Section> SECTIONS = List.of(
            new Section("conversations", CONVERSATION,
                    CONVERSATIONS.replace("$4", "''").replace("$5", "'-infinity'").replace("$6", "0"), CONVERSATIONS, 3),
            section("activity_log", "activity", ACTIVITY_COLUMNS, "public.user_activity_log t where t.user_id = $1",
                    "t.timestamp", "t.id"),
            section("usage", "usage", USAGE_COLUMNS, "public.user_usage_daily t where t.user_id = $1", "t.usage_date"),
            section("usage_by_model", "usage_by_model", "user_id, usage_date, model, messages_sent, messages_received, calls,"
                    + " input_tokens, output_tokens, cost", "chatkeep.usage_by_model t where t.user_id = $1",
                    "t.usage_date", "t.model"),
            section("counted_sessions", "counted_session", "user_id, session_id, deleted_at",
                    "chatkeep.counted_sessions t where t.user_id = $1", "t.session_id"),
            section("charges", "charge", CHARGE_COLUMNS, "chatkeep.charges t where t.user_id = $1", "t.message_id"),
            section("completions", "completion", COMPLETION_COLUMNS, "chatkeep.completions t where t.user_id = $1", "t.id"),
            // Who comes back after an erasure: what limits still count.
            section("calls_before_erasure", "call_before_erasure", "usage_date, model, calls",
                    "chatkeep.calls_before_erasure($1) t where true", "t.usage_date", "t.model"),
            section("requests_before_erasure", "request_before_erasure", "started_at, requests",
                    "chatkeep.requests_before_erasure($1) t where true", "t.started_at"));

    /**
     * No row of these comes near to filling a page, so none is held back.
     *
     * @param rows where the rows come from, as {@code t}, with a condition
     * @param keys the columns that a page is ordered by and goes on after
     */
    private static Section section(String name, String kind, String columns, String rows, String... keys) {
        String key = String.join(", ", keys);
        String after = " and (" + key + ") > (" + (keys.length == 1 ? "$4" : "$4, $5") + ")";
        String next = """
                select %2$s, t.total, %3$s
                  from (select t.*, sum(octet_length(t::text)) over place as total, row_number() over place as position
                          from (select t.* from %1$s order by %2$s limit $2) t
                        window place as (order by %2$s)) t
                 where t.total <= $3 or t.position = 1
                 order by t.position""".formatted(rows + after, key, columns);
        return new Section(name, kind, next.replace(after, ""), next, keys.length);
    }

    private ExportQueries() {
    }
}

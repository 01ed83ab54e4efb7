-- Retention, data rights and the health of the database.

-- Deletes activity and usage older than days_to_keep and cache entries past their time, and writes
-- today's row of system_stats. What a deleted usage row said stays in the totals of the profile.
create or replace function public.cleanup_old_data(days_to_keep int default 90) returns jsonb
    language plpgsql security definer set search_path = ''
as $$
declare
    v_cutoff timestamptz;
    v_logs   bigint;
    v_usage  bigint;
    v_cache  bigint;
begin
    if not chatkeep.is_service() then
        raise insufficient_privilege using message = 'only the service cleans up';
    end if;
    if days_to_keep is null or days_to_keep < 1 then
        raise invalid_parameter_value using message = 'days_to_keep must be at least 1';
    end if;
    v_cutoff := now() - make_interval(days => days_to_keep);

    delete from public.user_activity_log where timestamp < v_cutoff;
    get diagnostics v_logs = row_count;
    delete from public.user_usage_daily where usage_date < (v_cutoff at time zone 'UTC')::date;
    get diagnostics v_usage = row_count;
    delete from public.system_cache where expires_at < now();
    get diagnostics v_cache = row_count;
    perform chatkeep.record_system_stats();

    return jsonb_build_object(
        'success', true,
        'cleanup_date', v_cutoff,
        'deleted_records', jsonb_build_object('activity_logs', v_logs, 'usage_records', v_usage, 'cache_entries', v_cache),
        'cleanup_completed_at', clock_timestamp());
end
$$;

-- Writes today's row of system_stats, or brings it up to date.
create or replace function chatkeep.record_system_stats() returns void
    language sql security definer set search_path = ''
as $$
    insert into public.system_stats as s (
        stat_date, total_users, active_users_today, new_users_today, total_conversations, total_messages, total_tokens,
        database_size_mb)
    select t.today,
           (select count(*) from public.profiles),
           (select count(*) from public.user_usage_daily u where u.usage_date = t.today),
           (select count(*) from public.profiles p where p.created_at >= t.midnight),
           c.conversations, c.messages, c.tokens,
           round(pg_database_size(current_database()) / 1048576.0, 2)
      from (select d.today, d.today::timestamp at time zone 'UTC' as midnight
              from (select (now() at time zone 'UTC')::date as today) d) t
     cross join (select count(*) as conversations, coalesce(sum(message_count), 0) as messages,
                        coalesce(sum(total_tokens), 0) as tokens
                   from public.chat_sessions) c
    on conflict (stat_date) do update
        set total_users = excluded.total_users,
            active_users_today = excluded.active_users_today,
            new_users_today = excluded.new_users_today,
            total_conversations = excluded.total_conversations,
            total_messages = excluded.total_messages,
            total_tokens = excluded.total_tokens,
            database_size_mb = excluded.database_size_mb
$$;

-- Everything that is stored about a user, or null where there is none.
create or replace function public.export_user_data(user_uuid uuid) returns jsonb
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return (
        select jsonb_build_object(
                   'exported_at', now(),
                   'profile', to_jsonb(p),
                   'conversations', (
                       select coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('messages', (
                                  select coalesce(jsonb_agg(to_jsonb(m) order by m.message_timestamp, m.id), '[]')
                                    from public.chat_messages m
                                   where m.user_id = s.user_id and m.session_id = s.id))
                              order by s.created_at, s.id), '[]')
                         from public.chat_sessions s
                        where s.user_id = p.id),
                   'activity_log', (
                       select coalesce(jsonb_agg(to_jsonb(l) order by l.timestamp, l.id), '[]')
                         from public.user_activity_log l where l.user_id = p.id),
                   'usage', (
                       select coalesce(jsonb_agg(to_jsonb(u) order by u.usage_date), '[]')
                         from public.user_usage_daily u where u.user_id = p.id))
          from public.profiles p
         where p.id = user_uuid);
end
$$;

-- How large the database is, what its tables and indexes do, and how many users are active.
create or replace function public.analyze_database_health() returns jsonb
    language plpgsql stable security definer set search_path = ''
as $$
begin
    if not chatkeep.is_service() then
        raise insufficient_privilege using message = 'only the service reads the health of the database';
    end if;
    return jsonb_build_object(
        'analyzed_at', now(),
        'database_size_bytes', pg_database_size(current_database()),
        'tables', (
            select coalesce(jsonb_agg(jsonb_build_object(
                       'table', t.relname,
                       'total_size_bytes', pg_total_relation_size(t.relid),
                       'live_rows', t.n_live_tup,
                       'dead_rows', t.n_dead_tup,
                       'sequential_scans', t.seq_scan,
                       'index_scans', t.idx_scan,
                       'last_vacuum', greatest(t.last_vacuum, t.last_autovacuum),
                       'last_analyze', greatest(t.last_analyze, t.last_autoanalyze)) order by t.relname), '[]')
              from pg_catalog.pg_stat_user_tables t
             where t.schemaname = 'public'),
        'indexes', (
            select coalesce(jsonb_agg(jsonb_build_object(
                       'index', i.indexrelname,
                       'table', i.relname,
                       'size_bytes', pg_relation_size(i.indexrelid),
                       'scans', i.idx_scan) order by i.indexrelname), '[]')
              from pg_catalog.pg_stat_user_indexes i
             where i.schemaname = 'public'),
        'totals', jsonb_build_object(
            'users', (select count(*) from public.profiles),
            'sessions', (select count(*) from public.chat_sessions),
            'messages', (select coalesce(sum(message_count), 0) from public.chat_sessions),
            'tokens', (select coalesce(sum(total_tokens), 0) from public.chat_sessions)),
        'active_users_7_days', (select count(*) from public.profiles p where p.last_active >= now() - interval '7 days'));
end
$$;

-- What each user did with the API. It reads with the rights of whoever asks: users see themselves.
create or replace view public.api_user_summary
    with (security_invoker = true) as
select p.id as user_id,
       p.email,
       p.full_name,
       p.subscription_tier,
       p.credits,
       p.last_active,
       s.session_count,
       s.message_count,
       s.session_tokens,
       s.last_session_at,
       u.messages_7_days,
       u.tokens_7_days,
       u.messages_30_days,
       u.tokens_30_days,
       u.cost_30_days
  from public.profiles p
 cross join lateral (
       select count(*) as session_count,
              coalesce(sum(c.message_count), 0) as message_count,
              coalesce(sum(c.total_tokens), 0) as session_tokens,
              max(c.updated_at) as last_session_at
         from public.chat_sessions c
        where c.user_id = p.id) s
 cross join lateral (
       select coalesce(sum(d.messages_sent + d.messages_received) filter (where d.usage_date > t.today - 7), 0) as messages_7_days,
              coalesce(sum(d.total_tokens) filter (where d.usage_date > t.today - 7), 0) as tokens_7_days,
              coalesce(sum(d.messages_sent + d.messages_received), 0) as messages_30_days,
              coalesce(sum(d.total_tokens), 0) as tokens_30_days,
              coalesce(sum(d.estimated_cost), 0) as cost_30_days
         from (select (now() at time zone 'UTC')::date as today) t
         left join public.user_usage_daily d on d.user_id = p.id and d.usage_date > t.today - 30) u;

revoke all on public.api_user_summary from public, anon, authenticated;
grant select on public.api_user_summary to authenticated, service_role;

revoke execute on function public.cleanup_old_data(int), public.export_user_data(uuid), public.analyze_database_health()
    from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function public.export_user_data(uuid) to authenticated, service_role;
grant execute on function public.cleanup_old_data(int), public.analyze_database_health() to service_role;

-- What is deleted when, the figures of the whole system, and the jobs that see to it.

-- The first day of which charges, usage by model and calls stay: the limits of this month are counted from them.
create or replace function chatkeep.usage_by_model_kept_from(p_cutoff timestamptz) returns date
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select least((p_cutoff at time zone 'UTC')::date, date_trunc('month', now() at time zone 'UTC')::date)
$$;

-- Whether something of that day has arrived since then: history stays as long as what happened when it arrived.
create or replace function chatkeep.is_charged_since(p_user_id uuid, p_day date, p_since timestamptz) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from chatkeep.charges c
                    where c.user_id = p_user_id and c.usage_date = p_day and c.charged_at >= p_since);
end
$$;

-- Deletes activity and usage older than days_to_keep and cache entries past their time, and writes
-- today's row of system_stats. What a deleted usage row said stays in the totals of the profile. It is one
-- transaction however much there is: the retention job has the batches below delete most of it first.
create or replace function public.cleanup_old_data(days_to_keep int default 90) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_cutoff timestamptz;
    v_logs   bigint;
    v_usage  bigint;
    v_cache  bigint;
begin
    perform chatkeep.require_admin();
    if days_to_keep is null or days_to_keep < 1 then
        raise invalid_parameter_value using message = 'days_to_keep must be at least 1';
    end if;
    v_cutoff := now() - make_interval(hours => days_to_keep * 24); -- days of UTC: others may have 23 or 25 hours

    delete from public.user_activity_log where timestamp < v_cutoff;
    get diagnostics v_logs = row_count;
    delete from public.user_usage_daily d
     where d.usage_date < (v_cutoff at time zone 'UTC')::date and not chatkeep.is_charged_since(d.user_id, d.usage_date, v_cutoff);
    get diagnostics v_usage = row_count;
    delete from chatkeep.usage_by_model m
     where m.usage_date < chatkeep.usage_by_model_kept_from(v_cutoff)
       and not chatkeep.is_charged_since(m.user_id, m.usage_date, v_cutoff);
    delete from chatkeep.charges where usage_date < chatkeep.usage_by_model_kept_from(v_cutoff) and charged_at < v_cutoff;
    delete from chatkeep.completions
     where state <> 'running' and finished_at < chatkeep.usage_by_model_kept_from(v_cutoff)::timestamp at time zone 'UTC';
    -- Limits have forgotten the calls of accounts that were erased when the month is over.
    delete from chatkeep.calls_of_erased where usage_date < date_trunc('month', now() at time zone 'UTC')::date;
    delete from chatkeep.bans_of_erased where banned_until < now();
    delete from chatkeep.requests_of_erased where started_at < now() - interval '1 minute';
    delete from chatkeep.job_runs where due_at < v_cutoff;
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

-- The batches of the retention job. Each deletes at most so many rows, the oldest first, that are older than
-- p_before, and returns {deleted, last}; the next batch begins at last, so that it does not read again over
-- what the ones before have deleted. It was the last one where last is null. Rows that somebody else holds are left for the next night.
create or replace function chatkeep.cleanup_activity_batch(p_before timestamptz, p_from timestamptz, p_most int) returns jsonb
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    select chatkeep.require_admin();
    with gone as (
        delete from public.user_activity_log l
         where l.ctid = any (array(
                   select o.ctid from public.user_activity_log o
                    where o.timestamp < p_before and o.timestamp >= p_from
                    order by o.timestamp
                    limit p_most
                      for update skip locked))
        returning l.timestamp as at)
    select jsonb_build_object('deleted', count(*), 'last', max(at)) from gone
$$;

create or replace function chatkeep.cleanup_usage_batch(p_before timestamptz, p_from timestamptz, p_most int) returns jsonb
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    select chatkeep.require_admin();
    with by_model as (
        delete from chatkeep.usage_by_model m
         where m.ctid = any (array(
                   select o.ctid from chatkeep.usage_by_model o
                    where o.usage_date < chatkeep.usage_by_model_kept_from(p_before)
                      and not chatkeep.is_charged_since(o.user_id, o.usage_date, p_before)
                    order by o.usage_date
                    limit p_most
                      for update skip locked))
        returning 1
    ), charged as (
        delete from chatkeep.charges c
         where c.ctid = any (array(
                   select o.ctid from chatkeep.charges o
                    where o.usage_date < chatkeep.usage_by_model_kept_from(p_before) and o.charged_at < p_before
                    order by o.usage_date
                    limit p_most
                      for update skip locked))
        returning 1
    ), called as (
        delete from chatkeep.completions c
         where c.ctid = any (array(
                   select o.ctid from chatkeep.completions o
                    where o.state <> 'running'
                      and o.finished_at < chatkeep.usage_by_model_kept_from(p_before)::timestamp at time zone 'UTC'
                    order by o.finished_at
                    limit p_most
                      for update skip locked))
        returning 1
    ), gone as (
        delete from public.user_usage_daily d
         where d.ctid = any (array(
                   select o.ctid from public.user_usage_daily o
                    where o.usage_date < (p_before at time zone 'UTC')::date
                      and (p_from = '-infinity' or o.usage_date >= (p_from at time zone 'UTC')::date)
                      and not chatkeep.is_charged_since(o.user_id, o.usage_date, p_before)
                    order by o.usage_date
                    limit p_most
                      for update skip locked))
        returning d.usage_date as day)
    select jsonb_build_object('deleted', count(*),
                              'last', coalesce(max(day)::timestamp at time zone 'UTC',
                                               (select p_from from (select from by_model union all select from charged union all select from called) m
                                                limit 1)))
      from gone
$$;

-- Conversations without activity since p_before, with their messages: at most so many messages in a batch, but
-- for a conversation that has more. Their users' other writes wait for it, as they do for each other; users who
-- are writing are left for the next night.
create or replace function chatkeep.cleanup_conversations_batch(p_before timestamptz, p_from timestamptz, p_most int) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_sessions constant int := 200;
    v_users uuid[];
    v_old   public.chat_sessions[];
    v_gone  int;
    v_last  timestamptz;
begin
    perform chatkeep.require_admin();
    select array_agg(o.session order by (o.session).updated_at)
      into v_old
      from (select s as session, sum(s.message_count + 1) over (order by s.updated_at, s.user_id, s.id) as messages,
                   row_number() over (order by s.updated_at, s.user_id, s.id) as position
              from (select * from public.chat_sessions s
                     where s.updated_at < p_before and s.updated_at >= p_from
                     order by s.updated_at
                     limit c_most_sessions) s) o
     where o.messages <= p_most or o.position = 1;
    if v_old is null then
        return jsonb_build_object('deleted', 0, 'last', null);
    end if;
    v_last := (v_old[cardinality(v_old)]).updated_at;
    select array_agg(l.id) into v_users
      from (select p.id from public.profiles p
             where p.id in (select (o).user_id from unnest(v_old) o)
             order by p.id
               for no key update skip locked) l;
    delete from public.chat_sessions s
     using unnest(v_old) o
     where s.user_id = o.user_id and s.id = o.id and s.user_id = any (v_users) and s.updated_at < p_before;
    get diagnostics v_gone = row_count;
    return jsonb_build_object('deleted', v_gone, 'last', case when v_gone > 0 or v_last > p_from then v_last end);
end
$$;

-- Writes today's row of system_stats, or brings it up to date. Yesterday's was written while the day lasted: how
-- many users it had is only known now.
create or replace function chatkeep.record_system_stats() returns void
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    update public.system_stats s
       set active_users_today = (select count(*) from public.user_usage_daily u where u.usage_date = s.stat_date),
           new_users_today = (select count(*) from public.profiles p
                               where p.created_at >= s.stat_date::timestamp at time zone 'UTC'
                                 and p.created_at < (s.stat_date + 1)::timestamp at time zone 'UTC')
     where s.stat_date = (now() at time zone 'UTC')::date - 1;
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

-- Whether the caller is the one who runs a job that is due at this time: with several instances one of them is.
create or replace function chatkeep.claim_job(p_job text, p_due_at timestamptz) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
    insert into chatkeep.job_runs (job, due_at) values (p_job, p_due_at) on conflict do nothing;
    return found;
end
$$;

create or replace function chatkeep.finish_job(p_job text, p_due_at timestamptz, p_result jsonb) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
    update chatkeep.job_runs set finished_at = clock_timestamp(), result = p_result
     where job = p_job and due_at = p_due_at;
end
$$;

revoke execute on function public.cleanup_old_data(int) from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function public.cleanup_old_data(int), chatkeep.cleanup_activity_batch(timestamptz, timestamptz, int),
    chatkeep.cleanup_usage_batch(timestamptz, timestamptz, int),
    chatkeep.cleanup_conversations_batch(timestamptz, timestamptz, int), chatkeep.claim_job(text, timestamptz),
    chatkeep.finish_job(text, timestamptz, jsonb) to authenticated, service_role;

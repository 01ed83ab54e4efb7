-- For administrators: users, models, figures, the health of the database.

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

-- Users, by e-mail address. The search finds a part of the address, in upper or lower case.
create or replace function chatkeep.admin_users(
    p_email text, p_tier text, p_limit int, p_after_email text, p_after_id uuid) returns setof public.profiles
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_like constant text := '%' || regexp_replace(p_email, '([\\%_])', '\\\1', 'g') || '%';
begin
    perform chatkeep.require_admin();
    return query
        select p.*
          from public.profiles p
         where (p_email is null or p.email ilike v_like)
           and (p_tier is null or p.subscription_tier = p_tier)
           and (p_after_id is null or (p.email, p.id) > (p_after_email, p_after_id))
         order by p.email, p.id
         limit p_limit;
end
$$;

-- One user's complete profile.
create or replace function chatkeep.admin_user(p_user_id uuid) returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_profile jsonb;
begin
    perform chatkeep.require_admin();
    v_profile := public.get_user_complete_profile(p_user_id);
    if v_profile is null then
        raise sqlstate 'PT404' using message = 'user_not_found: There is no such user.';
    end if;
    return v_profile;
end
$$;

-- Changes the tier, the credits, the ban of a user; null leaves one as it is, and p_is_ban says that the ban is not. Returns the
-- user as it is now, and what tier and credits were.
create or replace function chatkeep.admin_change_user(
    p_user_id uuid, p_tier text, p_credits int, p_is_ban boolean, p_banned_until timestamptz, p_ban_reason text,
    out account public.profiles, out old_tier text, out old_credits int)
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_old public.profiles;
begin
    perform chatkeep.require_admin();
    select * into v_old from public.profiles p where p.id = p_user_id for no key update;
    if not found then
        raise sqlstate 'PT404' using message = 'user_not_found: There is no such user.';
    end if;
    if p_tier is not null then
        perform public.update_user_tier(p_user_id, p_tier);
    end if;
    if p_credits is not null then
        update public.profiles p set credits = p_credits where p.id = p_user_id;
        perform chatkeep.write_log(p_user_id, 'credits_updated', 'profile', p_user_id::text,
            jsonb_build_object('old_credits', v_old.credits, 'new_credits', p_credits) || chatkeep.actor());
    end if;
    if p_is_ban and p_banned_until is not null then
        update public.profiles p
           set banned_until = p_banned_until, ban_reason = p_ban_reason,
               banned_at = case when v_old.banned_until > now() then coalesce(v_old.banned_at, now()) else now() end
         where p.id = p_user_id;
        perform chatkeep.write_log(p_user_id, 'user_banned', 'profile', p_user_id::text,
            jsonb_build_object('banned_until', chatkeep.iso(p_banned_until), 'reason', p_ban_reason) || chatkeep.actor());
    elsif p_is_ban and v_old.banned_until is not null then
        update public.profiles p set banned_until = null, banned_at = null, ban_reason = null where p.id = p_user_id;
        perform chatkeep.write_log(p_user_id, 'user_unbanned', 'profile', p_user_id::text,
            jsonb_build_object('banned_until', chatkeep.iso(v_old.banned_until)) || chatkeep.actor());
    end if;
    select * into account from public.profiles p where p.id = p_user_id;
    old_tier := v_old.subscription_tier;
    old_credits := v_old.credits;
end
$$;

-- A row of model_access as it is logged.
create or replace function chatkeep.model_json(p_model public.model_access) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select to_jsonb(p_model) || jsonb_build_object(
               'input_cost_per_token', trim_scale(p_model.input_cost_per_token),
               'output_cost_per_token', trim_scale(p_model.output_cost_per_token),
               'cached_input_cost_per_token', trim_scale(p_model.cached_input_cost_per_token),
               'released_at', chatkeep.iso(p_model.released_at),
               'created_at', chatkeep.iso(p_model.created_at), 'updated_at', chatkeep.iso(p_model.updated_at))
$$;

-- Model access, by model and tier.
create or replace function chatkeep.admin_models(
    p_tier text, p_active boolean, p_limit int, p_after_model text, p_after_id uuid) returns setof public.model_access
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
    return query
        select m.*
          from public.model_access m
         where (p_tier is null or m.tier = p_tier)
           and (p_active is null or m.is_active = p_active)
           and (p_after_id is null or (m.model_id, m.id) > (p_after_model, p_after_id))
         order by m.model_id, m.id
         limit p_limit;
end
$$;

-- Opens a model for a tier; a model that is open for it already is a conflict.
create or replace function chatkeep.admin_create_model(p_values jsonb) returns public.model_access
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_model public.model_access;
begin
    perform chatkeep.require_admin();
    insert into public.model_access (
        model_id, tier, is_active, input_cost_per_token, output_cost_per_token, cached_input_cost_per_token, daily_limit,
        monthly_limit, model_name, model_description, model_tags, context_length, other_prices, input_modalities,
        output_modalities, supported_parameters)
    select v.model_id, v.tier, coalesce(v.is_active, true), coalesce(v.input_cost_per_token, 0),
           coalesce(v.output_cost_per_token, 0), v.cached_input_cost_per_token, v.daily_limit, v.monthly_limit, v.model_name,
           v.model_description, coalesce(v.model_tags, '{}'), v.context_length, jsonb_strip_nulls(coalesce(v.other_prices, '{}')),
           coalesce(v.input_modalities, '{text}'), coalesce(v.output_modalities, '{text}'),
           coalesce(v.supported_parameters, '{}')
      from jsonb_populate_record(null::public.model_access, p_values) v
    on conflict (model_id, tier) do nothing
    returning * into v_model;
    if not found then
        raise sqlstate 'PT409' using message = 'model_exists: This model is there for this tier already.';
    end if;
    perform chatkeep.log_system_event('model_created', 'model_access', v_model.id::text, chatkeep.model_json(v_model));
    return v_model;
end
$$;

-- Changes what p_changes names of a row of model_access. Where nothing changes, nothing is logged.
create or replace function chatkeep.admin_change_model(p_id uuid, p_changes jsonb) returns public.model_access
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_old public.model_access;
    v_new public.model_access;
begin
    perform chatkeep.require_admin();
    select * into v_old from public.model_access m where m.id = p_id for no key update;
    if not found then
        raise sqlstate 'PT404' using message = 'model_not_found: There is no such model.';
    end if;
    v_new := jsonb_populate_record(v_old, p_changes);
    v_new.other_prices := jsonb_strip_nulls(v_new.other_prices);
    if v_new is not distinct from v_old then
        return v_old;
    end if;
    update public.model_access m
       set is_active = v_new.is_active, input_cost_per_token = v_new.input_cost_per_token,
           output_cost_per_token = v_new.output_cost_per_token,
           cached_input_cost_per_token = v_new.cached_input_cost_per_token, daily_limit = v_new.daily_limit,
           monthly_limit = v_new.monthly_limit, model_name = v_new.model_name,
           model_description = v_new.model_description, model_tags = v_new.model_tags,
           context_length = v_new.context_length, other_prices = v_new.other_prices,
           input_modalities = v_new.input_modalities, output_modalities = v_new.output_modalities,
           supported_parameters = v_new.supported_parameters, updated_at = now()
     where m.id = p_id
    returning * into v_new;
    perform chatkeep.log_system_event('model_updated', 'model_access', p_id::text,
        jsonb_build_object('model_id', v_new.model_id, 'tier', v_new.tier, 'changes', (
            select coalesce(jsonb_object_agg(n.key, jsonb_build_object('old', chatkeep.model_json(v_old) -> n.key, 'new', n.value)), '{}')
              from jsonb_each(chatkeep.model_json(v_new)) n
             where n.key <> 'updated_at' and n.value is distinct from chatkeep.model_json(v_old) -> n.key)));
    return v_new;
end
$$;

-- Brings the models of a provider's catalogue into one tier: new ones are added, prices, names, descriptions,
-- tags, context lengths and what they take and give of known ones follow the catalogue; limits and is_active are the
-- administrator's.
-- p_models is checked: [{model_id, model_name, ...}], each model once.
create or replace function chatkeep.admin_import_models(
    p_tier text, p_models jsonb, out created int, out updated int, out unchanged int)
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
    with listed as (
        select * from jsonb_populate_recordset(null::public.model_access, p_models)
    ), stored as (
        insert into public.model_access as m (
            model_id, tier, input_cost_per_token, output_cost_per_token, cached_input_cost_per_token, model_name,
            model_description, model_tags, context_length, other_prices, input_modalities, output_modalities,
            supported_parameters, released_at)
        select l.model_id, p_tier, l.input_cost_per_token, l.output_cost_per_token, l.cached_input_cost_per_token, l.model_name,
               l.model_description, l.model_tags, l.context_length, l.other_prices, l.input_modalities, l.output_modalities,
               l.supported_parameters, l.released_at
          from listed l
         order by l.model_id
        on conflict (model_id, tier) do update
            set input_cost_per_token = excluded.input_cost_per_token,
                output_cost_per_token = excluded.output_cost_per_token,
                cached_input_cost_per_token = excluded.cached_input_cost_per_token,
                model_name = excluded.model_name, model_description = excluded.model_description,
                model_tags = excluded.model_tags, context_length = excluded.context_length,
                other_prices = excluded.other_prices, input_modalities = excluded.input_modalities,
                output_modalities = excluded.output_modalities, supported_parameters = excluded.supported_parameters,
                released_at = excluded.released_at, updated_at = now()
            where (m.input_cost_per_token, m.output_cost_per_token, m.cached_input_cost_per_token, m.model_name,
                   m.model_description, m.model_tags, m.context_length, m.other_prices, m.input_modalities,
                   m.output_modalities, m.supported_parameters, m.released_at)
                  is distinct from
                  (excluded.input_cost_per_token, excluded.output_cost_per_token, excluded.cached_input_cost_per_token,
                   excluded.model_name, excluded.model_description, excluded.model_tags, excluded.context_length,
                   excluded.other_prices, excluded.input_modalities, excluded.output_modalities,
                   excluded.supported_parameters, excluded.released_at)
        returning m.xmax = 0 as is_new
    )
    select count(*) filter (where s.is_new), count(*) filter (where not s.is_new), (select count(*) from listed) - count(*)
      into created, updated, unchanged
      from stored s;
    perform chatkeep.log_system_event('models_imported', 'model_access', p_tier,
        jsonb_build_object('created', created, 'updated', updated, 'unchanged', unchanged));
end
$$;

-- The series of system_stats.
create or replace function chatkeep.admin_stats(p_from date, p_to date) returns setof public.system_stats
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
    return query
        select s.* from public.system_stats s where s.stat_date between p_from and p_to order by s.stat_date;
end
$$;

-- What all users did in a range of days. Errors are messages that failed, by the time that they carry.
create or replace function chatkeep.admin_overview(
    p_from date, p_to date, out users bigint, out new_users bigint, out active_users bigint, out messages bigint,
    out sessions_created bigint, out input_tokens bigint, out output_tokens bigint, out total_tokens bigint,
    out estimated_cost numeric, out errors bigint)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_begin constant timestamptz := p_from::timestamp at time zone 'UTC';
    v_end   constant timestamptz := (p_to + 1)::timestamp at time zone 'UTC';
begin
    perform chatkeep.require_admin();
    select count(*), count(*) filter (where p.created_at >= v_begin and p.created_at < v_end)
      into users, new_users
      from public.profiles p;
    select count(distinct u.user_id), coalesce(sum(u.messages_sent + u.messages_received), 0),
           coalesce(sum(u.sessions_created), 0), coalesce(sum(u.input_tokens), 0), coalesce(sum(u.output_tokens), 0),
           coalesce(sum(u.total_tokens), 0), trim_scale(coalesce(sum(u.estimated_cost), 0))
      into active_users, messages, sessions_created, input_tokens, output_tokens, total_tokens, estimated_cost
      from public.user_usage_daily u
     where u.usage_date between p_from and p_to;
    select count(*)
      into errors
      from public.chat_messages m
     where m.error_message is not null and m.message_timestamp >= v_begin and m.message_timestamp < v_end;
end
$$;

-- The models that answered most in a range of days.
create or replace function chatkeep.admin_top_models(p_from date, p_to date)
    returns table (model text, messages_received bigint, total_tokens bigint, users bigint, estimated_cost numeric)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_top_models constant int := 10;
begin
    perform chatkeep.require_admin();
    return query
        select b.model, sum(b.messages_received)::bigint, sum(b.input_tokens + b.output_tokens)::bigint,
               count(distinct b.user_id), trim_scale(sum(b.cost))
          from chatkeep.usage_by_model b
         where b.usage_date between p_from and p_to
         group by b.model
         order by 2 desc, 3 desc, 1
         limit c_top_models;
end
$$;

-- How large the database is, what its tables and indexes do, and how many users are active.
create or replace function public.analyze_database_health() returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
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

revoke execute on function public.analyze_database_health() from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.admin_users(text, text, int, text, uuid), chatkeep.admin_user(uuid),
    chatkeep.admin_change_user(uuid, text, int, boolean, timestamptz, text), chatkeep.admin_models(text, boolean, int, text, uuid),
    chatkeep.admin_create_model(jsonb), chatkeep.admin_change_model(uuid, jsonb), chatkeep.admin_import_models(text, jsonb),
    chatkeep.admin_stats(date, date), chatkeep.admin_overview(date, date), chatkeep.admin_top_models(date, date),
    public.analyze_database_health() to authenticated, service_role;

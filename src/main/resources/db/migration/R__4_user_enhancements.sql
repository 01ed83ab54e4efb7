-- Usage, models and tiers, preferences, and the profile as a whole.

-- The models that the user's tier opens, one row a model: that of the highest tier the user reaches.
create or replace function public.get_user_allowed_models(user_uuid uuid)
    returns table (
        model_id varchar, model_name varchar, model_description text, model_tags text[], input_cost_per_token numeric,
        output_cost_per_token numeric, daily_limit int, monthly_limit int)
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return query
        select distinct on (m.model_id)
               m.model_id, m.model_name, m.model_description, m.model_tags, m.input_cost_per_token,
               m.output_cost_per_token, m.daily_limit, m.monthly_limit
          from public.model_access m
         where m.is_active
           and chatkeep.tier_rank(m.tier) <= chatkeep.tier_rank(
                   (select p.subscription_tier from public.profiles p where p.id = user_uuid))
         order by m.model_id, chatkeep.tier_rank(m.tier) desc;
end
$$;

create or replace function public.can_user_use_model(user_uuid uuid, model_to_check varchar) returns boolean
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return exists (
        select from public.model_access m
         where m.model_id = model_to_check and m.is_active
           and chatkeep.tier_rank(m.tier) <= chatkeep.tier_rank(
                   (select p.subscription_tier from public.profiles p where p.id = user_uuid)));
end
$$;

-- Changes a tier: {success, old_tier, new_tier, updated_at} or {success: false, error}.
create or replace function public.update_user_tier(user_uuid uuid, new_tier varchar) returns jsonb
    language plpgsql security definer set search_path = ''
as $$
declare
    v_old_tier text;
    v_at       timestamptz;
begin
    perform chatkeep.require_admin();
    if new_tier is null or new_tier not in ('free', 'pro', 'enterprise', 'admin') then
        return jsonb_build_object('success', false, 'error', 'There is no such tier.');
    end if;
    select p.subscription_tier into v_old_tier from public.profiles p where p.id = user_uuid for no key update;
    if not found then
        return jsonb_build_object('success', false, 'error', 'There is no such user.');
    end if;
    update public.profiles p set subscription_tier = new_tier where p.id = user_uuid returning p.updated_at into v_at;
    perform public.log_user_activity(user_uuid, 'tier_updated', 'profile', user_uuid::text,
                                     jsonb_build_object('old_tier', v_old_tier, 'new_tier', new_tier) || chatkeep.actor());
    return jsonb_build_object('success', true, 'old_tier', v_old_tier, 'new_tier', new_tier, 'updated_at', v_at);
end
$$;

-- Objects merge key by key, anything else in b replaces what a has; null counts as an empty object.
create or replace function public.jsonb_deep_merge(a jsonb, b jsonb) returns jsonb
    language plpgsql immutable set search_path = ''
as $$
begin
    a := coalesce(a, '{}');
    b := coalesce(b, '{}');
    if jsonb_typeof(a) <> 'object' or jsonb_typeof(b) <> 'object' then
        return b;
    end if;
    return a || (
        select coalesce(jsonb_object_agg(e.key, case when jsonb_typeof(e.value) = 'object' and a ? e.key
                                                     then public.jsonb_deep_merge(a -> e.key, e.value)
                                                     else e.value end), '{}')
          from jsonb_each(b) e);
end
$$;

-- Merges preferences of one type into the stored ones: {success, preference_type, preferences} with all
-- that is stored now, or {success: false, error}. The profile is locked, so edits of other keys at the
-- same time are kept. In type 'model' a key that is null clears the setting.
create or replace function public.update_user_preferences(
    user_uuid uuid, preference_type varchar(50), preferences jsonb) returns jsonb
    language plpgsql security definer set search_path = ''
as $$
declare
    v_profile public.profiles;
    v_merged  jsonb;
begin
    perform chatkeep.require_caller(user_uuid);
    if jsonb_typeof(preferences) is distinct from 'object' then
        return jsonb_build_object('success', false, 'error', 'Preferences must be an object.');
    end if;
    select * into v_profile from public.profiles p where p.id = user_uuid for no key update;
    if not found then
        return jsonb_build_object('success', false, 'error', 'There is no such user.');
    end if;

    case preference_type
        when 'ui' then
            v_merged := public.jsonb_deep_merge(v_profile.ui_preferences, preferences);
            update public.profiles p set ui_preferences = v_merged where p.id = user_uuid;
        when 'session' then
            v_merged := public.jsonb_deep_merge(v_profile.session_preferences, preferences);
            update public.profiles p set session_preferences = v_merged where p.id = user_uuid;
        when 'model' then
            update public.profiles p
               set default_model = case when preferences ? 'default_model'
                                        then preferences ->> 'default_model' else p.default_model end,
                   temperature = coalesce((preferences ->> 'temperature')::numeric, p.temperature),
                   system_prompt = case when preferences ? 'system_prompt'
                                        then preferences ->> 'system_prompt' else p.system_prompt end,
                   allowed_models = case when not preferences ? 'allowed_models' then p.allowed_models
                                         when jsonb_typeof(preferences -> 'allowed_models') = 'null' then null
                                         else array(select jsonb_array_elements_text(preferences -> 'allowed_models')) end
             where p.id = user_uuid
            returning jsonb_build_object('default_model', p.default_model, 'temperature', p.temperature,
                                         'system_prompt', p.system_prompt, 'allowed_models', p.allowed_models)
                 into v_merged;
        else
            return jsonb_build_object('success', false, 'error', 'Preferences are of type ui, session or model.');
    end case;

    perform public.log_user_activity(user_uuid, 'preferences_updated', 'profile', user_uuid::text,
        jsonb_build_object('preference_type', preference_type,
                           'keys', (select coalesce(jsonb_agg(key order by key), '[]')
                                      from jsonb_object_keys(preferences) as k (key))));
    return jsonb_build_object('success', true, 'preference_type', preference_type, 'preferences', v_merged);
end
$$;

-- Everything a front end shows about its user, or null where there is none.
create or replace function public.get_user_complete_profile(user_uuid uuid) returns jsonb
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return (
        select jsonb_build_object(
                   'id', p.id, 'email', p.email, 'full_name', p.full_name, 'avatar_url', p.avatar_url,
                   'subscription_tier', p.subscription_tier, 'credits', p.credits,
                   'preferences', jsonb_build_object(
                       'model', jsonb_build_object('default_model', p.default_model, 'temperature', p.temperature,
                                                   'system_prompt', p.system_prompt, 'allowed_models', p.allowed_models),
                       'ui', p.ui_preferences,
                       'session', p.session_preferences),
                   'available_models', (
                       select coalesce(jsonb_agg(to_jsonb(m) order by m.model_id), '[]')
                         from public.get_user_allowed_models(p.id) m),
                   'usage_stats', jsonb_build_object(
                       'today', (select to_jsonb(u) - 'id' - 'user_id' from public.user_usage_daily u
                                  where u.user_id = p.id and u.usage_date = (now() at time zone 'UTC')::date),
                       'recent', (select coalesce(jsonb_agg(to_jsonb(u) - 'id' - 'user_id' order by u.usage_date desc), '[]')
                                    from public.user_usage_daily u
                                   where u.user_id = p.id and u.usage_date > (now() at time zone 'UTC')::date - 7),
                       'total', p.usage_stats),
                   'timestamps', jsonb_build_object('created_at', p.created_at, 'updated_at', p.updated_at,
                                                    'last_active', p.last_active))
          from public.profiles p
         where p.id = user_uuid);
end
$$;

-- How many bytes a value has as JSON without white space (jsonb is written with it).
create or replace function chatkeep.json_bytes(p_value jsonb) returns bigint
    language plpgsql immutable set search_path = ''
as $$
begin
    return case jsonb_typeof(p_value)
        when 'object' then (select coalesce(sum(octet_length(to_jsonb(e.key)::text) + 2 + chatkeep.json_bytes(e.value)), 1) + 1
                              from jsonb_each(p_value) e)
        when 'array' then (select coalesce(sum(1 + chatkeep.json_bytes(e.value)), 1) + 1
                             from jsonb_array_elements(p_value) e)
        else octet_length(p_value::text)
    end;
end
$$;

-- What front ends load when they start: the user's day, totals, profile, preferences and models; null where
-- there is no such user yet.
create or replace function chatkeep.user_data(p_user_id uuid) returns jsonb
    language sql stable set search_path = ''
as $$
    select jsonb_build_object(
               'today', jsonb_build_object(
                   'messages_sent', coalesce(u.messages_sent, 0), 'messages_received', coalesce(u.messages_received, 0),
                   'input_tokens', coalesce(u.input_tokens, 0), 'output_tokens', coalesce(u.output_tokens, 0),
                   'total_tokens', coalesce(u.total_tokens, 0), 'models_used', coalesce(u.models_used, '{}'),
                   'sessions_created', coalesce(u.sessions_created, 0), 'active_minutes', coalesce(u.active_minutes, 0)),
               'allTime', jsonb_build_object(
                   'total_messages', p.usage_stats -> 'total_messages', 'total_tokens', p.usage_stats -> 'total_tokens',
                   'sessions_created', p.usage_stats -> 'sessions_created',
                   'last_reset', chatkeep.iso((p.usage_stats ->> 'last_reset')::timestamptz)),
               'profile', jsonb_build_object(
                   'email', p.email, 'full_name', p.full_name, 'avatar_url', p.avatar_url,
                   'subscription_tier', p.subscription_tier, 'credits', p.credits),
               'preferences', jsonb_build_object(
                   'ui', p.ui_preferences,
                   'session', p.session_preferences,
                   'model', jsonb_build_object('default_model', p.default_model, 'temperature', p.temperature,
                                               'system_prompt', p.system_prompt, 'allowed_models', p.allowed_models)),
               'availableModels', (select coalesce(jsonb_agg(to_jsonb(m) order by m.model_id), '[]')
                                     from public.get_user_allowed_models(p.id) m),
               'timestamps', jsonb_build_object(
                   'created_at', chatkeep.iso(p.created_at), 'updated_at', chatkeep.iso(p.updated_at),
                   'last_active', chatkeep.iso(p.last_active)))
      from public.profiles p
      left join public.user_usage_daily u
        on u.user_id = p.id and u.usage_date = (now() at time zone 'UTC')::date
     where p.id = p_user_id
$$;

-- Merges sections of preferences, {ui?, session?, model?}, all of them or none, and returns user_data. The
-- types of the values have been checked.
create or replace function chatkeep.put_user_data(p_user_id uuid, p_changes jsonb) returns jsonb
    language plpgsql set search_path = ''
as $$
declare
    c_most_bytes constant int := 16384;
    v_section text;
    v_result  jsonb;
begin
    perform chatkeep.begin_write(p_user_id);
    if p_changes -> 'model' ->> 'default_model' is not null
        and not public.can_user_use_model(p_user_id, p_changes -> 'model' ->> 'default_model') then
        raise sqlstate 'PT422' using message = 'invalid_field: is not a model that your tier opens',
                                     detail = 'model.default_model';
    end if;
    foreach v_section in array array ['ui', 'session', 'model'] loop
        continue when not p_changes ? v_section;
        v_result := public.update_user_preferences(p_user_id, v_section, p_changes -> v_section);
        if chatkeep.json_bytes(v_result -> 'preferences') > c_most_bytes then
            raise sqlstate 'PT422' using message = 'invalid_field: must have at most ' || c_most_bytes
                                                   || ' bytes, with what is stored already', detail = v_section;
        end if;
    end loop;
    return chatkeep.user_data(p_user_id);
end
$$;

-- The models that a tier opens, in the shape of GET /api/models but for what depends on the user. The list is
-- kept in system_cache, under a key that changes with the models.
create or replace function chatkeep.models_of_tier(p_tier text) returns jsonb
    language plpgsql security definer set search_path = ''
as $$
declare
    v_key    constant text := format('models:%s:%s', p_tier, (select v.version from chatkeep.catalog_version v));
    v_models jsonb := chatkeep.cached(v_key);
begin
    if v_models is not null then
        return v_models;
    end if;
    select coalesce(jsonb_agg(jsonb_build_object(
               'id', m.model_id, 'name', coalesce(m.model_name, m.model_id), 'description', m.model_description,
               'tags', m.model_tags, 'tier', m.tier,
               'input_cost_per_token', trim_scale(m.input_cost_per_token),
               'output_cost_per_token', trim_scale(m.output_cost_per_token),
               'context_length', m.context_length, 'daily_limit', m.daily_limit, 'monthly_limit', m.monthly_limit)
               order by m.model_id), '[]')
      into v_models
      from (select distinct on (a.model_id) a.*
              from public.model_access a
             where a.is_active and chatkeep.tier_rank(a.tier) <= chatkeep.tier_rank(p_tier)
             order by a.model_id, chatkeep.tier_rank(a.tier) desc) m;
    perform chatkeep.cache(v_key, v_models, interval '10 minutes');
    return v_models;
end
$$;

-- The models that a user may call, the default first, with their limits and what is used of them.
create or replace function chatkeep.models_of_user(p_user_id uuid)
    returns table (id text, name text, description text, tags text[], tier text, input_cost_per_token numeric,
                   output_cost_per_token numeric, context_length int, is_default boolean, daily_limit int, daily_used bigint,
                   day_ends timestamptz, monthly_limit int, monthly_used bigint, month_ends timestamptz)
    language plpgsql security definer set search_path = ''
as $$
declare
    v_utc     constant timestamp := now() at time zone 'UTC';
    v_tier    text;
    v_default text;
begin
    perform chatkeep.require_caller(p_user_id);
    select p.subscription_tier, p.default_model into v_tier, v_default from public.profiles p where p.id = p_user_id;
    return query
        select m.id, m.name, m.description, m.tags, m.tier, m.input_cost_per_token, m.output_cost_per_token,
               m.context_length, m.id = coalesce(v_default, ''), m.daily_limit, coalesce(u.daily, 0),
               (date_trunc('day', v_utc) + interval '1 day') at time zone 'UTC', m.monthly_limit, coalesce(u.monthly, 0),
               (date_trunc('month', v_utc) + interval '1 month') at time zone 'UTC'
          from rows from (jsonb_to_recordset(chatkeep.models_of_tier(coalesce(v_tier, 'free'))) as (
                   id text, name text, description text, tags text[], tier text, input_cost_per_token numeric,
                   output_cost_per_token numeric, context_length int, daily_limit int, monthly_limit int)) with ordinality
                   as m (id, name, description, tags, tier, input_cost_per_token, output_cost_per_token, context_length,
                         daily_limit, monthly_limit, position)
          left join chatkeep.answers_used(p_user_id) u on u.model = m.id
         order by m.id is distinct from v_default, m.position;
end
$$;

-- Whether a user may call a model, the lowest tier that opens it, if any does, and the limits of one that may be called.
create or replace function chatkeep.access_to_model(p_user_id uuid, p_model text)
    returns table (allowed boolean, required_tier text, daily_limit int, daily_used bigint, day_ends timestamptz,
                   monthly_limit int, monthly_used bigint, month_ends timestamptz)
    language plpgsql security definer set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
        select a.allowed, t.tier, m.daily_limit, m.daily_used, m.day_ends, m.monthly_limit, m.monthly_used, m.month_ends
          from (select public.can_user_use_model(p_user_id, p_model) as allowed) a
          left join lateral (
               select o.tier::text
                 from public.model_access o
                where o.model_id = p_model and o.is_active
                order by chatkeep.tier_rank(o.tier)
                limit 1) t on true
          left join chatkeep.models_of_user(p_user_id) m on a.allowed and m.id = p_model;
end
$$;

-- The days of a range, both ends included, on which there was usage.
create or replace function chatkeep.usage_by_day(p_user_id uuid, p_from date, p_to date)
    returns setof public.user_usage_daily
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    return query
        select u.*
          from public.user_usage_daily u
         where u.user_id = p_user_id and u.usage_date between p_from and p_to
         order by u.usage_date;
end
$$;

-- What each model was used for in a range of days, the most expensive first.
create or replace function chatkeep.usage_of_models(p_user_id uuid, p_from date, p_to date)
    returns table (model text, messages_sent bigint, messages_received bigint, input_tokens bigint, output_tokens bigint,
                   estimated_cost numeric)
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    return query
        select b.model, sum(b.messages_sent)::bigint, sum(b.messages_received)::bigint, sum(b.input_tokens)::bigint,
               sum(b.output_tokens)::bigint, trim_scale(sum(b.cost))
          from chatkeep.usage_by_model b
         where b.user_id = p_user_id and b.usage_date between p_from and p_to
         group by b.model
         order by sum(b.cost) desc, sum(b.input_tokens + b.output_tokens) desc, b.model;
end
$$;

-- The last 1, 7 and 30 days, today included, a row each, and beside them all time: that is what the profile has added
-- up, as days are deleted by and by; it knows no days and no directions.
create or replace function chatkeep.usage_summary(p_user_id uuid)
    returns table (days int, messages_sent bigint, messages_received bigint, input_tokens bigint, output_tokens bigint,
                   total_tokens bigint, sessions_created bigint, active_minutes bigint, estimated_cost numeric,
                   all_messages bigint, all_tokens bigint, all_sessions bigint, all_cost numeric, since timestamptz)
    language plpgsql stable security definer set search_path = ''
as $$
declare
    v_today constant date := (now() at time zone 'UTC')::date;
begin
    perform chatkeep.require_caller(p_user_id);
    return query
        select r.days, coalesce(sum(u.messages_sent), 0)::bigint, coalesce(sum(u.messages_received), 0)::bigint,
               coalesce(sum(u.input_tokens), 0)::bigint, coalesce(sum(u.output_tokens), 0)::bigint,
               coalesce(sum(u.total_tokens), 0)::bigint, coalesce(sum(u.sessions_created), 0)::bigint,
               coalesce(sum(u.active_minutes), 0)::bigint, trim_scale(coalesce(sum(u.estimated_cost), 0)),
               coalesce((p.usage_stats ->> 'total_messages')::bigint, 0),
               coalesce((p.usage_stats ->> 'total_tokens')::bigint, 0),
               coalesce((p.usage_stats ->> 'sessions_created')::bigint, 0),
               trim_scale(coalesce((p.usage_stats ->> 'total_cost')::numeric, 0)),
               (p.usage_stats ->> 'last_reset')::timestamptz
          from (values (1), (7), (30)) as r (days)
          left join public.profiles p on p.id = p_user_id
          left join public.user_usage_daily u on u.user_id = p_user_id and u.usage_date > v_today - r.days
         group by r.days, p.id
         order by r.days;
end
$$;

-- Lists of models that are kept are out of date as soon as a model changes.
create or replace function chatkeep.catalog_changed() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    update chatkeep.catalog_version set version = version + 1;
    perform chatkeep.forget('models:');
    return null;
end
$$;

create or replace trigger model_access_changed
    after insert or update or delete or truncate on public.model_access
    for each statement execute function chatkeep.catalog_changed();

-- system_cache: what is worth keeping for a while. A value past its time is not there.
create or replace function chatkeep.cached(p_key text) returns jsonb
    language sql stable security definer set search_path = ''
as $$
    select c.cache_value
      from public.system_cache c
     where c.cache_key = p_key and (c.expires_at is null or c.expires_at > now())
$$;

-- Keeps a value under a key; for ever without a lifetime. A transaction that only reads keeps nothing.
create or replace function chatkeep.cache(p_key text, p_value jsonb, p_lifetime interval) returns void
    language plpgsql security definer set search_path = ''
as $$
begin
    if current_setting('transaction_read_only')::boolean then
        return;
    end if;
    insert into public.system_cache as c (cache_key, cache_value, expires_at)
    values (p_key, p_value, now() + p_lifetime)
    on conflict (cache_key) do update
        set cache_value = excluded.cache_value, expires_at = excluded.expires_at, updated_at = now();
end
$$;

-- Forgets all keys that begin like this.
create or replace function chatkeep.forget(p_prefix text) returns void
    language sql security definer set search_path = ''
as $$
    delete from public.system_cache where starts_with(cache_key, p_prefix)
$$;

revoke execute on all functions in schema chatkeep from public;
revoke execute on function public.get_user_allowed_models(uuid), public.can_user_use_model(uuid, varchar), public.update_user_tier(uuid, varchar),
    public.jsonb_deep_merge(jsonb, jsonb), public.update_user_preferences(uuid, varchar, jsonb),
    public.get_user_complete_profile(uuid) from public, anon, authenticated;
grant execute on function chatkeep.cached(text), chatkeep.cache(text, jsonb, interval), chatkeep.forget(text)
    to service_role;
grant execute on function chatkeep.json_bytes(jsonb), chatkeep.user_data(uuid), chatkeep.put_user_data(uuid, jsonb),
    chatkeep.models_of_user(uuid), chatkeep.access_to_model(uuid, text), chatkeep.usage_by_day(uuid, date, date),
    chatkeep.usage_of_models(uuid, date, date), chatkeep.usage_summary(uuid),
    public.get_user_allowed_models(uuid),
    public.can_user_use_model(uuid, varchar), public.update_user_tier(uuid, varchar),
    public.jsonb_deep_merge(jsonb, jsonb), public.update_user_preferences(uuid, varchar, jsonb),
    public.get_user_complete_profile(uuid) to authenticated, service_role;

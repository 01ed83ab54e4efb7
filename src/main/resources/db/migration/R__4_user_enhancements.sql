-- Usage, models and tiers, preferences, and the profile as a whole.

-- Adds two maps of counts key by key.
create or replace function chatkeep.add_counts(a jsonb, b jsonb) returns jsonb
    language plpgsql immutable set search_path = ''
as $$
begin
    if b = '{}' then
        return a;
    end if;
    return (select jsonb_object_agg(key, total)
              from (select key, sum(value::numeric) as total
                      from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) as e (key, value)
                     group by key) t);
end
$$;

-- What a token of these models costs a user now: at the price of the highest tier that the user reaches, or
-- of the lowest beyond, where a front end called the model on its own account. No row without a price.
create or replace function chatkeep.unit_costs(p_user_id uuid, p_models text[])
    returns table (model text, input_cost numeric, output_cost numeric)
    language plpgsql stable security definer set search_path = ''
as $$
declare
    v_rank int;
begin
    perform chatkeep.require_caller(p_user_id);
    if cardinality(p_models) = 0 then
        return;
    end if;
    v_rank := chatkeep.tier_rank((select p.subscription_tier from public.profiles p where p.id = p_user_id));
    return query
        select distinct on (a.model_id) a.model_id::text, a.input_cost_per_token, a.output_cost_per_token
          from public.model_access a
         where a.model_id = any (p_models)
         order by a.model_id, a.is_active desc, chatkeep.tier_rank(a.tier) <= v_rank desc,
                  abs(chatkeep.tier_rank(a.tier) - v_rank);
end
$$;

-- Adds to the user's day and to the totals of all time, in one update each. The day is the UTC day on
-- which the server records it. p_counts is what store_messages returns. A minute counts once: the row's
-- updated_at tells whether something was recorded in this one already, p_active_minutes (this one
-- included) may say that it was more than one. What a group costs it says itself, or else its tokens cost what
-- its model costs now.
create or replace function chatkeep.record_usage(
    p_user_id uuid, p_counts jsonb, p_sessions_created int, p_active_minutes int default 1) returns void
    language plpgsql security definer set search_path = ''
as $$
declare
    -- What the column holds. A price that is wrong by orders of magnitude must not keep messages from being stored.
    c_most_cost constant numeric := 99999999.999999;
    v_sent     bigint;
    v_received bigint;
    v_input    bigint;
    v_output   bigint;
    v_models   jsonb;
    v_cost     numeric;
    v_today    constant date := (clock_timestamp() at time zone 'UTC')::date;
    v_minutes  int := greatest(p_active_minutes, 1);
begin
    perform chatkeep.require_caller(p_user_id);
    if p_counts = '[]' and p_sessions_created = 0 then
        return;
    end if;

    select coalesce(sum(c.sent), 0), coalesce(sum(c.received), 0), coalesce(sum(c.input_tokens), 0),
           coalesce(sum(c.output_tokens), 0)
      into v_sent, v_received, v_input, v_output
      from jsonb_to_recordset(p_counts) as c (sent bigint, received bigint, input_tokens bigint, output_tokens bigint);
    select coalesce(jsonb_object_agg(m.model, m.answers), '{}')
      into v_models
      from (select c.model, sum(c.received) as answers
              from jsonb_to_recordset(p_counts) as c (model text, received bigint)
             where c.model is not null
             group by c.model
            having sum(c.received) > 0) m;

    -- The user's day is read below to add up its cost: nobody else may be changing it meanwhile.
    perform from public.profiles where id = p_user_id for no key update;
    with added as (
        select left(c.model, 100) as model, sum(c.sent) as sent, sum(c.received) as received,
               sum(c.input_tokens) + coalesce(sum(c.question_tokens), 0) as input_tokens,
               sum(c.output_tokens) as output_tokens,
               sum(coalesce(c.cost, c.input_tokens * p.input_cost + c.output_tokens * p.output_cost, 0)) as cost
          from jsonb_to_recordset(p_counts) as c (
               model text, sent bigint, received bigint, input_tokens bigint, output_tokens bigint,
               question_tokens bigint, cost numeric)
          left join chatkeep.unit_costs(p_user_id, array(
                        select distinct n.model from jsonb_to_recordset(p_counts) as n (model text, cost numeric)
                         where n.model is not null and n.cost is null)) p on p.model = c.model
         where c.model is not null
         group by 1
    ), stored as (
        insert into chatkeep.usage_by_model as m (
            user_id, usage_date, model, messages_sent, messages_received, input_tokens, output_tokens, cost)
        select p_user_id, v_today, a.model, a.sent, a.received, a.input_tokens, a.output_tokens, a.cost from added a
        on conflict (user_id, usage_date, model) do update
            set messages_sent = m.messages_sent + excluded.messages_sent,
                messages_received = m.messages_received + excluded.messages_received,
                input_tokens = m.input_tokens + excluded.input_tokens,
                output_tokens = m.output_tokens + excluded.output_tokens,
                cost = m.cost + excluded.cost
    )
    select coalesce(sum(a.cost), 0) into v_cost from added a;

    insert into public.user_usage_daily as u (
        user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
        sessions_created, active_minutes, estimated_cost)
    values (p_user_id, v_today, v_sent, v_received, v_input, v_output,
            v_input + v_output, v_models, p_sessions_created, least(v_minutes, 1440),
            least(greatest(v_cost, -c_most_cost), c_most_cost))
    on conflict (user_id, usage_date) do update
        set messages_sent = u.messages_sent + excluded.messages_sent,
            messages_received = u.messages_received + excluded.messages_received,
            input_tokens = u.input_tokens + excluded.input_tokens,
            output_tokens = u.output_tokens + excluded.output_tokens,
            total_tokens = u.total_tokens + excluded.total_tokens,
            models_used = chatkeep.add_counts(u.models_used, excluded.models_used),
            sessions_created = u.sessions_created + excluded.sessions_created,
            estimated_cost = case when v_cost = 0 then u.estimated_cost
                                  else (select least(greatest(sum(m.cost), -c_most_cost), c_most_cost)
                                          from chatkeep.usage_by_model m
                                         where m.user_id = p_user_id and m.usage_date = v_today) end,
            active_minutes = least(1440, u.active_minutes + v_minutes
                - case when date_trunc('minute', u.updated_at) >= date_trunc('minute', clock_timestamp()) then 1 else 0 end),
            updated_at = greatest(u.updated_at, clock_timestamp());

    update public.profiles p
       set usage_stats = p.usage_stats || jsonb_build_object(
               'total_messages', coalesce((p.usage_stats ->> 'total_messages')::bigint, 0) + v_sent + v_received,
               'total_tokens', coalesce((p.usage_stats ->> 'total_tokens')::bigint, 0) + v_input + v_output,
               'sessions_created', coalesce((p.usage_stats ->> 'sessions_created')::bigint, 0) + p_sessions_created)
               || case when v_cost = 0 then '{}'
                       else jsonb_build_object('total_cost',
                                coalesce((p.usage_stats ->> 'total_cost')::numeric, 0) + v_cost) end,
           -- It is indexed, and to the minute is good enough.
           last_active = case when p.last_active < now() - interval '1 minute' then now() else p.last_active end
     where p.id = p_user_id;
end
$$;

-- Adds to what the user did today. p_messages_received counts as answers of p_model_used;
-- p_active_minutes is how many minutes this took, the current one included. Tokens may be negative, to
-- correct what was counted; messages are never taken back.
create or replace function public.track_user_usage(
    p_user_id           uuid,
    p_messages_sent     int default 0,
    p_messages_received int default 0,
    p_input_tokens      int default 0,
    p_output_tokens     int default 0,
    p_model_used        varchar default null,
    p_session_created   boolean default false,
    p_active_minutes    int default 0) returns void
    language plpgsql set search_path = ''
as $$
begin
    if p_messages_sent < 0 or p_messages_received < 0 then
        raise invalid_parameter_value using message = 'messages cannot be taken back from usage';
    end if;
    perform chatkeep.record_usage(
        p_user_id,
        jsonb_build_array(jsonb_build_object(
            'model', p_model_used, 'sent', coalesce(p_messages_sent, 0), 'received', coalesce(p_messages_received, 0),
            'input_tokens', coalesce(p_input_tokens, 0), 'output_tokens', coalesce(p_output_tokens, 0))),
        coalesce(p_session_created, false)::int,
        p_active_minutes);
end
$$;

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
revoke execute on function public.track_user_usage(uuid, int, int, int, int, varchar, boolean, int),
    public.get_user_allowed_models(uuid), public.can_user_use_model(uuid, varchar), public.update_user_tier(uuid, varchar),
    public.jsonb_deep_merge(jsonb, jsonb), public.update_user_preferences(uuid, varchar, jsonb),
    public.get_user_complete_profile(uuid) from public, anon, authenticated;
grant execute on function chatkeep.cached(text), chatkeep.cache(text, jsonb, interval), chatkeep.forget(text)
    to service_role;
grant execute on function chatkeep.record_usage(uuid, jsonb, int, int), chatkeep.unit_costs(uuid, text[]),
    chatkeep.json_bytes(jsonb), chatkeep.user_data(uuid), chatkeep.put_user_data(uuid, jsonb),
    chatkeep.models_of_user(uuid), chatkeep.access_to_model(uuid, text), chatkeep.usage_by_day(uuid, date, date),
    chatkeep.usage_of_models(uuid, date, date), chatkeep.usage_summary(uuid),
    public.track_user_usage(uuid, int, int, int, int, varchar, boolean, int), public.get_user_allowed_models(uuid),
    public.can_user_use_model(uuid, varchar), public.update_user_tier(uuid, varchar),
    public.jsonb_deep_merge(jsonb, jsonb), public.update_user_preferences(uuid, varchar, jsonb),
    public.get_user_complete_profile(uuid) to authenticated, service_role;

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

-- Adds to the user's day and to the totals of all time, in one update each. The day is the UTC day on
-- which the server records it. p_counts is what store_messages returns. A minute counts once: the row's
-- updated_at tells whether something was recorded in this one already, p_active_minutes (this one
-- included) may say that it was more than one.
create or replace function chatkeep.record_usage(
    p_user_id uuid, p_counts jsonb, p_sessions_created int, p_active_minutes int default 1) returns void
    language plpgsql security definer set search_path = ''
as $$
declare
    v_sent     bigint;
    v_received bigint;
    v_input    bigint;
    v_output   bigint;
    v_models   jsonb;
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

    insert into public.user_usage_daily as u (
        user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
        sessions_created, active_minutes)
    values (p_user_id, (clock_timestamp() at time zone 'UTC')::date, v_sent, v_received, v_input, v_output,
            v_input + v_output, v_models, p_sessions_created, least(v_minutes, 1440))
    on conflict (user_id, usage_date) do update
        set messages_sent = u.messages_sent + excluded.messages_sent,
            messages_received = u.messages_received + excluded.messages_received,
            input_tokens = u.input_tokens + excluded.input_tokens,
            output_tokens = u.output_tokens + excluded.output_tokens,
            total_tokens = u.total_tokens + excluded.total_tokens,
            models_used = chatkeep.add_counts(u.models_used, excluded.models_used),
            sessions_created = u.sessions_created + excluded.sessions_created,
            active_minutes = least(1440, u.active_minutes + v_minutes
                - case when date_trunc('minute', u.updated_at) >= date_trunc('minute', clock_timestamp()) then 1 else 0 end),
            updated_at = greatest(u.updated_at, clock_timestamp());

    update public.profiles p
       set usage_stats = p.usage_stats || jsonb_build_object(
               'total_messages', coalesce((p.usage_stats ->> 'total_messages')::bigint, 0) + v_sent + v_received,
               'total_tokens', coalesce((p.usage_stats ->> 'total_tokens')::bigint, 0) + v_input + v_output,
               'sessions_created', coalesce((p.usage_stats ->> 'sessions_created')::bigint, 0) + p_sessions_created),
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
                                     jsonb_build_object('old_tier', v_old_tier, 'new_tier', new_tier));
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

revoke execute on all functions in schema chatkeep from public;
revoke execute on function public.track_user_usage(uuid, int, int, int, int, varchar, boolean, int),
    public.get_user_allowed_models(uuid), public.can_user_use_model(uuid, varchar), public.update_user_tier(uuid, varchar),
    public.jsonb_deep_merge(jsonb, jsonb), public.update_user_preferences(uuid, varchar, jsonb),
    public.get_user_complete_profile(uuid) from public, anon, authenticated;
grant execute on function chatkeep.record_usage(uuid, jsonb, int, int),
    public.track_user_usage(uuid, int, int, int, int, varchar, boolean, int), public.get_user_allowed_models(uuid),
    public.can_user_use_model(uuid, varchar), public.update_user_tier(uuid, varchar),
    public.jsonb_deep_merge(jsonb, jsonb), public.update_user_preferences(uuid, varchar, jsonb),
    public.get_user_complete_profile(uuid) to authenticated, service_role;

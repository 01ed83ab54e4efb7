-- Who the user is: sign-in, the door that every write of a user goes through, tier, preferences, the activity log.

create or replace function public.update_updated_at_column() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    new.updated_at := now();
    if new.usage_stats is null or not new.usage_stats ? 'last_reset' then
        new.usage_stats := jsonb_build_object('total_messages', 0, 'total_tokens', 0, 'sessions_created', 0,
                                              'last_reset', now()) || coalesce(new.usage_stats, '{}');
    end if;
    return new;
end
$$;

-- Refuses what is too large in a profile, as a constraint would.
create or replace function chatkeep.check_profile_sizes() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    -- The text of jsonb has white space, so this is more than what functions allow.
    c_most_bytes constant int := 65536;
    v_column     constant text := case
        when char_length(new.avatar_url) > 8192 then 'avatar_url'
        when octet_length(new.system_prompt) > c_most_bytes then 'system_prompt'
        when cardinality(new.allowed_models) > 1000 or octet_length(new.allowed_models::text) > c_most_bytes then 'allowed_models'
        when octet_length(new.ui_preferences::text) > c_most_bytes then 'ui_preferences'
        when octet_length(new.session_preferences::text) > c_most_bytes then 'session_preferences'
        when char_length(new.ban_reason) > 1024 then 'ban_reason' end;
begin
    if v_column is not null then
        raise check_violation using message = format('%s of a profile is too large', v_column), schema = 'public',
            table = 'profiles', column = v_column, constraint = format('profiles_%s_size', v_column);
    end if;
    return new;
end
$$;

-- Writes one entry of a log and returns its id, for those who have checked that it may be. Where a request came from is
-- written if the user made it, or if no user sees the entry: an administrator's address is not for those whom it is about.
create or replace function chatkeep.write_log(
    p_user_id uuid, p_action text, p_resource_type text, p_resource_id text, p_details jsonb) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_own constant boolean := p_user_id is null or coalesce(p_user_id = (chatkeep.claims() ->> 'sub')::uuid, false);
    v_id     uuid;
begin
    -- By the clock: a transaction that waited for another one has begun before it, and comes after it. The
    -- service says with each transaction where its request came from.
    insert into public.user_activity_log (
        user_id, action, resource_type, resource_id, details, timestamp, ip_address, user_agent)
    values (p_user_id, p_action, p_resource_type, p_resource_id, coalesce(p_details, '{}'), clock_timestamp(),
            case when v_is_own then nullif(current_setting('chatkeep.client_address', true), '')::inet end,
            case when v_is_own then nullif(left(current_setting('chatkeep.user_agent', true), 1024), '') end)
    returning id into v_id;
    return v_id;
end
$$;

-- Writes an event that belongs to no user, with who caused it.
create or replace function chatkeep.log_system_event(
    p_action text, p_resource_type text, p_resource_id text, p_details jsonb) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
    return chatkeep.write_log(null, p_action, p_resource_type, p_resource_id, p_details || chatkeep.actor());
end
$$;

-- Refuses what a user who is banned does. Others may do it for them: administrators, the service.
create or replace function chatkeep.require_not_banned(p_user_id uuid) returns void
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_banned timestamptz;
begin
    if p_user_id is distinct from (chatkeep.claims() ->> 'sub')::uuid or current_setting('chatkeep.is_removal', true) = 'on' then
        return;
    end if;
    select p.banned_until into v_banned from public.profiles p where p.id = p_user_id and p.banned_until > now();
    if found then
        raise sqlstate 'PT403' using message = 'account_banned: This account is banned until ' || chatkeep.iso(v_banned)
            || '. What it has stored can be read, exported and deleted.';
    end if;
end
$$;

-- What callers log, about a user or about the system as a whole. What the service logs itself, and who acted, is not for users to say.
create or replace function public.log_user_activity(
    p_user_id       uuid,
    p_action        varchar,
    p_resource_type varchar default null,
    p_resource_id   text default null,
    p_details       jsonb default '{}') returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_of_the_service constant text[] := '{profile_created,profile_synced,tier_updated,credits_updated,preferences_updated,data_exported,user_banned,user_unbanned}';
begin
    if p_user_id is null then
        return chatkeep.log_system_event(p_action, p_resource_type, p_resource_id, coalesce(p_details, '{}'));
    end if;
    perform chatkeep.require_caller(p_user_id);
    perform chatkeep.require_not_banned(p_user_id);
    if not (chatkeep.is_service() or chatkeep.is_admin()) then
        if p_action = any (c_of_the_service) then
            raise insufficient_privilege using message = 'only the service logs this';
        end if;
        if jsonb_typeof(p_details) = 'object' then
            p_details := p_details - 'actor';
        end if;
    end if;
    return chatkeep.write_log(p_user_id, p_action, p_resource_type, p_resource_id, p_details);
end
$$;

-- Brings a profile to what auth.users says and returns {created, changes}, where changes holds the
-- old and the new value of each field. It may run while Supabase Auth signs somebody in, so no text
-- is too long for it and a missing e-mail address is no error.
create or replace function chatkeep.sync_profile(p_user_id uuid, p_email text, p_metadata jsonb) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_email      text := left(coalesce(p_email, ''), 255);
    v_full_name  text := left(coalesce(p_metadata ->> 'full_name', p_metadata ->> 'name'), 255);
    v_avatar_url text := coalesce(p_metadata ->> 'avatar_url', p_metadata ->> 'picture');
    v_old        public.profiles;
begin
    if char_length(v_avatar_url) > 8192 then
        v_avatar_url := null;
    end if;

    insert into public.profiles (id, email, full_name, avatar_url, banned_at, banned_until)
    select p_user_id, v_email, v_full_name, v_avatar_url, b.banned_at, b.banned_until
      from (select) as always
      left join chatkeep.bans_of_erased b on b.account = chatkeep.account_hash(p_user_id) and b.banned_until > now()
    on conflict (id) do nothing;
    if found then
        delete from chatkeep.bans_of_erased b where b.account = chatkeep.account_hash(p_user_id);
        return jsonb_build_object('created', true, 'changes', '{}'::jsonb);
    end if;

    select * into v_old from public.profiles where id = p_user_id for no key update;
    -- What the issuer does not say is kept.
    v_email := coalesce(nullif(v_email, ''), v_old.email);
    v_full_name := coalesce(v_full_name, v_old.full_name);
    v_avatar_url := coalesce(v_avatar_url, v_old.avatar_url);
    update public.profiles
       set email = v_email, full_name = v_full_name, avatar_url = v_avatar_url, last_active = now()
     where id = p_user_id;

    return jsonb_build_object('created', false, 'changes', (
        select coalesce(jsonb_object_agg(field, jsonb_build_object('old', old_value, 'new', new_value)), '{}')
          from (values ('email', v_old.email::text, v_email),
                       ('full_name', v_old.full_name, v_full_name),
                       ('avatar_url', v_old.avatar_url, v_avatar_url)) as f (field, old_value, new_value)
         where old_value is distinct from new_value));
end
$$;

-- A user who was erased comes back by signing in, not by whatever else changes the row of Supabase Auth.
create or replace function public.handle_user_profile_sync() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_result jsonb;
begin
    if tg_op = 'UPDATE'
        and exists (select from chatkeep.data_requests r
                     where r.kind = 'erasure' and r.account = chatkeep.account_hash(new.id)
                       and r.requested_at > coalesce(new.last_sign_in_at, '-infinity'))
        and not exists (select from public.profiles p where p.id = new.id) then
        return null;
    end if;
    v_result := chatkeep.sync_profile(new.id, new.email, new.raw_user_meta_data);
    if (v_result ->> 'created')::boolean then
        perform chatkeep.write_log(new.id, 'profile_created', 'profile', new.id::text, null);
    elsif v_result -> 'changes' ? 'email'
        or not exists (select from public.user_activity_log l
                        where l.user_id = new.id and l.action = 'profile_synced'
                          and l.timestamp > now() - interval '1 hour') then
        perform chatkeep.write_log(new.id, 'profile_synced', 'profile', new.id::text,
            jsonb_build_object('changed', (select coalesce(jsonb_agg(key order by key), '[]')
                                             from jsonb_object_keys(v_result -> 'changes') as c (key))));
    end if;
    return null;
end
$$;

-- Brings one profile to what auth.users says: {success, updated, changes} or {success: false, error}.
create or replace function public.sync_profile_from_auth(user_uuid uuid) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_email    text;
    v_metadata jsonb;
    v_result   jsonb;
begin
    perform chatkeep.require_caller(user_uuid);
    perform chatkeep.require_account(); -- or else a token from before an erasure would make a profile again
    select u.email, u.raw_user_meta_data into v_email, v_metadata from auth.users u where u.id = user_uuid;
    if not found then
        return jsonb_build_object('success', false, 'error', 'There is no such user.');
    end if;
    v_result := chatkeep.sync_profile(user_uuid, v_email, v_metadata);
    if (v_result ->> 'created')::boolean then
        perform chatkeep.write_log(user_uuid, 'profile_created', 'profile', user_uuid::text, null);
    end if;
    return jsonb_build_object('success', true,
                              'updated', (v_result ->> 'created')::boolean or v_result -> 'changes' <> '{}',
                              'changes', v_result -> 'changes');
end
$$;

-- Whether auth.users was made by these migrations; Supabase's belongs to Supabase Auth.
create or replace function chatkeep.owns_auth_users() returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select c.relowner = (select oid from pg_catalog.pg_roles where rolname = current_user)
      from pg_catalog.pg_class c
     where c.oid = 'auth.users'::regclass
$$;

-- What the verified claims say of the caller, in the shape of raw_user_meta_data.
create or replace function chatkeep.claimed_metadata() returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
               'full_name', coalesce(c.claims -> 'user_metadata' ->> 'full_name', c.claims -> 'user_metadata' ->> 'name',
                                     c.claims ->> 'name'),
               'avatar_url', coalesce(c.claims -> 'user_metadata' ->> 'avatar_url', c.claims -> 'user_metadata' ->> 'picture',
                                      c.claims ->> 'picture')))
      from (select chatkeep.claims() as claims) c
$$;

-- Makes the user of a first write: with Supabase Auth the row in auth.users is there, with any other
-- issuer it is made from the verified claims, which fires the same trigger.
create or replace function chatkeep.create_caller() returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims jsonb := chatkeep.claims();
    v_id     uuid := (v_claims ->> 'sub')::uuid;
begin
    perform chatkeep.require_caller(v_id);
    if chatkeep.owns_auth_users() then
        -- Whoever makes the same user at the same time is waited for, and no lock is left behind: the
        -- profile is always locked before auth.users is.
        insert into auth.users (id, email, raw_user_meta_data, last_sign_in_at)
        values (v_id, left(v_claims ->> 'email', 255), chatkeep.claimed_metadata(), now())
        on conflict (id) do nothing;
    else
        perform public.sync_profile_from_auth(v_id);
    end if;
end
$$;

-- Every write of a user starts here: the caller is checked, a first write signs the user in, and the
-- user's writes take turns from here on. So two devices never deadlock, and what one of them counts
-- the other one has seen. Other users do not wait.
create or replace function chatkeep.begin_write(p_user_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    v_erased boolean;
    v_banned timestamptz;
    v_known  boolean;
begin
    -- Each write comes through here: the common case is one statement and calls nothing. An account that is erased while
    -- this waits for its row has no row any more, and the erasure is asked about again.
    if current_setting('role', true) is distinct from 'authenticated' or p_user_id is distinct from (v_claims ->> 'sub')::uuid then
        perform chatkeep.require_caller(p_user_id);
    end if;
    select exists (select from chatkeep.data_requests r
                    where r.kind = 'erasure' and r.account = sha256(convert_to((v_claims ->> 'sub')::uuid::text, 'UTF8'))),
           p.banned_until
      into v_erased, v_banned
      from public.profiles p where p.id = p_user_id for no key update of p;
    v_known := found;
    if v_erased or not v_known then
        perform chatkeep.require_account();
    end if;
    if v_banned > now() then
        perform chatkeep.require_not_banned(p_user_id);
    end if;
    if v_known then
        return;
    end if;
    if p_user_id is distinct from (chatkeep.claims() ->> 'sub')::uuid then
        raise sqlstate 'PT404' using message = 'user_not_found: There is no such user.';
    end if;
    perform chatkeep.create_caller();
    perform from public.profiles where id = p_user_id for no key update;
    if not found then
        raise sqlstate 'PT403' using message = 'unknown_user: The issuer of the token does not know this user any more.';
    end if;
    perform chatkeep.require_not_banned(p_user_id); -- erased while it was banned
end
$$;

-- The same for what users may do with their own data even where they are banned: delete it, and take it along.
create or replace function chatkeep.begin_removal(p_user_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('chatkeep.is_removal', 'on', true);
    perform chatkeep.begin_write(p_user_id);
    perform set_config('chatkeep.is_removal', 'off', true);
end
$$;

-- Signs the caller in: makes the user, or brings an existing one to what the verified claims say.
create or replace function chatkeep.sign_in() returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims jsonb := chatkeep.claims();
    v_id     uuid := (v_claims ->> 'sub')::uuid;
begin
    perform chatkeep.begin_write(v_id);
    if chatkeep.owns_auth_users() then
        update auth.users u
           set email = coalesce(left(v_claims ->> 'email', 255), u.email),
               raw_user_meta_data = u.raw_user_meta_data || chatkeep.claimed_metadata(),
               last_sign_in_at = now(),
               updated_at = now()
         where u.id = v_id and u.last_sign_in_at is distinct from now(); -- not if this transaction has made it
    else
        perform public.sync_profile_from_auth(v_id);
    end if;
    return v_id;
end
$$;

-- The quotas of a tier, {sessions, messages, bytes}, as the service says them with each transaction of a user:
-- chatkeep.quotas, {sessions: {tier: n}, …}. Null is no quota.
create or replace function chatkeep.quotas_of_tier(p_tier text) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_quotas constant jsonb := nullif(current_setting('chatkeep.quotas', true), '')::jsonb;
begin
    return jsonb_build_object('sessions', v_quotas -> 'sessions' -> p_tier, 'messages', v_quotas -> 'messages' -> p_tier,
                              'bytes', v_quotas -> 'bytes' -> p_tier);
end
$$;

-- Refuses what would be over a quota, of what is stored together with it; figures that do not grow are not looked at. Without
-- quotas nothing is looked up.
create or replace function chatkeep.require_room(
    p_user_id uuid, p_sessions bigint, p_messages bigint, p_bytes bigint,
    p_more_sessions bigint, p_more_messages bigint, p_more_bytes bigint) returns void
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_quotas jsonb;
    v_over   record;
begin
    if coalesce(current_setting('chatkeep.quotas', true), '') = '' then
        return;
    end if;
    v_quotas := chatkeep.quotas_of_tier((select p.subscription_tier from public.profiles p where p.id = p_user_id));
    select f.name, (v_quotas ->> f.name)::bigint as quota into v_over
      from (values (1, 'sessions', p_sessions, p_more_sessions), (2, 'messages', p_messages, p_more_messages),
                   (3, 'bytes', p_bytes, p_more_bytes)) as f (place, name, stored, more)
     where f.more > 0 and f.stored > (v_quotas ->> f.name)::bigint
     order by f.place
     limit 1;
    if found then
        raise sqlstate 'PT413' using message = format(
            'storage_quota_exceeded: You have stored as many %s as your tier allows (%s).', v_over.name, v_over.quota);
    end if;
end
$$;

-- Refuses what the user is about to begin where there is no room for so much more.
create or replace function chatkeep.require_more_room(p_user_id uuid, p_messages bigint, p_bytes bigint) returns void
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_stored chatkeep.stored_by_user;
begin
    perform chatkeep.require_caller(p_user_id);
    if coalesce(current_setting('chatkeep.quotas', true), '') = '' then
        return;
    end if;
    select * into v_stored from chatkeep.stored_by_user s where s.user_id = p_user_id;
    perform chatkeep.require_room(p_user_id, 0, coalesce(v_stored.messages, 0) + p_messages, coalesce(v_stored.bytes, 0) + p_bytes,
                                  0, p_messages, p_bytes);
end
$$;

-- Changes a tier: {success, old_tier, new_tier, updated_at} or {success: false, error}.
create or replace function public.update_user_tier(user_uuid uuid, new_tier varchar) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    perform chatkeep.write_log(user_uuid, 'tier_updated', 'profile', user_uuid::text,
                               jsonb_build_object('old_tier', v_old_tier, 'new_tier', new_tier) || chatkeep.actor());
    return jsonb_build_object('success', true, 'old_tier', v_old_tier, 'new_tier', new_tier, 'updated_at', v_at);
end
$$;

-- Objects merge key by key, anything else in b replaces what a has; null counts as an empty object.
create or replace function public.jsonb_deep_merge(a jsonb, b jsonb) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
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
-- same time are kept. In type 'model' a key that is null clears the setting, and so does an
-- empty default model or preset. What is stored of a type has a size, and the
-- default model is one that the tier opens.
create or replace function public.update_user_preferences(
    user_uuid uuid, preference_type varchar(50), preferences jsonb) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_bytes constant int := 16384;
    v_profile    public.profiles;
    v_merged     jsonb;
begin
    perform chatkeep.require_caller(user_uuid);
    perform chatkeep.require_not_banned(user_uuid);
    if jsonb_typeof(preferences) is distinct from 'object' then
        return jsonb_build_object('success', false, 'error', 'Preferences must be an object.');
    end if;
    select * into v_profile from public.profiles p where p.id = user_uuid for no key update;
    if not found then
        return jsonb_build_object('success', false, 'error', 'There is no such user.');
    end if;

    if preference_type = 'model' and nullif(preferences ->> 'default_model', '') is not null
        and not public.can_user_use_model(user_uuid, preferences ->> 'default_model') then
        return jsonb_build_object('success', false, 'error', 'The default model is not one that the tier opens.');
    end if;
    if preference_type in ('ui', 'session') then
        v_merged := public.jsonb_deep_merge(
            case preference_type when 'ui' then v_profile.ui_preferences else v_profile.session_preferences end, preferences);
    elsif preference_type = 'model' then
        v_merged := jsonb_build_object('default_model', v_profile.default_model, 'temperature', v_profile.temperature,
                                       'system_prompt', v_profile.system_prompt, 'allowed_models', v_profile.allowed_models,
                                       'personality_preset', v_profile.personality_preset)
                    || preferences;
    end if;
    -- The text of jsonb is longer than what is measured, and quick to measure.
    if octet_length(v_merged::text) > c_most_bytes and chatkeep.json_bytes(v_merged) > c_most_bytes then
        return jsonb_build_object('success', false, 'error', 'The preferences of a type have at most ' || c_most_bytes || ' bytes.');
    end if;

    case preference_type
        when 'ui' then
            update public.profiles p set ui_preferences = v_merged where p.id = user_uuid;
        when 'session' then
            update public.profiles p set session_preferences = v_merged where p.id = user_uuid;
        when 'model' then
            update public.profiles p
               set default_model = case when preferences ? 'default_model'
                                        then nullif(preferences ->> 'default_model', '') else p.default_model end,
                   personality_preset = case when preferences ? 'personality_preset'
                                             then nullif(preferences ->> 'personality_preset', '') else p.personality_preset end,
                   temperature = coalesce((preferences ->> 'temperature')::numeric, p.temperature),
                   system_prompt = case when preferences ? 'system_prompt'
                                        then preferences ->> 'system_prompt' else p.system_prompt end,
                   allowed_models = case when not preferences ? 'allowed_models' then p.allowed_models
                                         when jsonb_typeof(preferences -> 'allowed_models') = 'null' then null
                                         else array(select jsonb_array_elements_text(preferences -> 'allowed_models')) end
             where p.id = user_uuid
            returning jsonb_build_object('default_model', p.default_model, 'temperature', p.temperature,
                                         'system_prompt', p.system_prompt, 'allowed_models', p.allowed_models,
                                         'personality_preset', p.personality_preset)
                 into v_merged;
        else
            return jsonb_build_object('success', false, 'error', 'Preferences are of type ui, session or model.');
    end case;

    perform chatkeep.write_log(user_uuid, 'preferences_updated', 'profile', user_uuid::text,
        jsonb_build_object('preference_type', preference_type,
                           'keys', (select coalesce(jsonb_agg(key order by key), '[]')
                                      from jsonb_object_keys(preferences) as k (key))));
    return jsonb_build_object('success', true, 'preference_type', preference_type, 'preferences', v_merged);
end
$$;

-- How many bytes a value has as JSON without white space (jsonb is written with it).
create or replace function chatkeep.json_bytes(p_value jsonb) returns bigint
    language plpgsql immutable set search_path = pg_catalog, pg_temp
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

-- Everything a front end shows about its user, or null where there is none.
create or replace function public.get_user_complete_profile(user_uuid uuid) returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return (
        select jsonb_build_object(
                   'id', p.id, 'email', p.email, 'full_name', p.full_name, 'avatar_url', p.avatar_url,
                   'subscription_tier', p.subscription_tier, 'credits', p.credits,
                   'preferences', jsonb_build_object(
                       'model', jsonb_build_object('default_model', p.default_model, 'temperature', p.temperature,
                                                   'system_prompt', p.system_prompt, 'allowed_models', p.allowed_models,
                                                   'personality_preset', p.personality_preset),
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

-- What front ends load when they start: the user's day, totals, profile, preferences and models; null where
-- there is no such user yet.
create or replace function chatkeep.user_data(p_user_id uuid) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
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
                                               'system_prompt', p.system_prompt, 'allowed_models', p.allowed_models,
                                               'personality_preset', p.personality_preset)),
               'availableModels', (select coalesce(jsonb_agg(to_jsonb(m) order by m.model_id), '[]')
                                     from public.get_user_allowed_models(p.id) m),
               'timestamps', jsonb_build_object(
                   'created_at', chatkeep.iso(p.created_at), 'updated_at', chatkeep.iso(p.updated_at),
                   'last_active', chatkeep.iso(p.last_active)),
               'storage', jsonb_build_object(
                   'sessions', coalesce(k.sessions, 0), 'messages', coalesce(k.messages, 0), 'bytes', coalesce(k.bytes, 0),
                   'limits', chatkeep.quotas_of_tier(p.subscription_tier)))
      from public.profiles p
      left join chatkeep.stored_by_user k on k.user_id = p.id
      left join public.user_usage_daily u
        on u.user_id = p.id and u.usage_date = (now() at time zone 'UTC')::date
     where p.id = p_user_id
$$;

-- Merges sections of preferences, {ui?, session?, model?}, all of them or none, and returns user_data. The
-- types of the values have been checked.
create or replace function chatkeep.put_user_data(p_user_id uuid, p_changes jsonb) returns jsonb
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_bytes constant int := 16384;
    v_section text;
    v_result  jsonb;
begin
    perform chatkeep.begin_write(p_user_id);
    if nullif(p_changes -> 'model' ->> 'default_model', '') is not null
        and not public.can_user_use_model(p_user_id, p_changes -> 'model' ->> 'default_model') then
        raise sqlstate 'PT422' using message = 'invalid_field: is not a model that your tier opens',
                                     detail = 'model.default_model';
    end if;
    foreach v_section in array array ['ui', 'session', 'model'] loop
        continue when not p_changes ? v_section;
        v_result := public.update_user_preferences(p_user_id, v_section, p_changes -> v_section);
        if not (v_result ->> 'success')::boolean or chatkeep.json_bytes(v_result -> 'preferences') > c_most_bytes then
            raise sqlstate 'PT422' using message = 'invalid_field: must have at most ' || c_most_bytes
                                                   || ' bytes, with what is stored already', detail = v_section;
        end if;
    end loop;
    return chatkeep.user_data(p_user_id);
end
$$;

revoke execute on function public.update_updated_at_column(), public.handle_user_profile_sync(),
    public.log_user_activity(uuid, varchar, varchar, text, jsonb), public.sync_profile_from_auth(uuid),
    public.update_user_tier(uuid, varchar), public.jsonb_deep_merge(jsonb, jsonb),
    public.update_user_preferences(uuid, varchar, jsonb), public.get_user_complete_profile(uuid)
    from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function public.log_user_activity(uuid, varchar, varchar, text, jsonb),
    chatkeep.log_system_event(text, text, text, jsonb), public.sync_profile_from_auth(uuid), chatkeep.begin_write(uuid), chatkeep.begin_removal(uuid),
    chatkeep.sign_in(), public.update_user_tier(uuid, varchar), public.jsonb_deep_merge(jsonb, jsonb),
    public.update_user_preferences(uuid, varchar, jsonb), chatkeep.json_bytes(jsonb), public.get_user_complete_profile(uuid),
    chatkeep.quotas_of_tier(text), chatkeep.user_data(uuid), chatkeep.put_user_data(uuid, jsonb) to authenticated, service_role;

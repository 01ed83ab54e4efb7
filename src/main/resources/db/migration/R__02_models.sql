-- Which models a tier opens, and what they cost; what is worth keeping of it for a while.

-- Tiers in their order; an unknown one is the lowest.
create or replace function chatkeep.tier_rank(p_tier text) returns int
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(array_position('{free,pro,enterprise,admin}', p_tier), 1);
end
$$;

-- The models that a tier opens, one row a model: that of the highest tier it reaches. With p_model this one alone.
create or replace function chatkeep.open_models(p_tier text, p_model text default null) returns setof public.model_access
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_rank constant int := chatkeep.tier_rank(p_tier);
begin
    return query
        select distinct on (a.model_id) a.*
          from public.model_access a
         where a.is_active and (p_model is null or a.model_id = p_model) and chatkeep.tier_rank(a.tier) <= v_rank
         order by a.model_id, chatkeep.tier_rank(a.tier) desc;
end
$$;

-- The models that the user's tier opens.
create or replace function public.get_user_allowed_models(user_uuid uuid)
    returns table (
        model_id varchar, model_name varchar, model_description text, model_tags text[], input_cost_per_token numeric,
        output_cost_per_token numeric, daily_limit int, monthly_limit int)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return query
        select m.model_id, m.model_name, m.model_description, m.model_tags, m.input_cost_per_token, m.output_cost_per_token,
               m.daily_limit, m.monthly_limit
          from chatkeep.open_models((select p.subscription_tier from public.profiles p where p.id = user_uuid)) m
         order by m.model_id;
end
$$;

create or replace function public.can_user_use_model(user_uuid uuid, model_to_check varchar) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return model_to_check is not null and exists (
        select from chatkeep.open_models((select p.subscription_tier from public.profiles p where p.id = user_uuid), model_to_check));
end
$$;

-- What a token of a model costs a user now: at the price of the highest tier that the user reaches, or of the lowest
-- beyond, where a front end called the model on its own account. No row where the model has no price.
create or replace function chatkeep.unit_costs(p_user_id uuid, p_models text[])
    returns table (model text, input_cost numeric, output_cost numeric)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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

-- system_cache: what is worth keeping for a while. A value past its time is not there.
create or replace function chatkeep.cached(p_key text) returns jsonb
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select c.cache_value
      from public.system_cache c
     where c.cache_key = p_key and (c.expires_at is null or c.expires_at > now())
$$;

-- Keeps a value under a key; for ever without a lifetime. A transaction that only reads keeps nothing.
create or replace function chatkeep.cache(p_key text, p_value jsonb, p_lifetime interval) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    delete from public.system_cache where starts_with(cache_key, p_prefix)
$$;

-- The models that a tier opens, in the shape of GET /api/models but for what depends on the user. The list is
-- kept in system_cache, under a key that changes with the models.
create or replace function chatkeep.models_of_tier(p_tier text) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
               'cached_input_cost_per_token', trim_scale(m.cached_input_cost_per_token),
               'context_length', m.context_length, 'daily_limit', m.daily_limit, 'monthly_limit', m.monthly_limit,
               'other_prices', m.other_prices, 'input_modalities', m.input_modalities,
               'output_modalities', m.output_modalities, 'supported_parameters', m.supported_parameters,
               'created', extract(epoch from coalesce(m.released_at, m.created_at))::bigint)
               order by m.model_id), '[]')
      into v_models
      from chatkeep.open_models(p_tier) m;
    perform chatkeep.cache(v_key, v_models, interval '10 minutes');
    return v_models;
end
$$;

-- Lists of models that are kept are out of date as soon as a model changes.
create or replace function chatkeep.catalog_changed() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update chatkeep.catalog_version set version = version + 1;
    perform chatkeep.forget('models:');
    return null;
end
$$;

revoke execute on function public.get_user_allowed_models(uuid), public.can_user_use_model(uuid, varchar)
    from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.tier_rank(text), chatkeep.open_models(text, text), public.get_user_allowed_models(uuid),
    public.can_user_use_model(uuid, varchar), chatkeep.unit_costs(uuid, text[]) to authenticated, service_role;
grant execute on function chatkeep.cached(text), chatkeep.cache(text, jsonb, interval), chatkeep.forget(text)
    to service_role;

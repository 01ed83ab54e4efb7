-- What is left of the limits of a tier and a model.

-- How many answers of each model a user has had from this service today and this month (UTC), as far as limits count:
-- those that were charged, and calls that are running, even if their lease has run out and nobody has settled them yet, or
-- that broke off after they had produced something; and those from before the account was erased. A call that asks for
-- several choices counts as so many answers, however many came; usage has counted it as one.
create or replace function chatkeep.answers_used(p_user_id uuid, p_model text default null)
    returns table (model text, daily bigint, monthly bigint)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_today constant date := (now() at time zone 'UTC')::date;
    v_month constant date := date_trunc('month', v_today::timestamp)::date;
begin
    perform chatkeep.require_caller(p_user_id);
    return query
        select a.model, sum(a.answers) filter (where a.day = v_today)::bigint, sum(a.answers)::bigint
          from (select b.model, b.usage_date as day, b.calls as answers
                  from chatkeep.usage_by_model b
                 where b.user_id = p_user_id and b.usage_date >= v_month and (p_model is null or b.model = p_model)
                union all
                select c.model, case when c.state = 'running' then v_today else (c.started_at at time zone 'UTC')::date end,
                       c.choices
                  from chatkeep.completions c
                 where c.user_id = p_user_id and (p_model is null or c.model = p_model)
                   and (c.state = 'running' or c.state = 'failed' and c.started_at >= v_month::timestamp at time zone 'UTC')
                   and not exists (select from chatkeep.charges k
                                    where k.user_id = p_user_id and k.stream_id = c.id and k.messages_received > 0)
                union all
                select c.model, (c.finished_at at time zone 'UTC')::date, c.choices - 1
                  from chatkeep.completions c
                 where c.user_id = p_user_id and (p_model is null or c.model = p_model)
                   and c.choices > 1 and c.finished_at >= v_month::timestamp at time zone 'UTC'
                   and exists (select from chatkeep.charges k
                                where k.user_id = p_user_id and k.stream_id = c.id and k.messages_received > 0)
                union all
                select e.model, e.usage_date, e.calls
                  from chatkeep.calls_of_erased e
                 where e.account = chatkeep.account_hash(p_user_id) and e.usage_date >= v_month
                   and (p_model is null or e.model = p_model)) a
         group by a.model;
end
$$;

-- Keeps what limits have to know of an account that is about to be erased: how many calls of each model it had today and
-- this month, and when those of the last minute were.
create or replace function chatkeep.keep_calls_of_erased(p_user_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_account constant bytea := chatkeep.account_hash(p_user_id);
    v_today   constant date := (now() at time zone 'UTC')::date;
    v_month   constant date := date_trunc('month', v_today::timestamp)::date;
    v_recent  constant timestamptz := clock_timestamp() - interval '1 minute';
begin
    perform chatkeep.require_caller(p_user_id);
    insert into chatkeep.calls_of_erased as e (account, model, usage_date, calls)
    select v_account, d.model, d.day, sum(d.calls)
      from (select u.model, v_today as day, coalesce(u.daily, 0) as calls from chatkeep.answers_used(p_user_id) u
            union all
            select u.model, v_month, u.monthly - coalesce(u.daily, 0) from chatkeep.answers_used(p_user_id) u) d
     group by d.model, d.day
    having sum(d.calls) > 0
    on conflict (account, model, usage_date) do update set calls = excluded.calls; -- they hold what was there before
    -- Days of an erasure before this one are among those of the month now.
    delete from chatkeep.calls_of_erased e
     where e.account = v_account and e.usage_date not in (v_today, v_month);
    insert into chatkeep.requests_of_erased (account, started_at)
    select v_account, c.started_at from chatkeep.completions c where c.user_id = p_user_id and c.started_at > v_recent;
    delete from chatkeep.requests_of_erased r where r.started_at <= v_recent;
end
$$;

-- What limits still hold of an account that was erased before and has come back: for its export, without the hash.
create or replace function chatkeep.calls_before_erasure(p_user_id uuid)
    returns table (usage_date date, model text, calls bigint)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    return query
        select e.usage_date, e.model, e.calls
          from chatkeep.calls_of_erased e
         where e.account = chatkeep.account_hash(p_user_id);
end
$$;

create or replace function chatkeep.requests_before_erasure(p_user_id uuid)
    returns table (started_at timestamptz, requests bigint)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    return query
        select r.started_at, count(*)
          from chatkeep.requests_of_erased r
         where r.account = chatkeep.account_hash(p_user_id)
         group by r.started_at;
end
$$;

-- The models that a user may call, the default first, with their limits and what is used of them.
create or replace function chatkeep.models_of_user(p_user_id uuid)
    returns table (id text, name text, description text, tags text[], tier text, input_cost_per_token numeric,
                   output_cost_per_token numeric, cached_input_cost_per_token numeric, context_length int, is_default boolean,
                   daily_limit int, daily_used bigint, day_ends timestamptz, monthly_limit int, monthly_used bigint,
                   month_ends timestamptz, other_prices jsonb, input_modalities text[], output_modalities text[],
                   supported_parameters text[], created bigint)
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
               m.cached_input_cost_per_token, m.context_length, m.id = coalesce(v_default, ''), m.daily_limit, coalesce(u.daily, 0),
               (date_trunc('day', v_utc) + interval '1 day') at time zone 'UTC', m.monthly_limit, coalesce(u.monthly, 0),
               (date_trunc('month', v_utc) + interval '1 month') at time zone 'UTC', m.other_prices, m.input_modalities,
               m.output_modalities, m.supported_parameters, m.created
          from rows from (jsonb_to_recordset(chatkeep.models_of_tier(coalesce(v_tier, 'free'))) as (
                   id text, name text, description text, tags text[], tier text, input_cost_per_token numeric,
                   output_cost_per_token numeric, cached_input_cost_per_token numeric, context_length int, daily_limit int,
                   monthly_limit int, other_prices jsonb, input_modalities text[], output_modalities text[],
                   supported_parameters text[], created bigint)) with ordinality
                   as m (id, name, description, tags, tier, input_cost_per_token, output_cost_per_token,
                         cached_input_cost_per_token, context_length, daily_limit, monthly_limit, other_prices, input_modalities,
                         output_modalities, supported_parameters, created, position)
          left join chatkeep.answers_used(p_user_id) u on u.model = m.id
         order by m.id is distinct from v_default, m.position;
end
$$;

-- Whether a user may call a model, the lowest tier that opens it, if any does, and the limits of one that may be called.
create or replace function chatkeep.access_to_model(p_user_id uuid, p_model text)
    returns table (allowed boolean, required_tier text, daily_limit int, daily_used bigint, day_ends timestamptz,
                   monthly_limit int, monthly_used bigint, month_ends timestamptz)
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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

-- The limits that apply to a call, with what is left of them before it: [{name, quota, window, remaining, reset}], times in
-- seconds.
create or replace function chatkeep.policies_of_call(
    p_user_id uuid, p_access public.model_access, p_requests_per_minute int, p_now timestamptz) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_day      constant int := 86400;
    v_utc      constant timestamp := p_now at time zone 'UTC';
    v_month    constant timestamp := date_trunc('month', v_utc);
    v_recent   record;
    v_used     record;
    v_policies jsonb := '[]';
begin
    if p_requests_per_minute is not null then
        select count(*) as requests, coalesce(min(c.started_at), p_now) as first into v_recent
          from (select c.started_at from chatkeep.completions c
                 where c.user_id = p_user_id and c.started_at > p_now - interval '1 minute'
                union all
                select r.started_at from chatkeep.requests_of_erased r
                 where r.account = chatkeep.account_hash(p_user_id) and r.started_at > p_now - interval '1 minute') c;
        v_policies := v_policies || jsonb_build_object(
            'name', 'requests-per-minute', 'quota', p_requests_per_minute, 'window', 60,
            'remaining', p_requests_per_minute - v_recent.requests,
            'reset', ceil(extract(epoch from v_recent.first + interval '1 minute' - p_now)));
    end if;
    if p_access.daily_limit is null and p_access.monthly_limit is null then
        return v_policies;
    end if;
    select coalesce(max(u.daily), 0) as daily, coalesce(max(u.monthly), 0) as monthly into v_used
      from chatkeep.answers_used(p_user_id, p_access.model_id) u;
    if p_access.daily_limit is not null then
        v_policies := v_policies || jsonb_build_object(
            'name', 'daily', 'quota', p_access.daily_limit, 'window', c_day, 'remaining', p_access.daily_limit - v_used.daily,
            'reset', ceil(extract(epoch from date_trunc('day', v_utc) + interval '1 day' - v_utc)));
    end if;
    if p_access.monthly_limit is not null then
        v_policies := v_policies || jsonb_build_object(
            'name', 'monthly', 'quota', p_access.monthly_limit,
            'window', extract(epoch from v_month + interval '1 month' - v_month)::int,
            'remaining', p_access.monthly_limit - v_used.monthly,
            'reset', ceil(extract(epoch from v_month + interval '1 month' - v_utc)));
    end if;
    return v_policies;
end
$$;

-- Why a call for so many answers is refused; null where each limit has room for them. The limit that lasts longest says when
-- to come again.
create or replace function chatkeep.refusal(p_policies jsonb, p_answers int) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy record;
begin
    if p_policies = '[]' then
        return null;
    end if;
    select p.value ->> 'name' as name, (p.value ->> 'reset')::int as reset, (p.value ->> 'remaining')::bigint as remaining
      into v_policy
      from jsonb_array_elements(p_policies) p
     where (p.value ->> 'remaining')::bigint < case p.value ->> 'name' when 'requests-per-minute' then 1 else p_answers end
     order by (p.value ->> 'reset')::int desc
     limit 1;
    return case when v_policy.name is null then null
                when v_policy.name = 'requests-per-minute'
                then jsonb_build_object('status', 429, 'code', 'rate_limited', 'detail', 'Too many requests within a minute.',
                                        'retry_after', v_policy.reset)
                else jsonb_build_object('status', 429, 'code', 'quota_exceeded',
                                        'detail', case when v_policy.remaining <= 0
                                                       then format('The %s limit of this model is used up.', v_policy.name)
                                                       else format('The %s limit of this model has %s of these %s answers left.',
                                                                   v_policy.name, v_policy.remaining, p_answers) end,
                                        'retry_after', v_policy.reset) end;
end
$$;

-- The policies with so many requests and answers less left of each.
create or replace function chatkeep.less_remaining(p_policies jsonb, p_requests int, p_answers int) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_policies = '[]' then
        return p_policies;
    end if;
    return (select jsonb_agg(p.value || jsonb_build_object('remaining', greatest(
                       (p.value ->> 'remaining')::bigint
                           - case p.value ->> 'name' when 'requests-per-minute' then p_requests else p_answers end, 0)))
              from jsonb_array_elements(p_policies) p);
end
$$;

revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.answers_used(uuid, text), chatkeep.models_of_user(uuid),
    chatkeep.calls_before_erasure(uuid), chatkeep.requests_before_erasure(uuid),
    chatkeep.access_to_model(uuid, text) to authenticated, service_role;

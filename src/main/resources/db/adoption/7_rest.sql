-- The activity of users, and which models tiers open.

insert into public.user_activity_log (id, user_id, action, resource_type, resource_id, details, timestamp, ip_address, user_agent)
select l.id, l.user_id, left(l.action, 50), left(l.resource_type, 50), left(l.resource_id, 1024),
       case when octet_length(l.details::text) <= 65536 then coalesce(l.details, '{}') else '{}' end, l.timestamp, l.ip_address,
       left(l.user_agent, 1024)
  from adopting.user_activity_log l
  join adopting.users u on u.id = l.user_id;

insert into adopting.report (what, outcome, rows)
select 'activity', r.outcome, r.rows
  from (select count(*) as all_rows, count(u.id) as copied,
               count(*) filter (where u.id is not null and (char_length(l.resource_id) > 1024 or char_length(l.user_agent) > 1024
                                                            or octet_length(l.details::text) > 65536)) as sizes
          from adopting.user_activity_log l left join adopting.users u on u.id = l.user_id) c
 cross join lateral (values ('copied', c.copied), ('left in legacy: their user was not copied', c.all_rows - c.copied),
                            ('changed: too large, cut off or left out', c.sizes)) as r (outcome, rows)
 where r.rows > 0;

-- A tier sees what the tiers below it see, so the lowest one is what counts. A model that no tier opens is kept, closed.
insert into public.model_access (
    id, model_id, tier, is_active, input_cost_per_token, output_cost_per_token, cached_input_cost_per_token, daily_limit,
    monthly_limit, model_name, model_description, model_tags, context_length, other_prices, input_modalities, output_modalities,
    supported_parameters, released_at, created_at, updated_at)
select m.id, m.model_id,
       coalesce(m.tier, case when m.is_free then 'free' when m.is_pro then 'pro' when m.is_enterprise then 'enterprise' else 'admin' end),
       case when m.status is null then coalesce(m.is_active, true)
            else m.status = 'active' and (m.is_free or m.is_pro or m.is_enterprise) is true end,
       coalesce(case when m.input_cost_per_token >= 0 then m.input_cost_per_token end, adopting.price(m.prompt_price), 0),
       coalesce(case when m.output_cost_per_token >= 0 then m.output_cost_per_token end, adopting.price(m.completion_price), 0),
       adopting.price(m.input_cache_read_price),
       case when m.daily_limit >= 0 then m.daily_limit end, case when m.monthly_limit >= 0 then m.monthly_limit end,
       left(m.model_name, 255), m.model_description, coalesce(m.model_tags, '{}'),
       case when m.context_length > 0 then m.context_length end, o.prices,
       coalesce(nullif(adopting.names(m.input_modalities), '{}'), '{text}'),
       coalesce(nullif(adopting.names(m.output_modalities), '{}'), '{text}'),
       coalesce(adopting.names(m.supported_parameters), '{}'),
       case when m.created_timestamp between 1 and 253402300799 then to_timestamp(m.created_timestamp) end,
       coalesce(m.created_at, now()), coalesce(m.updated_at, m.created_at, now())
  from adopting.model_access m
 cross join lateral (select coalesce(jsonb_object_agg(p.name, trim_scale(adopting.price(p.price))::text), '{}') as prices
                       from (values ('request', m.request_price), ('image', m.image_price), ('web_search', m.web_search_price),
                                    ('internal_reasoning', m.internal_reasoning_price),
                                    ('input_cache_write', m.input_cache_write_price)) as p (name, price)
                      where adopting.price(p.price) > 0 and adopting.price(p.price) < 10000) o
 where m.model_id <> '';

insert into adopting.report (what, outcome, rows)
select 'models', r.outcome, r.rows
  from (select count(*) filter (where m.model_id <> '') as copied, count(*) filter (where m.model_id = '') as unnamed,
               count(*) filter (where m.prompt_price <> '' and adopting.price(m.prompt_price) is null
                                   or m.completion_price <> '' and adopting.price(m.completion_price) is null
                                   or m.input_cost_per_token < 0 or m.output_cost_per_token < 0) as prices,
               count(*) filter (where m.daily_limit < 0 or m.monthly_limit < 0) as limits
          from adopting.model_access m) c
 cross join lateral (values ('copied', c.copied), ('left in legacy: without a name', c.unnamed),
                            ('changed: a price that is no number of money became 0', c.prices),
                            ('changed: a limit below 0 is none', c.limits)) as r (outcome, rows)
 where r.rows > 0;

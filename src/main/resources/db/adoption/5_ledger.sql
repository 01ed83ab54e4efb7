-- Usage as it was. Each message has its row in the ledger, so that a device that sends it again finds it counted; what the days
-- of the first system said beyond their messages (of messages that are gone, or that it counted twice) is a row of its own,
-- which may be negative. So all figures are sums of the ledger, and the same as before.

create table adopting.costs as
select distinct on (c.assistant_message_id) c.*
  from adopting.message_token_costs c
  join adopting.users u on u.id = c.user_id
 where char_length(c.assistant_message_id) between 1 and 255
 order by c.assistant_message_id, c.message_timestamp desc, c.id;
alter table adopting.costs add primary key (assistant_message_id);
create index on adopting.costs (user_message_id);
analyze adopting.costs;

alter table chatkeep.charges disable trigger user;
insert into chatkeep.charges (
    user_id, message_id, question_id, usage_date, model, messages_sent, messages_received, input_tokens, output_tokens,
    question_tokens, input_cost, output_cost, told_cost, charged_at)
select a.user_id, a.id, case when m.role = 'assistant' then w.question end, (a.at at time zone 'UTC')::date, w.model,
       (m.role = 'user')::int, (m.role = 'assistant')::int,
       case when m.role = 'user' then greatest(coalesce(m.input_tokens, 0), 0) else 0 end,
       case when m.role = 'assistant' then greatest(coalesce(c.completion_tokens, m.output_tokens, 0), 0) else 0 end,
       case when m.role = 'assistant' and w.model is not null and not q.has_price
            then greatest(coalesce(c.prompt_tokens, q.input_tokens, 0), 0) else 0 end,
       c.prompt_unit_price, c.completion_unit_price, c.total_cost, a.at
  from adopting.messages a
  join adopting.chat_messages m on m.id = a.id
  left join adopting.costs c on m.role = 'assistant' and c.assistant_message_id = a.id and c.user_id = a.user_id
 cross join lateral (select case when char_length(m.user_message_id) between 1 and 255 then m.user_message_id end as question,
                            -- The tokens of a question are charged with its answer, as they were.
                            case when m.role = 'user' and exists (select from adopting.costs o where o.user_message_id = m.id) then null
                                 else left(nullif(coalesce(m.model, c.model_id), ''), 100) end as model) w
  left join lateral (select greatest(o.input_tokens, 0) as input_tokens,
                            o.model is not null
                            and not exists (select from adopting.costs e where e.user_message_id = o.id) as has_price
                       from adopting.messages b
                       join adopting.chat_messages o on o.id = b.id
                      where b.id = w.question and b.user_id = a.user_id and o.role = 'user' and not b.failed) z on m.role = 'assistant'
 cross join lateral (select z.input_tokens, coalesce(z.has_price, false) as has_price) q
 where not a.failed and m.role in ('user', 'assistant');

-- What answers cost that are gone.
insert into chatkeep.charges (
    user_id, message_id, question_id, usage_date, model, messages_received, output_tokens, question_tokens, input_cost,
    output_cost, told_cost, charged_at)
select c.user_id, c.assistant_message_id, case when char_length(c.user_message_id) between 1 and 255 then c.user_message_id end,
       (t.at at time zone 'UTC')::date, left(nullif(c.model_id, ''), 100), 1, greatest(coalesce(c.completion_tokens, 0), 0),
       case when c.model_id <> '' then greatest(coalesce(c.prompt_tokens, 0), 0) else 0 end, c.prompt_unit_price,
       c.completion_unit_price, c.total_cost, t.at
  from adopting.costs c
 cross join lateral (select chatkeep.storable_time(c.message_timestamp) as at) t
on conflict (user_id, message_id) do nothing;

create table adopting.days as
select d.id, d.user_id, d.usage_date, coalesce(d.messages_sent, 0) as sent, coalesce(d.messages_received, 0) as received,
       coalesce(d.input_tokens, 0) as input, coalesce(d.output_tokens, 0) as output,
       round(coalesce(nullif(d.estimated_cost, 'NaN'), 0), 6) as cost,
       (select coalesce(jsonb_object_agg(m.key, trunc((m.value #>> '{}')::numeric)), '{}')
          from jsonb_each(case when jsonb_typeof(d.models_used) = 'object' then d.models_used else '{}' end) m
         where jsonb_typeof(m.value) = 'number' and abs((m.value #>> '{}')::numeric) < 9e18) as models_used,
       coalesce(d.sessions_created, 0) as sessions, coalesce(d.active_minutes, 0) as minutes,
       coalesce(d.created_at, now()) as created_at, coalesce(d.updated_at, d.created_at, now()) as updated_at
  from adopting.user_usage_daily d
  join adopting.users u on u.id = d.user_id;
analyze adopting.days;

create table adopting.first_days as
select d.user_id, min(d.usage_date) as usage_date from adopting.days d group by d.user_id;

-- Days from the first one that is there; those before it are closed.
insert into chatkeep.charges (
    user_id, message_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, charged_at)
select b.user_id, gen_random_uuid()::text, b.usage_date, b.sent, b.received, b.input, b.output,
       b.usage_date::timestamp at time zone 'UTC'
  from (select user_id, usage_date, coalesce(d.sent, 0) - coalesce(c.sent, 0) as sent,
               coalesce(d.received, 0) - coalesce(c.received, 0) as received,
               coalesce(d.input, 0) - coalesce(c.input, 0) as input, coalesce(d.output, 0) - coalesce(c.output, 0) as output
          from adopting.days d
          full join (select c.user_id, c.usage_date, sum(c.messages_sent) as sent, sum(c.messages_received) as received,
                            sum(c.input_tokens) as input, sum(c.output_tokens) as output
                       from chatkeep.charges c
                       join adopting.first_days f on f.user_id = c.user_id and f.usage_date <= c.usage_date
                      group by c.user_id, c.usage_date) c using (user_id, usage_date)) b
 where b.sent <> 0 or b.received <> 0 or b.input <> 0 or b.output <> 0;

-- A cost belongs to a model: of a day that says another one than its answers, to the model that cost most.
insert into chatkeep.charges (user_id, message_id, usage_date, model, told_cost, charged_at)
select b.user_id, gen_random_uuid()::text, b.usage_date,
       coalesce((select c.model from chatkeep.charges c
                  where c.user_id = b.user_id and c.usage_date = b.usage_date and c.model is not null
                  group by c.model order by sum(c.cost) desc, c.model limit 1),
                (select left(m.key, 100) from jsonb_each(b.models_used) m order by (m.value #>> '{}')::numeric desc, m.key limit 1),
                'unknown'),
       b.cost, b.usage_date::timestamp at time zone 'UTC'
  from (select user_id, usage_date, coalesce(d.models_used, '{}') as models_used, coalesce(d.cost, 0) - coalesce(c.cost, 0) as cost
          from adopting.days d
          full join (select c.user_id, c.usage_date, sum(c.cost) as cost
                       from chatkeep.charges c
                       join adopting.first_days f on f.user_id = c.user_id and f.usage_date <= c.usage_date
                      where c.model is not null
                      group by c.user_id, c.usage_date) c using (user_id, usage_date)) b
 where b.cost <> 0;

-- Totals that are less than all of that: what they lack is taken back on a day that is closed.
insert into chatkeep.charges (user_id, message_id, usage_date, messages_sent, input_tokens, charged_at)
select b.user_id, gen_random_uuid()::text, b.usage_date, -b.messages, -b.tokens, b.usage_date::timestamp at time zone 'UTC'
  from (select c.user_id, coalesce(min(f.usage_date), min(c.usage_date)) - 1 as usage_date,
               greatest(sum(c.messages_sent + c.messages_received) - (p.usage_stats ->> 'total_messages')::bigint, 0) as messages,
               greatest(sum(c.input_tokens + c.output_tokens) - (p.usage_stats ->> 'total_tokens')::bigint, 0) as tokens
          from chatkeep.charges c
          join public.profiles p on p.id = c.user_id
          left join adopting.first_days f on f.user_id = c.user_id
         group by c.user_id, p.usage_stats) b
 where b.messages <> 0 or b.tokens <> 0;
alter table chatkeep.charges enable trigger user;
analyze chatkeep.charges;

insert into chatkeep.usage_by_model (user_id, usage_date, model, messages_sent, messages_received, input_tokens, output_tokens, cost)
select c.user_id, c.usage_date, c.model, sum(c.messages_sent), sum(c.messages_received), sum(c.input_tokens + c.question_tokens),
       sum(c.output_tokens), sum(c.cost)
  from chatkeep.charges c
 where c.model is not null
 group by c.user_id, c.usage_date, c.model;

insert into public.user_usage_daily (
    id, user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
    sessions_created, active_minutes, estimated_cost, created_at, updated_at)
select d.id, d.user_id, d.usage_date, d.sent, d.received, d.input, d.output, d.input + d.output, d.models_used, d.sessions,
       d.minutes, d.cost, d.created_at, d.updated_at
  from adopting.days d;

alter table public.profiles disable trigger user;
update public.profiles p
   set usage_stats = p.usage_stats || jsonb_build_object('total_cost', trim_scale(c.cost))
  from (select c.user_id, sum(c.cost) as cost from chatkeep.charges c where c.model is not null group by c.user_id) c
 where c.user_id = p.id and c.cost > 0;
alter table public.profiles enable trigger user;

insert into adopting.report (what, outcome, rows)
select 'days of usage', r.outcome, r.rows
  from (select count(*) as all_rows, count(u.id) as copied,
               count(*) filter (where u.id is not null and d.total_tokens <> coalesce(d.input_tokens, 0) + coalesce(d.output_tokens, 0)) as sums
          from adopting.user_usage_daily d left join adopting.users u on u.id = d.user_id) c
 cross join lateral (values
       ('copied', c.copied), ('left in legacy: their user was not copied', c.all_rows - c.copied),
       ('changed: their total was not the sum of input and output', c.sums)) as r (outcome, rows)
 where r.rows > 0
union all
select 'costs of answers', r.outcome, r.rows
  from (select count(*) as all_rows, (select count(*) from adopting.costs) as copied from adopting.message_token_costs) c
 cross join lateral (values ('copied', c.copied),
                            ('left in legacy: their user was not copied, or their answer is named twice', c.all_rows - c.copied)) as r (outcome, rows)
 where r.rows > 0;

-- How usage is counted. Whoever counts writes a row of chatkeep.charges; the trigger adds what a row says, or what it says
-- differently, to its day, to its model and to the user's totals. Nothing else writes those figures.

-- The UTC day on which a message of that time is counted when it arrives now. History is not today's usage.
-- In this form PostgreSQL writes it into the statement that names it.
create or replace function chatkeep.booking_day(p_time timestamptz) returns date
    language sql volatile
    return (case when p_time < clock_timestamp() - interval '48 hours' then p_time else clock_timestamp() end at time zone 'UTC')::date;

-- Adds to what a model was used for on a day. What is taken back to nothing leaves no row.
create or replace function chatkeep.book_model(p_change chatkeep.booking) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    insert into chatkeep.usage_by_model as m (
        user_id, usage_date, model, messages_sent, messages_received, calls, input_tokens, output_tokens, cost)
    values (p_change.user_id, p_change.usage_date, p_change.model, p_change.sent, p_change.received, p_change.calls,
            p_change.input + p_change.question, p_change.output, p_change.cost)
    on conflict (user_id, usage_date, model) do update
        set messages_sent = m.messages_sent + excluded.messages_sent,
            messages_received = m.messages_received + excluded.messages_received,
            calls = m.calls + excluded.calls,
            input_tokens = m.input_tokens + excluded.input_tokens,
            output_tokens = m.output_tokens + excluded.output_tokens,
            cost = m.cost + excluded.cost;
    if p_change.sent < 0 or p_change.received < 0 then
        delete from chatkeep.usage_by_model m
         where m.user_id = p_change.user_id and m.usage_date = p_change.usage_date and m.model = p_change.model
           and m.messages_sent = 0 and m.messages_received = 0 and m.input_tokens = 0 and m.output_tokens = 0 and m.cost = 0;
    end if;
    return true;
end
$$;

-- Adds to a user's day. A minute counts once: the row's updated_at tells whether something was recorded in this one
-- already; p_minutes (this one included) may say that it was more than one. Other days than today have no minutes now.
create or replace function chatkeep.book_day(p_change chatkeep.booking, p_sessions bigint, p_minutes int) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    -- What the column holds. A price that is wrong by orders of magnitude must not keep messages from being stored.
    c_most_cost constant numeric := 99999999.999999;
    v_counts    constant boolean := p_change.model is not null and p_change.received <> 0;
    v_is_today  constant boolean := p_change.usage_date = (clock_timestamp() at time zone 'UTC')::date;
    v_minutes   constant int := case when v_is_today then least(p_minutes, 1440) else 0 end;
begin
    insert into public.user_usage_daily as u (
        user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
        sessions_created, active_minutes, estimated_cost)
    values (p_change.user_id, p_change.usage_date, p_change.sent, p_change.received, p_change.input, p_change.output,
            p_change.input + p_change.output,
            case when v_counts then jsonb_build_object(p_change.model, p_change.received) else '{}' end, p_sessions, v_minutes,
            least(greatest(p_change.cost, -c_most_cost), c_most_cost))
    on conflict (user_id, usage_date) do update
        set messages_sent = u.messages_sent + excluded.messages_sent,
            messages_received = u.messages_received + excluded.messages_received,
            input_tokens = u.input_tokens + excluded.input_tokens,
            output_tokens = u.output_tokens + excluded.output_tokens,
            total_tokens = u.total_tokens + excluded.total_tokens,
            models_used = case when not v_counts then u.models_used
                               when coalesce((u.models_used ->> p_change.model)::bigint, 0) + p_change.received = 0
                                   then u.models_used - p_change.model
                               else u.models_used || jsonb_build_object(
                                        p_change.model, coalesce((u.models_used ->> p_change.model)::bigint, 0) + p_change.received) end,
            sessions_created = u.sessions_created + excluded.sessions_created,
            -- Rounded once: six decimals do not hold the cost of one short answer.
            estimated_cost = case when p_change.cost = 0 then u.estimated_cost
                                  else (select least(greatest(coalesce(sum(m.cost), 0), -c_most_cost), c_most_cost)
                                          from chatkeep.usage_by_model m
                                         where m.user_id = p_change.user_id and m.usage_date = p_change.usage_date) end,
            active_minutes = least(1440, u.active_minutes + v_minutes
                - case when v_minutes > 0 and date_trunc('minute', u.updated_at) >= date_trunc('minute', clock_timestamp())
                       then 1 else 0 end),
            updated_at = greatest(u.updated_at, clock_timestamp());
    return true;
end
$$;

-- Adds to the user's totals of all time.
create or replace function chatkeep.book_totals(
    p_user_id uuid, p_messages bigint, p_tokens bigint, p_sessions bigint, p_cost numeric) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update public.profiles p
       set usage_stats = p.usage_stats || jsonb_build_object(
               'total_messages', coalesce((p.usage_stats ->> 'total_messages')::bigint, 0) + p_messages,
               'total_tokens', coalesce((p.usage_stats ->> 'total_tokens')::bigint, 0) + p_tokens,
               'sessions_created', coalesce((p.usage_stats ->> 'sessions_created')::bigint, 0) + p_sessions)
               || case when p_cost = 0 then '{}'
                       else jsonb_build_object('total_cost', coalesce((p.usage_stats ->> 'total_cost')::numeric, 0) + p_cost) end,
           -- It is indexed, and to the minute is good enough.
           last_active = case when p.last_active < now() - interval '1 minute' then now() else p.last_active end
     where p.id = p_user_id;
    return true;
end
$$;

-- Books one change of one user.
create or replace function chatkeep.book(p_change chatkeep.booking) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_booked boolean;
begin
    if p_change.model is not null then
        v_booked := chatkeep.book_model(p_change);
    end if;
    v_booked := chatkeep.book_day(p_change, 0, 1);
    v_booked := chatkeep.book_totals(p_change.user_id, p_change.sent + p_change.received, p_change.input + p_change.output, 0,
                                     p_change.cost);
end
$$;

-- Books the differences that a statement made in the ledger, day by day and model by model; it may have made none, as an insert
-- that only updates. The writers of a user's charges take turns.
create or replace function chatkeep.book_charges() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_one      record;
    v_changes  chatkeep.booking[];
    v_change   chatkeep.booking;
    v_user     uuid;
    v_messages bigint := 0;
    v_tokens   bigint := 0;
    v_cost     numeric := 0;
    v_booked   boolean;
begin
    if tg_op = 'INSERT' then
        -- Nearly all statements charge for one message, where there is nothing to put together.
        select row(n.user_id, n.usage_date, n.model, n.messages_sent, n.messages_received,
                   case when n.stream_id is null then 0 else n.messages_received end, n.input_tokens, n.output_tokens,
                   n.question_tokens, n.cost)::chatkeep.booking as change,
               (select count(*) from (select from new_rows limit 2) t) as charges
          into v_one
          from new_rows n
         limit 1;
        if not found then
            return null;
        elsif v_one.charges = 1 then
            perform chatkeep.book(v_one.change);
            return null;
        end if;
        select array_agg(b::chatkeep.booking) into v_changes
          from (select n.user_id, n.usage_date, n.model, sum(n.messages_sent)::bigint, sum(n.messages_received)::bigint,
                       coalesce(sum(n.messages_received) filter (where n.stream_id is not null), 0)::bigint,
                       sum(n.input_tokens)::bigint, sum(n.output_tokens)::bigint, sum(n.question_tokens)::bigint, sum(n.cost)
                  from new_rows n
                 group by n.user_id, n.usage_date, n.model
                 order by n.user_id, n.usage_date, n.model) b;
    elsif exists (select from new_rows) then
        select array_agg(b::chatkeep.booking) into v_changes
          from (select c.user_id, c.usage_date, c.model, sum(c.sign * c.messages_sent)::bigint,
                       sum(c.sign * c.messages_received)::bigint,
                       coalesce(sum(c.sign * c.messages_received) filter (where c.stream_id is not null), 0)::bigint,
                       sum(c.sign * c.input_tokens)::bigint, sum(c.sign * c.output_tokens)::bigint,
                       sum(c.sign * c.question_tokens)::bigint, sum(c.sign * c.cost)
                  from (select 1 as sign, n.* from new_rows n union all select -1, o.* from old_rows o) c
                 group by c.user_id, c.usage_date, c.model
                 order by c.user_id, c.usage_date, c.model) b
         where b::chatkeep.booking is distinct from
               row(b.user_id, b.usage_date, b.model, 0, 0, 0, 0, 0, 0, 0)::chatkeep.booking;
    end if;
    foreach v_change in array coalesce(v_changes, '{}') loop
        if v_change.user_id <> v_user then
            v_booked := chatkeep.book_totals(v_user, v_messages, v_tokens, 0, v_cost);
            v_messages := 0;
            v_tokens := 0;
            v_cost := 0;
        end if;
        v_user := v_change.user_id;
        v_messages := v_messages + v_change.sent + v_change.received;
        v_tokens := v_tokens + v_change.input + v_change.output;
        v_cost := v_cost + v_change.cost;
        if v_change.model is not null then
            v_booked := chatkeep.book_model(v_change);
        end if;
        v_booked := chatkeep.book_day(v_change, 0, 1);
    end loop;
    if v_user is not null then
        v_booked := chatkeep.book_totals(v_user, v_messages, v_tokens, 0, v_cost);
    end if;
    return null;
end
$$;

-- The tokens of a question that are charged with its answers: those of one that names no model, as its client said them.
create or replace function chatkeep.unpriced_tokens(p_question chatkeep.charges) returns bigint
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when p_question.messages_sent = 1 and p_question.model is null and p_question.stream_id is null
                then p_question.input_tokens else 0 end;
end
$$;

-- Charges a message that is neither stored nor the answer of a call, and returns its row; none where the ledger knows it. The
-- caller knows that the user's writes have taken their turn. Small statements: what one of them joins costs more to begin than
-- to look up.
create or replace function chatkeep.charge_message(p_user_id uuid, p_message chatkeep.incoming_message) returns chatkeep.charges
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_model       constant text := left(p_message.model, 100);
    v_is_answer   constant boolean := p_message.role = 'assistant';
    v_question    constant text := case when v_is_answer then p_message.user_message_id end;
    v_input       constant bigint := case when v_is_answer then 0 else greatest(coalesce(p_message.input_tokens, 0), 0) end;
    v_output      constant bigint := case when v_is_answer then greatest(coalesce(p_message.output_tokens, 0), 0) else 0 end;
    v_tokens      bigint := 0;
    v_rank        int;
    v_input_cost  numeric;
    v_output_cost numeric;
    v_charge      chatkeep.charges;
begin
    if v_question is not null and v_model is not null then
        v_tokens := coalesce((select chatkeep.unpriced_tokens(c) from chatkeep.charges c
                               where c.user_id = p_user_id and c.message_id = v_question), 0);
    end if;
    if v_model is not null then
        -- As unit_costs, for one model.
        v_rank := chatkeep.tier_rank((select p.subscription_tier from public.profiles p where p.id = p_user_id));
        select a.input_cost_per_token, a.output_cost_per_token into v_input_cost, v_output_cost
          from public.model_access a
         where a.model_id = v_model
         order by a.is_active desc, chatkeep.tier_rank(a.tier) <= v_rank desc, abs(chatkeep.tier_rank(a.tier) - v_rank)
         limit 1;
    end if;
    insert into chatkeep.charges (
        user_id, message_id, question_id, usage_date, model, messages_sent, messages_received, input_tokens, output_tokens,
        question_tokens, input_cost, output_cost)
    values (p_user_id, p_message.id, v_question, chatkeep.booking_day(p_message.message_timestamp), v_model,
            (not v_is_answer)::int, v_is_answer::int, v_input, v_output, v_tokens, v_input_cost, v_output_cost)
    on conflict (user_id, message_id) do nothing
    returning * into v_charge;
    if v_charge.message_id is not null and v_input <> 0 and v_model is null
        and exists (select from chatkeep.charges c where c.user_id = p_user_id and c.question_id = p_message.id) then
        perform chatkeep.charge_questions(p_user_id, array [p_message.id]);
    end if;
    return v_charge;
end
$$;

-- Charges questions that name no model, or no longer none, with each answer to them, at the price of the answer. Answers are
-- looked up question by question: other plans may read all that the user has.
create or replace function chatkeep.charge_questions(p_user_id uuid, p_questions text[]) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    update chatkeep.charges a
       set question_tokens = q.tokens
      from (select c.message_id, chatkeep.unpriced_tokens(c) as tokens
              from chatkeep.charges c where c.user_id = p_user_id and c.message_id = any (p_questions)) q
     where a.user_id = p_user_id and a.question_id = q.message_id and a.stream_id is null and a.messages_received = 1
       and a.model is not null and a.question_tokens <> q.tokens;
end
$$;

-- Brings the charges of messages to what they ought to be, as the messages are from now on. What a call of the service
-- took is not for clients to say. A message that did not fail before and whose charge is gone was counted on a day that
-- is closed. The price is that of the first charge, as long as it is the same model; what a message that comes back does
-- not say is as it was.
create or replace function chatkeep.charge_messages(p_user_id uuid, p_messages chatkeep.incoming_message[]) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp set jit = off
    -- The planner takes what is unnested and filtered for a row or two, and would compare each message with each other one.
    -- What is looked up by key (lateral) stays a loop all the same. So a plan for any size does; that of the foreign key would
    -- be made anew for each row otherwise.
    set enable_nestloop = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_questions text[];
begin
    perform chatkeep.require_caller(p_user_id);
    with wanted as materialized (
        select m.id, m.role, coalesce(left(m.model, 100), k.model) as model, k.message_id is not null as is_known,
               case m.role when 'assistant' then coalesce(m.user_message_id, k.question_id) end as question_id,
               (m.role = 'user')::int as sent, (m.role = 'assistant')::int as received,
               case m.role when 'user' then greatest(coalesce(m.input_tokens, k.input_tokens, 0), 0) else 0 end as input,
               case m.role when 'assistant' then greatest(coalesce(m.output_tokens, k.output_tokens, 0), 0) else 0 end as output,
               coalesce(k.usage_date, chatkeep.booking_day(m.message_timestamp)) as usage_date,
               k.model as old_model, k.input_cost as old_input_cost, k.output_cost as old_output_cost
          from unnest(p_messages) m
          left join lateral (select k.* from chatkeep.charges k where k.user_id = p_user_id and k.message_id = m.id limit 1) k on true
         where m.error_message is null and k.stream_id is null
           and (k.message_id is not null or m.role in ('user', 'assistant') and m.was_counted is not true)
    ), units as materialized (
        select * from chatkeep.unit_costs(p_user_id, array(select distinct w.model from wanted w where w.model is not null))
    ), priced as (
        select w.*,
               case when w.is_known and w.old_model = w.model then w.old_input_cost else u.input_cost end as input_cost,
               case when w.is_known and w.old_model = w.model then w.old_output_cost else u.output_cost end as output_cost,
               case when w.model is null then 0
                    when q.id is not null then case when q.model is null then q.input else 0 end
                    else coalesce(chatkeep.unpriced_tokens(s.charge), 0) end as question
          from wanted w
          left join units u on u.model = w.model
          left join wanted q on q.id = w.question_id and q.role = 'user'
          left join lateral (select c as charge from chatkeep.charges c
                              where c.user_id = p_user_id and c.message_id = w.question_id limit 1) s on q.id is null
    ), changed as (
        insert into chatkeep.charges as c (
            user_id, message_id, question_id, usage_date, model, messages_sent, messages_received, input_tokens, output_tokens,
            question_tokens, input_cost, output_cost)
        select p_user_id, p.id, p.question_id, p.usage_date, p.model, p.sent, p.received, p.input, p.output, p.question,
               p.input_cost, p.output_cost
          from priced p
        on conflict (user_id, message_id) do update
            set question_id = excluded.question_id, model = excluded.model, messages_sent = excluded.messages_sent,
                messages_received = excluded.messages_received, input_tokens = excluded.input_tokens,
                output_tokens = excluded.output_tokens, question_tokens = excluded.question_tokens,
                input_cost = excluded.input_cost, output_cost = excluded.output_cost
            where (c.question_id, c.model, c.messages_sent, c.messages_received, c.input_tokens, c.output_tokens, c.question_tokens)
                  is distinct from (excluded.question_id, excluded.model, excluded.messages_sent, excluded.messages_received,
                                    excluded.input_tokens, excluded.output_tokens, excluded.question_tokens)
        returning message_id
    )
    -- Questions that are, or were, charged with their answers.
    select array_agg(c.message_id) into v_questions
      from changed c
      join wanted w on w.id = c.message_id
      left join lateral (select true as is_there from chatkeep.charges a
                          where w.input <> 0 and a.user_id = p_user_id and a.question_id = w.id limit 1) answer on true
     where w.role = 'user' and w.model is null and (w.is_known or answer.is_there)
        or w.is_known and w.old_model is null;
    if v_questions is not null then
        perform chatkeep.charge_questions(p_user_id, v_questions);
    end if;
end
$$;

-- What of a charge is the answer's own: all of what the provider said that the call cost, as it does not say more. The rest
-- is that of the question.
create or replace function chatkeep.answer_cost(p_charge chatkeep.charges) returns numeric
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(p_charge.told_cost, p_charge.output_tokens * coalesce(p_charge.output_cost, 0));
end
$$;

-- What a message notes of its charge; no cost where its model has no price. Of a call it is the cost of the question as well,
-- so that both are what the ledger has.
create or replace function chatkeep.cost_note(p_charge chatkeep.charges) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_answer   constant boolean := p_charge.messages_received > 0;
    v_is_call     constant boolean := p_charge.stream_id is not null;
    v_answer_cost constant numeric := chatkeep.answer_cost(p_charge);
    v_unit_cost   constant numeric := case when v_is_answer then p_charge.output_cost else p_charge.input_cost end;
    v_note        jsonb := '{}';
begin
    if p_charge.told_cost is null and v_unit_cost is not null then
        v_note := jsonb_build_object('unit_cost', v_unit_cost);
        if v_is_answer and not v_is_call and p_charge.question_id is not null then
            v_note := v_note || jsonb_build_object('question_unit_cost', p_charge.input_cost);
        end if;
    end if;
    if p_charge.told_cost is not null or v_unit_cost is not null then
        v_note := v_note || jsonb_build_object(
            'cost', trim_scale(case when v_is_answer then v_answer_cost else p_charge.cost end));
        if v_is_answer and v_is_call then
            v_note := v_note || jsonb_build_object('question_cost', trim_scale(p_charge.cost - v_answer_cost));
        end if;
    end if;
    return case when v_is_call then v_note || jsonb_build_object('stream_id', p_charge.stream_id) else v_note end;
end
$$;

-- A change of today by no message.
create or replace function chatkeep.nothing_today(p_user_id uuid) returns chatkeep.booking
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return row(p_user_id, chatkeep.booking_day(now()), null, 0, 0, 0, 0, 0, 0, 0)::chatkeep.booking;
end
$$;

-- Counts those of these new sessions that were not counted before: one that comes back after it was deleted has been.
create or replace function chatkeep.count_sessions(p_user_id uuid, p_sessions text[]) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_created bigint;
begin
    perform chatkeep.require_caller(p_user_id);
    select count(*) into v_created
      from unnest(p_sessions) as s (id)
     where not exists (select from chatkeep.counted_sessions c where c.user_id = p_user_id and c.session_id = s.id);
    if v_created > 0 then
        perform chatkeep.book_day(chatkeep.nothing_today(p_user_id), v_created, 1);
        perform chatkeep.book_totals(p_user_id, 0, 0, v_created, 0);
    end if;
end
$$;

-- Remembers that a session was counted; its messages have their charges. The account itself may be what is being
-- deleted: then there is nothing left to remember for.
create or replace function chatkeep.remember_counted_sessions() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into chatkeep.counted_sessions (user_id, session_id)
    select o.user_id, o.id
      from old_rows o
     where exists (select from public.profiles p where p.id = o.user_id)
    -- One that was deleted, came back under its id and is deleted again was deleted now.
    on conflict (user_id, session_id) do update set deleted_at = excluded.deleted_at;
    return null;
end
$$;

-- Adds to what the user did today. p_messages_received counts as answers of p_model_used;
-- p_active_minutes is how many minutes this took, the current one included. Nothing is taken back but tokens, by
-- administrators and the service alone, and no more than this function was told of the same model today.
create or replace function public.track_user_usage(
    p_user_id           uuid,
    p_messages_sent     int default 0,
    p_messages_received int default 0,
    p_input_tokens      int default 0,
    p_output_tokens     int default 0,
    p_model_used        varchar default null,
    p_session_created   boolean default false,
    p_active_minutes    int default 0) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_day    constant date := chatkeep.booking_day(now());
    v_model  constant text := left(p_model_used, 100);
    v_price  record;
    v_before record;
begin
    perform chatkeep.require_caller(p_user_id);
    perform chatkeep.require_not_banned(p_user_id);
    if p_messages_sent < 0 or p_messages_received < 0 then
        raise invalid_parameter_value using message = 'messages cannot be taken back from usage';
    end if;
    if (p_input_tokens < 0 or p_output_tokens < 0) and not (chatkeep.is_service() or chatkeep.is_admin()) then
        raise invalid_parameter_value using message = 'tokens cannot be taken back from usage';
    end if;
    perform from public.profiles p where p.id = p_user_id for no key update;
    if p_input_tokens < 0 or p_output_tokens < 0 then
        select coalesce(sum(c.input_tokens), 0) as input, coalesce(sum(c.output_tokens), 0) as output,
               -- Of a token on average, rounded down: what is taken back never costs more than what was charged.
               trunc(sum(c.input_tokens * c.input_cost) / nullif(sum(c.input_tokens), 0), 12) as input_cost,
               trunc(sum(c.output_tokens * c.output_cost) / nullif(sum(c.output_tokens), 0), 12) as output_cost
          into v_before
          from chatkeep.charges c
         where c.user_id = p_user_id and c.usage_date = v_day and c.is_report and c.model is not distinct from v_model;
        p_input_tokens := greatest(p_input_tokens, -v_before.input);
        p_output_tokens := greatest(p_output_tokens, -v_before.output);
    end if;
    select * into v_price from chatkeep.unit_costs(p_user_id, array [p_model_used::text]);
    if p_input_tokens < 0 then
        v_price.input_cost := v_before.input_cost;
    end if;
    if p_output_tokens < 0 then
        v_price.output_cost := v_before.output_cost;
    end if;
    perform chatkeep.book_day(chatkeep.nothing_today(p_user_id), coalesce(p_session_created, false)::int,
                              greatest(p_active_minutes, 1));
    perform chatkeep.book_totals(p_user_id, 0, 0, coalesce(p_session_created, false)::int, 0);
    -- A row of its own: nobody tells which messages these were.
    insert into chatkeep.charges (
        user_id, message_id, usage_date, model, messages_sent, messages_received, input_tokens, output_tokens, input_cost,
        output_cost, is_report)
    select p_user_id, gen_random_uuid()::text, v_day, v_model, c.sent, c.received, c.input, c.output, v_price.input_cost,
           v_price.output_cost, true
      from (select coalesce(p_messages_sent, 0) as sent, coalesce(p_messages_received, 0) as received,
                   coalesce(p_input_tokens, 0)::bigint as input, coalesce(p_output_tokens, 0)::bigint as output) c
     where c.sent <> 0 or c.received <> 0 or c.input <> 0 or c.output <> 0;
end
$$;

-- The days of a range, both ends included, on which there was usage.
create or replace function chatkeep.usage_by_day(p_user_id uuid, p_from date, p_to date)
    returns setof public.user_usage_daily
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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

-- Where the figures of a user's usage are not the sums of the ledger, or those of what is stored not what there is: no row
-- where all is well. Days that retention has
-- closed are left out; the totals of all time still hold them, so they may be more than the ledger, never less.
create or replace function chatkeep.check_usage(p_user_id uuid)
    returns table (usage_date date, model text, figure text, recorded numeric, charged numeric)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_admin();
    return query
        with days as (
            select c.usage_date, sum(c.messages_sent) as sent, sum(c.messages_received) as received, sum(c.input_tokens) as input,
                   sum(c.output_tokens) as output, sum(c.cost) filter (where c.model is not null) as cost
              from chatkeep.charges c where c.user_id = p_user_id group by c.usage_date
        ), models as (
            select c.usage_date, c.model, sum(c.messages_sent) as sent, sum(c.messages_received) as received,
                   sum(c.input_tokens + c.question_tokens) as input, sum(c.output_tokens) as output, sum(c.cost) as cost
              from chatkeep.charges c where c.user_id = p_user_id and c.model is not null group by c.usage_date, c.model
        ), figures as (
            select coalesce(u.usage_date, d.usage_date) as day, null::text as model, f.*
              from (select * from public.user_usage_daily u where u.user_id = p_user_id) u
              full join days d on d.usage_date = u.usage_date
             cross join lateral (values
                   ('messages_sent', u.messages_sent::numeric, d.sent), ('messages_received', u.messages_received, d.received),
                   ('input_tokens', u.input_tokens, d.input), ('output_tokens', u.output_tokens, d.output),
                   ('total_tokens', u.total_tokens, d.input + d.output),
                   ('estimated_cost', u.estimated_cost, round(d.cost, 6))) as f (figure, recorded, charged)
            union all
            select coalesce(b.usage_date, m.usage_date), coalesce(b.model, m.model), f.*
              from (select * from chatkeep.usage_by_model b where b.user_id = p_user_id) b
              full join models m on m.usage_date = b.usage_date and m.model = b.model
             cross join lateral (values
                   ('messages_sent', b.messages_sent::numeric, m.sent), ('messages_received', b.messages_received, m.received),
                   ('input_tokens', b.input_tokens, m.input), ('output_tokens', b.output_tokens, m.output),
                   ('cost', b.cost, m.cost)) as f (figure, recorded, charged)
            union all
            select null, null, 'total_' || f.figure, f.recorded, greatest(f.recorded, f.charged)
              from public.profiles p
             cross join (select sum(d.sent + d.received) as messages, sum(d.input + d.output) as tokens, sum(d.cost) as cost from days d) t
             cross join lateral (values ('messages', (p.usage_stats ->> 'total_messages')::numeric, t.messages),
                                        ('tokens', (p.usage_stats ->> 'total_tokens')::numeric, t.tokens),
                                        ('cost', (p.usage_stats ->> 'total_cost')::numeric, t.cost)) as f (figure, recorded, charged)
             where p.id = p_user_id
            union all
            select null, null, f.*
              from (select count(*) as sessions, sum(s.stored_messages) as messages, sum(s.stored_bytes) as bytes
                      from public.chat_sessions s where s.user_id = p_user_id) s
             cross join (select count(*) as messages,
                                sum(m.stored_bytes) as bytes
                           from public.chat_messages m where m.user_id = p_user_id) m
              left join chatkeep.stored_by_user k on k.user_id = p_user_id
             cross join lateral (values
                   ('stored_sessions', k.sessions::numeric, s.sessions::numeric), ('stored_messages', k.messages, m.messages),
                   ('stored_bytes', k.bytes, m.bytes), ('messages_of_sessions', s.messages, m.messages),
                   ('bytes_of_sessions', s.bytes, m.bytes)) as f (figure, recorded, charged)
        )
        select f.day, f.model, f.figure, coalesce(f.recorded, 0), coalesce(f.charged, 0)
          from figures f
         where coalesce(f.recorded, 0) <> coalesce(f.charged, 0)
           and (f.day is null or f.day >= (select min(u.usage_date) from public.user_usage_daily u where u.user_id = p_user_id))
         order by 1, 2, 3;
end
$$;

-- Counts anew what a user has stored. The times of the sessions stay.
create or replace function chatkeep.repair_stored(p_user_id uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('chatkeep.first_upload', 'on', true);
    update public.chat_sessions s
       set stored_messages = m.messages, stored_bytes = m.bytes
      from (select o.id, count(m.id)::int as messages,
                   coalesce(sum(m.stored_bytes), 0) as bytes
              from public.chat_sessions o
              left join public.chat_messages m on m.user_id = o.user_id and m.session_id = o.id
             where o.user_id = p_user_id
             group by o.id) m
     where s.user_id = p_user_id and s.id = m.id and (s.stored_messages, s.stored_bytes) <> (m.messages, m.bytes);
    perform set_config('chatkeep.first_upload', 'off', true);
    insert into chatkeep.stored_by_user as k (user_id, sessions, messages, bytes)
    select p_user_id, count(*), coalesce(sum(s.stored_messages), 0), coalesce(sum(s.stored_bytes), 0)
      from public.chat_sessions s
     where s.user_id = p_user_id
    on conflict (user_id) do update set sessions = excluded.sessions, messages = excluded.messages, bytes = excluded.bytes;
end
$$;

-- Brings the figures of a user's usage back to the sums of the ledger; returns how many were different. All is booked anew:
-- what the totals hold beyond the ledger, of days that are closed, stays.
create or replace function chatkeep.repair_usage(p_user_id uuid) returns int
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_wrong int;
    v_first date;
begin
    perform chatkeep.require_admin();
    perform from public.profiles p where p.id = p_user_id for no key update;
    select count(*) into v_wrong from chatkeep.check_usage(p_user_id);
    if v_wrong = 0 then
        return 0;
    end if;
    perform chatkeep.repair_stored(p_user_id);
    select min(u.usage_date) into v_first from public.user_usage_daily u where u.user_id = p_user_id;
    delete from chatkeep.usage_by_model b where b.user_id = p_user_id and b.usage_date >= v_first;
    update public.user_usage_daily u
       set messages_sent = 0, messages_received = 0, input_tokens = 0, output_tokens = 0, total_tokens = 0, models_used = '{}',
           estimated_cost = 0
     where u.user_id = p_user_id;
    update public.profiles p
       set usage_stats = p.usage_stats || jsonb_build_object(
               'total_messages', greatest((p.usage_stats ->> 'total_messages')::bigint - t.messages, 0),
               'total_tokens', greatest((p.usage_stats ->> 'total_tokens')::bigint - t.tokens, 0),
               'total_cost', greatest(coalesce((p.usage_stats ->> 'total_cost')::numeric, 0) - t.cost, 0))
      from (select sum(c.messages_sent + c.messages_received) as messages, sum(c.input_tokens + c.output_tokens) as tokens,
                   sum(c.cost) as cost
              from chatkeep.charges c where c.user_id = p_user_id and c.usage_date >= v_first) t
     where p.id = p_user_id;
    with booked as (
        delete from chatkeep.charges c where c.user_id = p_user_id and c.usage_date >= v_first returning c.*
    )
    insert into chatkeep.charges (
        user_id, message_id, stream_id, question_id, usage_date, model, messages_sent, messages_received, input_tokens,
        output_tokens, question_tokens, reasoning_tokens, cached_tokens, input_cost, output_cost, cached_input_cost, told_cost,
        charged_at, is_report)
    select b.user_id, b.message_id, b.stream_id, b.question_id, b.usage_date, b.model, b.messages_sent, b.messages_received,
           b.input_tokens, b.output_tokens, b.question_tokens, b.reasoning_tokens, b.cached_tokens, b.input_cost, b.output_cost,
           b.cached_input_cost, b.told_cost, b.charged_at, b.is_report
      from booked b;
    return v_wrong;
end
$$;

revoke execute on function public.track_user_usage(uuid, int, int, int, int, varchar, boolean, int)
    from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function public.track_user_usage(uuid, int, int, int, int, varchar, boolean, int),
    chatkeep.usage_by_day(uuid, date, date), chatkeep.usage_of_models(uuid, date, date), chatkeep.usage_summary(uuid),
    chatkeep.check_usage(uuid), chatkeep.repair_usage(uuid) to authenticated, service_role;

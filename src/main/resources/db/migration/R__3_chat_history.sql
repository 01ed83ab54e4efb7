-- Sessions and messages: what the triggers keep, what is read as a whole, and how uploads are stored.

-- Any update of a session is an update by the server, at the server's time. Only a conversation that
-- is being uploaded for the first time keeps the times it came with.
create or replace function public.update_session_timestamp() returns trigger
    language plpgsql set search_path = ''
as $$
begin
    if current_setting('chatkeep.first_upload', true) = 'on' then
        return new;
    end if;
    -- A transaction that waited for another one may have begun before it; a time in the future is nobody's.
    new.updated_at := greatest(now(), least(old.updated_at, clock_timestamp()));
    new.last_activity := new.updated_at;
    return new;
end
$$;

create or replace trigger on_session_updated
    before update on public.chat_sessions
    for each row execute function public.update_session_timestamp();

-- Keeps message_count, total_tokens, last_model, last_message_preview and last_message_timestamp of
-- the sessions whose messages a statement changed, from the change alone: a session is touched once a
-- statement, and what that costs does not depend on how many messages it has. Failed messages
-- (error_message) count for nothing here.
--
-- A session is locked before it is read, so that the statements after see what its other writers have
-- committed; sessions are taken in the order of their keys, so that two bulk loads cannot deadlock.
-- Each statement names one session by its key, and plans that scan are out: plpgsql keeps the plan of
-- the first call, which may have seen empty tables.
create or replace function public.update_session_stats() returns trigger
    language plpgsql security definer set search_path = '' set enable_seqscan = off
as $$
declare
    v_deltas  record;
    v_session public.chat_sessions;
    v_deltas_cursor refcursor;
begin
    -- newest_* are the times of the newest counted rows (that name a model) on either side of the change.
    if tg_op = 'INSERT' then
        open v_deltas_cursor for
            select n.user_id, n.session_id,
                   count(*) filter (where n.error_message is null) as messages,
                   coalesce(sum(n.total_tokens) filter (where n.error_message is null), 0) as tokens,
                   max(n.message_timestamp) filter (where n.error_message is null) as newest,
                   max(n.message_timestamp) filter (where n.error_message is null and n.model is not null) as newest_model
              from new_rows n
             group by n.user_id, n.session_id
             order by n.user_id, n.session_id;
    elsif tg_op = 'DELETE' then
        open v_deltas_cursor for
            select o.user_id, o.session_id,
                   -count(*) filter (where o.error_message is null) as messages,
                   -coalesce(sum(o.total_tokens) filter (where o.error_message is null), 0) as tokens,
                   max(o.message_timestamp) filter (where o.error_message is null) as newest,
                   max(o.message_timestamp) filter (where o.error_message is null and o.model is not null) as newest_model
              from old_rows o
             group by o.user_id, o.session_id
             order by o.user_id, o.session_id;
    else
        open v_deltas_cursor for
            select c.user_id, c.session_id,
                   coalesce(sum(c.sign) filter (where c.error_message is null), 0) as messages,
                   coalesce(sum(c.sign * c.total_tokens) filter (where c.error_message is null), 0) as tokens,
                   max(c.message_timestamp) filter (where c.error_message is null) as newest,
                   max(c.message_timestamp) filter (where c.error_message is null and c.model is not null) as newest_model
              from (select 1 as sign, n.user_id, n.session_id, n.error_message, n.total_tokens, n.message_timestamp, n.model
                      from new_rows n
                    union all
                    select -1, o.user_id, o.session_id, o.error_message, o.total_tokens, o.message_timestamp, o.model
                      from old_rows o) c
             group by c.user_id, c.session_id
             order by c.user_id, c.session_id;
    end if;

    loop
        fetch v_deltas_cursor into v_deltas;
        exit when not found;

        select * into v_session
          from public.chat_sessions s
         where s.user_id = v_deltas.user_id and s.id = v_deltas.session_id
           for no key update;
        continue when not found; -- deleted together with its messages

        -- The newest message and model can only have changed where the change reaches up to them.
        if v_deltas.newest >= coalesce(v_session.last_message_timestamp, '-infinity') then
            select m.message_timestamp, left(m.content, 200)
              into v_session.last_message_timestamp, v_session.last_message_preview
              from public.chat_messages m
             where m.user_id = v_deltas.user_id and m.session_id = v_deltas.session_id and m.error_message is null
             order by m.message_timestamp desc, m.id desc
             limit 1;
        end if;
        if v_deltas.newest_model is not null then
            select m.model
              into v_session.last_model
              from public.chat_messages m
             where m.user_id = v_deltas.user_id and m.session_id = v_deltas.session_id and m.error_message is null
               and m.model is not null
             order by m.message_timestamp desc, m.id desc
             limit 1;
        end if;

        update public.chat_sessions s
           set message_count = s.message_count + v_deltas.messages,
               total_tokens = s.total_tokens + v_deltas.tokens,
               last_model = v_session.last_model,
               last_message_preview = v_session.last_message_preview,
               last_message_timestamp = v_session.last_message_timestamp
         where s.user_id = v_deltas.user_id and s.id = v_deltas.session_id;
    end loop;
    close v_deltas_cursor;
    return null;
end
$$;

-- PostgreSQL gives transition tables to triggers of one event only, hence three.
create or replace trigger on_message_change
    after insert on public.chat_messages
    referencing new table as new_rows
    for each statement execute function public.update_session_stats();
create or replace trigger on_message_change_update
    after update on public.chat_messages
    referencing old table as old_rows new table as new_rows
    for each statement execute function public.update_session_stats();
create or replace trigger on_message_change_delete
    after delete on public.chat_messages
    referencing old table as old_rows
    for each statement execute function public.update_session_stats();

-- Remembers what usage has counted of messages that are deleted or turn into failed ones: input tokens
-- of what the user said, output tokens of the answers. The account
-- itself may be what is being deleted: then there is nothing left to remember for.
create or replace function chatkeep.remember_counted_messages() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    if tg_op = 'DELETE' then
        insert into chatkeep.counted_messages as c (user_id, message_id, input_tokens, output_tokens, completion)
        select o.user_id, o.id, case when o.role = 'user' then coalesce(o.input_tokens, 0) else 0 end,
               case when o.role = 'assistant' then coalesce(o.output_tokens, 0) else 0 end, o.metadata ->> 'completion'
          from old_rows o
         where o.error_message is null and exists (select from public.profiles p where p.id = o.user_id)
        on conflict (user_id, message_id) do update
            set input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, completion = excluded.completion;
    else
        -- Grouped and not joined: the planner takes transition tables for small and would go through the
        -- new rows once for every old one.
        insert into chatkeep.counted_messages as c (user_id, message_id, input_tokens, output_tokens, completion)
        select r.user_id, r.id, max(r.input_tokens), max(r.output_tokens), max(r.completion)
          from (select o.user_id, o.id, true as before, o.error_message is null as counts,
                       case when o.role = 'user' then coalesce(o.input_tokens, 0) else 0 end as input_tokens,
                       case when o.role = 'assistant' then coalesce(o.output_tokens, 0) else 0 end as output_tokens,
                       o.metadata ->> 'completion' as completion
                  from old_rows o
                union all
                select n.user_id, n.id, false, n.error_message is null, 0, 0, null
                  from new_rows n) r
         group by r.user_id, r.id
        having bool_or(r.before and r.counts) and bool_or(not r.before and not r.counts)
        on conflict (user_id, message_id) do update
            set input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, completion = excluded.completion;
    end if;
    return null;
end
$$;

create or replace trigger remember_counted_messages_deleted
    after delete on public.chat_messages
    referencing old table as old_rows
    for each statement execute function chatkeep.remember_counted_messages();
create or replace trigger remember_counted_messages_failed
    after update on public.chat_messages
    referencing old table as old_rows new table as new_rows
    for each statement execute function chatkeep.remember_counted_messages();

create or replace function chatkeep.remember_counted_sessions() returns trigger
    language plpgsql security definer set search_path = ''
as $$
begin
    insert into chatkeep.counted_sessions (user_id, session_id)
    select o.user_id, o.id
      from old_rows o
     where exists (select from public.profiles p where p.id = o.user_id)
    on conflict do nothing;
    return null;
end
$$;

create or replace trigger remember_counted_sessions_deleted
    after delete on public.chat_sessions
    referencing old table as old_rows
    for each statement execute function chatkeep.remember_counted_sessions();

-- The newest sessions of a user. With the rights of the owner, like all that administrators may ask about
-- others: policies show users their own rows only.
create or replace function public.get_user_recent_sessions(user_uuid uuid, session_limit int default 10)
    returns table (
        id text, title varchar, message_count int, total_tokens bigint, last_model varchar, last_message_preview text,
        last_message_timestamp timestamptz, is_active boolean, created_at timestamptz, updated_at timestamptz,
        last_activity timestamptz)
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return query
        select s.id, s.title, s.message_count, s.total_tokens, s.last_model, s.last_message_preview,
               s.last_message_timestamp, s.is_active, s.created_at, s.updated_at, s.last_activity
          from public.chat_sessions s
         where s.user_id = user_uuid
         order by s.updated_at desc, s.last_message_timestamp desc nulls last, s.id desc
         limit greatest(session_limit, 0);
end
$$;

-- A session with its messages in time order, or null where it is not that user's.
create or replace function public.get_session_with_messages(session_text_id text, requesting_user_uuid uuid) returns jsonb
    language plpgsql stable security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(requesting_user_uuid);
    return (
        select to_jsonb(s) || jsonb_build_object('messages', (
                   select coalesce(jsonb_agg(to_jsonb(m) order by m.message_timestamp, m.id), '[]')
                     from public.chat_messages m
                    where m.user_id = s.user_id and m.session_id = s.id))
          from public.chat_sessions s
         where s.user_id = requesting_user_uuid and s.id = session_text_id);
end
$$;

-- Reads messages in the shape in which clients send them. What a client did not say stays null.
create or replace function chatkeep.read_messages(p_conversation int, p_session_id text, p_messages jsonb)
    returns setof chatkeep.incoming_message
    language sql stable set search_path = ''
as $$
    select p_conversation, m.position::int, p_session_id, m.id, m.role, m.content, m.model, m.total_tokens, m.input_tokens, m.output_tokens, m.user_message_id, m."contentType",
           round(m.elapsed_time * 1000)::int, m.completion_id, m.timestamp,
           case when m.error then 'failed' end
      from rows from (jsonb_to_recordset(p_messages) as (
               id text, role text, content text, model text, total_tokens int, input_tokens int, output_tokens int,
               user_message_id text, "contentType" text, elapsed_time numeric, completion_id text,
               timestamp timestamptz, error boolean)) with ordinality
               as m (id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, "contentType",
                     elapsed_time, completion_id, timestamp, error, position)
$$;

-- What a message of so many counted tokens notes of its cost; nothing where its model has no price.
create or replace function chatkeep.charge(p_unit_cost numeric, p_tokens bigint) returns jsonb
    language sql immutable set search_path = ''
as $$
    select case when p_unit_cost is null then '{}'::jsonb
                else jsonb_build_object('unit_cost', p_unit_cost, 'cost', trim_scale(p_unit_cost * coalesce(p_tokens, 0))) end
$$;

-- What a token of a question that names no model costs with each answer to it: answers note the price of their
-- model. The comparison of rows is for the planner: it can only be looked up in the index that begins with the question,
-- whereas two equalities let it read all that a user has, if it does not know yet that this is much.
create or replace function chatkeep.answer_costs(p_user_id uuid, p_question text)
    returns table (id text, model text, unit_cost numeric)
    language sql stable security definer set search_path = ''
as $$
    select chatkeep.require_caller(p_user_id);
    select a.id, a.model::text, (a.metadata ->> 'question_unit_cost')::numeric
      from public.chat_messages a
     where (a.user_message_id, a.user_id) >= (p_question, p_user_id)
       and (a.user_message_id, a.user_id) <= (p_question, p_user_id)
       and a.user_message_id is not null and a.role = 'assistant' and a.error_message is null and a.model is not null
$$;

-- Stores messages of sessions that exist: new ones are inserted, changed ones updated, the same ones
-- left alone; what a re-sent message does not say is kept. A total that a client leaves out is the sum of
-- what it counts. Returns what usage has to count, grouped by
-- model: [{model, sent, received, input_tokens, output_tokens, question_tokens, cost}]. The caller has begun the write and
-- knows that none of the ids stands in another session.
--
-- A message costs its counted tokens at the price that its model has when it is stored; both stand in its
-- metadata (cost, unit_cost), so that a correction is charged at the same price. A question that names no
-- model is charged with each answer to it (question_tokens), at the answer's price, which the answer notes
-- (question_unit_cost): whichever of them comes first, fails at first or is corrected later.
--
-- Of an answer that the service itself received, and of its question (metadata.completion), it knows best what the
-- tokens were, which model it was, and whether it failed; a device that has seen less of the text takes none away.
--
-- Stored rows are looked up one by one by their key (lateral, limit 1), and updated where they were found: left to
-- itself the planner may prefer to read all that the user has.
create or replace function chatkeep.store_messages(p_user_id uuid, p_messages chatkeep.incoming_message[]) returns jsonb
    language plpgsql set search_path = '' set jit = off
as $$
declare
    v_inserted jsonb;
    v_updated  jsonb;
    v_count    int;
    v_sent     jsonb;
    v_stored   jsonb;
begin
    -- The questions among the messages: their tokens, or false where they name a model or failed. Maps, as joins of what
    -- is unnested would go through all of it for each of it.
    select coalesce(jsonb_object_agg(m.id, case when m.model is null and m.error_message is null
                                                then coalesce(to_jsonb(m.input_tokens), 'null') else 'false' end), '{}')
      into v_sent
      from unnest(p_messages) m
     where m.role = 'user';

    with units as materialized (
        select * from chatkeep.unit_costs(p_user_id, array(select distinct m.model from unnest(p_messages) m
                                                            where m.model is not null))
    ), stored as (
        insert into public.chat_messages (
            user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
            content_type, elapsed_ms, completion_id, message_timestamp, error_message, metadata)
        select p_user_id, m.id, m.session_id, m.role, m.content, m.model,
               coalesce(t.total, case when t.input is not null or t.output is not null
                                      then coalesce(t.input, 0) + coalesce(t.output, 0) end),
               t.input, t.output, m.user_message_id, m.content_type, m.elapsed_ms, m.completion_id,
               coalesce(m.message_timestamp, now()), t.error,
               chatkeep.charge(case m.role when 'user' then u.input_cost when 'assistant' then u.output_cost end,
                               case m.role when 'user' then t.input when 'assistant' then t.output end
                                   * case when t.error is null then 1 end)
                   || case when m.role = 'assistant' and m.user_message_id is not null and u.input_cost is not null
                           then jsonb_build_object('question_unit_cost', u.input_cost) else '{}' end
                   || case when k.completion is null then '{}' else jsonb_build_object('completion', k.completion) end
          from unnest(p_messages) m
          left join units u on u.model = m.model
          left join lateral (select k.* from chatkeep.counted_messages k
                              where k.user_id = p_user_id and k.message_id = m.id and k.completion is not null limit 1) k on true
         cross join lateral (select case when k.completion is null then m.total_tokens end as total,
                                    case when k.completion is null then m.input_tokens
                                         when m.role = 'user' then k.input_tokens end as input,
                                    case when k.completion is null then m.output_tokens
                                         when m.role = 'assistant' then k.output_tokens end as output,
                                    case when k.completion is null then m.error_message end as error) t
         order by m.conversation, m.position
        on conflict (user_id, id) do nothing
        returning id, role, model, input_tokens, output_tokens, error_message, user_message_id,
                  (metadata ->> 'unit_cost')::numeric as unit_cost
    ), counted as (
        select s.id, s.role, s.model, s.unit_cost, s.user_message_id, c.message_id is null as is_new,
               case when s.role = 'user' then coalesce(s.input_tokens, 0) else 0 end - coalesce(c.input_tokens, 0) as input_tokens,
               case when s.role = 'assistant' then coalesce(s.output_tokens, 0) else 0 end - coalesce(c.output_tokens, 0) as output_tokens
          from stored s
          left join lateral (select c.* from chatkeep.counted_messages c
                              where c.user_id = p_user_id and c.message_id = s.id limit 1) c on true
         where s.error_message is null
    ), questions as (
        select a.model, sum(coalesce(nullif(a.question, 'null')::int, q.input_tokens)) as tokens,
               sum(coalesce(nullif(a.question, 'null')::int, q.input_tokens) * u.input_cost) as cost
          from (select c.model, c.user_message_id, v_sent -> c.user_message_id as question
                  from counted c
                 where c.role = 'assistant' and c.is_new and c.model is not null and c.user_message_id is not null) a
          left join units u on u.model = a.model
          left join lateral (select q.id, q.model, q.input_tokens from public.chat_messages q
                              where q.user_id = p_user_id and q.id = a.user_message_id and q.role = 'user'
                                and q.error_message is null
                              limit 1) q on true
         where q.model is null and a.question is distinct from 'false' and (a.question is not null or q.id is not null)
         group by a.model
    ), late as (
        -- Questions that come after their answers.
        select a.model, 0 as sent, 0 as received, 0 as input_tokens, 0 as output_tokens,
               sum(c.input_tokens) as question_tokens, sum(c.input_tokens * a.unit_cost) as cost
          from counted c
         cross join lateral chatkeep.answer_costs(p_user_id, c.id) a
         where c.role = 'user' and c.model is null and c.input_tokens <> 0
         group by a.model
    ), grouped as (
        select c.model, count(*) filter (where c.is_new and c.role = 'user') as sent,
               count(*) filter (where c.is_new and c.role = 'assistant') as received,
               sum(c.input_tokens) as input_tokens, sum(c.output_tokens) as output_tokens,
               coalesce(max(q.tokens), 0) as question_tokens,
               coalesce(sum((c.input_tokens + c.output_tokens) * c.unit_cost), 0) + coalesce(max(q.cost), 0) as cost
          from counted c
          left join questions q on q.model = c.model
         group by c.model
    )
    select (select count(*) from stored), (select coalesce(jsonb_object_agg(s.id, true), '{}') from stored s),
           (select coalesce(jsonb_agg(to_jsonb(g)), '[]') from (select * from grouped union all select * from late) g)
      into v_count, v_stored, v_inserted;

    if v_count = cardinality(p_messages) then
        return v_inserted;
    end if;

    with units as materialized (
        select * from chatkeep.unit_costs(p_user_id, array(select distinct m.model from unnest(p_messages) m
                                                            where m.model is not null))
    ), merged as (
        select o.id, o.error_message is null as was_counted, c.message_id is not null as was_remembered,
               case when o.error_message is null
                    then case when o.role = 'user' then coalesce(o.input_tokens, 0) else 0 end
                    else coalesce(c.input_tokens, 0) end as old_input,
               case when o.error_message is null
                    then case when o.role = 'assistant' then coalesce(o.output_tokens, 0) else 0 end
                    else coalesce(c.output_tokens, 0) end as old_output,
               n.role,
               case when s.seen and o.role = 'assistant' and starts_with(o.content, n.content) then o.content else n.content end as content,
               case when s.seen then o.error_message
                    when n.error_message is not null then coalesce(o.error_message, n.error_message) end as error_message,
               coalesce(case when s.seen then o.model end, n.model, o.model) as model,
               coalesce(s.total_tokens,
                        case when coalesce(s.input_tokens, o.input_tokens) is distinct from o.input_tokens
                               or coalesce(s.output_tokens, o.output_tokens) is distinct from o.output_tokens
                             then coalesce(s.input_tokens, o.input_tokens, 0) + coalesce(s.output_tokens, o.output_tokens, 0)
                             else o.total_tokens end) as total_tokens,
               coalesce(s.input_tokens, o.input_tokens) as input_tokens,
               coalesce(s.output_tokens, o.output_tokens) as output_tokens,
               coalesce(n.user_message_id, o.user_message_id) as user_message_id,
               coalesce(n.content_type, o.content_type) as content_type,
               coalesce(n.elapsed_ms, o.elapsed_ms) as elapsed_ms,
               coalesce(n.completion_id, o.completion_id) as completion_id,
               coalesce(n.message_timestamp, o.message_timestamp) as message_timestamp,
               o as old
          from unnest(p_messages) n
         cross join lateral (select o.*, o.ctid as place from public.chat_messages o
                              where o.user_id = p_user_id and o.id = n.id limit 1) o
         cross join lateral (select o.metadata ? 'completion' as seen,
                                    case when not o.metadata ? 'completion' then n.total_tokens end as total_tokens,
                                    case when not o.metadata ? 'completion' then n.input_tokens end as input_tokens,
                                    case when not o.metadata ? 'completion' then n.output_tokens end as output_tokens) s
          left join lateral (select c.* from chatkeep.counted_messages c
                              where c.user_id = p_user_id and c.message_id = n.id limit 1) c on true
    ), different as (
        select n.*
          from merged n
         where (n.role, n.content, n.error_message, n.model, n.total_tokens, n.input_tokens, n.output_tokens,
                n.user_message_id, n.content_type, n.elapsed_ms, n.completion_id, n.message_timestamp)
               is distinct from
               ((n.old).role, (n.old).content, (n.old).error_message, (n.old).model, (n.old).total_tokens,
                (n.old).input_tokens, (n.old).output_tokens, (n.old).user_message_id, (n.old).content_type,
                (n.old).elapsed_ms, (n.old).completion_id, (n.old).message_timestamp)
    ), priced as (
        -- What the model cost when it was counted; another model costs what it does now.
        select d.*, case when d.error_message is not null then null
                         when (d.was_counted or d.was_remembered) and (d.old).model = d.model and (d.old).role = d.role
                             then ((d.old).metadata ->> 'unit_cost')::numeric
                         else case d.role when 'user' then u.input_cost when 'assistant' then u.output_cost end
                    end as unit_cost,
               case when d.role <> 'assistant' or d.user_message_id is null then null
                    when (d.was_counted or d.was_remembered) and (d.old).model = d.model and (d.old).role = d.role
                        then ((d.old).metadata ->> 'question_unit_cost')::numeric
                    else u.input_cost
               end as question_unit_cost
          from different d
          left join units u on u.model = d.model
    ), changed as (
        update public.chat_messages m
           set metadata = m.metadata || chatkeep.charge(
                   n.unit_cost, case n.role when 'user' then n.input_tokens when 'assistant' then n.output_tokens end)
                   || case when n.question_unit_cost is null then '{}'
                           else jsonb_build_object('question_unit_cost', n.question_unit_cost) end,
               role = n.role, content = n.content, error_message = n.error_message, model = n.model,
               total_tokens = n.total_tokens, input_tokens = n.input_tokens, output_tokens = n.output_tokens,
               user_message_id = n.user_message_id, content_type = n.content_type, elapsed_ms = n.elapsed_ms,
               completion_id = n.completion_id, message_timestamp = n.message_timestamp
          from priced n
         where m.user_id = p_user_id and m.ctid = any (array(select (d.old).place from different d)) and m.id = n.id
        returning n.*
    ), counted as (
        select c.id, c.role, c.model, not (c.was_counted or c.was_remembered) as is_new, c.unit_cost,
               c.user_message_id, c.question_unit_cost, c.old_input, (c.old).model as old_model,
               (c.old_input + c.old_output) * coalesce(((c.old).metadata ->> 'unit_cost')::numeric, 0) as old_cost,
               case c.role when 'user' then coalesce(c.input_tokens, 0) when 'assistant' then coalesce(c.output_tokens, 0)
                           else 0 end as tokens,
               case when c.role = 'user' then coalesce(c.input_tokens, 0) else 0 end - c.old_input as input_tokens,
               case when c.role = 'assistant' then coalesce(c.output_tokens, 0) else 0 end - c.old_output as output_tokens
          from changed c
         where c.error_message is null
    ), questions as (
        -- Of answers that are counted only now.
        select a.model, coalesce(nullif(a.question, 'null')::int, q.input_tokens) as tokens, a.question_unit_cost as unit_cost
          from (select c.model, c.user_message_id, c.question_unit_cost, v_sent -> c.user_message_id as question
                  from counted c
                 where c.role = 'assistant' and c.is_new and c.model is not null and c.user_message_id is not null) a
          left join lateral (select q.id, q.model, q.input_tokens from public.chat_messages q
                              where q.user_id = p_user_id and q.id = a.user_message_id and q.role = 'user'
                                and q.error_message is null
                              limit 1) q on true
         where q.model is null and a.question is distinct from 'false' and (a.question is not null or q.id is not null)
        union all
        -- Whose tokens change, or which name a model at last, after their answers were counted.
        select a.model, case when c.model is null then c.tokens else 0 end
                        - case when c.old_model is null then c.old_input else 0 end, a.unit_cost
          from counted c
         cross join lateral chatkeep.answer_costs(p_user_id, c.id) a
         where not v_stored ? a.id and c.role = 'user' and c.old_model is null and (c.input_tokens <> 0 or c.model is not null)
    ), grouped as (
        select model, count(*) filter (where is_new and role = 'user') as sent,
               count(*) filter (where is_new and role = 'assistant') as received,
               sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
               sum(tokens * coalesce(unit_cost, 0) - old_cost) as cost
          from counted
         group by model
    )
    select coalesce(jsonb_agg(to_jsonb(g)), '[]')
      into v_updated
      from (select g.*, 0 as question_tokens from grouped g
            union all
            select q.model, 0, 0, 0, 0, sum(q.tokens * q.unit_cost), sum(q.tokens) from questions q
             group by q.model having sum(q.tokens) <> 0) g;

    return v_inserted || v_updated;
end
$$;

-- How many of these new sessions usage has not counted yet: one that comes back after it was deleted has been.
create or replace function chatkeep.uncounted_sessions(p_user_id uuid, p_session_ids text[]) returns int
    language sql stable set search_path = ''
as $$
    select count(*)::int
      from unnest(p_session_ids) as s (id)
     where not exists (select from chatkeep.counted_sessions c where c.user_id = p_user_id and c.session_id = s.id)
$$;

-- Creates a session, or answers with the one that the same request made before; another title for an
-- id that is taken is a conflict.
create or replace function chatkeep.create_session(p_user_id uuid, p_id text, p_title text) returns public.chat_sessions
    language plpgsql set search_path = ''
as $$
declare
    v_session public.chat_sessions;
begin
    perform chatkeep.begin_write(p_user_id);
    insert into public.chat_sessions (user_id, id, title)
    values (p_user_id, p_id, coalesce(nullif(p_title, ''), 'New Chat'))
    on conflict (user_id, id) do nothing
    returning * into v_session;
    if found then
        if chatkeep.uncounted_sessions(p_user_id, array [p_id]) = 1 then
            perform public.track_user_usage(p_user_id, p_session_created => true);
        end if;
        return v_session;
    end if;
    select * into v_session from public.chat_sessions s where s.user_id = p_user_id and s.id = p_id;
    if v_session.title <> coalesce(nullif(p_title, ''), v_session.title) then
        raise sqlstate 'PT409' using message = 'session_exists: A session with this id exists and has another title.';
    end if;
    return v_session;
end
$$;

-- Stores one message in a session of the caller and returns it as stored. For a single message planning
-- would cost more than a plan made for it could win.
create or replace function chatkeep.append_message(p_user_id uuid, p_session_id text, p_message jsonb) returns public.chat_messages
    language plpgsql set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
    v_messages chatkeep.incoming_message[];
    v_stored   public.chat_messages;
begin
    perform chatkeep.begin_write(p_user_id);
    perform from public.chat_sessions s where s.user_id = p_user_id and s.id = p_session_id;
    if not found then
        raise sqlstate 'PT404' using message = 'session_not_found: There is no such session.';
    end if;
    select array_agg(m) into v_messages from chatkeep.read_messages(1, p_session_id, jsonb_build_array(p_message)) m;
    v_messages := chatkeep.recognise_answers(p_user_id, v_messages);
    perform from public.chat_messages m
      where m.user_id = p_user_id and m.id = v_messages[1].id and m.session_id <> p_session_id;
    if found then
        raise sqlstate 'PT409' using message = 'message_in_other_session: A message with this id belongs to another session.';
    end if;

    perform chatkeep.record_usage(p_user_id, chatkeep.store_messages(p_user_id, v_messages), 0);

    select * into v_stored from public.chat_messages m where m.user_id = p_user_id and m.id = v_messages[1].id;
    return v_stored;
end
$$;

-- Stores a batch of conversations, [{ord, conversation}], each id at most once in it, and returns an
-- entry for each: [{ord, conversationId, status, messageCount} or {ord, conversationId, error}]. A
-- conversation that holds a message of another one is refused here; one that breaks a constraint fails
-- the batch. Plans are made for the batch at hand: one that does for any size joins a large one row by row.
create or replace function chatkeep.sync_batch(p_user_id uuid, p_batch jsonb) returns jsonb
    language plpgsql set search_path = '' set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
    v_messages chatkeep.incoming_message[];
    v_refused  text[] := '{}';
    v_losers   text[];
    v_ids      text[];
    v_new      text[];
    v_part     chatkeep.incoming_message[];
    v_usage    jsonb := '[]';
    v_first    boolean;
begin
    -- The last of two messages with one id in one conversation is the one that counts.
    select array_agg(m::chatkeep.incoming_message) into v_messages
      from (select distinct on (r.conversation, r.id) r.*
              from jsonb_array_elements(p_batch) as b (item)
             cross join lateral chatkeep.read_messages((b.item ->> 'ord')::int, b.item -> 'conversation' ->> 'id',
                                                       coalesce(nullif(b.item -> 'conversation' -> 'messages', 'null'), '[]')) r
             order by r.conversation, r.id, r.position desc) m;
    v_messages := chatkeep.recognise_answers(p_user_id, v_messages);

    -- An id can stand in one session only: the stored one, or else that of the first conversation which
    -- names it and is not refused itself. Refusing one can free the ids that it named, so this goes by
    -- rounds; what is still in doubt in the last one is refused.
    select array_agg(distinct m.session_id) into v_losers
      from unnest(v_messages) m
     cross join lateral (select o.session_id from public.chat_messages o
                          where o.user_id = p_user_id and o.id = m.id limit 1) o
     where o.session_id <> m.session_id;
    for v_round in 1 .. 8 loop
        if v_losers is not null then
            v_refused := v_refused || v_losers;
            select array_agg(m) into v_messages from unnest(v_messages) m
             where not (m.session_id = any (v_refused));
        end if;
        with claimed as (
            select distinct c.session_id, c.holder
              from (select u.session_id, first_value(u.session_id) over (partition by u.id order by u.conversation) as holder
                      from unnest(v_messages) u) c
             where c.session_id <> c.holder
        )
        select array_agg(distinct c.session_id) into v_losers
          from claimed c
         where v_round = 7 or not exists (select from claimed h where h.session_id = c.holder);
        exit when v_losers is null;
    end loop;

    select coalesce(array_agg(b.item -> 'conversation' ->> 'id'), '{}') into v_ids
      from jsonb_array_elements(p_batch) as b (item)
     where b.item -> 'conversation' ->> 'id' <> all (v_refused);

    with fresh as (
        insert into public.chat_sessions (user_id, id, title, created_at, updated_at, last_activity)
        select p_user_id, c.id, coalesce(nullif(c.title, ''), 'New Chat'),
               least(coalesce(c."createdAt", t.oldest, c."updatedAt", now()), now()), u.updated_at, u.updated_at
          from jsonb_array_elements(p_batch) as b (item)
         cross join lateral jsonb_to_record(b.item -> 'conversation')
               as c (id text, title text, "createdAt" timestamptz, "updatedAt" timestamptz)
          left join (select m.session_id, min(m.message_timestamp) as oldest, max(m.message_timestamp) as newest
                       from unnest(v_messages) m group by m.session_id) t on t.session_id = c.id
         cross join lateral (select least(coalesce(c."updatedAt", t.newest, c."createdAt", now()), now()) as updated_at) u
         where c.id = any (v_ids)
         order by c.id
        on conflict (user_id, id) do nothing
        returning id
    )
    select coalesce(array_agg(id), '{}') into v_new from fresh;

    -- Before the messages, whose trigger moves updated_at: a title from a device that has not seen the
    -- latest change is an old title.
    update public.chat_sessions s
       set title = c.title
      from jsonb_array_elements(p_batch) as b (item)
     cross join lateral jsonb_to_record(b.item -> 'conversation') as c (id text, title text, "updatedAt" timestamptz)
     where s.user_id = p_user_id and s.id = any (v_ids) and s.id <> all (v_new)
       and s.id = c.id and c.title <> '' and c.title <> s.title
       and (c."updatedAt" is null or c."updatedAt" > s.updated_at);

    foreach v_first in array array [true, false] loop
        select array_agg(m) into v_part
          from unnest(v_messages) m
          left join unnest(v_new) n (id) on n.id = m.session_id
         where (n.id is not null) = v_first;
        if v_part is not null then
            perform set_config('chatkeep.first_upload', case when v_first then 'on' else 'off' end, true);
            v_usage := v_usage || chatkeep.store_messages(p_user_id, v_part);
            perform set_config('chatkeep.first_upload', 'off', true);
        end if;
    end loop;

    perform chatkeep.record_usage(p_user_id, v_usage, chatkeep.uncounted_sessions(p_user_id, v_new));

    return (
        select jsonb_agg(case
                   when c.id = any (v_refused)
                       then jsonb_build_object('ord', c.ord, 'conversationId', c.id,
                                               'error', 'A message of it belongs to another conversation.')
                   else jsonb_build_object('ord', c.ord, 'conversationId', c.id, 'status', 'synced',
                                           'messageCount', s.message_count)
               end)
          from (select b.item -> 'conversation' ->> 'id' as id, b.item -> 'ord' as ord
                  from jsonb_array_elements(p_batch) as b (item)) c
          left join lateral (select o.message_count from public.chat_sessions o
                              where o.user_id = p_user_id and o.id = c.id limit 1) s on true);
end
$$;

-- Stores a batch as a whole, or, where something in it breaks a rule, in halves, until the
-- conversations at fault stand alone and are reported; nothing of those is kept.
create or replace function chatkeep.sync_isolating(p_user_id uuid, p_batch jsonb) returns jsonb
    language plpgsql set search_path = ''
as $$
declare
    v_size int := jsonb_array_length(p_batch);
    v_half int := v_size / 2;
begin
    begin
        return chatkeep.sync_batch(p_user_id, p_batch);
    exception when data_exception or integrity_constraint_violation then
        if v_size = 1 then
            return jsonb_build_array(jsonb_build_object(
                'ord', p_batch -> 0 -> 'ord',
                'conversationId', p_batch -> 0 -> 'conversation' -> 'id',
                'error', 'A value of it is missing, malformed or out of range.'));
        end if;
    end;
    return chatkeep.sync_isolating(p_user_id, (select jsonb_agg(item order by ord)
                                                 from jsonb_array_elements(p_batch) with ordinality as b (item, ord)
                                                where ord <= v_half))
        || chatkeep.sync_isolating(p_user_id, (select jsonb_agg(item order by ord)
                                                 from jsonb_array_elements(p_batch) with ordinality as b (item, ord)
                                                where ord > v_half));
end
$$;

-- Stores conversations in the shape in which clients upload them: {synced, errors, details[]}, details
-- in the order of the upload. One bad conversation does not undo the others.
create or replace function public.sync_user_conversations(user_uuid uuid, conversations_data jsonb) returns jsonb
    language plpgsql set search_path = ''
as $$
declare
    v_details jsonb;
    v_batch   jsonb;
begin
    perform chatkeep.begin_write(user_uuid);
    if jsonb_typeof(conversations_data) is distinct from 'array' then
        raise sqlstate 'PT400' using message = 'invalid_body: The conversations must be an array.';
    end if;

    -- What can be told from the conversation alone.
    select coalesce(jsonb_agg(jsonb_build_object('ord', ord, 'conversationId', item -> 'id', 'error', error)), '[]')
      into v_details
      from chatkeep.check_conversations(user_uuid, conversations_data)
     where error is not null;

    -- A conversation that is uploaded twice in one request is stored twice, one after the other.
    for v_batch in
        select jsonb_agg(jsonb_build_object('ord', ord, 'conversation', item) order by ord)
          from (select ord, item, row_number() over (partition by item ->> 'id' order by ord) as turn
                  from chatkeep.check_conversations(user_uuid, conversations_data)
                 where error is null) c
         group by turn
         order by turn
    loop
        v_details := v_details || chatkeep.sync_isolating(user_uuid, v_batch);
    end loop;

    return (
        select jsonb_build_object(
                   'synced', count(*) filter (where not item ? 'error'),
                   'errors', count(*) filter (where item ? 'error'),
                   'details', coalesce(jsonb_agg(item - 'ord' order by (item ->> 'ord')::int), '[]'))
          from jsonb_array_elements(v_details) as d (item));
end
$$;

-- The conversations of an upload in order, each with what is wrong with it as a whole, or null.
create or replace function chatkeep.check_conversations(p_user_id uuid, p_conversations jsonb)
    returns table (ord bigint, item jsonb, error text)
    language sql immutable set search_path = ''
as $$
    select c.ord, c.item,
           case
               when jsonb_typeof(c.item) <> 'object' then 'A conversation must be an object.'
               when jsonb_typeof(c.item -> 'id') is distinct from 'string' or c.item ->> 'id' = '' then 'The conversation has no id.'
               when lower(c.item ->> 'userId') <> p_user_id::text then 'The conversation belongs to another user.'
               when jsonb_typeof(c.item -> 'messages') not in ('array', 'null') then 'The messages must be an array.'
               when exists (select from jsonb_array_elements(
                                case jsonb_typeof(c.item -> 'messages') when 'array' then c.item -> 'messages' else '[]' end) m
                             where jsonb_typeof(m.value) <> 'object') then 'A message must be an object.'
           end
      from jsonb_array_elements(p_conversations) with ordinality as c (item, ord)
$$;

revoke execute on function public.update_session_stats(), public.update_session_timestamp(),
    public.get_user_recent_sessions(uuid, int), public.get_session_with_messages(text, uuid),
    public.sync_user_conversations(uuid, jsonb) from public, anon, authenticated;
grant execute on function public.get_user_recent_sessions(uuid, int), public.get_session_with_messages(text, uuid),
    public.sync_user_conversations(uuid, jsonb) to authenticated, service_role;

revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.read_messages(int, text, jsonb), chatkeep.charge(numeric, bigint), chatkeep.answer_costs(uuid, text),
    chatkeep.store_messages(uuid, chatkeep.incoming_message[]),
    chatkeep.uncounted_sessions(uuid, text[]), chatkeep.create_session(uuid, text, text),
    chatkeep.append_message(uuid, text, jsonb), chatkeep.sync_batch(uuid, jsonb), chatkeep.sync_isolating(uuid, jsonb),
    chatkeep.check_conversations(uuid, jsonb) to authenticated, service_role;

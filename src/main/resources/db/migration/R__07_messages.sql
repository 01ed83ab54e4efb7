-- Sessions and messages: how they are read as a whole, and how they are stored and counted. What users call has the rights
-- of the owner, checks who calls and names the user in each condition; what it is built of nobody else may call, or figures
-- could be made up. Times without a zone are times of UTC.

-- The title of a session that has none: how its first question begins, up to the end of a word.
create or replace function chatkeep.title_of(p_question text) returns text
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_text constant text := btrim(regexp_replace(left(p_question, 1000), '\s+', ' ', 'g'));
begin
    return coalesce(nullif(case when char_length(v_text) > 80
                                then coalesce(substring(left(v_text, 80) from '^(.{40,79}) '), rtrim(left(v_text, 79))) || '…'
                                else v_text end, ''), 'New Chat');
end
$$;

-- Creates a session, or answers with the one that the same request made before; another title for an
-- id that is taken is a conflict.
create or replace function chatkeep.create_session(p_user_id uuid, p_id text, p_title text) returns public.chat_sessions
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
        perform chatkeep.count_sessions(p_user_id, array [p_id]);
        return v_session;
    end if;
    select * into v_session from public.chat_sessions s where s.user_id = p_user_id and s.id = p_id;
    if v_session.title <> coalesce(nullif(p_title, ''), v_session.title) then
        raise sqlstate 'PT409' using message = 'session_exists: A session with this id exists and has another title.';
    end if;
    return v_session;
end
$$;

-- Any change of a message has the time at which it is made: whoever asks for what is new since then has to find it. That of a
-- new message is a default, so that storing one costs no more.
create or replace function chatkeep.update_message_timestamp() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$$;

-- The newest sessions of a user. With the rights of the owner, like all that administrators may ask about
-- others: policies show users their own rows only.
create or replace function public.get_user_recent_sessions(user_uuid uuid, session_limit int default 10)
    returns table (
        id text, title varchar, message_count int, total_tokens bigint, last_model varchar, last_message_preview text,
        last_message_timestamp timestamptz, is_active boolean, created_at timestamptz, updated_at timestamptz,
        last_activity timestamptz)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(requesting_user_uuid);
    return (
        select to_jsonb(s) || jsonb_build_object('messages', (
                   select coalesce(jsonb_agg(to_jsonb(m) order by m.message_timestamp, m.ordinal), '[]')
                     from public.chat_messages m
                    where m.user_id = s.user_id and m.session_id = s.id))
          from public.chat_sessions s
         where s.user_id = requesting_user_uuid and s.id = session_text_id);
end
$$;

-- Reads messages in the shape in which clients send them. What a client did not say stays null.
create or replace function chatkeep.read_messages(p_conversation int, p_session_id text, p_messages jsonb)
    returns setof chatkeep.incoming_message
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select p_conversation, m.position::int, p_session_id, m.id, m.role, m.content, m.model, m.total_tokens, m.input_tokens,
               m.output_tokens, m.user_message_id, m."contentType",
               coalesce(m.elapsed_ms, round(m.elapsed_time * 1000)::int), m.completion_id,
               m.timestamp, case when m.error then 'failed' end, null::boolean,
               case when num_nonnulls(m.reasoning, m.reasoning_details, m.annotations, m.error_code, m.retry_available,
                                      m.has_websearch, m.websearch_result_count, m.original_model, m."originalModel",
                                      m.was_streaming, m.requested_web_search, m.requested_web_max_results,
                                      m.requested_reasoning_effort) > 0
                    then (select jsonb_object_agg(e.key, e.value)
                            from jsonb_each(jsonb_build_object(
                                     'reasoning', m.reasoning, 'reasoning_details', m.reasoning_details,
                                     'annotations', m.annotations, 'error_code', m.error_code,
                                     'retry_available', m.retry_available, 'has_websearch', m.has_websearch,
                                     'websearch_result_count', m.websearch_result_count,
                                     'original_model', coalesce(m.original_model, m."originalModel"),
                                     'was_streaming', m.was_streaming, 'requested_web_search', m.requested_web_search,
                                     'requested_web_max_results', m.requested_web_max_results,
                                     'requested_reasoning_effort', m.requested_reasoning_effort)) e
                           where e.value <> 'null') end
          from rows from (jsonb_to_recordset(p_messages) as (
                   id text, role text, content text, model text, total_tokens int, input_tokens int, output_tokens int,
                   user_message_id text, "contentType" text, elapsed_time numeric, elapsed_ms int, completion_id text,
                   timestamp timestamptz, error boolean, reasoning text, reasoning_details jsonb, annotations jsonb,
                   error_code text, retry_available boolean, has_websearch boolean, websearch_result_count int,
                   original_model text, "originalModel" text, was_streaming boolean, requested_web_search boolean,
                   requested_web_max_results int, requested_reasoning_effort text)) with ordinality
                   as m (id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, "contentType",
                         elapsed_time, elapsed_ms, completion_id, timestamp, error, reasoning, reasoning_details, annotations,
                         error_code, retry_available, has_websearch, websearch_result_count, original_model, "originalModel",
                         was_streaming, requested_web_search, requested_web_max_results, requested_reasoning_effort, position);
end
$$;

-- The same of one message.
create or replace function chatkeep.read_message(p_session_id text, p_message jsonb) returns chatkeep.incoming_message
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_extras constant text[] := '{reasoning,reasoning_details,annotations,error_code,retry_available,has_websearch,websearch_result_count,original_model,originalModel,was_streaming,requested_web_search,requested_web_max_results,requested_reasoning_effort}';
begin
    return row(1, 1, p_session_id, p_message ->> 'id', p_message ->> 'role', p_message ->> 'content', p_message ->> 'model',
               (p_message ->> 'total_tokens')::int, (p_message ->> 'input_tokens')::int, (p_message ->> 'output_tokens')::int,
               p_message ->> 'user_message_id', p_message ->> 'contentType',
               coalesce((p_message ->> 'elapsed_ms')::int, round((p_message ->> 'elapsed_time')::numeric * 1000)::int),
               p_message ->> 'completion_id',
               (p_message ->> 'timestamp')::timestamptz, case when (p_message ->> 'error')::boolean then 'failed' end,
               null, case when p_message ?| c_extras
                          then (select m.extras from chatkeep.read_messages(1, p_session_id, jsonb_build_array(p_message)) m) end
               )::chatkeep.incoming_message;
end
$$;

-- The last of messages that have one id in one conversation is the one that counts.
create or replace function chatkeep.last_of_each(p_messages chatkeep.incoming_message[]) returns chatkeep.incoming_message[]
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    perform from unnest(p_messages) m group by m.conversation, m.id having count(*) > 1 limit 1;
    if not found then
        return p_messages;
    end if;
    return array(
        select d.m
          from (select distinct on (u.conversation, u.id) u as m, u.conversation, u.position
                  from unnest(p_messages) u
                 order by u.conversation, u.id, u.position desc) d
         order by d.conversation, d.position);
end
$$;

-- The messages with times that are possible: those that clients say of an exchange come from clocks that differ. An answer
-- stands after its question. Where only some messages of an upload say a time, the others stand where the upload has them.
create or replace function chatkeep.in_order(p_user_id uuid, p_messages chatkeep.incoming_message[])
    returns chatkeep.incoming_message[]
    language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
    c_step    constant interval := '1 millisecond';
    v_message chatkeep.incoming_message;
    v_moved   record;
begin
    if (select bool_or(m.message_timestamp is null) and bool_or(m.message_timestamp is not null) from unnest(p_messages) m) then
        for v_moved in
            select u.index, coalesce(o.message_timestamp, u.before, chatkeep.storable_time(u.after - c_step)) as at
              from (select m.id, m.message_timestamp, m.index,
                           max(m.message_timestamp) over (partition by m.conversation order by m.position) as before,
                           min(m.message_timestamp) over (partition by m.conversation order by m.position desc) as after
                      from (select n.conversation, n.position, n.id, n.message_timestamp, row_number() over () as index
                              from unnest(p_messages) n) m) u
              left join lateral (select s.message_timestamp from public.chat_messages s
                                  where s.user_id = p_user_id and s.id = u.id limit 1) o on true
             where u.message_timestamp is null and coalesce(u.before, u.after) is not null
        loop
            v_message := p_messages[v_moved.index];
            v_message.message_timestamp := v_moved.at;
            p_messages[v_moved.index] := v_message;
        end loop;
    end if;
    for v_moved in
        with said as materialized (
            select n.conversation, n.position, n.id, n.role, n.user_message_id, n.message_timestamp, row_number() over () as index
              from unnest(p_messages) n)
        select a.index, t.asked + c_step as at
          from said a
          left join said q on q.id = a.user_message_id and q.conversation = a.conversation and q.role = 'user'
          left join lateral (select s.message_timestamp from public.chat_messages s
                              where q.message_timestamp is null and s.user_id = p_user_id and s.id = a.user_message_id
                                and s.role = 'user' limit 1) o on true
         cross join lateral (select coalesce(q.message_timestamp, o.message_timestamp) as asked) t
         where a.user_message_id is not null and a.role <> 'user'
           and (t.asked > coalesce(a.message_timestamp, now()) or t.asked = a.message_timestamp and q.position > a.position)
        union all
        -- A question that arrives, or is moved, behind an answer that is stored.
        select m.index, t.answered - c_step
          from said m
          left join lateral (select s.message_timestamp from public.chat_messages s
                              where s.user_id = p_user_id and s.id = m.id limit 1) o on true
         cross join lateral (select min(s.message_timestamp) as answered from public.chat_messages s
                              where s.user_id = p_user_id and s.user_message_id = m.id and s.role <> 'user') t
         where m.role = 'user' and m.message_timestamp >= t.answered
           and (o.message_timestamp is null or m.message_timestamp > o.message_timestamp)
           and not exists (select from said a where a.user_message_id = m.id and a.conversation = m.conversation)
    loop
        v_message := p_messages[v_moved.index];
        v_message.message_timestamp := chatkeep.storable_time(v_moved.at);
        p_messages[v_moved.index] := v_message;
    end loop;
    return p_messages;
end
$$;

-- What of these messages is new or different from what is stored, as it is to be from now on. What a re-sent message
-- does not say is kept, each of its extras by itself; a total that a client leaves out is the sum of what it counts.
--
-- Of an answer that the service itself received, and of its question (metadata.stream_id), it knows best what the
-- tokens were, which model it was, when it was said, and whether it failed; a device that has seen less of the text takes none away.
--
-- Stored rows are looked up one by one by their key (lateral, limit 1): left to itself the planner may prefer to read all
-- that the user has.
create or replace function chatkeep.merge_messages(p_user_id uuid, p_messages chatkeep.incoming_message[])
    returns chatkeep.incoming_message[]
    language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
as $$
begin
    return (
        select array_agg(row(
                   n.conversation, n.position, n.session_id, n.id, n.role, x.content, x.model, x.total_tokens, x.input_tokens,
                   x.output_tokens, x.user_message_id, x.content_type, x.elapsed_ms, x.completion_id, x.message_timestamp,
                   x.error_message, o.id is not null and o.error_message is null, x.extras)::chatkeep.incoming_message)
          from unnest(p_messages) n
          left join lateral (select o.* from public.chat_messages o where o.user_id = p_user_id and o.id = n.id limit 1) o on true
          -- What the calls of the service took of a message that is not stored (any more): of a question, all that it was
          -- asked with.
          left join lateral (select case n.role when 'assistant' then k.output_tokens::int end as output_tokens,
                                    case n.role when 'user' then (
                                        select coalesce(sum(c.input_tokens), 0)::int from chatkeep.charges c
                                         where c.user_id = p_user_id and c.question_id = n.id and c.stream_id is not null) end as input_tokens,
                                    true as is_there
                               from chatkeep.charges k
                              where o.id is null and k.user_id = p_user_id and k.message_id = n.id and k.stream_id is not null
                              limit 1) k on true
         cross join lateral (
               select case when o.id is null then k.is_there is true else o.metadata ? 'stream_id' end as by_service) s
         cross join lateral (
               select coalesce(case when s.by_service then k.input_tokens else n.input_tokens end, o.input_tokens) as input_tokens,
                      coalesce(case when s.by_service then k.output_tokens else n.output_tokens end, o.output_tokens) as output_tokens) t
         cross join lateral (
               select case when s.by_service and n.role = 'assistant' and starts_with(o.content, n.content)
                           then o.content else n.content end as content,
                      coalesce(case when s.by_service then o.model end, n.model, o.model) as model,
                      coalesce(case when not s.by_service then n.total_tokens end,
                               case when t.input_tokens is distinct from o.input_tokens or t.output_tokens is distinct from o.output_tokens
                                    then coalesce(t.input_tokens, 0) + coalesce(t.output_tokens, 0)
                                    else o.total_tokens end) as total_tokens,
                      t.input_tokens, t.output_tokens,
                      coalesce(n.user_message_id, o.user_message_id) as user_message_id,
                      coalesce(n.content_type, o.content_type) as content_type,
                      coalesce(n.elapsed_ms, o.elapsed_ms) as elapsed_ms,
                      coalesce(n.completion_id, o.completion_id) as completion_id,
                      coalesce(case when s.by_service or o.metadata ? 'server_time' then o.message_timestamp end,
                               n.message_timestamp, o.message_timestamp, now()) as message_timestamp,
                      case when s.by_service then o.error_message
                           when n.error_message is not null then coalesce(o.error_message, n.error_message) end as error_message,
                      case when n.extras is null then o.extras when o.extras is null then n.extras
                           when s.by_service then n.extras || o.extras else o.extras || n.extras end as extras) x
         where o.id is null
            or (n.role, x.content, x.model, x.total_tokens, x.input_tokens, x.output_tokens, x.user_message_id, x.content_type,
                x.elapsed_ms, x.completion_id, x.message_timestamp, x.error_message, x.extras)
               is distinct from
               (o.role, o.content, o.model, o.total_tokens, o.input_tokens, o.output_tokens, o.user_message_id, o.content_type,
                o.elapsed_ms, o.completion_id, o.message_timestamp, o.error_message, o.extras));
end
$$;

-- Stores messages of sessions that exist, and counts them: new ones are inserted, changed ones updated, the same ones left
-- alone. The caller has begun the write and knows that none of the ids stands in another session.
create or replace function chatkeep.store_messages(p_user_id uuid, p_messages chatkeep.incoming_message[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_messages constant chatkeep.incoming_message[] := chatkeep.merge_messages(p_user_id, chatkeep.in_order(p_user_id, p_messages));
begin
    if v_messages is not null then
        perform chatkeep.charge_messages(p_user_id, v_messages);
        perform chatkeep.write_messages(p_user_id, v_messages);
    end if;
end
$$;

-- Inserts messages that have been charged, or updates them. A message notes what it was charged in its metadata (cost,
-- unit_cost); the ledger does not read that. The plan is one for any size, because that of a foreign key is made anew for each
-- row otherwise.
create or replace function chatkeep.write_messages(p_user_id uuid, p_messages chatkeep.incoming_message[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
    c_notes constant text[] := '{unit_cost,cost,question_unit_cost}';
begin
    insert into public.chat_messages as m (
        user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
        content_type, elapsed_ms, completion_id, message_timestamp, error_message, metadata, extras)
    select p_user_id, n.id, n.session_id, n.role, n.content, n.model, n.total_tokens, n.input_tokens, n.output_tokens,
           n.user_message_id, n.content_type, n.elapsed_ms, n.completion_id, n.message_timestamp, n.error_message,
           coalesce(k.note, '{}'), n.extras
      from unnest(p_messages) n
      -- Without a price there is nothing to note.
      left join lateral (select case when num_nonnulls(c.told_cost, c.input_cost, c.output_cost, c.stream_id) > 0
                                     then chatkeep.cost_note(c) end as note
                           from chatkeep.charges c
                          where c.user_id = p_user_id and c.message_id = n.id limit 1) k on n.error_message is null
     order by n.conversation, n.position
    on conflict (user_id, id) do update
        set role = excluded.role, content = excluded.content, model = excluded.model, total_tokens = excluded.total_tokens,
            input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
            user_message_id = excluded.user_message_id, content_type = excluded.content_type,
            elapsed_ms = excluded.elapsed_ms, completion_id = excluded.completion_id,
            message_timestamp = excluded.message_timestamp, error_message = excluded.error_message, extras = excluded.extras,
            metadata = case when m.metadata ? 'stream_id' then m.metadata else m.metadata - c_notes || excluded.metadata end;
end
$$;

-- What there is to know before one message is stored. An answer stands after its question: stands_by is the time of the one
-- that is stored already (see in_order). A question may be that of a call which knows its text alone (recognise_questions),
-- an answer that of a call which knows the provider's id of it (recognise_answers).
create or replace function chatkeep.before_message(
    p_user_id uuid, p_message chatkeep.incoming_message,
    out has_session boolean, out is_stored boolean, out may_be_of_call boolean, out stands_by timestamptz)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    select exists (select from public.chat_sessions s where s.user_id = p_user_id and s.id = p_message.session_id),
           exists (select from public.chat_messages m where m.user_id = p_user_id and m.id = p_message.id),
           case when p_message.role = 'user'
                then exists (select from chatkeep.completions c
                              where c.user_id = p_user_id and c.question_hash is not null and not c.question_named
                                and c.started_at > clock_timestamp() - interval '24 hours')
                else p_message.completion_id is not null
                     and exists (select from chatkeep.completions c
                                  where c.user_id = p_user_id and c.completion_id = p_message.completion_id) end,
           case when p_message.role = 'user'
                then (select min(m.message_timestamp) from public.chat_messages m
                       where m.user_id = p_user_id and m.user_message_id = p_message.id and m.role <> 'user')
                else (select m.message_timestamp from public.chat_messages m
                       where m.user_id = p_user_id and m.id = p_message.user_message_id and m.role = 'user') end
      into has_session, is_stored, may_be_of_call, stands_by;
end
$$;

-- Stores and counts one message that is new in every respect, in a session that exists: the short way. Null where it is not,
-- or counts for nothing; then nothing has happened. p_is_recognised: nobody has to look whether it is the question of a call.
create or replace function chatkeep.insert_message(
    p_user_id uuid, p_message chatkeep.incoming_message, p_is_recognised boolean) returns public.chat_messages
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    c_step      constant interval := '1 millisecond';
    v_is_answer constant boolean := p_message.role = 'assistant';
    v_before    record;
    v_charge    chatkeep.charges;
    v_stored    public.chat_messages;
begin
    if p_message.error_message is not null or p_message.role not in ('user', 'assistant') then
        return null;
    end if;
    v_before := chatkeep.before_message(p_user_id, p_message);
    if v_before.is_stored or not v_before.has_session
        or v_before.may_be_of_call and (v_is_answer or not p_is_recognised) then
        return null;
    end if;
    p_message.message_timestamp := coalesce(p_message.message_timestamp, now());
    if v_is_answer and v_before.stands_by > p_message.message_timestamp then
        p_message.message_timestamp := chatkeep.storable_time(v_before.stands_by + c_step);
    elsif not v_is_answer and v_before.stands_by <= p_message.message_timestamp then
        p_message.message_timestamp := chatkeep.storable_time(v_before.stands_by - c_step);
    end if;
    v_charge := chatkeep.charge_message(p_user_id, p_message);
    if v_charge.message_id is null then
        return null;
    end if;
    insert into public.chat_messages (
        user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
        content_type, elapsed_ms, completion_id, message_timestamp, metadata, extras)
    values (p_user_id, p_message.id, p_message.session_id, p_message.role, p_message.content, p_message.model,
            coalesce(p_message.total_tokens, case when p_message.input_tokens is not null or p_message.output_tokens is not null
                                                  then coalesce(p_message.input_tokens, 0) + coalesce(p_message.output_tokens, 0) end),
            p_message.input_tokens, p_message.output_tokens, p_message.user_message_id, p_message.content_type,
            p_message.elapsed_ms, p_message.completion_id, p_message.message_timestamp,
            case when v_charge.model is null then '{}' else chatkeep.cost_note(v_charge) end, p_message.extras)
    returning * into v_stored;
    return v_stored;
end
$$;

-- The charge of a call goes with the message that holds its answer now.
create or replace function chatkeep.move_charge(p_user_id uuid, p_stream_id text, p_message_id text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    update chatkeep.charges c
       set message_id = p_message_id
     where c.user_id = p_user_id and c.stream_id = p_stream_id and c.messages_received > 0 and c.message_id <> p_message_id;
    update chatkeep.completions c set message_id = p_message_id where c.user_id = p_user_id and c.id = p_stream_id;
end
$$;

-- What a call remembers of a question that has no id of its client's: enough to know the same text, and no word of it.
create or replace function chatkeep.question_hash(p_user_id uuid, p_text text) returns bytea
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return sha256(convert_to(p_user_id || ' ' || btrim(p_text, E' \t\r\n'), 'UTF8'));
end
$$;

-- Whether the id of a call's question is one that only the call knows: it stands in no other row.
create or replace function chatkeep.is_unnamed(p_call chatkeep.completions) returns boolean
    language sql immutable
    return p_call.question_hash is not null and not p_call.question_named;

-- Gives the question of a call the id by which its client knows it. What was counted of it goes with it; a client that had
-- uploaded it before the call has had it counted already.
create or replace function chatkeep.name_question(p_user_id uuid, p_stream_id text, p_question_id text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_notes constant text[] := '{unit_cost,cost,question_unit_cost}';
    v_old   text;
begin
    perform chatkeep.require_caller(p_user_id);
    select c.question_id into v_old from chatkeep.completions c where c.user_id = p_user_id and c.id = p_stream_id;
    update chatkeep.completions c
       set question_id = p_question_id, question_named = true
     where c.user_id = p_user_id and c.id = p_stream_id;
    update chatkeep.charges k
       set question_id = p_question_id
     where k.user_id = p_user_id and k.stream_id = p_stream_id and k.messages_received > 0;
    if not exists (select from chatkeep.charges k where k.user_id = p_user_id and k.message_id = p_question_id) then
        update chatkeep.charges k set message_id = p_question_id where k.user_id = p_user_id and k.message_id = v_old;
        return;
    end if;
    update chatkeep.charges k set messages_sent = 0 where k.user_id = p_user_id and k.message_id = v_old;
    update chatkeep.charges k
       set stream_id = p_stream_id, input_tokens = 0
     where k.user_id = p_user_id and k.message_id = p_question_id and k.stream_id is null;
    perform chatkeep.charge_questions(p_user_id, array [p_question_id]);
    update public.chat_messages m
       set input_tokens = k.input_tokens, total_tokens = k.input_tokens, model = coalesce(m.model, k.model),
           metadata = m.metadata - c_notes || jsonb_build_object(
               'stream_id', p_stream_id, 'cost', trim_scale(k.cost - chatkeep.answer_cost(k)))
      from chatkeep.charges k
     where k.user_id = p_user_id and k.stream_id = p_stream_id and k.messages_received > 0
       and m.user_id = p_user_id and m.id = p_question_id and m.role = 'user';
end
$$;

-- Questions that a client uploads after it has asked them here without an id: each is that of the first call of the last 24
-- hours that had the same text, and that no upload has claimed yet.
create or replace function chatkeep.recognise_questions(p_user_id uuid, p_messages chatkeep.incoming_message[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
    v_since   constant timestamptz := clock_timestamp() - interval '24 hours';
    v_message record;
    v_call    text;
begin
    perform from chatkeep.completions c
      where c.user_id = p_user_id and c.question_hash is not null and not c.question_named and c.started_at > v_since
      limit 1;
    if not found then
        return;
    end if;
    for v_message in
        select m.id, m.content from unnest(p_messages) m where m.role = 'user' and m.error_message is null order by m.conversation, m.position
    loop
        continue when exists (select from public.chat_messages m where m.user_id = p_user_id and m.id = v_message.id)
            or exists (select from chatkeep.charges k where k.user_id = p_user_id and k.message_id = v_message.id);
        select c.id into v_call
          from chatkeep.completions c
         where c.user_id = p_user_id and c.question_hash = chatkeep.question_hash(p_user_id, v_message.content)
           and not c.question_named and c.started_at > v_since and c.state in ('running', 'complete', 'interrupted')
         order by c.started_at, c.id
         limit 1;
        if found then
            perform chatkeep.name_question(p_user_id, v_call, v_message.id);
        end if;
    end loop;
end
$$;

-- Answers that came through here and that a client sends again under an id of its own: it knows the provider's id of
-- them (completion_id). One that is stored takes the first such id, so that client and server speak of one message;
-- later ids stand for the same message. One that is not, or not any more, is stored now and has been counted. Providers
-- may use an id twice: it must be an answer to the same question, or have the same content. What such an answer says that it
-- answers is the question of its call, where that has no id of its client's yet.
create or replace function chatkeep.recognise_answers(p_user_id uuid, p_messages chatkeep.incoming_message[])
    returns chatkeep.incoming_message[]
    language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
    v_message chatkeep.incoming_message;
    v_call    record;
    v_hash    bytea;
begin
    perform from chatkeep.completions c where c.user_id = p_user_id and c.completion_id is not null limit 1;
    if not found then
        return p_messages;
    end if;
    for v_index in 1 .. coalesce(cardinality(p_messages), 0) loop
        v_message := p_messages[v_index];
        continue when v_message.role <> 'assistant' or v_message.completion_id is null;
        v_hash := chatkeep.question_hash(p_user_id, coalesce(
            (select q.content from unnest(p_messages) q where q.id = v_message.user_message_id and q.role = 'user' limit 1),
            (select q.content from public.chat_messages q
              where q.user_id = p_user_id and q.id = v_message.user_message_id and q.role = 'user')));
        select c.id, c.message_id, m.id is not null as is_stored,
               chatkeep.is_unnamed(c) as is_unnamed into v_call
          from chatkeep.completions c
          left join public.chat_messages m on m.user_id = p_user_id and m.id = c.message_id
         where c.user_id = p_user_id and c.completion_id = v_message.completion_id and c.state in ('complete', 'interrupted')
           and case when m.id is null
                    then (c.session_id is null or c.session_id = v_message.session_id)
                         and (c.question_id is null or v_message.user_message_id is null or c.question_id = v_message.user_message_id
                              or c.question_hash is not null and (not c.question_named or c.question_hash = v_hash))
                    else m.session_id = v_message.session_id
                         and (m.user_message_id = v_message.user_message_id or m.content = v_message.content) end
           and not exists (select from public.chat_messages o where o.user_id = p_user_id and o.id = v_message.id)
           and not exists (select from chatkeep.charges k where k.user_id = p_user_id and k.message_id = v_message.id)
           and not exists (select from unnest(p_messages) o where o.id = c.message_id and o.id <> v_message.id)
         order by m.content = v_message.content desc nulls last, c.question_id = v_message.user_message_id desc nulls last,
                  c.question_hash = v_hash desc nulls last, c.started_at
         limit 1;
        continue when not found;
        if v_call.is_stored and v_call.message_id <> v_call.id then
            v_message.id := v_call.message_id;
            p_messages[v_index] := v_message;
            continue;
        end if;
        if v_call.is_stored then
            update public.chat_messages m set id = v_message.id where m.user_id = p_user_id and m.id = v_call.id;
        end if;
        perform chatkeep.move_charge(p_user_id, v_call.id, v_message.id);
        if v_call.is_unnamed and v_message.user_message_id is not null
            and not exists (select from chatkeep.charges k where k.user_id = p_user_id and k.message_id = v_message.user_message_id
                                                             and (k.stream_id is not null or k.messages_sent <> 1)) then
            perform chatkeep.name_question(p_user_id, v_call.id, v_message.user_message_id);
        end if;
    end loop;
    return p_messages;
end
$$;

-- Stores one message in a session of the caller, which it makes if it is not there, and returns it as stored. For a single
-- message planning would cost more than a plan made for it could win.
create or replace function chatkeep.append_message(p_user_id uuid, p_session_id text, p_message jsonb, p_title text default null)
    returns public.chat_messages
    language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
    set timezone = 'UTC'
as $$
declare
    v_messages chatkeep.incoming_message[];
    v_message  chatkeep.incoming_message;
    v_stored   public.chat_messages;
begin
    perform chatkeep.begin_write(p_user_id);
    v_message := chatkeep.read_message(p_session_id, p_message);
    v_stored := chatkeep.insert_message(p_user_id, v_message, false);
    if v_stored.id is not null then
        return v_stored;
    end if;
    if not exists (select from public.chat_sessions s where s.user_id = p_user_id and s.id = p_session_id) then
        perform chatkeep.create_session(p_user_id, p_session_id, coalesce(nullif(p_title, ''), chatkeep.title_of(
            case when v_message.role = 'user' then v_message.content end)));
    end if;
    perform chatkeep.recognise_questions(p_user_id, array [v_message]);
    v_stored := chatkeep.insert_message(p_user_id, v_message, true);
    if v_stored.id is not null then
        return v_stored;
    end if;
    v_messages := chatkeep.recognise_answers(p_user_id, array [v_message]);
    perform from public.chat_messages m
      where m.user_id = p_user_id and m.id = v_messages[1].id and m.session_id <> p_session_id;
    if found then
        raise sqlstate 'PT409' using message = 'message_in_other_session: A message with this id belongs to another session.';
    end if;
    perform chatkeep.store_messages(p_user_id, v_messages);
    select * into v_stored from public.chat_messages m where m.user_id = p_user_id and m.id = v_messages[1].id;
    return v_stored;
end
$$;

-- Stores messages in a session of the caller, all of them or none, and makes the session if it is not there. Returns them as
-- stored, in the order in which they came. The last of two with one id is the one that counts, as in an upload.
create or replace function chatkeep.append_messages(p_user_id uuid, p_session_id text, p_messages jsonb, p_title text default null)
    returns setof public.chat_messages
    language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off set work_mem = '64MB'
as $$
declare
    -- As in an upload: up to so many messages a plan for any size does.
    c_few      constant int := 200;
    v_messages chatkeep.incoming_message[];
begin
    perform chatkeep.begin_write(p_user_id);
    v_messages := chatkeep.last_of_each(array(select m from chatkeep.read_messages(1, p_session_id, p_messages) m));
    perform set_config('plan_cache_mode', case when cardinality(v_messages) > c_few then 'force_custom_plan'
                                               else 'force_generic_plan' end, true);
    if not exists (select from public.chat_sessions s where s.user_id = p_user_id and s.id = p_session_id) then
        perform chatkeep.create_session(p_user_id, p_session_id, coalesce(nullif(p_title, ''), chatkeep.title_of(
            (select m.content from unnest(v_messages) m where m.role = 'user' order by m.position limit 1))));
    end if;
    v_messages := chatkeep.recognise_answers(p_user_id, v_messages);
    perform chatkeep.recognise_questions(p_user_id, v_messages);
    perform from unnest(v_messages) m
      cross join lateral (select o.session_id from public.chat_messages o
                           where o.user_id = p_user_id and o.id = m.id limit 1) o
      where o.session_id <> p_session_id;
    if found then
        raise sqlstate 'PT409' using message = 'message_in_other_session: A message with this id belongs to another session.';
    end if;
    perform chatkeep.store_messages(p_user_id, v_messages);
    return query
        select o.*
          from unnest(v_messages) m
         cross join lateral (select o.* from public.chat_messages o
                              where o.user_id = p_user_id and o.id = m.id limit 1) o
         order by m.position;
end
$$;

revoke execute on function public.get_user_recent_sessions(uuid, int), public.get_session_with_messages(text, uuid)
    from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.create_session(uuid, text, text), public.get_user_recent_sessions(uuid, int),
    public.get_session_with_messages(text, uuid), chatkeep.append_message(uuid, text, jsonb, text),
    chatkeep.append_messages(uuid, text, jsonb, text) to authenticated, service_role;

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
-- (error_message) count for nothing here. Sessions are taken in the order of their keys, so that two bulk
-- loads cannot deadlock. Plans that scan are out: plpgsql keeps the plan of the first call, which may have
-- seen empty tables.
create or replace function public.update_session_stats() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_deltas  record;
    v_cursor  refcursor;
begin
    -- newest and newest_model are the times of the newest counted rows (that name a model) on either side of the
    -- change; preview and model are what a single new row says.
    if tg_op = 'INSERT' then
        open v_cursor for
            select n.user_id, n.session_id, count(*) filter (where n.error_message is null) as messages,
                   coalesce(sum(n.total_tokens) filter (where n.error_message is null), 0) as tokens,
                   max(n.message_timestamp) filter (where n.error_message is null) as newest,
                   max(n.message_timestamp) filter (where n.error_message is null and n.model is not null) as newest_model,
                   case when count(*) = 1 then max(left(n.content, 200)) filter (where n.error_message is null) end as preview,
                   case when count(*) = 1 then max(n.model) filter (where n.error_message is null) end as model
              from new_rows n
             group by n.user_id, n.session_id
             order by n.user_id, n.session_id;
    elsif tg_op = 'DELETE' then
        open v_cursor for
            select o.user_id, o.session_id, -count(*) filter (where o.error_message is null) as messages,
                   -coalesce(sum(o.total_tokens) filter (where o.error_message is null), 0) as tokens,
                   max(o.message_timestamp) filter (where o.error_message is null) as newest,
                   max(o.message_timestamp) filter (where o.error_message is null and o.model is not null) as newest_model,
                   null::text as preview, null::text as model
              from old_rows o
             group by o.user_id, o.session_id
             order by o.user_id, o.session_id;
    else
        open v_cursor for
            select c.user_id, c.session_id,
                   coalesce(sum(c.sign) filter (where c.error_message is null), 0) as messages,
                   coalesce(sum(c.sign * c.total_tokens) filter (where c.error_message is null), 0) as tokens,
                   max(c.message_timestamp) filter (where c.error_message is null) as newest,
                   max(c.message_timestamp) filter (where c.error_message is null and c.model is not null) as newest_model,
                   null::text as preview, null::text as model
              from (select 1 as sign, n.user_id, n.session_id, n.error_message, n.total_tokens, n.message_timestamp, n.model
                      from new_rows n
                    union all
                    select -1, o.user_id, o.session_id, o.error_message, o.total_tokens, o.message_timestamp, o.model
                      from old_rows o) c
             group by c.user_id, c.session_id
             order by c.user_id, c.session_id;
    end if;
    loop
        fetch v_cursor into v_deltas;
        exit when not found;
        perform chatkeep.change_session_stats(
            v_deltas.user_id, v_deltas.session_id, v_deltas.messages::int, v_deltas.tokens::bigint, v_deltas.newest,
            v_deltas.preview, v_deltas.newest_model, v_deltas.model);
    end loop;
    close v_cursor;
    return null;
end
$$;

-- Adds a change to the figures of one session. What is newer than all that the session has is its newest message
-- itself; otherwise the newest one is looked up, once the session is locked and what its other writers have committed
-- is seen. The newest message and model can only have changed where the change reaches up to them.
create or replace function chatkeep.change_session_stats(
    p_user_id uuid, p_session_id text, p_messages int, p_tokens bigint, p_newest timestamptz, p_preview text,
    p_newest_model timestamptz, p_model text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_last    timestamptz;
    v_preview text;
    v_at      timestamptz;
    v_model   text;
begin
    update public.chat_sessions s
       set message_count = s.message_count + p_messages,
           total_tokens = s.total_tokens + p_tokens,
           last_model = coalesce(p_model, s.last_model),
           last_message_preview = p_preview,
           last_message_timestamp = p_newest
     where s.user_id = p_user_id and s.id = p_session_id
       and p_preview is not null and p_newest > coalesce(s.last_message_timestamp, '-infinity')
       and (p_newest_model is null or p_newest_model > coalesce(s.last_message_timestamp, '-infinity'));
    if found then
        return;
    end if;

    select s.last_message_timestamp, s.last_message_preview, s.last_model into v_last, v_preview, v_model
      from public.chat_sessions s
     where s.user_id = p_user_id and s.id = p_session_id
       for no key update;
    if not found then
        return; -- deleted together with its messages
    end if;
    v_at := v_last;
    if p_newest >= coalesce(v_last, '-infinity') then
        select m.message_timestamp, left(m.content, 200) into v_at, v_preview
          from public.chat_messages m
         where m.user_id = p_user_id and m.session_id = p_session_id and m.error_message is null
         order by m.message_timestamp desc, m.id desc
         limit 1;
    end if;
    if p_newest_model is not null then
        select m.model into v_model
          from public.chat_messages m
         where m.user_id = p_user_id and m.session_id = p_session_id and m.error_message is null and m.model is not null
         order by m.message_timestamp desc, m.id desc
         limit 1;
    end if;
    update public.chat_sessions s
       set message_count = s.message_count + p_messages, total_tokens = s.total_tokens + p_tokens, last_model = v_model,
           last_message_preview = v_preview, last_message_timestamp = v_at
     where s.user_id = p_user_id and s.id = p_session_id;
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

-- Remembers that a session was counted; its messages have their charges. The account itself may be what is being
-- deleted: then there is nothing left to remember for.
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
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select p_conversation, m.position::int, p_session_id, m.id, m.role, m.content, m.model, m.total_tokens, m.input_tokens,
               m.output_tokens, m.user_message_id, m."contentType", round(m.elapsed_time * 1000)::int, m.completion_id,
               m.timestamp, case when m.error then 'failed' end, null::boolean
          from rows from (jsonb_to_recordset(p_messages) as (
                   id text, role text, content text, model text, total_tokens int, input_tokens int, output_tokens int,
                   user_message_id text, "contentType" text, elapsed_time numeric, completion_id text,
                   timestamp timestamptz, error boolean)) with ordinality
                   as m (id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, "contentType",
                         elapsed_time, completion_id, timestamp, error, position);
end
$$;

-- The same of one message.
create or replace function chatkeep.read_message(p_session_id text, p_message jsonb) returns chatkeep.incoming_message
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return row(1, 1, p_session_id, p_message ->> 'id', p_message ->> 'role', p_message ->> 'content', p_message ->> 'model',
               (p_message ->> 'total_tokens')::int, (p_message ->> 'input_tokens')::int, (p_message ->> 'output_tokens')::int,
               p_message ->> 'user_message_id', p_message ->> 'contentType',
               round((p_message ->> 'elapsed_time')::numeric * 1000)::int, p_message ->> 'completion_id',
               (p_message ->> 'timestamp')::timestamptz, case when (p_message ->> 'error')::boolean then 'failed' end,
               null)::chatkeep.incoming_message;
end
$$;

-- What of these messages is new or different from what is stored, as it is to be from now on. What a re-sent message
-- does not say is kept; a total that a client leaves out is the sum of what it counts.
--
-- Of an answer that the service itself received, and of its question (metadata.completion), it knows best what the
-- tokens were, which model it was, and whether it failed; a device that has seen less of the text takes none away.
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
                   x.error_message, o.id is not null and o.error_message is null)::chatkeep.incoming_message)
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
               select case when o.id is null then k.is_there is true else o.metadata ? 'completion' end as by_service) s
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
                      coalesce(n.message_timestamp, o.message_timestamp, now()) as message_timestamp,
                      case when s.by_service then o.error_message
                           when n.error_message is not null then coalesce(o.error_message, n.error_message) end as error_message) x
         where o.id is null
            or (n.role, x.content, x.model, x.total_tokens, x.input_tokens, x.output_tokens, x.user_message_id, x.content_type,
                x.elapsed_ms, x.completion_id, x.message_timestamp, x.error_message)
               is distinct from
               (o.role, o.content, o.model, o.total_tokens, o.input_tokens, o.output_tokens, o.user_message_id, o.content_type,
                o.elapsed_ms, o.completion_id, o.message_timestamp, o.error_message));
end
$$;

-- Stores messages of sessions that exist, and counts them: new ones are inserted, changed ones updated, the same ones left
-- alone. The caller has begun the write and knows that none of the ids stands in another session. A message notes what it
-- was charged in its metadata (cost, unit_cost); the ledger does not read that.
create or replace function chatkeep.store_messages(p_user_id uuid, p_messages chatkeep.incoming_message[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
    c_notes    constant text[] := '{unit_cost,cost,question_unit_cost}';
    v_messages constant chatkeep.incoming_message[] := chatkeep.merge_messages(p_user_id, p_messages);
begin
    if v_messages is null then
        return;
    end if;
    perform chatkeep.charge_messages(p_user_id, v_messages);
    insert into public.chat_messages as m (
        user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
        content_type, elapsed_ms, completion_id, message_timestamp, error_message, metadata)
    select p_user_id, n.id, n.session_id, n.role, n.content, n.model, n.total_tokens, n.input_tokens, n.output_tokens,
           n.user_message_id, n.content_type, n.elapsed_ms, n.completion_id, n.message_timestamp, n.error_message,
           coalesce(k.note, '{}')
      from unnest(v_messages) n
      left join lateral (select chatkeep.cost_note(c) as note from chatkeep.charges c
                          where c.user_id = p_user_id and c.message_id = n.id limit 1) k on n.error_message is null
     order by n.conversation, n.position
    on conflict (user_id, id) do update
        set role = excluded.role, content = excluded.content, model = excluded.model, total_tokens = excluded.total_tokens,
            input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
            user_message_id = excluded.user_message_id, content_type = excluded.content_type,
            elapsed_ms = excluded.elapsed_ms, completion_id = excluded.completion_id,
            message_timestamp = excluded.message_timestamp, error_message = excluded.error_message,
            metadata = case when m.metadata ? 'completion' then m.metadata else m.metadata - c_notes || excluded.metadata end;
end
$$;

-- Stores and counts one message that is new in every respect, in a session that exists: the short way. Null where it is not,
-- or counts for nothing; then nothing has happened.
create or replace function chatkeep.insert_message(p_user_id uuid, p_message chatkeep.incoming_message) returns public.chat_messages
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_charge chatkeep.charges;
    v_stored public.chat_messages;
begin
    p_message.message_timestamp := coalesce(p_message.message_timestamp, now());
    v_charge := chatkeep.charge_message(p_user_id, p_message);
    if v_charge.message_id is null then
        return null;
    end if;
    insert into public.chat_messages (
        user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
        content_type, elapsed_ms, completion_id, message_timestamp, error_message, metadata)
    values (p_user_id, p_message.id, p_message.session_id, p_message.role, p_message.content, p_message.model,
            coalesce(p_message.total_tokens, case when p_message.input_tokens is not null or p_message.output_tokens is not null
                                                  then coalesce(p_message.input_tokens, 0) + coalesce(p_message.output_tokens, 0) end),
            p_message.input_tokens, p_message.output_tokens, p_message.user_message_id, p_message.content_type,
            p_message.elapsed_ms, p_message.completion_id, p_message.message_timestamp, p_message.error_message,
            case when v_charge.model is null then '{}' else chatkeep.cost_note(v_charge) end)
    returning * into v_stored;
    return v_stored;
end
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

-- Stores one message in a session of the caller and returns it as stored. For a single message planning
-- would cost more than a plan made for it could win.
create or replace function chatkeep.append_message(p_user_id uuid, p_session_id text, p_message jsonb) returns public.chat_messages
    language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
    v_messages chatkeep.incoming_message[];
    v_message  chatkeep.incoming_message;
    v_stored   public.chat_messages;
begin
    perform chatkeep.begin_write(p_user_id);
    if not exists (select from public.chat_sessions s where s.user_id = p_user_id and s.id = p_session_id) then
        raise sqlstate 'PT404' using message = 'session_not_found: There is no such session.';
    end if;
    v_message := chatkeep.read_message(p_session_id, p_message);
    v_stored := chatkeep.insert_message(p_user_id, v_message);
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

-- Stores a batch of conversations, [{ord, conversation}], each id at most once in it, and returns an
-- entry for each: [{ord, conversationId, status, messageCount} or {ord, conversationId, error}]. A
-- conversation that holds a message of another one is refused here; one that breaks a constraint fails
-- the batch.
create or replace function chatkeep.sync_batch(p_user_id uuid, p_batch jsonb) returns jsonb
    language plpgsql set search_path = '' set jit = off
as $$
declare
    -- Up to so many messages a plan for any size does, and planning would cost more; joined by it, many more would be
    -- compared one with another.
    c_few      constant int := 200;
    v_messages chatkeep.incoming_message[];
    v_refused  text[] := '{}';
    v_losers   text[];
    v_ids      text[];
    v_new      text[];
    v_part     chatkeep.incoming_message[];
    v_first    boolean;
begin
    -- The last of two messages with one id in one conversation is the one that counts.
    select array_agg(m::chatkeep.incoming_message) into v_messages
      from (select distinct on (r.conversation, r.id) r.*
              from jsonb_array_elements(p_batch) as b (item)
             cross join lateral chatkeep.read_messages((b.item ->> 'ord')::int, b.item -> 'conversation' ->> 'id',
                                                       coalesce(nullif(b.item -> 'conversation' -> 'messages', 'null'), '[]')) r
             order by r.conversation, r.id, r.position desc) m;
    perform set_config('plan_cache_mode', case when cardinality(v_messages) > c_few then 'force_custom_plan'
                                               else 'force_generic_plan' end, true);
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
            perform chatkeep.store_messages(p_user_id, v_part);
            perform set_config('chatkeep.first_upload', 'off', true);
        end if;
    end loop;

    perform chatkeep.count_sessions(p_user_id, v_new);

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
grant execute on function chatkeep.read_messages(int, text, jsonb), chatkeep.read_message(text, jsonb),
    chatkeep.merge_messages(uuid, chatkeep.incoming_message[]),
    chatkeep.store_messages(uuid, chatkeep.incoming_message[]), chatkeep.insert_message(uuid, chatkeep.incoming_message),
    chatkeep.create_session(uuid, text, text), chatkeep.append_message(uuid, text, jsonb), chatkeep.sync_batch(uuid, jsonb),
    chatkeep.sync_isolating(uuid, jsonb), chatkeep.check_conversations(uuid, jsonb) to authenticated, service_role;

-- What a session says of its messages, and what a user has stored: kept by the triggers of messages and sessions.

-- Any update of a session is an update by the server, at the server's time. Only a conversation that
-- is being uploaded for the first time keeps the times it came with.
create or replace function public.update_session_timestamp() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
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
    v_one     record;
    v_deltas  record;
    v_cursor  refcursor;
    v_user    uuid;
    v_stored  bigint := 0;
    v_bytes   bigint := 0;
begin
    if tg_op = 'INSERT' then
        -- Nearly all statements store one message, where there is nothing to put together; one that only updates stores none.
        select n.user_id, n.session_id, n.total_tokens, n.message_timestamp, left(n.content, 200) as preview, n.model,
               n.stored_bytes, n.error_message is null and (select count(*) from (select from new_rows limit 2) t) = 1 as is_all
          into v_one
          from new_rows n
         limit 1;
        if not found then
            return null;
        elsif v_one.is_all then
            if chatkeep.change_session_stats(
                v_one.user_id, v_one.session_id, 1, coalesce(v_one.total_tokens, 0), v_one.message_timestamp, v_one.preview,
                case when v_one.model is not null then v_one.message_timestamp end, v_one.model, 1, v_one.stored_bytes) then
                perform chatkeep.change_stored(v_one.user_id, 0, 1, v_one.stored_bytes);
            end if;
            return null;
        end if;
    elsif not exists (select from old_rows) then
        return null;
    end if;
    -- newest and newest_model are the times of the newest counted rows (that name a model) on either side of the
    -- change; preview and model are what a single new row says.
    if tg_op = 'INSERT' then
        open v_cursor for
            select n.user_id, n.session_id, count(*) filter (where n.error_message is null) as messages,
                   coalesce(sum(n.total_tokens) filter (where n.error_message is null), 0) as tokens,
                   max(n.message_timestamp) filter (where n.error_message is null) as newest,
                   max(n.message_timestamp) filter (where n.error_message is null and n.model is not null) as newest_model,
                   case when count(*) = 1 then max(left(n.content, 200)) filter (where n.error_message is null) end as preview,
                   case when count(*) = 1 then max(n.model) filter (where n.error_message is null) end as model,
                   count(*) as stored, sum(n.stored_bytes) as bytes
              from new_rows n
             group by n.user_id, n.session_id
             order by n.user_id, n.session_id;
    elsif tg_op = 'DELETE' then
        open v_cursor for
            select o.user_id, o.session_id, -count(*) filter (where o.error_message is null) as messages,
                   -coalesce(sum(o.total_tokens) filter (where o.error_message is null), 0) as tokens,
                   max(o.message_timestamp) filter (where o.error_message is null) as newest,
                   max(o.message_timestamp) filter (where o.error_message is null and o.model is not null) as newest_model,
                   null::text as preview, null::text as model,
                   -count(*) as stored, -sum(o.stored_bytes) as bytes
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
                   null::text as preview, null::text as model, sum(c.sign) as stored, sum(c.sign * c.bytes) as bytes
              from (select 1 as sign, n.user_id, n.session_id, n.error_message, n.total_tokens, n.message_timestamp, n.model,
                           n.stored_bytes as bytes
                      from new_rows n
                    union all
                    select -1, o.user_id, o.session_id, o.error_message, o.total_tokens, o.message_timestamp, o.model,
                           o.stored_bytes
                      from old_rows o) c
             group by c.user_id, c.session_id
             order by c.user_id, c.session_id;
    end if;
    loop
        fetch v_cursor into v_deltas;
        exit when not found;
        if v_deltas.user_id <> v_user then
            perform chatkeep.change_stored(v_user, 0, v_stored, v_bytes);
            v_stored := 0;
            v_bytes := 0;
        end if;
        v_user := v_deltas.user_id;
        -- Of a session that goes with its messages all is taken off at once, or a thousand sessions would be a thousand updates.
        if chatkeep.change_session_stats(
            v_deltas.user_id, v_deltas.session_id, v_deltas.messages::int, v_deltas.tokens::bigint, v_deltas.newest,
            v_deltas.preview, v_deltas.newest_model, v_deltas.model, v_deltas.stored::int, v_deltas.bytes::bigint) then
            v_stored := v_stored + v_deltas.stored;
            v_bytes := v_bytes + v_deltas.bytes;
        end if;
    end loop;
    close v_cursor;
    perform chatkeep.change_stored(v_user, 0, v_stored, v_bytes);
    return null;
end
$$;

-- Adds to what a user has stored, and refuses what is over a quota. Of an account that is gone there is nothing to know.
create or replace function chatkeep.change_stored(p_user_id uuid, p_sessions bigint, p_messages bigint, p_bytes bigint) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_stored chatkeep.stored_by_user;
begin
    -- Whoever calls this has plans that scan out of the way: the first call may see an empty table.
    if p_user_id is null or p_sessions = 0 and p_messages = 0 and p_bytes = 0 then
        return;
    end if;
    update chatkeep.stored_by_user s
       set sessions = s.sessions + p_sessions, messages = s.messages + p_messages, bytes = s.bytes + p_bytes
     where s.user_id = p_user_id
    returning s.* into v_stored;
    if not found then
        insert into chatkeep.stored_by_user as s (user_id, sessions, messages, bytes)
        select p_user_id, p_sessions, p_messages, p_bytes
         where exists (select from public.profiles p where p.id = p_user_id)
        on conflict (user_id) do update
            set sessions = s.sessions + excluded.sessions, messages = s.messages + excluded.messages, bytes = s.bytes + excluded.bytes
        returning s.* into v_stored;
    end if;
    if p_sessions > 0 or p_messages > 0 or p_bytes > 0 then
        perform chatkeep.require_room(p_user_id, v_stored.sessions, v_stored.messages, v_stored.bytes,
                                      p_sessions, p_messages, p_bytes);
    end if;
end
$$;

-- Counts sessions that a statement has made or deleted, these with all that they said of their messages.
create or replace function chatkeep.count_stored_sessions() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_change record;
begin
    if tg_op = 'INSERT' then
        for v_change in
            select n.user_id, count(*) as sessions from new_rows n group by n.user_id order by n.user_id
        loop
            perform chatkeep.change_stored(v_change.user_id, v_change.sessions, 0, 0);
        end loop;
    else
        for v_change in
            select o.user_id, count(*) as sessions, sum(o.stored_messages) as messages, sum(o.stored_bytes) as bytes
              from old_rows o
             group by o.user_id
             order by o.user_id
        loop
            perform chatkeep.change_stored(v_change.user_id, -v_change.sessions, -v_change.messages::bigint,
                                           -v_change.bytes::bigint);
        end loop;
    end if;
    return null;
end
$$;

-- Adds a change to the figures of one session, and says whether it is there. What is newer than all that the session has is its newest message
-- itself; otherwise the newest one is looked up, once the session is locked and what its other writers have committed
-- is seen. The newest message and model can only have changed where the change reaches up to them. Whoever calls this has
-- plans that scan out of the way.
create or replace function chatkeep.change_session_stats(
    p_user_id uuid, p_session_id text, p_messages int, p_tokens bigint, p_newest timestamptz, p_preview text,
    p_newest_model timestamptz, p_model text, p_stored int, p_bytes bigint) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
           stored_messages = s.stored_messages + p_stored,
           stored_bytes = s.stored_bytes + p_bytes,
           last_model = coalesce(p_model, s.last_model),
           last_message_preview = p_preview,
           last_message_timestamp = p_newest
     where s.user_id = p_user_id and s.id = p_session_id
       and p_preview is not null and p_newest > coalesce(s.last_message_timestamp, '-infinity')
       and (p_newest_model is null or p_newest_model > coalesce(s.last_message_timestamp, '-infinity'));
    if found then
        return true;
    end if;

    select s.last_message_timestamp, s.last_message_preview, s.last_model into v_last, v_preview, v_model
      from public.chat_sessions s
     where s.user_id = p_user_id and s.id = p_session_id
       for no key update;
    if not found then
        return false; -- deleted together with its messages
    end if;
    v_at := v_last;
    if p_newest >= coalesce(v_last, '-infinity') then
        select m.message_timestamp, left(m.content, 200) into v_at, v_preview
          from public.chat_messages m
         where m.user_id = p_user_id and m.session_id = p_session_id and m.error_message is null
         order by m.message_timestamp desc, m.ordinal desc
         limit 1;
    end if;
    if p_newest_model is not null then
        select m.model into v_model
          from public.chat_messages m
         where m.user_id = p_user_id and m.session_id = p_session_id and m.error_message is null and m.model is not null
         order by m.message_timestamp desc, m.ordinal desc
         limit 1;
    end if;
    update public.chat_sessions s
       set message_count = s.message_count + p_messages, total_tokens = s.total_tokens + p_tokens, last_model = v_model,
           last_message_preview = v_preview, last_message_timestamp = v_at,
           stored_messages = s.stored_messages + p_stored, stored_bytes = s.stored_bytes + p_bytes
     where s.user_id = p_user_id and s.id = p_session_id;
    return true;
end
$$;

revoke execute on function public.update_session_stats(), public.update_session_timestamp() from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;

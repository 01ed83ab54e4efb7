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
    v_changes chatkeep.session_change[];
begin
    if tg_op = 'INSERT' then
        -- Nearly all statements store one message, where there is nothing to put together; one that only updates stores none.
        -- Columns stand as in chatkeep.session_change.
        select row(n.user_id, n.session_id, 1, coalesce(n.total_tokens, 0), n.message_timestamp, left(n.content, 200),
                   case when n.model is not null then n.message_timestamp end, n.model, 1, n.stored_bytes
                   )::chatkeep.session_change as change,
               n.error_message is null and (select count(*) from (select from new_rows limit 2) t) = 1 as is_all
          into v_one
          from new_rows n
         limit 1;
        if not found then
            return null;
        elsif v_one.is_all then
            v_changes := array [v_one.change];
        else
            select array_agg(c::chatkeep.session_change) into v_changes
              from (select n.user_id, n.session_id, count(*) filter (where n.error_message is null),
                           coalesce(sum(n.total_tokens) filter (where n.error_message is null), 0),
                           max(n.message_timestamp) filter (where n.error_message is null),
                           case when count(*) = 1 then max(left(n.content, 200)) filter (where n.error_message is null) end,
                           max(n.message_timestamp) filter (where n.error_message is null and n.model is not null),
                           case when count(*) = 1 then max(n.model) filter (where n.error_message is null) end,
                           count(*), sum(n.stored_bytes)
                      from new_rows n
                     group by n.user_id, n.session_id
                     order by n.user_id, n.session_id) c;
        end if;
    elsif tg_op = 'DELETE' then
        select array_agg(c::chatkeep.session_change) into v_changes
          from (select o.user_id, o.session_id, -count(*) filter (where o.error_message is null),
                       -coalesce(sum(o.total_tokens) filter (where o.error_message is null), 0),
                       max(o.message_timestamp) filter (where o.error_message is null), null,
                       max(o.message_timestamp) filter (where o.error_message is null and o.model is not null), null,
                       -count(*), -sum(o.stored_bytes)
                  from old_rows o
                 group by o.user_id, o.session_id
                 order by o.user_id, o.session_id) c;
    elsif exists (select from old_rows) then
        select array_agg(c::chatkeep.session_change) into v_changes
          from (select r.user_id, r.session_id, coalesce(sum(r.sign) filter (where r.error_message is null), 0),
                       coalesce(sum(r.sign * r.total_tokens) filter (where r.error_message is null), 0),
                       max(r.message_timestamp) filter (where r.error_message is null), null,
                       max(r.message_timestamp) filter (where r.error_message is null and r.model is not null), null,
                       sum(r.sign), sum(r.sign * r.stored_bytes)
                  from (select 1 as sign, n.* from new_rows n union all select -1, o.* from old_rows o) r
                 group by r.user_id, r.session_id
                 order by r.user_id, r.session_id) c;
    end if;
    perform chatkeep.change_sessions(v_changes);
    return null;
end
$$;

-- Adds changes to the figures of sessions and to what their users have stored.
create or replace function chatkeep.change_sessions(p_changes chatkeep.session_change[]) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_change chatkeep.session_change;
    v_user   uuid;
    v_stored bigint := 0;
    v_bytes  bigint := 0;
begin
    foreach v_change in array coalesce(p_changes, '{}') loop
        if v_change.user_id <> v_user then
            perform chatkeep.change_stored(v_user, 0, v_stored, v_bytes);
            v_stored := 0;
            v_bytes := 0;
        end if;
        v_user := v_change.user_id;
        -- Of a session that goes with its messages all is taken off at once, or a thousand sessions would be a thousand updates.
        if chatkeep.change_session_stats(v_change) then
            v_stored := v_stored + v_change.stored;
            v_bytes := v_bytes + v_change.bytes;
        end if;
    end loop;
    perform chatkeep.change_stored(v_user, 0, v_stored, v_bytes);
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
create or replace function chatkeep.change_session_stats(p_change chatkeep.session_change) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_last    timestamptz;
    v_preview text;
    v_at      timestamptz;
    v_model   text;
begin
    update public.chat_sessions s
       set message_count = s.message_count + p_change.messages,
           total_tokens = s.total_tokens + p_change.tokens,
           stored_messages = s.stored_messages + p_change.stored,
           stored_bytes = s.stored_bytes + p_change.bytes,
           last_model = coalesce(p_change.model, s.last_model),
           last_message_preview = p_change.preview,
           last_message_timestamp = p_change.newest
     where s.user_id = p_change.user_id and s.id = p_change.session_id
       and p_change.preview is not null and p_change.newest > coalesce(s.last_message_timestamp, '-infinity')
       and (p_change.newest_model is null or p_change.newest_model > coalesce(s.last_message_timestamp, '-infinity'));
    if found then
        return true;
    end if;

    select s.last_message_timestamp, s.last_message_preview, s.last_model into v_last, v_preview, v_model
      from public.chat_sessions s
     where s.user_id = p_change.user_id and s.id = p_change.session_id
       for no key update;
    if not found then
        return false; -- deleted together with its messages
    end if;
    v_at := v_last;
    if p_change.newest >= coalesce(v_last, '-infinity') then
        select m.message_timestamp, left(m.content, 200) into v_at, v_preview
          from public.chat_messages m
         where m.user_id = p_change.user_id and m.session_id = p_change.session_id and m.error_message is null
         order by m.message_timestamp desc, m.ordinal desc
         limit 1;
    end if;
    if p_change.newest_model is not null then
        select m.model into v_model
          from public.chat_messages m
         where m.user_id = p_change.user_id and m.session_id = p_change.session_id
           and m.error_message is null and m.model is not null
         order by m.message_timestamp desc, m.ordinal desc
         limit 1;
    end if;
    update public.chat_sessions s
       set message_count = s.message_count + p_change.messages,
           total_tokens = s.total_tokens + p_change.tokens,
           stored_messages = s.stored_messages + p_change.stored,
           stored_bytes = s.stored_bytes + p_change.bytes,
           last_model = v_model,
           last_message_preview = v_preview,
           last_message_timestamp = v_at
     where s.user_id = p_change.user_id and s.id = p_change.session_id;
    return true;
end
$$;

revoke execute on function public.update_session_stats(), public.update_session_timestamp() from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;

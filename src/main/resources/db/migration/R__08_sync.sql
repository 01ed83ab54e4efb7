-- Uploads of whole conversations.

-- An upload is taken apart once, into an array of its conversations. A batch is those that are stored together (p_items), each id
-- at most once, and their places in the upload (p_ords). So a conversation, which may have 16 MiB, is copied as seldom as can
-- be. Nothing is looked up by its place: in an array of documents that is a walk from the first one.

-- What is wrong with each conversation of an upload as a whole, or null, and how many times its id has stood there by then.
create or replace function chatkeep.check_conversations(p_user_id uuid, p_upload jsonb[])
    returns table (ord int, error text, turn bigint)
    language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select c.ord::int, c.error, row_number() over (partition by c.error is null, c.id order by c.ord)
      from (select i.ord, i.item ->> 'id' as id,
                   case
                       when jsonb_typeof(i.item) <> 'object' then 'A conversation must be an object.'
                       when jsonb_typeof(i.item -> 'id') is distinct from 'string' or i.item ->> 'id' = ''
                           then 'The conversation has no id.'
                       when lower(i.item ->> 'userId') <> p_user_id::text then 'The conversation belongs to another user.'
                       when i.item @? 'strict $.messages ? (@.type() != "array" && @.type() != "null")'
                           then 'The messages must be an array.'
                       when i.item @? 'strict $.messages[*] ? (@.type() != "object")' then 'A message must be an object.'
                   end as error
              from unnest(p_upload) with ordinality as i (item, ord)) c
$$;

-- The messages of a batch. The last of two messages with one id in one conversation is the one that counts.
create or replace function chatkeep.messages_of_batch(p_ords int[], p_items jsonb[]) returns chatkeep.incoming_message[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_messages constant chatkeep.incoming_message[] := array(
        select m
          from unnest(p_ords, p_items) as b (ord, item)
         cross join lateral chatkeep.read_messages(b.ord, b.item ->> 'id',
                                                   coalesce(nullif(b.item -> 'messages', 'null'), '[]')) m);
begin
    return chatkeep.last_of_each(v_messages);
end
$$;

-- The conversations that hold a message of another one. An id can stand in one session only: the stored one, or else that of
-- the first conversation which names it and is not refused itself. Refusing one can free the ids that it named, so this goes
-- by rounds; what is still in doubt in the last one is refused.
create or replace function chatkeep.refused_conversations(p_user_id uuid, p_messages chatkeep.incoming_message[]) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_messages chatkeep.incoming_message[] := p_messages;
    v_refused  text[] := '{}';
    v_losers   text[];
begin
    select array_agg(distinct m.session_id) into v_losers
      from unnest(v_messages) m
     cross join lateral (select o.session_id from public.chat_messages o
                          where o.user_id = p_user_id and o.id = m.id limit 1) o
     where o.session_id <> m.session_id;
    for v_round in 1 .. 8 loop
        if v_losers is not null then
            v_refused := v_refused || v_losers;
            select array_agg(m) into v_messages from unnest(v_messages) m where m.session_id <> all (v_refused);
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
    return v_refused;
end
$$;

-- Makes the sessions of a batch that are not there, with the times they came with, and returns their ids.
create or replace function chatkeep.create_sessions_of_batch(
    p_user_id uuid, p_items jsonb[], p_messages chatkeep.incoming_message[]) returns text[]
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_new text[];
begin
    with fresh as (
        insert into public.chat_sessions (user_id, id, title, created_at, updated_at, last_activity)
        select p_user_id, c.id, coalesce(nullif(c.title, ''), 'New Chat'),
               least(coalesce(c."createdAt", t.oldest, c."updatedAt", now()), now()), u.updated_at, u.updated_at
          from unnest(p_items) as b (item)
         cross join lateral jsonb_to_record(b.item)
               as c (id text, title text, "createdAt" timestamptz, "updatedAt" timestamptz)
          left join (select m.session_id, min(m.message_timestamp) as oldest, max(m.message_timestamp) as newest
                       from unnest(p_messages) m group by m.session_id) t on t.session_id = c.id
         cross join lateral (select least(coalesce(c."updatedAt", t.newest, c."createdAt", now()), now()) as updated_at) u
         order by c.id
        on conflict (user_id, id) do nothing
        returning id
    )
    select coalesce(array_agg(id), '{}') into v_new from fresh;
    return v_new;
end
$$;

-- Gives sessions that were there before the titles that a batch names. A title from a device that has not seen the latest
-- change is an old title.
create or replace function chatkeep.retitle_sessions_of_batch(p_user_id uuid, p_items jsonb[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update public.chat_sessions s
       set title = c.title
      from unnest(p_items) as b (item)
     cross join lateral jsonb_to_record(b.item) as c (id text, title text, "updatedAt" timestamptz)
     where s.user_id = p_user_id and s.id = c.id and c.title <> '' and c.title <> s.title
       and (c."updatedAt" is null or c."updatedAt" > s.updated_at);
end
$$;

-- Stores the messages of a batch, those of new sessions without moving the times these came with.
create or replace function chatkeep.store_messages_of_batch(
    p_user_id uuid, p_messages chatkeep.incoming_message[], p_new_sessions text[], p_all_are_new boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if p_new_sessions <> '{}' then
        perform set_config('chatkeep.first_upload', 'on', true);
        perform chatkeep.store_messages(p_user_id, case when p_all_are_new then p_messages else array(
            select m from unnest(p_messages) m where m.session_id in (select unnest(p_new_sessions))) end);
        perform set_config('chatkeep.first_upload', 'off', true);
    end if;
    if not p_all_are_new then
        perform chatkeep.store_messages(p_user_id, case when p_new_sessions = '{}' then p_messages else array(
            select m from unnest(p_messages) m
             where not exists (select from unnest(p_new_sessions) as n (id) where n.id = m.session_id)) end);
    end if;
end
$$;

-- Stores a batch, and returns an entry for each of its conversations: [{ord, conversationId, status, messageCount} or
-- {ord, conversationId, error}]. A conversation that holds a message of another one is refused here; one that breaks a
-- constraint fails the batch.
create or replace function chatkeep.sync_batch(p_user_id uuid, p_ords int[], p_items jsonb[]) returns jsonb
    language plpgsql set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
    -- Up to so many messages a plan for any size does, and planning would cost more; joined by it, many more would be
    -- compared one with another.
    c_few      constant int := 200;
    v_messages chatkeep.incoming_message[] := chatkeep.messages_of_batch(p_ords, p_items);
    v_refused  text[];
    v_items    jsonb[] := p_items;
    v_new      text[];
begin
    perform set_config('plan_cache_mode', case when cardinality(v_messages) > c_few then 'force_custom_plan'
                                               else 'force_generic_plan' end, true);
    v_messages := chatkeep.recognise_answers(p_user_id, v_messages);
    perform chatkeep.recognise_questions(p_user_id, v_messages);
    v_refused := chatkeep.refused_conversations(p_user_id, v_messages);
    if v_refused <> '{}' then
        v_messages := array(select m from unnest(v_messages) m where m.session_id <> all (v_refused));
        v_items := array(select b.item from unnest(p_items) as b (item) where b.item ->> 'id' <> all (v_refused));
    end if;

    v_new := chatkeep.create_sessions_of_batch(p_user_id, v_items, v_messages);
    if cardinality(v_new) < cardinality(v_items) then
        -- Before the messages, whose trigger moves updated_at.
        perform chatkeep.retitle_sessions_of_batch(p_user_id, array(
            select b.item from unnest(v_items) as b (item)
             where not exists (select from unnest(v_new) as n (id) where n.id = b.item ->> 'id')));
    end if;
    perform chatkeep.store_messages_of_batch(p_user_id, v_messages, v_new, cardinality(v_new) = cardinality(v_items));
    perform chatkeep.count_sessions(p_user_id, v_new);

    return (
        select jsonb_agg(case
                   when c.id = any (v_refused)
                       then jsonb_build_object('ord', c.ord, 'conversationId', c.id,
                                               'error', 'A message of it belongs to another conversation.')
                   else jsonb_build_object('ord', c.ord, 'conversationId', c.id, 'status', 'synced',
                                           'messageCount', s.message_count)
               end)
          from (select b.ord, b.item ->> 'id' as id from unnest(p_ords, p_items) as b (ord, item)) c
          left join lateral (select o.message_count from public.chat_sessions o
                              where o.user_id = p_user_id and o.id = c.id limit 1) s on true);
end
$$;

-- Whether a conversation holds a value that its tables would refuse: malformed, or against one of their checks.
create or replace function chatkeep.is_faulty(p_conversation jsonb) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_first constant timestamptz := '0001-01-01 00:00:00+00';
    c_last  constant timestamptz := '10000-01-01 00:00:00+00';
begin
    return coalesce(char_length(p_conversation ->> 'id') > 255 or char_length(p_conversation ->> 'title') > 255
        or (p_conversation ->> 'createdAt')::timestamptz < c_first or (p_conversation ->> 'updatedAt')::timestamptz < c_first
        or exists (
            select from chatkeep.read_messages(1, '', coalesce(nullif(p_conversation -> 'messages', 'null'), '[]')) m
             where char_length(m.id) between 1 and 255 is not true
                or m.role in ('user', 'assistant', 'system', 'tool') is not true
                or octet_length(m.content) <= 16777216 is not true
                or char_length(m.model) > 100 or char_length(m.completion_id) > 255
                or m.total_tokens < 0 or m.input_tokens < 0 or m.output_tokens < 0 or m.elapsed_ms < 0
                or m.input_tokens::bigint + m.output_tokens > 2147483647
                or char_length(m.user_message_id) between 1 and 255 is false
                or m.content_type not in ('text', 'markdown') or octet_length(m.extras::text) > 16777216
                or m.message_timestamp < c_first or m.message_timestamp >= c_last), false);
exception when data_exception then
    return true;
end
$$;

-- Which conversations of a batch would bring the user over a quota: in their order, each beside those
-- before it that fit. A value that is malformed is found by others.
create or replace function chatkeep.conversations_without_room(p_user_id uuid, p_ords int[], p_items jsonb[]) returns int[]
    language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
    v_quotas   jsonb;
    v_stored   chatkeep.stored_by_user;
    v_change   record;
    v_sessions bigint := 0;
    v_messages bigint := 0;
    v_bytes    bigint := 0;
    v_full     int[] := '{}';
begin
    if coalesce(current_setting('chatkeep.quotas', true), '') = '' then
        return v_full;
    end if;
    v_quotas := chatkeep.quotas_of_tier((select p.subscription_tier from public.profiles p where p.id = p_user_id));
    select * into v_stored from chatkeep.stored_by_user s where s.user_id = p_user_id;
    for v_change in
        select b.ord,
               (not exists (select from public.chat_sessions s
                             where s.user_id = p_user_id and s.id = b.item ->> 'id'))::int as sessions,
               m.messages, m.bytes
          from unnest(p_ords, p_items) as b (ord, item)
         cross join lateral (
               select count(*) filter (where o.id is null) as messages,
                      coalesce(sum(octet_length(n.content) + coalesce(octet_length(n.extras::text), 0) - coalesce(o.stored_bytes, 0)), 0) as bytes
                 from (select distinct on (r.id) r.id, r.content, r.extras
                         from chatkeep.read_messages(1, '', coalesce(nullif(b.item -> 'messages', 'null'), '[]')) r
                        order by r.id, r.position desc) n
                 left join lateral (select o.id, o.stored_bytes from public.chat_messages o
                                     where o.user_id = p_user_id and o.id = n.id limit 1) o on true) m
         order by 1
    loop
        if v_change.sessions > 0
               and coalesce(v_stored.sessions, 0) + v_sessions + v_change.sessions > (v_quotas ->> 'sessions')::bigint
            or v_change.messages > 0
               and coalesce(v_stored.messages, 0) + v_messages + v_change.messages > (v_quotas ->> 'messages')::bigint
            or v_change.bytes > 0
               and coalesce(v_stored.bytes, 0) + v_bytes + v_change.bytes > (v_quotas ->> 'bytes')::bigint then
            v_full := v_full || v_change.ord;
        else
            v_sessions := v_sessions + v_change.sessions;
            v_messages := v_messages + v_change.messages;
            v_bytes := v_bytes + v_change.bytes;
        end if;
    end loop;
    return v_full;
exception when data_exception then
    return '{}';
end
$$;

-- Stores a batch as a whole. Where something in it breaks a rule, the conversations at fault are looked for, one by one, and
-- the others are stored. What is still refused then is halved until it stands alone. What is at fault is reported, and
-- nothing of it is kept.
create or replace function chatkeep.sync_isolating(
    p_user_id uuid, p_ords int[], p_items jsonb[], p_is_checked boolean default false) returns jsonb
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    c_error  constant text := 'A value of it is missing, malformed or out of range.';
    c_full   constant text := 'There is no room for it: your tier has a quota.';
    v_half   constant int := cardinality(p_ords) / 2;
    v_error  text := c_error;
    v_faulty int[];
    v_ords   int[];
    v_items  jsonb[];
begin
    begin
        return chatkeep.sync_batch(p_user_id, p_ords, p_items);
    exception when data_exception or integrity_constraint_violation or sqlstate 'PT413' then
        if sqlstate = 'PT413' then
            v_error := c_full;
        end if;
        if v_half = 0 then
            return chatkeep.refusals(p_ords, p_items, p_ords, v_error);
        end if;
    end;
    if p_is_checked then
        return chatkeep.sync_isolating(p_user_id, p_ords[:v_half], p_items[:v_half], true)
            || chatkeep.sync_isolating(p_user_id, p_ords[v_half + 1:], p_items[v_half + 1:], true);
    end if;
    select coalesce(array_agg(c.ord) filter (where c.is_faulty), '{}'), array_agg(c.ord) filter (where not c.is_faulty),
           array_agg(c.item) filter (where not c.is_faulty)
      into v_faulty, v_ords, v_items
      from (select b.ord, b.item, chatkeep.is_faulty(b.item) as is_faulty
              from unnest(p_ords, p_items) as b (ord, item)
            offset 0) c;
    return chatkeep.refusals(p_ords, p_items, v_faulty, c_error)
        || case when v_ords is null then '[]' else chatkeep.sync_isolating(p_user_id, v_ords, v_items, true) end;
end
$$;

-- The entries of conversations of a batch that are refused, p_refused of p_ords.
create or replace function chatkeep.refusals(p_ords int[], p_items jsonb[], p_refused int[], p_error text) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('ord', b.ord, 'conversationId', b.item -> 'id', 'error', p_error)), '[]')
          from unnest(p_ords, p_items) as b (ord, item)
         where b.ord in (select unnest(p_refused)));
end
$$;

-- Stores conversations in the shape in which clients upload them: {synced, errors, details[]}, details
-- in the order of the upload. One bad conversation does not undo the others. Its memory is enough for an upload of the largest
-- size; by default PostgreSQL would put it down on disk at each step.
create or replace function public.sync_user_conversations(user_uuid uuid, conversations_data jsonb) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set work_mem = '64MB'
as $$
declare
    c_full    constant text := 'There is no room for it: your tier has a quota.';
    -- Each time is a batch of its own.
    c_most    constant int := 20;
    v_upload  jsonb[];
    v_errors  text[];
    v_turns   int[];
    v_ords    int[];
    v_items   jsonb[];
    v_full    int[];
    v_details jsonb;
begin
    perform chatkeep.begin_write(user_uuid);
    if jsonb_typeof(conversations_data) is distinct from 'array' then
        raise sqlstate 'PT400' using message = 'invalid_body: The conversations must be an array.';
    end if;

    v_upload := array(select jsonb_array_elements(conversations_data));
    -- What can be told from the upload alone.
    select array_agg(case when c.error is not null then c.error
                          when c.turn > c_most then format('The upload has this conversation more than %s times.', c_most) end
                     order by c.ord),
           array_agg(c.turn order by c.ord)
      into v_errors, v_turns
      from chatkeep.check_conversations(user_uuid, v_upload) c;
    select coalesce(jsonb_agg(jsonb_build_object('ord', c.ord, 'conversationId', c.item -> 'id', 'error', c.error)), '[]')
      into v_details
      from unnest(v_upload, v_errors) with ordinality as c (item, error, ord)
     where c.error is not null;

    -- A conversation that is uploaded twice in one request is stored twice, one after the other.
    for v_ords, v_items in
        select array_agg(c.ord order by c.ord), array_agg(c.item order by c.ord)
          from unnest(v_upload, v_errors, v_turns) with ordinality as c (item, error, turn, ord)
         where c.error is null
         group by c.turn
         order by c.turn
    loop
        v_full := chatkeep.conversations_without_room(user_uuid, v_ords, v_items);
        if v_full <> '{}' then
            v_details := v_details || chatkeep.refusals(v_ords, v_items, v_full, c_full);
            select array_agg(b.ord order by b.ord), array_agg(b.item order by b.ord) into v_ords, v_items
              from unnest(v_ords, v_items) as b (ord, item)
             where not exists (select from unnest(v_full) as f (ord) where f.ord = b.ord);
            continue when v_ords is null;
        end if;
        v_details := v_details || chatkeep.sync_isolating(user_uuid, v_ords, v_items);
    end loop;

    return (
        select jsonb_build_object(
                   'synced', count(*) filter (where not item ? 'error'),
                   'errors', count(*) filter (where item ? 'error'),
                   'details', coalesce(jsonb_agg(item - 'ord' order by (item ->> 'ord')::int), '[]'))
          from jsonb_array_elements(v_details) as d (item));
end
$$;

revoke execute on function public.sync_user_conversations(uuid, jsonb) from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function public.sync_user_conversations(uuid, jsonb) to authenticated, service_role;

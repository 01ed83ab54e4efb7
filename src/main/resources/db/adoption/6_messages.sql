-- The messages, as they were: their times, tokens, costs, and what was kept with them besides.

create function adopting.extras(p_message adopting.chat_messages, p_annotations jsonb) returns jsonb
    language sql immutable set search_path = pg_catalog
as $$
    select jsonb_object_agg(e.name, e.value)
      from (values ('reasoning', to_jsonb(nullif(p_message.reasoning, ''))),
                   ('reasoning_details', case jsonb_typeof(p_message.reasoning_details)
                                             when 'array' then p_message.reasoning_details
                                             when 'object' then jsonb_build_array(p_message.reasoning_details) end),
                   ('annotations', p_annotations),
                   ('has_websearch', case when p_message.has_websearch then to_jsonb(true) end),
                   ('websearch_result_count', case when p_message.websearch_result_count > 0 then to_jsonb(p_message.websearch_result_count) end)
           ) as e (name, value)
     where e.value is not null
$$;

create table adopting.annotations as
select a.message_id,
       jsonb_agg(jsonb_strip_nulls(jsonb_build_object('type', a.annotation_type, 'url', a.url, 'title', a.title, 'content', a.content,
                                                      'start_index', a.start_index, 'end_index', a.end_index))
                 order by a.created_at, a.start_index, a.id) as list
  from adopting.chat_message_annotations a
  join adopting.messages m on m.id = a.message_id and m.user_id = a.user_id
 group by a.message_id;
alter table adopting.annotations add primary key (message_id);
analyze adopting.annotations;

alter table public.chat_messages disable trigger user;
insert into public.chat_messages (
    user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, content_type,
    elapsed_ms, completion_id, message_timestamp, error_message, is_streaming, metadata, extras, updated_at)
select a.user_id, a.id, a.session_id, m.role, m.content, left(nullif(m.model, ''), 100),
       case when m.total_tokens >= 0 then m.total_tokens end, case when m.input_tokens >= 0 then m.input_tokens end,
       case when m.output_tokens >= 0 then m.output_tokens end,
       case when char_length(m.user_message_id) between 1 and 255 then m.user_message_id end,
       case when m.content_type in ('text', 'markdown') then m.content_type end,
       -- The first years counted seconds.
       case when m.elapsed_ms >= 0 then m.elapsed_ms when m.elapsed_time between 0 and 2147483 then m.elapsed_time * 1000 end,
       left(nullif(m.completion_id, ''), 255), a.at,
       case when octet_length(m.error_message) <= 65536 then nullif(m.error_message, '') else left(m.error_message, 16384) end,
       coalesce(m.is_streaming, false),
       case when jsonb_typeof(m.metadata) = 'object' and m.metadata <> '{}' then jsonb_build_object('legacy', m.metadata) else '{}' end
           || coalesce(chatkeep.cost_note(c), '{}'),
       case when octet_length(x.extras::text) <= 16777216 then x.extras end,
       least(a.at, now())
  from adopting.messages a
  join adopting.chat_messages m on m.id = a.id
  left join chatkeep.charges c on c.user_id = a.user_id and c.message_id = a.id and c.told_cost is not null
  left join adopting.annotations n on n.message_id = a.id
  left join lateral (select adopting.extras(m, n.list) as extras) x
    on n.list is not null or m.reasoning is not null or m.reasoning_details is not null or m.has_websearch or m.websearch_result_count > 0
 order by a.position;
alter table public.chat_messages enable trigger user;

alter table public.chat_sessions disable trigger user;
update public.chat_sessions s
   set stored_messages = f.messages, stored_bytes = f.bytes
  from (select m.user_id, m.session_id, count(*) as messages, sum(m.stored_bytes) as bytes
          from public.chat_messages m group by m.user_id, m.session_id) f
 where s.user_id = f.user_id and s.id = f.session_id;
alter table public.chat_sessions enable trigger user;

insert into chatkeep.stored_by_user (user_id, sessions, messages, bytes)
select s.user_id, count(*), sum(s.stored_messages), sum(s.stored_bytes) from public.chat_sessions s group by s.user_id;

insert into adopting.report (what, outcome, rows)
select 'messages', r.outcome, r.rows
  from (select count(a.id) as copied,
               count(*) filter (where a.id is null and k.id is null) as of_nobody,
               count(*) filter (where a.id is null and k.id is not null) as unfit,
               count(*) filter (where a.id is not null and (m.total_tokens < 0 or m.input_tokens < 0 or m.output_tokens < 0
                                                            or m.elapsed_ms < 0 or m.elapsed_time < 0)) as negative,
               count(*) filter (where a.id is not null and a.at is distinct from m.message_timestamp) as moved,
               count(*) filter (where a.id is not null and (octet_length(m.error_message) > 65536
                                                            or char_length(m.user_message_id) > 255)) as sizes
          from adopting.chat_messages m
          left join adopting.messages a on a.id = m.id
          left join adopting.sessions k on k.id = m.session_id) c
 cross join lateral (values
       ('copied', c.copied),
       ('left in legacy: their session was not copied', c.of_nobody),
       ('left in legacy: of another role, longer than 16 MiB, or with an id that is empty or too long', c.unfit),
       ('changed: tokens or times taken were negative, and are unknown now', c.negative),
       ('changed: their time was outside of the years 1 to 9999', c.moved),
       ('changed: too large, cut off or left out', c.sizes)) as r (outcome, rows)
 where r.rows > 0
union all
select 'annotations', r.outcome, r.rows
  from (select count(*) as all_rows, (select coalesce(sum(jsonb_array_length(n.list)), 0) from adopting.annotations n) as copied
          from adopting.chat_message_annotations) c
 cross join lateral (values ('copied', c.copied), ('left in legacy: their message was not copied, or is not theirs', c.all_rows - c.copied)) as r (outcome, rows)
 where r.rows > 0;

-- Sessions and messages. What sessions say of their messages is found anew, and failed messages count for nothing in it, as
-- the triggers of Chatkeep go on from there.

create table adopting.sessions as
select s.id, s.user_id
  from adopting.chat_sessions s
  join adopting.users u on u.id = s.user_id
 where char_length(s.id) between 1 and 255;
alter table adopting.sessions add primary key (id);
analyze adopting.sessions;

-- Each message that is taken over, without its text. Of what was said at the same time a question comes first.
create table adopting.messages as
select m.id, s.user_id, m.session_id, m.role, chatkeep.storable_time(m.message_timestamp) as at,
       nullif(m.error_message, '') is not null as failed,
       row_number() over (order by m.message_timestamp, m.session_id, (m.role <> 'user'), m.id) as position
  from adopting.chat_messages m
  join adopting.sessions s on s.id = m.session_id
 where char_length(m.id) between 1 and 255 and m.role in ('user', 'assistant', 'system', 'tool')
   and octet_length(m.content) <= 16777216;
alter table adopting.messages add primary key (id);
analyze adopting.messages;

alter table public.chat_sessions disable trigger user;
insert into public.chat_sessions (
    user_id, id, title, message_count, total_tokens, last_model, last_message_preview, last_message_timestamp, is_active,
    created_at, updated_at, last_activity)
select k.user_id, k.id, left(coalesce(nullif(s.title, ''), 'New Chat'), 255), coalesce(f.counted, 0), coalesce(f.tokens, 0), n.model,
       l.preview, l.at, coalesce(s.is_active, true), chatkeep.storable_time(s.created_at),
       chatkeep.storable_time(coalesce(s.updated_at, s.created_at)),
       chatkeep.storable_time(coalesce(s.last_activity, s.updated_at, s.created_at))
  from adopting.sessions k
  join adopting.chat_sessions s on s.id = k.id
  left join (select a.session_id, count(*) filter (where not a.failed) as counted,
                    sum(greatest(m.total_tokens, 0)) filter (where not a.failed) as tokens
               from adopting.messages a join adopting.chat_messages m on m.id = a.id
              group by a.session_id) f on f.session_id = k.id
  left join (select distinct on (a.session_id) a.session_id, a.at, left(m.content, 200) as preview
               from adopting.messages a join adopting.chat_messages m on m.id = a.id
              where not a.failed
              order by a.session_id, a.at desc, a.position desc) l on l.session_id = k.id
  left join (select distinct on (a.session_id) a.session_id, left(m.model, 100) as model
               from adopting.messages a join adopting.chat_messages m on m.id = a.id
              where not a.failed and m.model is not null
              order by a.session_id, a.at desc, a.position desc) n on n.session_id = k.id;
alter table public.chat_sessions enable trigger user;

insert into adopting.report (what, outcome, rows)
select 'sessions', r.outcome, r.rows
  from (select count(*) as all_rows, count(k.id) as copied,
               count(*) filter (where k.id is null and u.id is null) as of_nobody,
               count(*) filter (where k.id is null and u.id is not null) as ids
          from adopting.chat_sessions s
          left join adopting.sessions k on k.id = s.id
          left join adopting.users u on u.id = s.user_id) c
 cross join lateral (values
       ('copied', c.copied),
       ('left in legacy: their user was not copied', c.of_nobody),
       ('left in legacy: their id is empty or too long', c.ids)) as r (outcome, rows)
 where r.rows > 0;


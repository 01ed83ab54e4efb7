-- Sessions and their messages. Clients make the ids, so ownership is in the key: two users may hold
-- the same id. Ids compare by bytes (collation "C"): the order is the same on every server.

create table public.chat_sessions (
    user_id                uuid         not null
        constraint chat_sessions_user_id_fkey references public.profiles (id) on delete cascade,
    id                     text collate "C" not null
        constraint chat_sessions_id_length check (char_length(id) between 1 and 255),
    title                  varchar(255) not null default 'New Chat',
    message_count          int          not null default 0,
    total_tokens           bigint       not null default 0,
    last_model             varchar(100),
    last_message_preview   text
        constraint chat_sessions_last_message_preview_length check (char_length(last_message_preview) <= 200),
    last_message_timestamp timestamptz,
    is_active              boolean      not null default true,
    created_at             timestamptz  not null default now(),
    updated_at             timestamptz  not null default now(),
    last_activity          timestamptz  not null default now(),
    stored_messages        int          not null default 0,
    stored_bytes           bigint       not null default 0,
    constraint chat_sessions_pkey primary key (user_id, id),
    -- Responses write times with four digits of the year.
    constraint chat_sessions_times_range
        check (least(created_at, updated_at, last_activity) >= '0001-01-01 00:00:00+00'
               and greatest(created_at, updated_at, last_activity) < '10000-01-01 00:00:00+00')
);
comment on table public.chat_sessions is 'Conversations; message_count to last_message_timestamp are kept by on_message_change';
comment on column public.chat_sessions.stored_messages is 'All messages, also those that failed; kept as well, as stored_bytes';
comment on column public.chat_sessions.stored_bytes is 'Bytes of these messages, as chatkeep.stored_by_user counts them';

create index idx_chat_sessions_user_updated on public.chat_sessions (user_id, updated_at desc);
-- Pages of a download: a session without a message stands where it was made.
create index chat_sessions_newest_message_idx on public.chat_sessions
    (user_id, (coalesce(last_message_timestamp, created_at)) desc, id desc);
create index idx_chat_sessions_user_id on public.chat_sessions (user_id);
create index idx_chat_sessions_updated_at on public.chat_sessions (updated_at desc);

create table public.chat_messages (
    user_id           uuid        not null,
    id                text collate "C" not null
        constraint chat_messages_id_length check (char_length(id) between 1 and 255),
    session_id        text collate "C" not null,
    role              text        not null
        constraint chat_messages_role_known check (role in ('user', 'assistant', 'system', 'tool')),
    content           text        not null,
    model             varchar(100),
    total_tokens      int,
    input_tokens      int,
    output_tokens     int,
    user_message_id   text collate "C"
        constraint chat_messages_user_message_id_length check (char_length(user_message_id) between 1 and 255),
    content_type      text
        constraint chat_messages_content_type_known check (content_type in ('text', 'markdown')),
    elapsed_ms        int,
    completion_id     varchar(255),
    message_timestamp timestamptz not null default now()
        constraint chat_messages_message_timestamp_range
            check (message_timestamp >= '0001-01-01 00:00:00+00' and message_timestamp < '10000-01-01 00:00:00+00'),
    error_message     text,
    is_streaming      boolean     not null default false,
    metadata          jsonb       not null default '{}',
    extras            jsonb
        constraint chat_messages_extras_object check (jsonb_typeof(extras) = 'object'),
    ordinal           bigint      generated always as identity,
    updated_at        timestamptz not null default clock_timestamp(),
    stored_bytes      int         not null generated always as (
        octet_length(content) + coalesce(octet_length((metadata -> 'tool_calls')::text), 0)
        + coalesce(octet_length(extras::text), 0)) stored,
    constraint chat_messages_pkey primary key (user_id, id),
    -- Several columns in one constraint, because PostgreSQL reads each anew with every statement.
    constraint chat_messages_counts_positive check (least(total_tokens, input_tokens, output_tokens, elapsed_ms) >= 0),
    -- Models answer at any length; what clients send is bounded by the size of a request.
    constraint chat_messages_texts_length
        check (greatest(octet_length(content), octet_length(extras::text)) <= 16777216 and octet_length(error_message) <= 65536),
    constraint chat_messages_session_fkey foreign key (user_id, session_id)
        references public.chat_sessions (user_id, id) on delete cascade
);
comment on table public.chat_messages is 'What was said; null means that the client did not say';
comment on column public.chat_messages.elapsed_ms is 'How long the answer took, in milliseconds';
comment on column public.chat_messages.user_message_id is 'The user message that this answer answers';
comment on column public.chat_messages.extras is
    'What clients say besides and the service only keeps: reasoning, annotations and the like; null if nothing';
comment on column public.chat_messages.ordinal is 'The order of arrival; what was said at the same time stands in it';
comment on column public.chat_messages.stored_bytes is 'What of it is its user''s to store: sessions and chatkeep.stored_by_user add it up, reads look at it before they begin';
comment on column public.chat_messages.updated_at is 'The last change by whomever, at the server''s time; kept by on_message_updated';

-- Reads a session in order, finds its newest message and stands behind the foreign key. It does not
-- begin with user_id, or else the planner, while it has not yet noticed how much a new user wrote, could
-- take it for a look-up by id and read all of it each time.
create index idx_chat_messages_session_user_timestamp
    on public.chat_messages (session_id, user_id, message_timestamp, ordinal);
-- Finds the answers to a question; the index that the specification names for it holds those of all users.
create index chat_messages_answers_idx on public.chat_messages (user_id, user_message_id) where user_message_id is not null;
create index idx_chat_messages_session_id on public.chat_messages (session_id);
create index idx_chat_messages_timestamp on public.chat_messages (message_timestamp);
create index idx_chat_messages_session_timestamp on public.chat_messages (session_id, message_timestamp);
create index idx_chat_messages_completion_id on public.chat_messages (completion_id);
create index idx_chat_messages_user_message_id on public.chat_messages (user_message_id)
    where user_message_id is not null;
create index idx_chat_messages_tokens_role on public.chat_messages (role, input_tokens, output_tokens)
    where input_tokens > 0 or output_tokens > 0;
create index chat_messages_errors_idx on public.chat_messages (message_timestamp) where error_message is not null;

-- One message of an upload, checked for nothing yet but its types; conversation and position say where
-- in the upload it stands, was_counted that it is stored and had not failed.
create type chatkeep.incoming_message as (
    conversation      int,
    position          int,
    session_id        text,
    id                text,
    role              text,
    content           text,
    model             text,
    total_tokens      int,
    input_tokens      int,
    output_tokens     int,
    user_message_id   text,
    content_type      text,
    elapsed_ms        int,
    completion_id     text,
    message_timestamp timestamptz,
    error_message     text,
    was_counted       boolean,
    extras            jsonb
);

-- What a change of messages changes of their session: how many are counted and stored, and the times of the newest counted ones
-- (that name a model) on either side of it; preview and model are what a single new message says.
create type chatkeep.session_change as (
    user_id      uuid,
    session_id   text,
    messages     int,
    tokens       bigint,
    newest       timestamptz,
    preview      text,
    newest_model timestamptz,
    model        text,
    stored       int,
    bytes        bigint
);

revoke all on public.chat_sessions, public.chat_messages from public, anon, authenticated;
-- Users may write what is theirs to say. What triggers keep, what is counted, the service's own metadata and the times of
-- the server are written by functions alone.
grant select, delete on public.chat_sessions, public.chat_messages to authenticated;
grant insert (user_id, id, title, is_active), update (title, is_active) on public.chat_sessions to authenticated;
grant insert (user_id, id, session_id, role, content, model, user_message_id, content_type, elapsed_ms, completion_id,
              message_timestamp, error_message, extras),
      update (content, content_type)
    on public.chat_messages to authenticated;
grant select, insert, update, delete on public.chat_sessions, public.chat_messages to service_role;

alter table public.chat_sessions enable row level security;
alter table public.chat_messages enable row level security;

-- Who is banned only reads and deletes, as chatkeep.begin_write has it for functions.
create policy chat_sessions_owner on public.chat_sessions
    for all to authenticated using (user_id = (select auth.uid()))
    with check (user_id = (select auth.uid())
                and not exists (select from public.profiles p where p.id = (select auth.uid()) and p.banned_until > now()));
create policy chat_sessions_service on public.chat_sessions
    for all to service_role using (true) with check (true);
create policy chat_messages_owner on public.chat_messages
    for all to authenticated using (user_id = (select auth.uid()))
    with check (user_id = (select auth.uid())
                and not exists (select from public.profiles p where p.id = (select auth.uid()) and p.banned_until > now()));
create policy chat_messages_service on public.chat_messages
    for all to service_role using (true) with check (true);

-- What these do stands in R__04, R__06 and R__07. PostgreSQL gives transition tables to triggers of one event only, hence three.
create function chatkeep.remember_counted_sessions() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return null; end';
create trigger remember_counted_sessions_deleted
    after delete on public.chat_sessions
    referencing old table as old_rows
    for each statement execute function chatkeep.remember_counted_sessions();

create function chatkeep.count_stored_sessions() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return null; end';
create trigger stored_sessions_inserted
    after insert on public.chat_sessions
    referencing new table as new_rows
    for each statement execute function chatkeep.count_stored_sessions();
create trigger stored_sessions_deleted
    after delete on public.chat_sessions
    referencing old table as old_rows
    for each statement execute function chatkeep.count_stored_sessions();

create function public.update_session_timestamp() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return new; end';
create trigger on_session_updated
    before update on public.chat_sessions
    for each row execute function public.update_session_timestamp();

create function chatkeep.update_message_timestamp() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return new; end';
create trigger on_message_updated
    before update on public.chat_messages
    for each row execute function chatkeep.update_message_timestamp();

create function public.update_session_stats() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return null; end';
create trigger on_message_change
    after insert on public.chat_messages
    referencing new table as new_rows
    for each statement execute function public.update_session_stats();
create trigger on_message_change_update
    after update on public.chat_messages
    referencing old table as old_rows new table as new_rows
    for each statement execute function public.update_session_stats();
create trigger on_message_change_delete
    after delete on public.chat_messages
    referencing old table as old_rows
    for each statement execute function public.update_session_stats();

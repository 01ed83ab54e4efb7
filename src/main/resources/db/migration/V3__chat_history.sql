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
    constraint chat_sessions_pkey primary key (user_id, id)
);
comment on table public.chat_sessions is 'Conversations; message_count to last_message_timestamp are kept by on_message_change';

create index idx_chat_sessions_user_updated on public.chat_sessions (user_id, updated_at desc);
create index idx_chat_sessions_user_id on public.chat_sessions (user_id);
create index idx_chat_sessions_updated_at on public.chat_sessions (updated_at desc);

create table public.chat_messages (
    user_id           uuid        not null,
    id                text collate "C" not null
        constraint chat_messages_id_length check (char_length(id) between 1 and 255),
    session_id        text collate "C" not null,
    role              text        not null
        constraint chat_messages_role_known check (role in ('user', 'assistant', 'system', 'tool')),
    content           text        not null
        constraint chat_messages_content_length check (octet_length(content) <= 1048576),
    model             varchar(100),
    total_tokens      int
        constraint chat_messages_total_tokens_positive check (total_tokens >= 0),
    input_tokens      int
        constraint chat_messages_input_tokens_positive check (input_tokens >= 0),
    output_tokens     int
        constraint chat_messages_output_tokens_positive check (output_tokens >= 0),
    user_message_id   text collate "C"
        constraint chat_messages_user_message_id_length check (char_length(user_message_id) between 1 and 255),
    content_type      text
        constraint chat_messages_content_type_known check (content_type in ('text', 'markdown')),
    elapsed_ms        int
        constraint chat_messages_elapsed_ms_positive check (elapsed_ms >= 0),
    completion_id     varchar(255),
    message_timestamp timestamptz not null default now()
        constraint chat_messages_message_timestamp_range
            check (message_timestamp >= '0001-01-01 00:00:00+00' and message_timestamp < '10000-01-01 00:00:00+00'),
    error_message     text
        constraint chat_messages_error_message_length check (octet_length(error_message) <= 65536),
    is_streaming      boolean     not null default false,
    metadata          jsonb       not null default '{}',
    constraint chat_messages_pkey primary key (user_id, id),
    constraint chat_messages_session_fkey foreign key (user_id, session_id)
        references public.chat_sessions (user_id, id) on delete cascade
);
comment on table public.chat_messages is 'What was said; null means that the client did not say';
comment on column public.chat_messages.elapsed_ms is 'How long the answer took, in milliseconds';
comment on column public.chat_messages.user_message_id is 'The user message that this answer answers';

-- Reads a session in order, finds its newest message and stands behind the foreign key. It does not
-- begin with user_id, or else the planner, while it has not yet noticed how much a new user wrote, could
-- take it for a look-up by id and read all of it each time.
create index idx_chat_messages_session_user_timestamp
    on public.chat_messages (session_id, user_id, message_timestamp, id);
create index idx_chat_messages_session_id on public.chat_messages (session_id);
create index idx_chat_messages_timestamp on public.chat_messages (message_timestamp);
create index idx_chat_messages_session_timestamp on public.chat_messages (session_id, message_timestamp);
create index idx_chat_messages_completion_id on public.chat_messages (completion_id);
create index idx_chat_messages_user_message_id on public.chat_messages (user_message_id)
    where user_message_id is not null;
create index idx_chat_messages_tokens_role on public.chat_messages (role, input_tokens, output_tokens)
    where input_tokens > 0 or output_tokens > 0;

-- The ledger of usage: one row for each message or call that was counted, with exactly what was charged for it. Days,
-- models and totals are sums of it (see book_charges). A message that is deleted leaves its row, so that a device that
-- sends it again finds it; a row goes with its day, or with the account. No content is in it.
create table chatkeep.charges (
    user_id           uuid    not null
        constraint charges_user_id_fkey references public.profiles (id) on delete cascade,
    -- Bounded by their types: PostgreSQL reads a check anew with every statement.
    message_id        varchar(255) collate "C" not null,
    stream_id         varchar(255) collate "C",
    question_id       varchar(255) collate "C",
    usage_date        date    not null,
    model             varchar(100) collate "C",
    messages_sent     bigint  not null default 0,
    messages_received bigint  not null default 0,
    input_tokens      bigint  not null default 0,
    output_tokens     bigint  not null default 0,
    question_tokens   bigint  not null default 0,
    reasoning_tokens  bigint  not null default 0,
    cached_tokens     bigint  not null default 0,
    input_cost        numeric,
    output_cost       numeric,
    cost              numeric not null generated always as (
        (input_tokens + question_tokens) * coalesce(input_cost, 0) + output_tokens * coalesce(output_cost, 0)) stored,
    charged_at        timestamptz not null default now(),
    constraint charges_pkey primary key (user_id, message_id)
);
comment on table chatkeep.charges is 'What was counted, message by message and call by call; all figures of usage are its sums';
comment on column chatkeep.charges.message_id is 'The message; the id of the stream for a call whose answer is not stored';
comment on column chatkeep.charges.stream_id is 'The call whose question or answer it is; null where a client said what it took';
comment on column chatkeep.charges.question_id is 'The question that an answer answers';
comment on column chatkeep.charges.usage_date is 'The UTC day on which it is booked';
comment on column chatkeep.charges.charged_at is 'When the server got to know of it; retention goes by this';
comment on column chatkeep.charges.question_tokens is 'Of a question that names no model: charged with each answer, not counted by the day again';
comment on column chatkeep.charges.input_cost is 'Price of a token when it was charged, as output_cost; null where the model had none';

-- No call is counted twice.
create unique index charges_stream_idx on chatkeep.charges (user_id, stream_id)
    where stream_id is not null and messages_received > 0;
create index charges_question_idx on chatkeep.charges (user_id, question_id) where question_id is not null;
create index charges_date_idx on chatkeep.charges (usage_date, user_id);

-- What is added to a day and a model.
create type chatkeep.booking as (
    user_id    uuid,
    usage_date date,
    model      text,
    sent       bigint,
    received   bigint,
    calls      bigint,
    input      bigint,
    output     bigint,
    question   bigint,
    cost       numeric
);

-- What usage has counted of sessions that are no longer there to say so themselves.
create table chatkeep.counted_sessions (
    user_id    uuid not null
        constraint counted_sessions_user_id_fkey references public.profiles (id) on delete cascade,
    session_id text collate "C" not null,
    constraint counted_sessions_pkey primary key (user_id, session_id)
);
comment on table chatkeep.counted_sessions is 'Sessions that usage has counted and that were deleted since';

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
    was_counted       boolean
);

revoke all on public.chat_sessions, public.chat_messages from public, anon, authenticated;
-- The columns that triggers keep are nobody's to write.
grant select, delete on public.chat_sessions, public.chat_messages to authenticated;
grant insert (user_id, id, title, is_active, created_at, updated_at, last_activity),
      update (title, is_active)
    on public.chat_sessions to authenticated;
grant insert, update on public.chat_messages to authenticated;
grant select, insert, update, delete on public.chat_sessions, public.chat_messages to service_role;
grant select on chatkeep.charges, chatkeep.counted_sessions to authenticated, service_role;

alter table public.chat_sessions enable row level security;
alter table public.chat_messages enable row level security;
alter table chatkeep.charges enable row level security;
alter table chatkeep.counted_sessions enable row level security;

create policy chat_sessions_owner on public.chat_sessions
    for all to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy chat_sessions_service on public.chat_sessions
    for all to service_role using (true) with check (true);
create policy chat_messages_owner on public.chat_messages
    for all to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy chat_messages_service on public.chat_messages
    for all to service_role using (true) with check (true);
create policy charges_owner_reads on chatkeep.charges
    for select to authenticated using (user_id = (select auth.uid()));
create policy charges_service_reads on chatkeep.charges
    for select to service_role using (true);
create policy counted_sessions_owner_reads on chatkeep.counted_sessions
    for select to authenticated using (user_id = (select auth.uid()));
create policy counted_sessions_service_reads on chatkeep.counted_sessions
    for select to service_role using (true);

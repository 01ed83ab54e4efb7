-- What the first system has had since 2026 beside what it had in 2025, and other columns of the same. It runs after the other file, whose
-- rows it keeps.

alter table public.profiles drop column allowed_models;
alter table public.profiles
    add column account_type       text not null default 'user' check (account_type in ('user', 'admin')),
    add column is_banned          boolean not null default false,
    add column banned_at          timestamptz,
    add column banned_until       timestamptz,
    add column ban_reason         text,
    add column violation_strikes  integer not null default 0,
    add column personality_preset text,
    add column stripe_customer_id text unique;
alter table public.chat_sessions drop column is_active;
alter table public.chat_messages drop column elapsed_time;
alter table public.chat_messages
    add column elapsed_ms             integer default 0,
    add column has_attachments        boolean not null default false,
    add column has_websearch          boolean not null default false,
    add column websearch_result_count integer not null default 0,
    add column reasoning              text,
    add column reasoning_details      jsonb;
alter table public.user_usage_daily drop column active_minutes;
alter table public.user_usage_daily add column generation_ms bigint default 0;
alter table public.user_usage_daily alter column estimated_cost type numeric(12, 6);
drop table public.model_access;
drop table public.system_cache;
create table public.model_access (
    id                       uuid default gen_random_uuid() primary key,
    model_id                 varchar(100) not null unique,
    model_name               varchar(255) not null,
    model_description        text,
    context_length           integer default 8192,
    created_timestamp        bigint,
    modality                 varchar(50),
    input_modalities         jsonb default '[]',
    output_modalities        jsonb default '[]',
    prompt_price             varchar(32) default '0',
    completion_price         varchar(32) default '0',
    request_price            varchar(32) default '0',
    image_price              varchar(32) default '0',
    web_search_price         varchar(32) default '0',
    internal_reasoning_price varchar(32) default '0',
    input_cache_read_price   varchar(32),
    input_cache_write_price  varchar(32),
    supported_parameters     jsonb default '[]',
    status                   varchar(20) default 'new',
    is_free                  boolean default false,
    is_pro                   boolean default false,
    is_enterprise            boolean default false,
    daily_limit              integer,
    monthly_limit            integer,
    created_at               timestamptz not null default now(),
    updated_at               timestamptz not null default now()
);
create table public.chat_message_annotations (
    id              uuid default gen_random_uuid() primary key,
    user_id         uuid not null references public.profiles (id) on delete cascade,
    session_id      text not null,
    message_id      text not null,
    annotation_type text not null,
    url             text not null,
    title           text,
    content         text,
    start_index     integer,
    end_index       integer,
    created_at      timestamptz not null default now()
);
create table public.message_token_costs (
    id                    uuid default gen_random_uuid() primary key,
    user_id               uuid not null references public.profiles (id),
    session_id            text not null,
    assistant_message_id  text not null unique,
    user_message_id       text,
    completion_id         varchar(255),
    model_id              varchar(100),
    message_timestamp     timestamptz not null,
    prompt_tokens         integer not null default 0,
    completion_tokens     integer not null default 0,
    prompt_unit_price     numeric(12, 8),
    completion_unit_price numeric(12, 8),
    total_cost            numeric(12, 6)
);
create table public.moderation_actions (
    id      uuid default gen_random_uuid() primary key,
    user_id uuid not null references public.profiles (id) on delete cascade,
    action  text not null
);
create view public.user_model_costs_daily with (security_invoker = true) as
    select user_id, model_id, sum(total_cost) as total_cost from public.message_token_costs group by user_id, model_id;

update public.profiles set account_type = 'admin', personality_preset = 'professional' where email = 'ada@example.org';
update public.profiles
   set is_banned = true, banned_at = '2026-01-05 10:00:00+00', ban_reason = 'Spam'
 where email = 'bob@example.org';
insert into auth.users (id, email) values ('aaaaaaaa-0000-4000-8000-000000000004', 'dora@example.org');
update public.profiles set banned_at = '2026-01-05 10:00:00+00', banned_until = '2026-01-06 10:00:00+00' where email = 'dora@example.org';

insert into public.chat_sessions (id, user_id, title, created_at, updated_at, last_activity) values
    ('conv_3', 'aaaaaaaa-0000-4000-8000-000000000001', 'Searched', '2025-07-04 08:00:00+00', '2025-07-04 08:05:00+00', '2025-07-04 08:05:00+00');
insert into public.chat_messages (
    id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, elapsed_ms, message_timestamp,
    has_websearch, websearch_result_count, reasoning, reasoning_details) values
    ('msg_5', 'conv_3', 'user', 'What is new?', 'house/deep', 100, 100, 0, null, 0, '2025-07-04 08:00:00+00', false, 0, null, null),
    ('msg_6', 'conv_3', 'assistant', 'This.', 'house/deep', 50, 0, 50, 'msg_5', 2345, '2025-07-04 08:00:00+00', true, 2, 'Let me look.',
     '[{"type": "reasoning.text", "text": "Let me look.", "signature": null}]');
insert into public.chat_message_annotations (user_id, session_id, message_id, annotation_type, url, title, start_index, end_index, created_at) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'conv_3', 'msg_6', 'url_citation', 'https://example.org/a', 'A', 0, 4, '2025-07-04 08:00:01+00'),
    ('aaaaaaaa-0000-4000-8000-000000000001', 'conv_3', 'msg_6', 'url_citation', 'https://example.org/b', null, null, null, '2025-07-04 08:00:02+00');
insert into public.message_token_costs (
    user_id, session_id, assistant_message_id, user_message_id, model_id, message_timestamp, prompt_tokens, completion_tokens,
    prompt_unit_price, completion_unit_price, total_cost) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'conv_3', 'msg_6', 'msg_5', 'house/deep', '2025-07-04 08:00:00+00', 100, 50, 0.00000300, 0.00001500, 0.021050),
    -- Its session was deleted.
    ('aaaaaaaa-0000-4000-8000-000000000001', 'conv_9', 'msg_gone', 'msg_gone_q', 'house/fast', '2025-07-04 07:00:00+00', 10, 20, 0.00000050, 0.00000150, 0.000035);
insert into public.user_usage_daily (
    user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used, estimated_cost) values
    ('aaaaaaaa-0000-4000-8000-000000000001', '2025-07-04', 2, 2, 110, 70, 180, '{"house/deep": 2, "house/fast": 1}', 0.021085),
    ('aaaaaaaa-0000-4000-8000-000000000001', '2025-07-05', 0, 0, 0, 0, 0, '{}', 0.500000);
insert into public.model_access (
    model_id, model_name, context_length, created_timestamp, input_modalities, output_modalities, prompt_price, completion_price,
    web_search_price, input_cache_read_price, supported_parameters, status, is_free, is_pro, is_enterprise) values
    ('house/fast', 'Fast', 32000, 1735689600, '["text", "image"]', '["text"]', '0.0000005', '0.0000015', '0.004', '0.00000005', '["temperature", "tools"]', 'active', true, true, true),
    ('house/deep', 'Deep', 0, null, '[]', '[]', '0.000003', '0.000015', '0', null, '[]', 'active', false, true, true),
    ('house/auto', 'Auto', 8192, null, '[]', '[]', '-1', '-1', '0', null, '[]', 'new', false, false, false);
insert into public.moderation_actions (user_id, action) values ('aaaaaaaa-0000-4000-8000-000000000002', 'banned');
alter table public.model_access enable row level security;
alter table public.model_access force row level security;

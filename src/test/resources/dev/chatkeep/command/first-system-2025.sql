-- The first system of 2025 as far as adopt can tell: its tables with their keys, a trigger on auth.users, one on messages that
-- counts, policies and grants, and a few users with what may be wrong with them. The owner of the database runs it.

create schema auth;
create table auth.users (
    id                 uuid primary key,
    email              varchar(255),
    raw_user_meta_data jsonb not null default '{}',
    last_sign_in_at    timestamptz,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now()
);
create function auth.uid() returns uuid language sql stable
    as $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
grant usage on schema auth to authenticated, service_role;

create table public.profiles (
    id                  uuid primary key references auth.users (id) on delete cascade,
    email               varchar(255) not null,
    full_name           varchar(255),
    avatar_url          text,
    default_model       varchar(100) default 'house/standard',
    temperature         numeric(3, 2) default 0.7,
    system_prompt       text default 'Be helpful.',
    subscription_tier   varchar(20) default 'free' check (subscription_tier in ('free', 'pro', 'enterprise')),
    credits             integer not null default 0,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    last_active         timestamptz default now(),
    usage_stats         jsonb default '{"total_messages": 0, "total_tokens": 0, "sessions_created": 0}',
    allowed_models      text[],
    ui_preferences      jsonb default '{"theme": "dark"}',
    session_preferences jsonb default '{"max_history": 10}'
);
create table public.user_activity_log (
    id            uuid default gen_random_uuid() primary key,
    user_id       uuid not null references public.profiles (id) on delete cascade,
    action        varchar(50) not null,
    resource_type varchar(50),
    resource_id   text,
    details       jsonb default '{}',
    timestamp     timestamptz not null default now(),
    ip_address    inet,
    user_agent    text
);
create table public.chat_sessions (
    id                     text primary key,
    user_id                uuid not null references public.profiles (id) on delete cascade,
    title                  varchar(255) not null default 'New Chat',
    created_at             timestamptz not null default now(),
    updated_at             timestamptz not null default now(),
    last_activity          timestamptz not null default now(),
    message_count          integer not null default 0,
    total_tokens           integer not null default 0,
    last_model             varchar(100),
    is_active              boolean not null default true,
    last_message_preview   text,
    last_message_timestamp timestamptz
);
create table public.chat_messages (
    id                text primary key,
    session_id        text not null references public.chat_sessions (id) on delete cascade,
    role              varchar(20) not null check (role in ('user', 'assistant', 'system')),
    content           text not null,
    model             varchar(100),
    total_tokens      integer default 0,
    input_tokens      integer default 0,
    output_tokens     integer default 0,
    user_message_id   text,
    content_type      varchar(20) default 'text' check (content_type in ('text', 'markdown')),
    elapsed_time      integer default 0,
    completion_id     varchar(255),
    message_timestamp timestamptz not null default now(),
    error_message     text,
    is_streaming      boolean default false,
    metadata          jsonb default '{}'
);
create table public.user_usage_daily (
    id                uuid default gen_random_uuid() primary key,
    user_id           uuid not null references public.profiles (id) on delete cascade,
    usage_date        date not null,
    messages_sent     integer default 0,
    messages_received integer default 0,
    input_tokens      integer default 0,
    output_tokens     integer default 0,
    total_tokens      integer default 0,
    models_used       jsonb default '{}',
    sessions_created  integer default 0,
    active_minutes    integer default 0,
    estimated_cost    numeric(10, 4) default 0,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    unique (user_id, usage_date)
);
create table public.model_access (
    id                    uuid default gen_random_uuid() primary key,
    model_id              varchar(100) not null,
    tier                  varchar(20) not null check (tier in ('free', 'pro', 'enterprise', 'admin')),
    is_active             boolean default true,
    input_cost_per_token  numeric(10, 8) default 0,
    output_cost_per_token numeric(10, 8) default 0,
    daily_limit           integer,
    monthly_limit         integer,
    model_name            varchar(255),
    model_description     text,
    model_tags            text[],
    created_at            timestamptz not null default now(),
    updated_at            timestamptz not null default now(),
    unique (model_id, tier)
);
create table public.system_cache (
    cache_key   varchar(255) primary key,
    cache_value jsonb not null
);
create sequence public.ticket_numbers start 7;
create type public.mood as enum ('fine', 'better');
create index idx_profiles_email on public.profiles (email);
create index idx_chat_messages_session_id on public.chat_messages (session_id);
create view public.api_user_summary as
    select p.id, p.email, (select count(*) from public.chat_sessions s where s.user_id = p.id) as sessions from public.profiles p;

create function public.handle_user_profile_sync() returns trigger language plpgsql security definer
as $$
begin
    insert into public.profiles (id, email) values (new.id, new.email)
    on conflict (id) do update set email = excluded.email, last_active = now();
    return new;
end
$$;
create trigger on_auth_user_profile_sync after insert or update on auth.users
    for each row execute function public.handle_user_profile_sync();
-- It writes by name: if it fired after the move it would write to tables of Chatkeep.
create function public.update_session_stats() returns trigger language plpgsql
as $$
begin
    update public.chat_sessions
       set message_count = (select count(*) from public.chat_messages m where m.session_id = coalesce(new.session_id, old.session_id))
     where id = coalesce(new.session_id, old.session_id);
    return coalesce(new, old);
end
$$;
create trigger on_message_change after insert or update or delete on public.chat_messages
    for each row execute function public.update_session_stats();
create function public.update_session_timestamp() returns trigger language plpgsql
    as $$ begin new.updated_at := now(); return new; end $$;
create trigger on_session_updated before update on public.chat_sessions
    for each row execute function public.update_session_timestamp();
alter table public.chat_sessions disable trigger on_session_updated;

alter table public.profiles enable row level security;
alter table public.chat_sessions enable row level security;
alter table public.chat_messages enable row level security;
alter table public.model_access enable row level security;
create policy "Users can view their own profile" on public.profiles for select using (auth.uid() = id);
create policy "Users can view their own chat sessions" on public.chat_sessions for select using (user_id = auth.uid());
grant select, update on public.profiles to authenticated;
grant select, insert on public.chat_sessions, public.chat_messages to authenticated;
grant usage on schema public to authenticated, service_role;
comment on table public.chat_sessions is 'Conversations of the first system';

-- Ada has two sessions and usage that says more than her messages. Bob has nothing, and a session id that is too long. Cleo has no row in auth.users.
insert into auth.users (id, email) values
    ('aaaaaaaa-0000-4000-8000-000000000001', 'ada@example.org'),
    ('aaaaaaaa-0000-4000-8000-000000000002', 'bob@example.org');
update public.profiles
   set full_name = 'Ada', subscription_tier = 'pro', credits = 12, temperature = 0.3, system_prompt = 'Be brief.',
       default_model = 'house/fast', allowed_models = '{house/fast}', ui_preferences = '{"theme": "light", "sidebar_width": 300}',
       usage_stats = '{"total_messages": 40, "total_tokens": 900, "sessions_created": 4, "last_reset": "2025-06-01 10:00:00+00"}',
       created_at = '2025-06-01 10:00:00+00', updated_at = '2025-07-20 11:12:13.456789+00', last_active = '2025-07-21 09:00:00+00'
 where email = 'ada@example.org';
alter table public.profiles drop constraint profiles_id_fkey;
insert into public.profiles (id, email) values ('aaaaaaaa-0000-4000-8000-000000000003', 'cleo@example.org');
alter table public.profiles add constraint profiles_id_fkey foreign key (id) references auth.users (id) on delete cascade not valid;

insert into public.chat_sessions (id, user_id, title, created_at, updated_at, last_activity, total_tokens) values
    ('conv_1', 'aaaaaaaa-0000-4000-8000-000000000001', 'Größe', '2025-07-01 08:00:00+00', '2025-07-01 09:30:00.123456+00', '2025-07-01 09:31:00+00', 21),
    ('conv_2', 'aaaaaaaa-0000-4000-8000-000000000001', 'Empty', '2025-07-02 08:00:00+00', '2025-07-02 08:00:00+00', '2025-07-02 08:00:00+00', 0),
    (repeat('x', 256), 'aaaaaaaa-0000-4000-8000-000000000002', 'Long id', '2025-07-02 08:00:00+00', '2025-07-02 08:00:00+00', '2025-07-02 08:00:00+00', 0),
    ('conv_cleo', 'aaaaaaaa-0000-4000-8000-000000000003', 'Orphan', '2025-07-02 08:00:00+00', '2025-07-02 08:00:00+00', '2025-07-02 08:00:00+00', 0);
insert into public.chat_messages (
    id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, content_type, elapsed_time,
    completion_id, message_timestamp, error_message, metadata) values
    ('msg_1', 'conv_1', 'user', 'Wie groß?', null, 9, 9, 0, null, 'text', 0, null, '2025-07-01 08:00:01+00', null, '{}'),
    ('msg_2', 'conv_1', 'assistant', '**So** groß.', 'house/fast', 12, 0, 12, 'msg_1', 'markdown', 3, 'gen-1', '2025-07-01 08:00:05.5+00', null, '{"requested": true}'),
    ('msg_3', 'conv_1', 'user', 'And?', null, 0, -4, 0, null, 'text', -1, null, '2025-07-01 09:29:00+00', 'Message failed', null),
    ('msg_4', 'conv_cleo', 'user', 'Lost?', null, 1, 1, 0, null, 'text', 0, null, '2025-07-02 08:00:00+00', null, '{}');
insert into public.user_activity_log (id, user_id, action, resource_type, resource_id, details, timestamp, ip_address, user_agent) values
    ('bbbbbbbb-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001', 'profile_created', 'profile', 'x', '{"a": 1}', '2025-06-01 10:00:00+00', '192.0.2.1', 'Browser'),
    ('bbbbbbbb-0000-4000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-000000000003', 'profile_created', null, null, null, '2025-06-01 10:00:00+00', null, null);
insert into public.user_usage_daily (
    id, user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens, total_tokens, models_used,
    sessions_created, active_minutes, created_at, updated_at) values
    ('cccccccc-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000001', '2025-07-01', 3, 2, 18, 24, 42, '{"house/fast": 2}', 1, 6, '2025-07-01 08:00:01+00', '2025-07-01 09:30:00+00'),
    ('cccccccc-0000-4000-8000-000000000002', 'aaaaaaaa-0000-4000-8000-000000000001', '2025-07-03', 1, 1, 5, 7, 12, '{}', 0, 0, '2025-07-03 08:00:01+00', '2025-07-03 09:30:00+00');
insert into public.model_access (id, model_id, tier, input_cost_per_token, output_cost_per_token, daily_limit, model_name, model_tags, created_at, updated_at) values
    ('dddddddd-0000-4000-8000-000000000001', 'house/fast', 'free', 0.00000050, 0.00000150, 50, 'Fast', '{quick}', '2025-06-01 00:00:00+00', '2025-06-02 00:00:00+00'),
    ('dddddddd-0000-4000-8000-000000000002', 'house/deep', 'pro', 0.00000300, 0.00001500, -1, 'Deep', null, '2025-06-01 00:00:00+00', '2025-06-02 00:00:00+00');
insert into public.system_cache values ('warm', '{"x": 1}');
alter table public.model_access force row level security;

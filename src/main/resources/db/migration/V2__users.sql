-- Profiles, which extend auth.users, the log of what users did, and what they asked for of their data.

create table public.profiles (
    id                  uuid          not null
        constraint profiles_pkey primary key
        constraint profiles_id_fkey references auth.users (id) on delete cascade,
    email               varchar(255)  not null,
    full_name           varchar(255),
    avatar_url          text,
    default_model       varchar(100),
    temperature         numeric(3, 2) not null default 0.7
        constraint profiles_temperature_range check (temperature between 0 and 2),
    system_prompt       text,
    personality_preset  varchar(100),
    subscription_tier   varchar(20)   not null default 'free'
        constraint profiles_subscription_tier_known check (subscription_tier in ('free', 'pro', 'enterprise', 'admin')),
    credits             int           not null default 0,
    allowed_models      text[],
    ui_preferences      jsonb         not null default '{}',
    session_preferences jsonb         not null default '{}',
    usage_stats         jsonb         not null default '{}',
    created_at          timestamptz   not null default now(),
    updated_at          timestamptz   not null default now(),
    last_active         timestamptz   not null default now(),
    banned_at           timestamptz,
    banned_until        timestamptz,
    ban_reason          text
) with (fillfactor = 80); -- usage_stats changes with every message: leave room for updates in place
comment on table public.profiles is 'Who the user is, what they prefer, their tier and their totals of all time';
comment on column public.profiles.personality_preset is 'How the user wants to be answered, one of the presets that the service knows; null is none';
comment on column public.profiles.banned_until is 'Until then the user only reads and deletes what is theirs; null, or a time that is over, is no ban';

create index idx_profiles_email on public.profiles (email);
create index idx_profiles_last_active on public.profiles (last_active);
create index idx_profiles_subscription_tier on public.profiles (subscription_tier);

create table public.user_activity_log (
    id            uuid        not null default gen_random_uuid()
        constraint user_activity_log_pkey primary key,
    user_id       uuid
        constraint user_activity_log_user_id_fkey references public.profiles (id) on delete cascade,
    action        varchar(50) not null,
    resource_type varchar(50),
    resource_id   text
        constraint user_activity_log_resource_id_length check (char_length(resource_id) <= 1024),
    details       jsonb       not null default '{}'
        constraint user_activity_log_details_size check (octet_length(details::text) <= 65536),
    timestamp     timestamptz not null default now(),
    ip_address    inet,
    user_agent    text
        constraint user_activity_log_user_agent_length check (char_length(user_agent) <= 1024)
);
comment on table public.user_activity_log is 'What a user did, or what was done to the account, and when';
-- What belongs to no user: a change of the catalogue, a run of the retention job. Users see their own entries only.
comment on column public.user_activity_log.ip_address is 'Of the user''s own actions, and of events that belong to no user; null where somebody else acted, as user_agent';
comment on column public.user_activity_log.user_id is 'Whom it is about; null is the system as a whole';

create index idx_activity_log_user_id on public.user_activity_log (user_id);
create index idx_activity_log_timestamp on public.user_activity_log (timestamp);
create index idx_activity_log_action on public.user_activity_log (action);
-- The newest entries of one user: the sign-in trigger asks for them.
create index idx_activity_log_user_timestamp on public.user_activity_log (user_id, timestamp desc, id desc);
-- Who is erased is taken out of entries about others.
create index user_activity_log_actor_idx on public.user_activity_log ((details -> 'actor' ->> 'id'))
    where details ? 'actor';

-- An account is known here by a hash of its id alone, so the trace of an erasure names nobody.
create table chatkeep.data_requests (
    id           uuid        not null default gen_random_uuid()
        constraint data_requests_pkey primary key,
    kind         text        not null
        constraint data_requests_kind_known check (kind in ('export', 'erasure')),
    account      bytea       not null,
    requested_at timestamptz not null default now(),
    records      jsonb       not null default '{}'
);
comment on table chatkeep.data_requests is 'Exports and erasures; an erasure refuses the tokens that were issued before it';
comment on column chatkeep.data_requests.account is 'SHA-256 of the user''s id';

-- Asked with every request.
create index data_requests_erasures_idx on chatkeep.data_requests (account, requested_at) where kind = 'erasure';

-- A ban does not end with an erasure: whoever comes back is banned for as long as before.
create table chatkeep.bans_of_erased (
    account      bytea       not null
        constraint bans_of_erased_pkey primary key,
    banned_at    timestamptz,
    banned_until timestamptz not null
);
comment on table chatkeep.bans_of_erased is 'Accounts that were erased while they were banned; a row goes when its account is there again, or its ban is over';
comment on column chatkeep.bans_of_erased.account is 'SHA-256 of the user''s id';

-- Supabase grants everything in public to its API roles by default: start from nothing everywhere.
revoke all on public.profiles, public.user_activity_log, chatkeep.data_requests, chatkeep.bans_of_erased from public, anon, authenticated;
grant select on public.profiles, public.user_activity_log to authenticated;
grant select, insert, update, delete on public.profiles, public.user_activity_log to service_role;
grant select on chatkeep.data_requests to service_role;

alter table public.profiles enable row level security;
alter table public.user_activity_log enable row level security;
alter table chatkeep.data_requests enable row level security;
alter table chatkeep.bans_of_erased enable row level security;

create policy profiles_owner_reads on public.profiles
    for select to authenticated using (id = (select auth.uid()));
create policy profiles_service on public.profiles
    for all to service_role using (true) with check (true);
create policy user_activity_log_owner_reads on public.user_activity_log
    for select to authenticated using (user_id = (select auth.uid()));
create policy user_activity_log_service on public.user_activity_log
    for all to service_role using (true) with check (true);
create policy data_requests_service_reads on chatkeep.data_requests
    for select to service_role using (true);

-- Triggers stand beside their tables, and the repeatable files make their functions what they are: functions are replaced
-- without a lock on a table, triggers are not.
-- What these do stands in R__03.
create function public.update_updated_at_column() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return new; end';
create trigger update_profiles_updated_at
    before insert or update on public.profiles
    for each row execute function public.update_updated_at_column();

-- The totals in a profile change with every message, and PostgreSQL reads and checks all constraints of a table each time. These
-- are looked at when one of these columns is written.
create function chatkeep.check_profile_sizes() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return new; end';
create trigger profiles_sizes
    before insert or update of avatar_url, system_prompt, allowed_models, ui_preferences, session_preferences, ban_reason
    on public.profiles
    for each row execute function chatkeep.check_profile_sizes();

create function public.handle_user_profile_sync() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return null; end';
-- Only adopt leaves one there, of the first system: it is replaced, as its owner alone might drop it.
create or replace trigger on_auth_user_profile_sync
    after insert or update on auth.users
    for each row execute function public.handle_user_profile_sync();

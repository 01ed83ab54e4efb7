-- What users use, day by day, and which models their tier opens.

create table public.user_usage_daily (
    id                uuid           not null default gen_random_uuid()
        constraint user_usage_daily_pkey primary key,
    user_id           uuid           not null
        constraint user_usage_daily_user_id_fkey references public.profiles (id) on delete cascade,
    usage_date        date           not null default (now() at time zone 'UTC')::date,
    messages_sent     bigint         not null default 0,
    messages_received bigint         not null default 0,
    input_tokens      bigint         not null default 0,
    output_tokens     bigint         not null default 0,
    total_tokens      bigint         not null default 0,
    models_used       jsonb          not null default '{}',
    sessions_created  bigint         not null default 0,
    active_minutes    bigint         not null default 0,
    estimated_cost    numeric(14, 6) not null default 0,
    created_at        timestamptz    not null default now(),
    updated_at        timestamptz    not null default now(),
    constraint user_usage_daily_user_id_usage_date_key unique (user_id, usage_date)
) with (fillfactor = 70); -- today's row changes with every message: leave room for updates in place
comment on table public.user_usage_daily is 'What a user did on a UTC day, by the time at which the server recorded it';
comment on column public.user_usage_daily.models_used is 'Model id to number of answers';
comment on column public.user_usage_daily.active_minutes is 'Distinct minutes in which something was recorded';

create index idx_usage_daily_user_date on public.user_usage_daily (user_id, usage_date desc);
create index idx_usage_daily_date on public.user_usage_daily (usage_date desc);

create table public.model_access (
    id                    uuid            not null default gen_random_uuid()
        constraint model_access_pkey primary key,
    model_id              varchar(100)    not null,
    tier                  varchar(20)     not null
        constraint model_access_tier_known check (tier in ('free', 'pro', 'enterprise', 'admin')),
    is_active             boolean         not null default true,
    input_cost_per_token  numeric(20, 12) not null default 0
        constraint model_access_input_cost_positive check (input_cost_per_token >= 0),
    output_cost_per_token numeric(20, 12) not null default 0
        constraint model_access_output_cost_positive check (output_cost_per_token >= 0),
    daily_limit           int
        constraint model_access_daily_limit_positive check (daily_limit >= 0),
    monthly_limit         int
        constraint model_access_monthly_limit_positive check (monthly_limit >= 0),
    model_name            varchar(255),
    model_description     text,
    model_tags            text[]          not null default '{}',
    created_at            timestamptz     not null default now(),
    updated_at            timestamptz     not null default now(),
    constraint model_access_model_id_tier_key unique (model_id, tier)
);
comment on table public.model_access is 'The lowest tier that opens a model, its prices and limits; a tier sees all tiers below it';
comment on column public.model_access.daily_limit is 'Answers a user may have a day; null is unlimited';

create index idx_model_access_tier on public.model_access (tier, is_active);
create index idx_model_access_model_id on public.model_access (model_id, is_active);

revoke all on public.user_usage_daily, public.model_access from public, anon, authenticated;
grant select on public.user_usage_daily, public.model_access to authenticated;
grant select, insert, update, delete on public.user_usage_daily, public.model_access to service_role;

alter table public.user_usage_daily enable row level security;
alter table public.model_access enable row level security;

create policy user_usage_daily_owner_reads on public.user_usage_daily
    for select to authenticated using (user_id = (select auth.uid()));
create policy user_usage_daily_service on public.user_usage_daily
    for all to service_role using (true) with check (true);
create policy model_access_users_read_active on public.model_access
    for select to authenticated using (is_active);
create policy model_access_service on public.model_access
    for all to service_role using (true) with check (true);

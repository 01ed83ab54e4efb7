-- The system's own cache, its daily figures and the runs of its jobs; no user reads them.

create table public.system_cache (
    cache_key   varchar(255) not null
        constraint system_cache_pkey primary key,
    cache_value jsonb        not null,
    expires_at  timestamptz,
    created_at  timestamptz  not null default now(),
    updated_at  timestamptz  not null default now()
);
comment on table public.system_cache is 'Settings and results worth keeping for a while; null expires_at is for ever';

create index idx_system_cache_expires on public.system_cache (expires_at) where expires_at is not null;

create table public.system_stats (
    id                  uuid        not null default gen_random_uuid()
        constraint system_stats_pkey primary key,
    stat_date           date        not null
        constraint system_stats_stat_date_key unique,
    total_users         bigint      not null default 0,
    active_users_today  bigint      not null default 0,
    new_users_today     bigint      not null default 0,
    total_conversations bigint      not null default 0,
    total_messages      bigint      not null default 0,
    total_tokens        bigint      not null default 0,
    database_size_mb    numeric(14, 2) not null default 0,
    created_at          timestamptz not null default now()
);
comment on table public.system_stats is 'The whole system, one row a UTC day';

create index idx_system_stats_date on public.system_stats (stat_date desc);

-- One row for each time at which a job is due: whoever inserts it runs the job.
create table chatkeep.job_runs (
    job         text        not null,
    due_at      timestamptz not null,
    started_at  timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    result      jsonb,
    constraint job_runs_pkey primary key (job, due_at)
);
comment on table chatkeep.job_runs is 'Scheduled jobs that an instance has taken; without finished_at it is running or was cut off';

revoke all on public.system_cache, public.system_stats, chatkeep.job_runs from public, anon, authenticated;
grant select, insert, update, delete on public.system_cache, public.system_stats to service_role;
grant select on chatkeep.job_runs to service_role;

alter table public.system_cache enable row level security;
alter table public.system_stats enable row level security;
alter table chatkeep.job_runs enable row level security;

create policy system_cache_service on public.system_cache
    for all to service_role using (true) with check (true);
create policy system_stats_service on public.system_stats
    for all to service_role using (true) with check (true);
create policy job_runs_service_reads on chatkeep.job_runs
    for select to service_role using (true);

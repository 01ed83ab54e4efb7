-- Costs by model, requests for one's data and its erasure, events of the system, runs of jobs.

-- estimated_cost has six decimals, the cost of one short answer needs more: the exact amounts stand here.
create table chatkeep.usage_by_model (
    user_id           uuid    not null
        constraint usage_by_model_user_id_fkey references public.profiles (id) on delete cascade,
    usage_date        date    not null,
    model             text collate "C" not null
        constraint usage_by_model_model_length check (char_length(model) <= 100),
    messages_sent     bigint  not null default 0,
    messages_received bigint  not null default 0,
    calls             bigint  not null default 0,
    input_tokens      bigint  not null default 0,
    output_tokens     bigint  not null default 0,
    cost              numeric not null default 0,
    constraint usage_by_model_pkey primary key (user_id, usage_date, model)
) with (fillfactor = 70); -- today's rows change with every message: leave room for updates in place
comment on table chatkeep.usage_by_model is 'What user_usage_daily counts of messages that name a model, model by model, with the exact cost';
comment on column chatkeep.usage_by_model.calls is 'Answers among them that this service got itself: limits count these';

create index usage_by_model_date_idx on chatkeep.usage_by_model (usage_date);

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

-- What belongs to no user: a change of the catalogue, a run of the retention job. Users see their own entries only.
alter table public.user_activity_log alter column user_id drop not null;
comment on column public.user_activity_log.user_id is 'Whom it is about; null is the system as a whole';
-- Who is erased is taken out of entries about others.
create index user_activity_log_actor_idx on public.user_activity_log ((details -> 'actor' ->> 'id'))
    where details ? 'actor';

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

-- What a provider's catalogue says beyond prices.
alter table public.model_access
    add column context_length int
        constraint model_access_context_length_positive check (context_length > 0);
comment on column public.model_access.context_length is 'Tokens that question and answer may have together; null is unknown';

-- Lists of models are cached under this number, which changes with them: what was read before a change is never
-- taken for what holds after it.
create table chatkeep.catalog_version (
    only_row boolean not null default true
        constraint catalog_version_pkey primary key
        constraint catalog_version_only_row check (only_row),
    version  bigint  not null default 1
);
insert into chatkeep.catalog_version default values;

-- Answers write times with four digits of the year, as those of messages are already.
alter table public.chat_sessions
    add constraint chat_sessions_times_range
        check (created_at >= '0001-01-01 00:00:00+00' and created_at < '10000-01-01 00:00:00+00'
               and updated_at >= '0001-01-01 00:00:00+00' and updated_at < '10000-01-01 00:00:00+00'
               and last_activity >= '0001-01-01 00:00:00+00' and last_activity < '10000-01-01 00:00:00+00');

create index chat_messages_errors_idx on public.chat_messages (message_timestamp) where error_message is not null;

revoke all on chatkeep.usage_by_model, chatkeep.data_requests, chatkeep.job_runs, chatkeep.catalog_version
    from public, anon, authenticated;
grant select on chatkeep.usage_by_model to authenticated, service_role;
grant select on chatkeep.data_requests, chatkeep.job_runs to service_role;

alter table chatkeep.usage_by_model enable row level security;
alter table chatkeep.data_requests enable row level security;
alter table chatkeep.job_runs enable row level security;
alter table chatkeep.catalog_version enable row level security;

create policy usage_by_model_owner_reads on chatkeep.usage_by_model
    for select to authenticated using (user_id = (select auth.uid()));
create policy usage_by_model_service_reads on chatkeep.usage_by_model
    for select to service_role using (true);
create policy data_requests_service_reads on chatkeep.data_requests
    for select to service_role using (true);
create policy job_runs_service_reads on chatkeep.job_runs
    for select to service_role using (true);

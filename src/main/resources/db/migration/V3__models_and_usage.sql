-- Which models tiers open, what users use day by day and model by model, and the ledger that these are sums of.

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
    cached_input_cost_per_token numeric(20, 12)
        constraint model_access_cached_input_cost_positive check (cached_input_cost_per_token >= 0),
    daily_limit           int
        constraint model_access_daily_limit_positive check (daily_limit >= 0),
    monthly_limit         int
        constraint model_access_monthly_limit_positive check (monthly_limit >= 0),
    model_name            varchar(255),
    model_description     text,
    model_tags            text[]          not null default '{}',
    context_length        int
        constraint model_access_context_length_positive check (context_length > 0),
    other_prices          jsonb           not null default '{}'
        constraint model_access_other_prices_object
            check (jsonb_typeof(other_prices) = 'object' and octet_length(other_prices::text) <= 1024),
    input_modalities      text[]          not null default '{text}',
    output_modalities     text[]          not null default '{text}',
    supported_parameters  text[]          not null default '{}',
    released_at           timestamptz,
    created_at            timestamptz     not null default now(),
    updated_at            timestamptz     not null default now(),
    constraint model_access_model_id_tier_key unique (model_id, tier)
);
comment on table public.model_access is 'The lowest tier that opens a model, its prices and limits; a tier sees all tiers below it';
comment on column public.model_access.cached_input_cost_per_token is
    'Of an input token that comes from the provider''s cache; null is the price of any other input token';
comment on column public.model_access.context_length is 'Tokens that question and answer may have together; null is unknown';
comment on column public.model_access.other_prices is
    'What the provider charges beside tokens, such as request or web_search, as decimal text; shown, never charged';
comment on column public.model_access.released_at is 'When the provider began to offer it, as its catalogue says';
comment on column public.model_access.daily_limit is 'Answers a user may have a day; null is unlimited';

create index idx_model_access_tier on public.model_access (tier, is_active);
create index idx_model_access_model_id on public.model_access (model_id, is_active);

-- Lists of models are cached under this number, which changes with them: what was read before a change is never
-- taken for what holds after it.
create table chatkeep.catalog_version (
    only_row boolean not null default true
        constraint catalog_version_pkey primary key
        constraint catalog_version_only_row check (only_row),
    version  bigint  not null default 1
);
insert into chatkeep.catalog_version default values;

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
    cached_input_cost numeric,
    told_cost         numeric,
    cost              numeric not null generated always as (coalesce(
        told_cost,
        (input_tokens + question_tokens - cached_tokens) * coalesce(input_cost, 0)
            + cached_tokens * coalesce(cached_input_cost, input_cost, 0)
            + output_tokens * coalesce(output_cost, 0))) stored,
    charged_at        timestamptz not null default now(),
    is_report         boolean not null default false,
    constraint charges_pkey primary key (user_id, message_id)
);
comment on table chatkeep.charges is 'What was counted, message by message and call by call; all figures of usage are its sums';
comment on column chatkeep.charges.message_id is 'The message; the id of the stream for a call whose answer is not stored';
comment on column chatkeep.charges.stream_id is 'The call whose question or answer it is; null where a client said what it took';
comment on column chatkeep.charges.question_id is 'The question that an answer answers';
comment on column chatkeep.charges.usage_date is 'The UTC day on which it is booked';
comment on column chatkeep.charges.charged_at is 'When the server got to know of it; retention goes by this';
comment on column chatkeep.charges.is_report is 'Told by track_user_usage, of no message: only such figures can be corrected downwards';
comment on column chatkeep.charges.question_tokens is 'Of a question that names no model: charged with each answer, not counted by the day again';
comment on column chatkeep.charges.cached_tokens is 'Those of input_tokens that came from the provider''s cache, never more';
comment on column chatkeep.charges.input_cost is 'Price of a token when it was charged, as output_cost; null where the model had none';
comment on column chatkeep.charges.cached_input_cost is 'Price of a cached token; null where it is input_cost';
comment on column chatkeep.charges.told_cost is 'What the provider said that the call cost, where that is trusted: the cost instead of tokens at their prices';

-- No call is counted twice.
create unique index charges_stream_idx on chatkeep.charges (user_id, stream_id)
    where stream_id is not null and messages_received > 0;
create index charges_question_idx on chatkeep.charges (user_id, question_id) where question_id is not null;
-- What a user was charged, in the order of pages.
create index charges_user_date_idx on chatkeep.charges (user_id, usage_date, charged_at, message_id);
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
    deleted_at timestamptz not null default now(),
    constraint counted_sessions_pkey primary key (user_id, session_id)
);
comment on table chatkeep.counted_sessions is 'Sessions that usage has counted and that were deleted since';
comment on column chatkeep.counted_sessions.deleted_at is 'The last time: for a day a delete that is repeated finds what it did';

-- What a user has stored, added up: quotas are compared with it. A user without a row has stored nothing.
create table chatkeep.stored_by_user (
    user_id  uuid   not null
        constraint stored_by_user_pkey primary key
        constraint stored_by_user_user_id_fkey references public.profiles (id) on delete cascade,
    sessions bigint not null default 0,
    messages bigint not null default 0,
    bytes    bigint not null default 0
) with (fillfactor = 50); -- it changes with every message: leave room for updates in place
comment on table chatkeep.stored_by_user is 'Sessions, messages and bytes of messages that a user has stored, kept by the triggers of both tables';
comment on column chatkeep.stored_by_user.bytes is 'Of content, and of calls of tools, which a model may make as large';

-- Limits do not start again when an account is erased and comes back: until the month ends this is what is left of it.
create table chatkeep.calls_of_erased (
    account    bytea  not null,
    model      text collate "C" not null
        constraint calls_of_erased_model_length check (char_length(model) <= 100),
    usage_date date   not null,
    calls      bigint not null,
    constraint calls_of_erased_pkey primary key (account, model, usage_date)
);
comment on table chatkeep.calls_of_erased is 'Calls of this month by accounts that were erased, as limits count them; it goes when the month ends';
comment on column chatkeep.calls_of_erased.account is 'SHA-256 of the user''s id';
comment on column chatkeep.calls_of_erased.usage_date is 'The UTC day of the erasure; what came before it, on the first of the month';

create index calls_of_erased_date_idx on chatkeep.calls_of_erased (usage_date);

create table chatkeep.requests_of_erased (
    account    bytea       not null,
    started_at timestamptz not null
);
comment on table chatkeep.requests_of_erased is 'Calls of the last minute by accounts that were erased; it goes with the next erasure or clean-up';

create index requests_of_erased_idx on chatkeep.requests_of_erased (account, started_at);
create index requests_of_erased_started_idx on chatkeep.requests_of_erased (started_at);

revoke all on public.model_access, public.user_usage_daily, chatkeep.catalog_version, chatkeep.usage_by_model, chatkeep.charges,
    chatkeep.counted_sessions, chatkeep.stored_by_user, chatkeep.calls_of_erased, chatkeep.requests_of_erased
    from public, anon, authenticated;
grant select on public.model_access, public.user_usage_daily, chatkeep.usage_by_model, chatkeep.charges, chatkeep.counted_sessions,
    chatkeep.stored_by_user to authenticated;
grant select, insert, update, delete on public.user_usage_daily, public.model_access to service_role;
grant select on chatkeep.usage_by_model, chatkeep.charges, chatkeep.counted_sessions, chatkeep.stored_by_user to service_role;

alter table public.model_access enable row level security;
alter table public.user_usage_daily enable row level security;
alter table chatkeep.catalog_version enable row level security;
alter table chatkeep.usage_by_model enable row level security;
alter table chatkeep.charges enable row level security;
alter table chatkeep.counted_sessions enable row level security;
alter table chatkeep.stored_by_user enable row level security;
alter table chatkeep.calls_of_erased enable row level security;
alter table chatkeep.requests_of_erased enable row level security;

create policy model_access_users_read_active on public.model_access
    for select to authenticated using (is_active);
create policy model_access_service on public.model_access
    for all to service_role using (true) with check (true);
create policy user_usage_daily_owner_reads on public.user_usage_daily
    for select to authenticated using (user_id = (select auth.uid()));
create policy user_usage_daily_service on public.user_usage_daily
    for all to service_role using (true) with check (true);
create policy usage_by_model_owner_reads on chatkeep.usage_by_model
    for select to authenticated using (user_id = (select auth.uid()));
create policy usage_by_model_service_reads on chatkeep.usage_by_model
    for select to service_role using (true);
create policy charges_owner_reads on chatkeep.charges
    for select to authenticated using (user_id = (select auth.uid()));
create policy charges_service_reads on chatkeep.charges
    for select to service_role using (true);
create policy counted_sessions_owner_reads on chatkeep.counted_sessions
    for select to authenticated using (user_id = (select auth.uid()));
create policy counted_sessions_service_reads on chatkeep.counted_sessions
    for select to service_role using (true);

create policy stored_by_user_owner_reads on chatkeep.stored_by_user
    for select to authenticated using (user_id = (select auth.uid()));
create policy stored_by_user_service_reads on chatkeep.stored_by_user
    for select to service_role using (true);

-- What these do stands in R__02 and R__04. PostgreSQL gives transition tables to triggers of one event only. A charge that is
-- deleted goes with its day.
create function chatkeep.catalog_changed() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return null; end';
create trigger model_access_changed
    after insert or update or delete or truncate on public.model_access
    for each statement execute function chatkeep.catalog_changed();

create function chatkeep.book_charges() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
    as 'begin return null; end';
create trigger charges_are_booked
    after insert on chatkeep.charges
    referencing new table as new_rows
    for each statement execute function chatkeep.book_charges();
create trigger changed_charges_are_booked
    after update on chatkeep.charges
    referencing old table as old_rows new table as new_rows
    for each statement execute function chatkeep.book_charges();

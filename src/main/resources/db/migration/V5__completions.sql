-- Calls of model providers: what is running, what limits have to count, what was counted of answers that are not stored.

-- One row a call, written before the provider is called. While it runs the row holds a place in the limits; whoever
-- runs it extends the lease, so a call that was cut off with its instance is found and settled by another one.
create table chatkeep.completions (
    user_id       uuid        not null
        constraint completions_user_id_fkey references public.profiles (id) on delete cascade,
    -- Bounded by their types: PostgreSQL reads a check anew with every statement.
    id            varchar(255) collate "C" not null,
    session_id    text collate "C",
    question_id   text collate "C",
    message_id    text collate "C",
    model         varchar(100) not null,
    completion_id varchar(255) collate "C",
    state         text        not null default 'running',
    started_at    timestamptz not null default clock_timestamp(),
    lease_until   timestamptz not null,
    finished_at   timestamptz,
    input_cost    numeric     not null,
    output_cost   numeric     not null,
    cached_input_cost numeric,
    prompt_tokens int         not null default 0,
    reason        varchar(1024),
    request_hash  varchar(255),
    question_hash bytea,
    question_named boolean    not null default false,
    choices       int         not null default 1,
    constraint completions_values_possible check (
        id <> '' and state in ('running', 'complete', 'interrupted', 'failed', 'released')
        and octet_length(question_hash) = 32 and choices >= 1),
    constraint completions_pkey primary key (user_id, id)
);
comment on table chatkeep.completions is 'Calls of a model provider, by the id of their stream';
comment on column chatkeep.completions.message_id is 'The message that holds the answer; null where none was stored';
comment on column chatkeep.completions.completion_id is 'The id that the provider gave the answer';
comment on column chatkeep.completions.state is 'failed: after it had produced something; released: before, so it counts for no limit';
comment on column chatkeep.completions.request_hash is 'Of a request with an Idempotency-Key, of which the id is made then; else null';
comment on column chatkeep.completions.question_hash is
    'Of a question that is stored nowhere and got its id here: by it an upload of the same text is known (chatkeep.question_hash)';
comment on column chatkeep.completions.question_named is 'Such a question has been uploaded since, and question_id is its client''s';
comment on column chatkeep.completions.choices is 'Answers that it asks for: limits count each, usage counts the call once and the tokens of all';
comment on column chatkeep.completions.reason is 'Why it could not be settled as it was told; null where it was';
comment on column chatkeep.completions.input_cost is 'Price of a token when the call began, as output_cost';
comment on column chatkeep.completions.cached_input_cost is 'Likewise, of a token from the provider''s cache; null where it is input_cost';
comment on column chatkeep.completions.prompt_tokens is 'An estimate, for when the provider never says';

-- What holds a place in the limits beside the answers that usage has counted.
create index completions_held_idx on chatkeep.completions (user_id, model, started_at) where state in ('running', 'failed');
create index completions_choices_idx on chatkeep.completions (user_id, model, finished_at) where choices > 1;
create index completions_started_idx on chatkeep.completions (user_id, started_at);
create index completions_lease_idx on chatkeep.completions (lease_until) where state = 'running';
create index completions_finished_idx on chatkeep.completions (finished_at);
create index completions_question_hash_idx on chatkeep.completions (user_id, question_hash)
    where question_hash is not null and not question_named;
create index completions_completion_id_idx on chatkeep.completions (user_id, completion_id) where completion_id is not null;

-- What has arrived of running answers, piece by piece: all that is left of them if their instance is killed.
create table chatkeep.completion_parts (
    user_id   uuid not null,
    stream_id text collate "C" not null,
    position  int  not null,
    content   text not null,
    constraint completion_parts_pkey primary key (user_id, stream_id, position),
    constraint completion_parts_completion_fkey foreign key (user_id, stream_id)
        references chatkeep.completions (user_id, id) on delete cascade
);

revoke all on chatkeep.completions, chatkeep.completion_parts from public, anon, authenticated;
-- Only functions write them: what limits count is nobody's to say.
grant select on chatkeep.completions, chatkeep.completion_parts to authenticated, service_role;

alter table chatkeep.completions enable row level security;
alter table chatkeep.completion_parts enable row level security;

create policy completions_owner_reads on chatkeep.completions
    for select to authenticated using (user_id = (select auth.uid()));
create policy completions_service_reads on chatkeep.completions
    for select to service_role using (true);
create policy completion_parts_owner_reads on chatkeep.completion_parts
    for select to authenticated using (user_id = (select auth.uid()));
create policy completion_parts_service_reads on chatkeep.completion_parts
    for select to service_role using (true);

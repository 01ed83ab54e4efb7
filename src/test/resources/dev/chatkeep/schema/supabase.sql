-- What a new Supabase project has before anybody migrates it, as far as the migrations can tell. It is
-- run by a superuser; the owner of the database stands in for Supabase's role postgres.

create role supabase_admin superuser login createrole createdb replication bypassrls;
create role supabase_auth_admin login noinherit createrole;
alter role supabase_auth_admin set search_path = 'auth';
alter role chatkeep_owner bypassrls;

set role supabase_admin;
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to chatkeep_owner with admin option;

create schema auth;
grant all on schema auth to supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role, chatkeep_owner;
grant usage on schema public to anon, authenticated, service_role;

set role supabase_auth_admin;
create table auth.users (
    instance_id            uuid,
    id                     uuid not null,
    aud                    varchar(255),
    role                   varchar(255),
    email                  varchar(255),
    encrypted_password     varchar(255),
    email_confirmed_at     timestamptz,
    invited_at             timestamptz,
    confirmation_token     varchar(255),
    confirmation_sent_at   timestamptz,
    recovery_token         varchar(255),
    recovery_sent_at       timestamptz,
    last_sign_in_at        timestamptz,
    raw_app_meta_data      jsonb,
    raw_user_meta_data     jsonb,
    is_super_admin         boolean,
    created_at             timestamptz,
    updated_at             timestamptz,
    phone                  text default null,
    phone_confirmed_at     timestamptz,
    banned_until           timestamptz,
    is_sso_user            boolean not null default false,
    deleted_at             timestamptz,
    is_anonymous           boolean not null default false,
    constraint users_pkey primary key (id),
    constraint users_phone_key unique (phone)
);
comment on table auth.users is 'Auth: Stores user login data within a secure schema.';
create unique index users_email_partial_key on auth.users (email) where is_sso_user = false;
create index users_instance_id_idx on auth.users (instance_id);
alter table auth.users enable row level security;
grant all on auth.users to chatkeep_owner;

create function auth.uid() returns uuid language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
$$;
create function auth.role() returns text language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    )::text
$$;
create function auth.jwt() returns jsonb language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;
reset role;

alter default privileges for role chatkeep_owner in schema public
    grant all on tables to chatkeep_owner, anon, authenticated, service_role;
alter default privileges for role chatkeep_owner in schema public
    grant all on functions to chatkeep_owner, anon, authenticated, service_role;
alter default privileges for role chatkeep_owner in schema public
    grant all on sequences to chatkeep_owner, anon, authenticated, service_role;

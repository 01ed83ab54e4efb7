-- Who may call: the roles a request can take on, the login role of the service, and, where no
-- auth schema exists, the part of Supabase's that this schema builds on.

do $$
begin
    -- Flyway has made it already where it keeps its history there.
    if to_regnamespace('chatkeep') is null then
        create schema chatkeep;
    end if;
end
$$;
comment on schema chatkeep is 'What Chatkeep keeps for itself; no API exposes it';

-- Roles belong to the whole server, so another database may have made them a moment ago: that is
-- no error. service_role needs no BYPASSRLS (only a superuser could give it): policies name it.
--
-- The service's login may become two of them and has nothing without doing so. On PostgreSQL 15 that
-- follows from the role's NOINHERIT, from 16 on it is a property of the membership. Where the owner of the
-- schema may not arrange it, the refusal says what an administrator has to run.
do $$
declare
    v_wanted record;
    v_target text;
    v_login  pg_catalog.pg_roles;
    v_since_16 constant boolean := current_setting('server_version_num')::int >= 160000;
    v_grant  constant text := 'grant authenticated, service_role to chatkeep_app'
        || case when v_since_16 then ' with inherit false, set true' else '' end;
    v_advice text := v_grant || ';';
begin
    for v_wanted in
        select *
          from (values ('anon', 'nologin noinherit'),
                       ('authenticated', 'nologin noinherit'),
                       ('service_role', 'nologin noinherit'),
                       ('chatkeep_app', 'login noinherit')) as r (name, attributes)
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = v_wanted.name) then
            begin
                execute format('create role %I %s', v_wanted.name, v_wanted.attributes);
                if v_wanted.name = 'chatkeep_app' then
                    v_advice := 'create role chatkeep_app login noinherit; ' || v_advice;
                end if;
            exception when duplicate_object or unique_violation then
                raise notice 'role % was made by somebody else meanwhile', v_wanted.name;
            end;
        end if;
    end loop;

    select * into v_login from pg_catalog.pg_roles where rolname = 'chatkeep_app';
    if v_login.rolsuper or v_login.rolbypassrls then
        raise exception 'role chatkeep_app must be neither a superuser nor BYPASSRLS';
    end if;
    if v_login.rolinherit and not v_since_16 then
        v_advice := 'alter role chatkeep_app noinherit; ' || v_advice;
    end if;

    foreach v_target in array array ['authenticated', 'service_role'] loop
        if not pg_has_role('chatkeep_app', v_target, 'MEMBER') or pg_has_role('chatkeep_app', v_target, 'USAGE') then
            begin
                if v_login.rolinherit and not v_since_16 then
                    alter role chatkeep_app noinherit;
                end if;
                execute v_grant;
            exception when insufficient_privilege then
                raise exception 'the owner of the schema may not grant role % to chatkeep_app', v_target
                    using hint = 'Run once as an administrator: ' || v_advice;
            end;
        end if;
        if pg_has_role('chatkeep_app', v_target, 'USAGE') then
            raise exception 'role chatkeep_app must not inherit the rights of %', v_target
                using hint = 'Run once as an administrator: ' || v_advice;
        end if;
    end loop;
end
$$;

-- Supabase brings its own auth schema and it is left alone; anywhere else this is the part of it
-- that profiles, policies and functions rely on.
do $$
begin
    if to_regnamespace('auth') is not null then
        return;
    end if;

    create schema auth;
    comment on schema auth is 'Who signed in, in the shape of Supabase Auth';

    create table auth.users (
        id                 uuid        not null constraint users_pkey primary key,
        email              varchar(255),
        raw_user_meta_data jsonb       not null default '{}',
        raw_app_meta_data  jsonb       not null default '{}',
        last_sign_in_at    timestamptz,
        created_at         timestamptz not null default now(),
        updated_at         timestamptz not null default now()
    );
    -- No policy and no grant: only functions of the owner touch it.
    alter table auth.users enable row level security;

    -- PL/pgSQL keeps its plans; policies ask with every statement.
    create function auth.jwt() returns jsonb
        language plpgsql stable set search_path = pg_catalog, pg_temp
        as 'begin return nullif(pg_catalog.current_setting(''request.jwt.claims'', true), '''')::pg_catalog.jsonb; end';
    create function auth.uid() returns uuid
        language plpgsql stable set search_path = pg_catalog, pg_temp
        as 'begin return (nullif(pg_catalog.current_setting(''request.jwt.claims'', true), '''')::pg_catalog.jsonb ->> ''sub'')::pg_catalog.uuid; end';
    create function auth.role() returns text
        language plpgsql stable set search_path = pg_catalog, pg_temp
        as 'begin return auth.jwt() ->> ''role''; end';

    grant usage on schema auth to anon, authenticated, service_role;
    revoke execute on all functions in schema auth from public;
    grant execute on all functions in schema auth to anon, authenticated, service_role;
end
$$;

grant usage on schema chatkeep to authenticated, service_role;

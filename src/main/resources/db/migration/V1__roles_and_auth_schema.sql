-- Who may call: the roles a request can take on, the login role of the service, and, where no
-- auth schema exists, the part of Supabase's that this schema builds on.

-- Names that Chatkeep takes in schema public and that belong to somebody else already: it stops before it has made or
-- replaced anything. (Projects on Supabase often have an update_updated_at_column of their own.)
do $$
declare
    c_relations constant text[] := '{profiles,user_activity_log,chat_sessions,chat_messages,user_usage_daily,model_access,system_cache,
        system_stats,api_user_summary}';
    c_functions constant text[] := '{update_updated_at_column,log_user_activity,handle_user_profile_sync,sync_profile_from_auth,
        update_session_stats,update_session_timestamp,get_user_recent_sessions,get_session_with_messages,sync_user_conversations,
        track_user_usage,get_user_allowed_models,can_user_use_model,update_user_tier,jsonb_deep_merge,update_user_preferences,
        get_user_complete_profile,cleanup_old_data,export_user_data,analyze_database_health}';
    v_taken text;
begin
    select string_agg(t.name, ', ' order by t.name) into v_taken
      from (select case c.relkind when 'v' then 'view ' when 'm' then 'view ' when 'S' then 'sequence ' when 'i' then 'index '
                                  else 'table ' end || c.oid::regclass::text as name
              from pg_catalog.pg_class c
             where c.relnamespace = 'public'::regnamespace
               and (c.relname = any (c_relations)
                    or c.relkind in ('i', 'I') and c.relname ~ '^idx_(profiles|activity_log|chat_sessions|chat_messages|usage_daily|model_access|system_cache|system_stats)_')
            union all
            select 'type public.' || t.typname
              from pg_catalog.pg_type t
             where t.typnamespace = 'public'::regnamespace and t.typrelid = 0 and t.typname = any (c_relations)
            union all
            select 'function public.' || p.oid::regprocedure::text
              from pg_catalog.pg_proc p
             where p.pronamespace = 'public'::regnamespace and p.proname = any (c_functions)
            union all
            select 'trigger on_auth_user_profile_sync on auth.users'
              from pg_catalog.pg_trigger g
              join pg_catalog.pg_proc p on p.oid = g.tgfoid
             where g.tgname = 'on_auth_user_profile_sync' and g.tgrelid = to_regclass('auth.users')
               -- What adopt has moved aside, and V2 replaces.
               and p.pronamespace is distinct from to_regnamespace('legacy')) t;
    if v_taken is not null then
        raise exception 'Chatkeep needs names that are taken: %', v_taken
            using errcode = 'duplicate_object',
                  hint = 'Rename them, or give Chatkeep a database of its own. Nothing was changed.';
    end if;
end
$$;

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

-- Nobody who talks SQL makes objects of their own here, temporary ones included: functions with the rights of the owner do
-- not look for anything there first, and need not.
do $$
begin
    if pg_has_role((select datdba from pg_catalog.pg_database where datname = current_database()), 'USAGE') then
        execute format('revoke temporary on database %I from public, authenticated, chatkeep_app', current_database());
    else
        raise notice 'temporary objects stay allowed to everybody: % does not own the database', current_user
            using hint = format('Run as its owner: revoke temporary on database %I from public;', current_database());
    end if;
end
$$;

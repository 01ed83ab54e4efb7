-- Who is calling, and the door that every write of a user goes through.

-- The verified claims of the request, or null outside of one.
create or replace function chatkeep.claims() returns jsonb
    language sql stable set search_path = ''
as $$
    select nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;

-- The role that the session took on, or else the one it logged in as. Inside a security definer
-- function current_user is the owner, so it cannot tell who asked.
create or replace function chatkeep.caller_role() returns name
    language sql stable set search_path = ''
as $$
    select coalesce(nullif(current_setting('role', true), 'none')::name, session_user)
$$;

-- The service itself, or the owner of the schema and superusers.
create or replace function chatkeep.is_service() returns boolean
    language sql stable set search_path = ''
as $$
    select pg_has_role(chatkeep.caller_role(), 'service_role', 'USAGE')
        or pg_has_role(chatkeep.caller_role(),
                       (select relowner from pg_catalog.pg_class where oid = 'public.profiles'::regclass), 'USAGE')
$$;

-- An administrator is named by the issuer in app_metadata; users can write user_metadata themselves.
create or replace function chatkeep.is_admin() returns boolean
    language sql stable set search_path = ''
as $$
    select coalesce(chatkeep.claims() -> 'app_metadata' ->> 'role' = 'admin', false)
        and chatkeep.caller_role() = 'authenticated'
$$;

-- Fails with insufficient_privilege unless the caller is that user, an administrator or the service.
create or replace function chatkeep.require_caller(p_user_id uuid) returns void
    language plpgsql stable set search_path = ''
as $$
begin
    -- By far the most common case, and asked several times a request: without calling further functions.
    if current_setting('role', true) = 'authenticated'
        and p_user_id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid then
        return;
    end if;
    if chatkeep.is_service() or chatkeep.is_admin() then
        return;
    end if;
    raise insufficient_privilege using message = 'the caller may not act for this user';
end
$$;

-- Fails with insufficient_privilege unless the caller is an administrator or the service.
create or replace function chatkeep.require_admin() returns void
    language plpgsql stable set search_path = ''
as $$
begin
    if not (chatkeep.is_service() or chatkeep.is_admin()) then
        raise insufficient_privilege using message = 'only administrators may do this';
    end if;
end
$$;

-- Tiers in their order; an unknown one is the lowest.
create or replace function chatkeep.tier_rank(p_tier text) returns int
    language sql immutable set search_path = ''
as $$
    select coalesce(array_position(array ['free', 'pro', 'enterprise', 'admin'], p_tier), 1)
$$;

-- The version of the last migration that this database holds, for readiness.
create or replace function chatkeep.schema_version() returns int
    language plpgsql stable security definer set search_path = ''
as $$
begin
    return (select max(version::int) from chatkeep.flyway_schema_history where success and version is not null);
end
$$;

revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.claims(), chatkeep.caller_role(), chatkeep.is_service(), chatkeep.is_admin(),
    chatkeep.require_caller(uuid), chatkeep.require_admin(), chatkeep.tier_rank(text), chatkeep.schema_version()
    to authenticated, service_role;

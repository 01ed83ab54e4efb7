-- Who is calling. What is asked with every request is PL/pgSQL: it keeps its plans, where a function in SQL is planned anew
-- each time.

-- The verified claims of the request, or null outside of one.
create or replace function chatkeep.claims() returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return nullif(current_setting('request.jwt.claims', true), '')::jsonb;
end
$$;

-- The role that the session took on, or else the one it logged in as. Inside a security definer
-- function current_user is the owner, so it cannot tell who asked.
create or replace function chatkeep.caller_role() returns name
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(nullif(current_setting('role', true), 'none')::name, session_user);
end
$$;

-- The service itself, or the owner of the schema and superusers.
create or replace function chatkeep.is_service() returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select pg_has_role(chatkeep.caller_role(), 'service_role', 'USAGE')
        or pg_has_role(chatkeep.caller_role(),
                       (select relowner from pg_catalog.pg_class where oid = 'public.profiles'::regclass), 'USAGE')
$$;

-- An administrator is named by the issuer in app_metadata; users can write user_metadata themselves.
create or replace function chatkeep.is_admin() returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(chatkeep.claims() -> 'app_metadata' ->> 'role' = 'admin', false)
        and chatkeep.caller_role() = 'authenticated'
$$;

-- Fails with insufficient_privilege unless the caller is that user, an administrator or the service.
create or replace function chatkeep.require_caller(p_user_id uuid) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    -- By far the most common cases, and asked several times a request: without calling further functions.
    if current_setting('role', true) = 'authenticated'
        and p_user_id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
        or current_setting('role', true) = 'service_role' then
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
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not (chatkeep.is_service() or chatkeep.is_admin()) then
        raise insufficient_privilege using message = 'only administrators may do this';
    end if;
end
$$;

-- Who is acting, for the activity log: the role that speaks and the user behind it, if any. The id is written
-- as the database writes it, however the token does: an erasure looks for it.
create or replace function chatkeep.actor() returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('actor', jsonb_build_object(
               'role', case when chatkeep.is_admin() then 'admin' else chatkeep.caller_role()::text end,
               'id', (chatkeep.claims() ->> 'sub')::uuid))
$$;

-- How an account is known once it is erased.
create or replace function chatkeep.account_hash(p_user_id uuid) returns bytea
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return sha256(convert_to(p_user_id::text, 'UTF8'));
end
$$;

-- Refuses a token that was issued before the account behind it was erased. It says so in whole seconds
-- (RFC 7519 allows more, issuers do not use it), so one of the same second is refused as well.
create or replace function chatkeep.require_account() returns void
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
begin
    if exists (select from chatkeep.data_requests r
                where r.kind = 'erasure' and r.account = sha256(convert_to((v_claims ->> 'sub')::uuid::text, 'UTF8')) -- account_hash
                  and r.requested_at > coalesce(to_timestamp((v_claims ->> 'iat')::float8), '-infinity')) then
        raise sqlstate 'PT401' using
            message = 'account_erased: The account was erased after this token was issued. Sign in again to start afresh.';
    end if;
end
$$;

-- A time as it stands in answers: ISO 8601 in UTC with milliseconds, or microseconds where it has them.
create or replace function chatkeep.iso(p_time timestamptz) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return replace(to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || 'Z', '000Z', 'Z');
end
$$;

-- A time as messages can have it: clients may say any.
create or replace function chatkeep.storable_time(p_time timestamptz) returns timestamptz
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return least(greatest(p_time, '0001-01-01 00:00:00+00'), '9999-12-31 23:59:59.999+00');
end
$$;

-- A number of tokens or milliseconds as columns hold it; null where it is none.
create or replace function chatkeep.storable_count(p_value jsonb) returns int
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when jsonb_typeof(p_value) = 'number' then least(greatest(trunc(p_value::numeric), 0), 2147483647)::int end;
end
$$;

-- What a provider says that a call cost: a number of a size and of as many decimals as can be, or null.
create or replace function chatkeep.storable_cost(p_value jsonb) returns numeric
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    c_most          constant numeric := 1000000;
    c_most_decimals constant int := 40;
    v_cost          numeric;
begin
    if jsonb_typeof(p_value) = 'number' then
        v_cost := trim_scale(p_value::numeric);
    end if;
    return case when v_cost between 0 and c_most and scale(v_cost) <= c_most_decimals then v_cost end;
end
$$;

-- JSON without what PostgreSQL does not hold in texts: NUL and halves of surrogate pairs are left out.
create or replace function chatkeep.clean_json(p_json text) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_json !~* '\\u(0000|d[89a-f])' then
        return p_json::jsonb;
    end if;
    -- What is to stay comes first: a backslash that is escaped itself, and whole pairs. The longest alternative wins.
    return regexp_replace(p_json, '(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u0000|\\u[dD][89a-fA-F][0-9a-fA-F]{2}',
                          '\1', 'g')::jsonb;
end
$$;

-- The version of the last migration that this database holds, for readiness.
create or replace function chatkeep.schema_version() returns int
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select max(version::int) from chatkeep.flyway_schema_history where success and version is not null);
end
$$;

-- Which of the repeatable migrations that a program brings along, each as script:checksum, have never run here, for readiness.
-- Others may have run after them: those of the next version.
create or replace function chatkeep.missing_migrations(p_known text[]) returns text[]
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return array(select k.migration
                   from unnest(p_known) k(migration)
                  where not exists (select from chatkeep.flyway_schema_history h
                                     where h.success and h.version is null
                                       -- With its folder or without, as Flyway was told where to look.
                                       and regexp_replace(h.script, '^.*/', '') || ':' || h.checksum = k.migration));
end
$$;

revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.claims(), chatkeep.caller_role(), chatkeep.is_service(), chatkeep.is_admin(),
    chatkeep.require_caller(uuid), chatkeep.require_admin(), chatkeep.actor(), chatkeep.require_account(),
    chatkeep.iso(timestamptz), chatkeep.clean_json(text), chatkeep.schema_version(),
    chatkeep.missing_migrations(text[]) to authenticated, service_role;

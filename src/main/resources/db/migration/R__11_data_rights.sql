-- What a user may ask for: all that is stored, and that it is erased.

-- The row of auth.users, where it is ours; Supabase's belongs to Supabase Auth.
create or replace function chatkeep.account(p_user_id uuid) returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    return (select to_jsonb(u) from auth.users u where u.id = p_user_id and chatkeep.owns_auth_users());
end
$$;

-- Leaves the trace of an export: in the user's log, and in the register, where no name is.
create or replace function chatkeep.record_export(p_user_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    perform from public.profiles where id = p_user_id;
    if not found then
        raise sqlstate 'PT404' using message = 'user_not_found: There is no such user.';
    end if;
    insert into chatkeep.data_requests (kind, account) values ('export', chatkeep.account_hash(p_user_id));
    perform chatkeep.write_log(p_user_id, 'data_exported', 'profile', p_user_id::text, null);
end
$$;

-- Everything that is stored about a user, or null where there is none.
create or replace function public.export_user_data(user_uuid uuid) returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform chatkeep.require_caller(user_uuid);
    return (
        select jsonb_build_object(
                   'exported_at', now(),
                   'account', chatkeep.account(p.id),
                   'profile', to_jsonb(p),
                   'conversations', (
                       select coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('messages', (
                                  select coalesce(jsonb_agg(to_jsonb(m) order by m.message_timestamp, m.ordinal), '[]')
                                    from public.chat_messages m
                                   where m.user_id = s.user_id and m.session_id = s.id))
                              order by s.created_at, s.id), '[]')
                         from public.chat_sessions s
                        where s.user_id = p.id),
                   'activity_log', (
                       select coalesce(jsonb_agg(to_jsonb(l) order by l.timestamp, l.id), '[]')
                         from public.user_activity_log l where l.user_id = p.id),
                   'usage', (
                       select coalesce(jsonb_agg(to_jsonb(u) order by u.usage_date), '[]')
                         from public.user_usage_daily u where u.user_id = p.id),
                   'usage_by_model', (
                       select coalesce(jsonb_agg(to_jsonb(b) order by b.usage_date, b.model), '[]')
                         from chatkeep.usage_by_model b where b.user_id = p.id),
                   'counted_sessions', (
                       select coalesce(jsonb_agg(to_jsonb(c) order by c.session_id), '[]')
                         from chatkeep.counted_sessions c where c.user_id = p.id),
                   'charges', (
                       select coalesce(jsonb_agg(to_jsonb(c) order by c.message_id), '[]')
                         from chatkeep.charges c where c.user_id = p.id),
                   'completions', (
                       select coalesce(jsonb_agg(to_jsonb(c) order by c.id), '[]')
                         from chatkeep.completions c where c.user_id = p.id),
                   'calls_before_erasure', (
                       select coalesce(jsonb_agg(to_jsonb(e) order by e.usage_date, e.model), '[]')
                         from chatkeep.calls_before_erasure(p.id) e),
                   'requests_before_erasure', (
                       select coalesce(jsonb_agg(to_jsonb(r) order by r.started_at), '[]')
                         from chatkeep.requests_before_erasure(p.id) r))
          from public.profiles p
         where p.id = user_uuid);
end
$$;

-- What the first system knew of a user: erased with the rest. It moved aside where adopt ran, with its triggers off.
create or replace function chatkeep.erase_legacy(p_user_id uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_column record;
begin
    if to_regclass('chatkeep.adoption') is null or to_regclass('legacy.profiles') is null then
        return;
    end if;
    -- What does not go with the profile by itself.
    for v_column in
        select k.conrelid::regclass::text as relation, a.attname as name
          from pg_catalog.pg_constraint k
          join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
         where k.contype = 'f' and k.confrelid = to_regclass('legacy.profiles') and k.confdeltype in ('a', 'r')
    loop
        execute format('delete from %s where %I = $1', v_column.relation, v_column.name) using p_user_id;
    end loop;
    delete from legacy.profiles where id = p_user_id;
end
$$;

-- Deletes everything about a user, and the user, and returns how many rows of what. Tokens that were issued up
-- to now are refused from now on; what is left is the hash of the id in the register and, until the month ends, how many
-- calls limits have counted of that account, and a ban for as long as it lasts: who comes back does not begin anew. Entries of other people's logs no longer
-- say who acted.
create or replace function chatkeep.erase_account(p_user_id uuid) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted jsonb;
    v_account bigint := 0;
    v_at      timestamptz;
begin
    perform chatkeep.require_caller(p_user_id);
    perform from public.profiles where id = p_user_id for update;
    perform chatkeep.require_account();

    v_deleted := jsonb_build_object(
        'profiles', (select count(*) from public.profiles p where p.id = p_user_id),
        'sessions', (select count(*) from public.chat_sessions s where s.user_id = p_user_id),
        'messages', (select count(*) from public.chat_messages m where m.user_id = p_user_id),
        'activity_logs', (select count(*) from public.user_activity_log l where l.user_id = p_user_id),
        'usage_records', (select count(*) from public.user_usage_daily u where u.user_id = p_user_id));
    perform chatkeep.keep_calls_of_erased(p_user_id);
    insert into chatkeep.bans_of_erased as b (account, banned_at, banned_until)
    select chatkeep.account_hash(p.id), p.banned_at, p.banned_until
      from public.profiles p where p.id = p_user_id and p.banned_until > now()
    on conflict (account) do update set banned_at = excluded.banned_at, banned_until = excluded.banned_until;
    perform chatkeep.erase_legacy(p_user_id);
    -- Everything else goes with the profile.
    if chatkeep.owns_auth_users() then
        delete from auth.users where id = p_user_id;
        get diagnostics v_account = row_count;
    end if;
    delete from public.profiles where id = p_user_id;
    update public.user_activity_log l
       set details = jsonb_set(l.details, '{actor,id}', 'null'), ip_address = null, user_agent = null
     where l.details ? 'actor' and l.details -> 'actor' ->> 'id' = p_user_id::text;

    v_at := clock_timestamp();
    v_deleted := v_deleted || jsonb_build_object('accounts', v_account);
    insert into chatkeep.data_requests (kind, account, requested_at, records)
    values ('erasure', chatkeep.account_hash(p_user_id), v_at, v_deleted);
    return jsonb_build_object('success', true, 'erased_at', chatkeep.iso(v_at), 'deleted', v_deleted);
end
$$;

revoke execute on function public.export_user_data(uuid) from public, anon, authenticated;
revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.account(uuid), chatkeep.record_export(uuid), public.export_user_data(uuid),
    chatkeep.erase_account(uuid) to authenticated, service_role;

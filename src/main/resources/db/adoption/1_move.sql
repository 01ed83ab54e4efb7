-- Moves the first system aside: its schema takes another name, with all that is in it, and an empty one takes its place.
-- Triggers that are left would write to the tables of Chatkeep, which have the names of those that they meant.

create schema adopting;
create table adopting.previous (
    auth_made     boolean not null,
    had_temporary boolean not null,
    auth_trigger  text,
    triggers      text[]  not null default '{}',
    forced        text[]  not null default '{}'
);
create table adopting.report (
    position bigint generated always as identity,
    what     text   not null,
    outcome  text   not null,
    rows     bigint not null
);

do $$
declare
    v_owner name;
    v_right record;
    v_found record;
begin
    insert into adopting.previous (auth_made, had_temporary)
    select to_regclass('auth.users') is null,
           exists (select from pg_catalog.pg_database d
                    cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
                    where d.datname = current_database() and x.grantee = 0 and x.privilege_type = 'TEMPORARY');

    select r.rolname into v_owner
      from pg_catalog.pg_namespace n join pg_catalog.pg_roles r on r.oid = n.nspowner
     where n.nspname = 'public';
    alter schema public rename to legacy;
    execute format('create schema public authorization %I', v_owner);
    for v_right in
        select x.privilege_type, x.is_grantable, case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as grantee
          from pg_catalog.pg_namespace n
         cross join lateral aclexplode(n.nspacl) x
         where n.nspname = 'legacy' and x.grantee <> n.nspowner
    loop
        execute format('grant %s on schema public to %s%s', v_right.privilege_type, v_right.grantee,
                       case when v_right.is_grantable then ' with grant option' else '' end);
    end loop;

    for v_found in
        select t.tgname, t.tgrelid::regclass::text as relation,
               format('alter table %s enable %s trigger %I', t.tgrelid::regclass,
                      case t.tgenabled when 'A' then 'always' when 'R' then 'replica' else '' end, t.tgname) as again
          from pg_catalog.pg_trigger t
          join pg_catalog.pg_class c on c.oid = t.tgrelid
         where c.relnamespace = 'legacy'::regnamespace and not t.tgisinternal and t.tgparentid = 0 and t.tgenabled <> 'D'
         order by t.tgrelid, t.tgname
    loop
        execute format('alter table %s disable trigger %I', v_found.relation, v_found.tgname);
        update adopting.previous set triggers = triggers || v_found.again;
    end loop;
    -- Or else the owner would be shown what policies show, which is nothing.
    for v_found in
        select c.oid::regclass::text as relation
          from pg_catalog.pg_class c
         where c.relnamespace = 'legacy'::regnamespace and c.relkind in ('r', 'p') and c.relforcerowsecurity
    loop
        execute format('alter table %s no force row level security', v_found.relation);
        update adopting.previous set forced = forced || v_found.relation;
    end loop;
    update adopting.previous
       set auth_trigger = (select pg_get_triggerdef(t.oid) from pg_catalog.pg_trigger t
                            where t.tgname = 'on_auth_user_profile_sync' and t.tgrelid = to_regclass('auth.users')
                              and not t.tgisinternal);
end
$$;

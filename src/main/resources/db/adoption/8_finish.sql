-- What stays where it was, and the record by which the first system can be put back.

do $$
declare
    v_table record;
    v_rows  bigint;
begin
    for v_table in
        select c.relname from pg_catalog.pg_class c
         where c.relnamespace = 'legacy'::regnamespace and c.relkind = 'r'
           and c.relname not in ('profiles', 'user_activity_log', 'chat_sessions', 'chat_messages', 'chat_message_annotations',
                                 'message_token_costs', 'user_usage_daily', 'model_access')
         order by c.relname
    loop
        execute format('select count(*) from legacy.%I', v_table.relname) into v_rows;
        if v_rows > 0 then
            insert into adopting.report (what, outcome, rows) values ('table ' || v_table.relname, 'left in legacy', v_rows);
        end if;
    end loop;
    for v_table in select unnest(p.forced) as relation from adopting.previous p loop
        execute format('alter table %s force row level security', v_table.relation);
    end loop;
end
$$;

create table chatkeep.adoption (
    only_row     boolean     not null default true
        constraint adoption_pkey primary key
        constraint adoption_only_row check (only_row),
    adopted_at   timestamptz not null default now(),
    auth_made    boolean     not null,
    had_temporary boolean    not null,
    auth_trigger text,
    triggers     text[]      not null,
    relations    text[]      not null,
    report       jsonb       not null
);
comment on table chatkeep.adoption is 'How the first system was moved aside, which stands in schema legacy; its owner alone reads it';
alter table chatkeep.adoption enable row level security;
revoke all on chatkeep.adoption from public, anon, authenticated, service_role;

insert into chatkeep.adoption (auth_made, had_temporary, auth_trigger, triggers, relations, report)
select p.auth_made, p.had_temporary, p.auth_trigger, p.triggers,
       array(select c.relname::text from pg_catalog.pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')),
       (select coalesce(jsonb_agg(jsonb_build_object('what', r.what, 'outcome', r.outcome, 'rows', r.rows) order by r.position), '[]')
          from adopting.report r)
  from adopting.previous p;

drop schema adopting cascade;
analyze public.profiles, public.chat_sessions, public.chat_messages, public.user_usage_daily, public.user_activity_log,
    public.model_access, chatkeep.charges, chatkeep.usage_by_model, chatkeep.stored_by_user;

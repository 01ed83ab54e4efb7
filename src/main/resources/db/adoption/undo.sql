-- Puts the first system back where it was: the trigger on auth.users first, whose function would go with it.

do $$
declare
    v_adoption chatkeep.adoption;
    v_again    text;
begin
    select * into v_adoption from chatkeep.adoption;
    if v_adoption.auth_trigger is not null then
        execute regexp_replace(v_adoption.auth_trigger, '^CREATE TRIGGER', 'create or replace trigger');
    end if;
    if v_adoption.had_temporary and pg_has_role((select datdba from pg_catalog.pg_database where datname = current_database()), 'USAGE') then
        execute format('grant temporary on database %I to public', current_database());
    end if;
    drop schema chatkeep cascade;
    drop schema public cascade;
    if v_adoption.auth_made then
        drop schema auth cascade;
    end if;
    foreach v_again in array v_adoption.triggers loop
        execute v_again;
    end loop;
    alter schema legacy rename to public;
end
$$;

-- Users: their rows in auth.users where these migrations have just made that table, and their profiles.

do $$
begin
    if (select auth_made from adopting.previous) then
        alter table auth.users disable trigger user;
        insert into auth.users (id, email, raw_user_meta_data, last_sign_in_at, created_at, updated_at)
        select p.id, left(p.email, 255),
               jsonb_strip_nulls(jsonb_build_object('full_name', p.full_name, 'avatar_url', p.avatar_url)),
               p.last_active, p.created_at, p.updated_at
          from adopting.profiles p;
        alter table auth.users enable trigger user;
    end if;
end
$$;

create table adopting.users as
select p.id from adopting.profiles p where exists (select from auth.users u where u.id = p.id);
alter table adopting.users add primary key (id);

alter table public.profiles disable trigger user;
insert into public.profiles (
    id, email, full_name, avatar_url, default_model, temperature, system_prompt, personality_preset, subscription_tier, credits,
    allowed_models, ui_preferences, session_preferences, usage_stats, created_at, updated_at, last_active, banned_at,
    banned_until, ban_reason)
select p.id, left(p.email, 255), left(p.full_name, 255), case when char_length(p.avatar_url) <= 8192 then p.avatar_url end,
       left(nullif(p.default_model, ''), 100),
       case when p.temperature between 0 and 2 then p.temperature else 0.7 end,
       case when octet_length(p.system_prompt) <= 65536 then p.system_prompt else left(p.system_prompt, 16384) end,
       case when char_length(p.personality_preset) <= 100 then nullif(p.personality_preset, '') end,
       case when p.subscription_tier in ('free', 'pro', 'enterprise', 'admin') then p.subscription_tier else 'free' end,
       coalesce(p.credits, 0),
       case when cardinality(p.allowed_models) <= 1000 and octet_length(p.allowed_models::text) <= 65536 then p.allowed_models end,
       case when jsonb_typeof(p.ui_preferences) = 'object' and octet_length(p.ui_preferences::text) <= 65536
            then p.ui_preferences else '{}' end,
       case when jsonb_typeof(p.session_preferences) = 'object' and octet_length(p.session_preferences::text) <= 65536
            then p.session_preferences else '{}' end,
       jsonb_build_object('total_messages', coalesce(adopting.figure(p.usage_stats, 'total_messages'), 0),
                          'total_tokens', coalesce(adopting.figure(p.usage_stats, 'total_tokens'), 0),
                          'sessions_created', coalesce(adopting.figure(p.usage_stats, 'sessions_created'), 0),
                          'last_reset', coalesce(adopting.moment(p.usage_stats ->> 'last_reset'), p.created_at)),
       coalesce(p.created_at, now()), coalesce(p.updated_at, p.created_at, now()),
       coalesce(p.last_active, p.updated_at, p.created_at, now()), p.banned_at,
       -- For good is the last time that there is.
       case when p.is_banned and (p.banned_until is null or p.banned_until = 'infinity') then '9999-12-31 23:59:59.999+00'
            when p.banned_until is not null then least(p.banned_until, '9999-12-31 23:59:59.999+00') end,
       left(p.ban_reason, 1024)
  from adopting.profiles p
  join adopting.users u on u.id = p.id;
alter table public.profiles enable trigger user;

insert into adopting.report (what, outcome, rows)
select 'profiles', r.outcome, r.rows
  from (select count(*) as all_rows, count(*) filter (where u.id is null) as unknown,
               count(*) filter (where p.subscription_tier is null or p.subscription_tier not in ('free', 'pro', 'enterprise', 'admin')) as tiers,
               count(*) filter (where not coalesce(p.temperature between 0 and 2, false)) as temperatures,
               count(*) filter (where char_length(p.avatar_url) > 8192 or octet_length(p.system_prompt) > 65536
                                   or char_length(p.personality_preset) > 100 or cardinality(p.allowed_models) > 1000
                                   or octet_length(p.allowed_models::text) > 65536
                                   or octet_length(p.ui_preferences::text) > 65536
                                   or octet_length(p.session_preferences::text) > 65536) as sizes,
               count(*) filter (where adopting.figure(p.usage_stats, 'total_messages') is null
                                   or adopting.figure(p.usage_stats, 'total_tokens') is null
                                   or adopting.figure(p.usage_stats, 'sessions_created') is null) as totals,
               count(*) filter (where u.id is not null and (p.is_banned or p.banned_until > now())) as banned,
               count(*) filter (where p.account_type = 'admin') as admins
          from adopting.profiles p left join adopting.users u on u.id = p.id) c
 cross join lateral (values
       ('copied', c.all_rows - c.unknown),
       ('left in legacy with all that is theirs: no row in auth.users', c.unknown),
       ('changed: a tier that is not known became free', c.tiers),
       ('changed: a temperature outside of 0 to 2 became 0.7', c.temperatures),
       ('changed: too large, cut off or left out', c.sizes),
       ('changed: totals that were missing became 0', c.totals),
       ('banned, and stay so', c.banned),
       ('administrators, who need app_metadata.role = "admin" from the issuer', c.admins)) as r (outcome, rows)
 where r.rows > 0;

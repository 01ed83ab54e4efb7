-- What is read of the first system, whichever of its ages it is of: a view for each table, in which columns that this age does
-- not have are null. Texts compare by bytes, as the ids of Chatkeep do.

do $$
declare
    v_view record;
begin
    for v_view in
        select e.name, to_regclass('legacy.' || e.name) is not null as is_there,
               string_agg(case when a.attname is null then format('null::%s', c.type) else format('t.%I::%s', c.name, c.type) end
                          || case when c.type = 'text' then ' collate "C"' else '' end || format(' as %I', c.name), ', ') as columns
          from (values
                ('profiles', 'id uuid, email text, full_name text, avatar_url text, default_model text, temperature numeric, system_prompt text, personality_preset text, subscription_tier text, credits int, allowed_models text[], ui_preferences jsonb, session_preferences jsonb, usage_stats jsonb, created_at timestamptz, updated_at timestamptz, last_active timestamptz, account_type text, is_banned boolean, banned_at timestamptz, banned_until timestamptz, ban_reason text'),
                ('user_activity_log', 'id uuid, user_id uuid, action text, resource_type text, resource_id text, details jsonb, timestamp timestamptz, ip_address inet, user_agent text'),
                ('chat_sessions', 'id text, user_id uuid, title text, is_active boolean, created_at timestamptz, updated_at timestamptz, last_activity timestamptz'),
                ('chat_messages', 'id text, session_id text, role text, content text, model text, total_tokens int, input_tokens int, output_tokens int, user_message_id text, content_type text, elapsed_time int, elapsed_ms int, completion_id text, message_timestamp timestamptz, error_message text, is_streaming boolean, metadata jsonb, reasoning text, reasoning_details jsonb, has_websearch boolean, websearch_result_count int'),
                ('chat_message_annotations', 'id uuid, user_id uuid, message_id text, annotation_type text, url text, title text, content text, start_index int, end_index int, created_at timestamptz'),
                ('message_token_costs', 'id uuid, user_id uuid, assistant_message_id text, user_message_id text, model_id text, message_timestamp timestamptz, prompt_tokens int, completion_tokens int, prompt_unit_price numeric, completion_unit_price numeric, total_cost numeric'),
                ('user_usage_daily', 'id uuid, user_id uuid, usage_date date, messages_sent bigint, messages_received bigint, input_tokens bigint, output_tokens bigint, total_tokens bigint, models_used jsonb, sessions_created bigint, active_minutes bigint, estimated_cost numeric, created_at timestamptz, updated_at timestamptz'),
                ('model_access', 'id uuid, model_id text, tier text, is_active boolean, input_cost_per_token numeric, output_cost_per_token numeric, daily_limit int, monthly_limit int, model_name text, model_description text, model_tags text[], created_at timestamptz, updated_at timestamptz, context_length int, created_timestamp bigint, input_modalities jsonb, output_modalities jsonb, supported_parameters jsonb, status text, is_free boolean, is_pro boolean, is_enterprise boolean, prompt_price text, completion_price text, request_price text, image_price text, web_search_price text, internal_reasoning_price text, input_cache_read_price text, input_cache_write_price text')
               ) as e (name, columns)
         cross join lateral (select split_part(d, ' ', 1) as name, substr(d, strpos(d, ' ') + 1) as type
                               from unnest(string_to_array(e.columns, ', ')) d) c
          left join pg_catalog.pg_attribute a
            on a.attrelid = to_regclass('legacy.' || e.name) and a.attname = c.name and a.attnum > 0 and not a.attisdropped
         group by e.name
    loop
        execute format('create view adopting.%I as select %s%s', v_view.name, v_view.columns,
                       case when v_view.is_there then format(' from legacy.%I t', v_view.name) else ' where false' end);
    end loop;
end
$$;

-- A figure of usage_stats, or nothing where it is none.
create function adopting.figure(p_stats jsonb, p_name text) returns bigint
    language sql immutable set search_path = pg_catalog
as $$
    select case when jsonb_typeof(p_stats -> p_name) = 'number' and (p_stats ->> p_name)::numeric between 0 and 9e18
                then trunc((p_stats ->> p_name)::numeric)::bigint end
$$;

create function adopting.moment(p_text text) returns timestamptz
    language plpgsql stable set search_path = pg_catalog set timezone = 'UTC'
as $$
begin
    return p_text::timestamptz;
exception when others then
    return null;
end
$$;

-- A price of a token, written as text; providers write -1 where it depends.
create function adopting.price(p_text text) returns numeric
    language sql immutable set search_path = pg_catalog
as $$
    select case when p_text ~ '^[0-9]{1,7}([.][0-9]{1,20})?([eE]-?[0-9]{1,2})?$' and p_text::numeric < 10000000
                then round(p_text::numeric, 12) end
$$;

create function adopting.names(p_list jsonb) returns text[]
    language sql immutable set search_path = pg_catalog
as $$
    select case when jsonb_typeof(p_list) = 'array'
                then array(select e #>> '{}' from jsonb_array_elements(p_list) e where jsonb_typeof(e) = 'string') end
$$;

-- Calls of model providers: admission, what is kept of a running answer, settlement.

-- The title of a session that has none: how its first question begins.
create or replace function chatkeep.title_of(p_question text) returns text
    language sql immutable set search_path = ''
as $$
    select coalesce(nullif(case when char_length(q.text) > 80 then rtrim(left(q.text, 79)) || '…' else q.text end, ''), 'New Chat')
      from (select btrim(regexp_replace(left(p_question, 1000), '\s+', ' ', 'g')) as text) q
$$;

-- How many answers of each model a user has had today and this month (UTC), as far as limits count: what usage has
-- counted, and calls that are running or broke off after they had produced something.
create or replace function chatkeep.answers_used(p_user_id uuid, p_model text default null)
    returns table (model text, daily bigint, monthly bigint)
    language plpgsql stable security definer set search_path = ''
as $$
declare
    v_today constant date := (now() at time zone 'UTC')::date;
    v_month constant date := date_trunc('month', v_today);
begin
    perform chatkeep.require_caller(p_user_id);
    return query
        select a.model, sum(a.answers) filter (where a.day = v_today)::bigint, sum(a.answers)::bigint
          from (select b.model, b.usage_date as day, b.messages_received as answers
                  from chatkeep.usage_by_model b
                 where b.user_id = p_user_id and b.usage_date >= v_month and (p_model is null or b.model = p_model)
                union all
                select c.model, case when c.state = 'running' then v_today else (c.started_at at time zone 'UTC')::date end, 1
                  from chatkeep.completions c
                 where c.user_id = p_user_id and (p_model is null or c.model = p_model)
                   and c.state in ('running', 'failed')
                   and case when c.state = 'running' then c.lease_until > clock_timestamp()
                            else c.answers = 0 and c.started_at >= v_month at time zone 'UTC' end) a
         group by a.model;
end
$$;

-- Admits a call of a model or refuses it, all in one: may the tier use the model, is there something left of its
-- limits and of the requests a minute. The user's calls take turns here, so they cannot overshoot a limit together. An
-- admitted call holds its place until it is finished; where it belongs to a session, the session is there now and the
-- question stands in it.
--
-- p_call: {id, model?, fallback_model?, session_id?, question?: {id?, content, timestamp?} (none: the model goes on), wants_context, context_length
-- (of models that say none), prompt_tokens (an estimate), requests_per_minute {tier: n}, lease_seconds}.
--
-- Returns {model, context_length, system_prompt, temperature, session_id, question_id, policies, context?}, or
-- {refused: {status, code, detail, retry_after?}, policies}. policies are the limits that apply, with what is left after
-- this call: [{name, quota, window, remaining, reset}], times in seconds. context is the session, newest last, as far
-- back as can be within the model's limit.
create or replace function chatkeep.begin_completion(p_user_id uuid, p_call jsonb) returns jsonb
    language plpgsql set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
    c_day      constant int := 86400;
    -- Few texts have more bytes a token. What is longer would be cut off later anyhow.
    c_token_bytes constant bigint := 8;
    v_now      constant timestamptz := clock_timestamp();
    v_utc      constant timestamp := v_now at time zone 'UTC';
    v_day_ends constant int := ceil(extract(epoch from date_trunc('day', v_utc) + interval '1 day' - v_utc));
    v_month    constant timestamp := date_trunc('month', v_utc);
    v_session  constant text := p_call ->> 'session_id';
    v_question jsonb := p_call -> 'question';
    v_profile  public.profiles;
    v_model    text := p_call ->> 'model';
    v_access   public.model_access;
    v_used     record;
    v_rate     int;
    v_recent   timestamptz[];
    v_policies jsonb := '[]';
    v_length   int;
    v_messages chatkeep.incoming_message[];
    v_last     public.chat_messages;
    v_newest   timestamptz;
    v_asked    public.chat_messages;
    v_known    public.chat_sessions;
    v_message  record;
    v_context  jsonb[] := '{}';
    v_bytes    bigint := 0;
    v_created  int := 0;
    v_sent     int := 0;
begin
    perform chatkeep.begin_write(p_user_id);
    select * into v_profile from public.profiles p where p.id = p_user_id;

    v_model := coalesce(v_model, v_profile.default_model, p_call ->> 'fallback_model',
                        (select min(a.model_id) from public.model_access a
                          where a.is_active
                            and chatkeep.tier_rank(a.tier) <= chatkeep.tier_rank(v_profile.subscription_tier)));
    select a.* into v_access
      from public.model_access a
     where a.model_id = v_model and a.is_active
       and chatkeep.tier_rank(a.tier) <= chatkeep.tier_rank(v_profile.subscription_tier)
     order by chatkeep.tier_rank(a.tier) desc
     limit 1;
    if not found then
        return jsonb_build_object('refused', jsonb_build_object(
            'status', 403, 'code', 'model_not_allowed', 'detail', 'Your tier does not open this model.'), 'policies', v_policies);
    end if;

    v_rate := (p_call -> 'requests_per_minute' ->> v_profile.subscription_tier)::int;
    if v_rate is not null then
        select array_agg(c.started_at order by c.started_at) into v_recent
          from chatkeep.completions c
         where c.user_id = p_user_id and c.started_at > v_now - interval '1 minute';
        v_policies := v_policies || jsonb_build_object(
            'name', 'requests-per-minute', 'quota', v_rate, 'window', 60,
            'remaining', v_rate - coalesce(cardinality(v_recent), 0),
            'reset', ceil(extract(epoch from coalesce(v_recent[1], v_now) + interval '1 minute' - v_now)));
    end if;
    select coalesce(max(u.daily), 0) as daily, coalesce(max(u.monthly), 0) as monthly into v_used
      from chatkeep.answers_used(p_user_id, v_model) u
     where v_access.daily_limit is not null or v_access.monthly_limit is not null;
    if v_access.daily_limit is not null then
        v_policies := v_policies || jsonb_build_object(
            'name', 'daily', 'quota', v_access.daily_limit, 'window', c_day,
            'remaining', v_access.daily_limit - v_used.daily, 'reset', v_day_ends);
    end if;
    if v_access.monthly_limit is not null then
        v_policies := v_policies || jsonb_build_object(
            'name', 'monthly', 'quota', v_access.monthly_limit,
            'window', extract(epoch from v_month + interval '1 month' - v_month)::int,
            'remaining', v_access.monthly_limit - v_used.monthly,
            'reset', ceil(extract(epoch from v_month + interval '1 month' - v_utc)));
    end if;

    -- Before anything is written: what is refused leaves no trace. The one that lasts longest says when to come again.
    select p.value ->> 'name' as name, (p.value ->> 'reset')::int as reset into v_message
      from jsonb_array_elements(v_policies) p
     where (p.value ->> 'remaining')::bigint <= 0
     order by (p.value ->> 'reset')::int desc
     limit 1;
    if found then
        return jsonb_build_object(
            'refused', case when v_message.name = 'requests-per-minute'
                then jsonb_build_object('status', 429, 'code', 'rate_limited',
                                        'detail', 'Too many requests within a minute.', 'retry_after', v_message.reset)
                else jsonb_build_object('status', 429, 'code', 'quota_exceeded',
                                        'detail', format('The %s limit of this model is used up.', v_message.name),
                                        'retry_after', v_message.reset) end,
            'policies', (select jsonb_agg(p.value || jsonb_build_object('remaining', greatest((p.value ->> 'remaining')::bigint, 0)))
                           from jsonb_array_elements(v_policies) p));
    end if;

    if v_session is null then
        -- Nothing of it has to survive the database: a call that it forgets has not been answered.
        perform set_config('synchronous_commit', 'off', true);
    end if;
    v_length := coalesce(v_access.context_length, (p_call ->> 'context_length')::int);
    if v_session is not null then
        insert into public.chat_sessions (user_id, id, title)
        values (p_user_id, v_session, chatkeep.title_of(v_question ->> 'content'))
        on conflict (user_id, id) do nothing;
        if found then
            v_created := chatkeep.uncounted_sessions(p_user_id, array [v_session]);
        else
            select * into v_known from public.chat_sessions s where s.user_id = p_user_id and s.id = v_session;
            select max(m.message_timestamp) into v_newest
              from public.chat_messages m where m.user_id = p_user_id and m.session_id = v_session;
            -- A failed answer leaves its question unanswered.
            select m.* into v_last
              from public.chat_messages m
             where m.user_id = p_user_id and m.session_id = v_session and m.error_message is null
             order by m.message_timestamp desc, m.id desc
             limit 1;
        end if;

        if v_question is not null then
            if v_question ->> 'id' is null then
                -- Clients that give their messages no ids send the same request again when it failed.
                v_question := v_question || jsonb_build_object('id',
                    case when v_last.role = 'user' and v_last.content = v_question ->> 'content'
                         then v_last.id
                         else 'msg_' || replace(gen_random_uuid()::text, '-', '') end);
            end if;
            if v_question ->> 'timestamp' is null and v_question ->> 'id' is distinct from v_last.id then
                v_question := v_question || jsonb_build_object(
                    'timestamp', greatest(v_now, v_newest + interval '1 millisecond'));
            end if;
            -- A new question without tokens needs little of what store_messages does, at a fraction of its price.
            perform from chatkeep.counted_messages c where c.user_id = p_user_id and c.message_id = v_question ->> 'id';
            if not found then
                insert into public.chat_messages (
                    user_id, id, session_id, role, content, model, message_timestamp, metadata)
                values (p_user_id, v_question ->> 'id', v_session, 'user', v_question ->> 'content', v_model,
                        coalesce((v_question ->> 'timestamp')::timestamptz, v_now),
                        chatkeep.charge(v_access.input_cost_per_token, 0))
                on conflict (user_id, id) do nothing;
                v_sent := case when found then 1 else 0 end;
            end if;
            if v_sent = 0 then
                select * into v_asked from public.chat_messages m where m.user_id = p_user_id and m.id = v_question ->> 'id';
                if not found then
                    v_question := v_question || jsonb_build_object('model', v_model);
                elsif v_asked.session_id <> v_session then
                    raise sqlstate 'PT409' using
                        message = 'message_in_other_session: A message with this id belongs to another session.';
                elsif v_asked.role <> 'user' then
                    raise sqlstate 'PT409' using message = 'conflict: A message with this id is not a question.';
                else
                    -- It was asked before, perhaps of another model: it keeps its time and its price.
                    v_question := v_question - 'timestamp';
                end if;
                select array_agg(m) into v_messages
                  from chatkeep.read_messages(1, v_session, jsonb_build_array(v_question || '{"role": "user"}')) m;
                perform chatkeep.record_usage(p_user_id, chatkeep.store_messages(p_user_id, v_messages), 0);
            end if;
        end if;
        if v_sent + v_created > 0 then
            perform chatkeep.record_usage(
                p_user_id,
                case when v_sent = 0 then '[]' else jsonb_build_array(jsonb_build_object(
                    'model', v_model, 'sent', 1, 'received', 0, 'input_tokens', 0, 'output_tokens', 0, 'cost', 0)) end,
                v_created);
        end if;
        if v_known.title = 'New Chat' then
            update public.chat_sessions s
               set title = chatkeep.title_of(
                   (select m.content from public.chat_messages m
                     where m.user_id = p_user_id and m.session_id = v_session and m.role = 'user' and m.error_message is null
                     order by m.message_timestamp, m.id limit 1))
             where s.user_id = p_user_id and s.id = v_session;
        end if;

        if (p_call ->> 'wants_context')::boolean then
            for v_message in
                select m.role, m.content
                  from public.chat_messages m
                 where m.user_id = p_user_id and m.session_id = v_session and m.error_message is null
                   and m.role <> 'tool' and m.content <> ''
                 order by m.message_timestamp desc, m.id desc
            loop
                exit when v_bytes + octet_length(v_message.content) > v_length * c_token_bytes and v_bytes > 0;
                v_bytes := v_bytes + octet_length(v_message.content);
                v_context := v_context || jsonb_build_object('role', v_message.role, 'content', v_message.content);
            end loop;
        end if;
    end if;

    insert into chatkeep.completions (
        user_id, id, session_id, question_id, model, started_at, lease_until, input_cost, output_cost, prompt_tokens)
    values (p_user_id, p_call ->> 'id', v_session, v_question ->> 'id', v_model, v_now,
            v_now + make_interval(secs => (p_call ->> 'lease_seconds')::int),
            v_access.input_cost_per_token, v_access.output_cost_per_token,
            greatest((p_call ->> 'prompt_tokens')::int, ceil(v_bytes / 4.0)::int));

    return jsonb_build_object(
        'model', v_model, 'context_length', v_length, 'system_prompt', v_profile.system_prompt,
        'temperature', v_profile.temperature, 'session_id', v_session, 'question_id', v_question ->> 'id',
        'context', (select coalesce(jsonb_agg(m.value order by m.ord desc), '[]')
                      from unnest(v_context) with ordinality as m (value, ord)),
        'policies', (select coalesce(jsonb_agg(p.value || jsonb_build_object('remaining', (p.value ->> 'remaining')::bigint - 1)), '[]')
                       from jsonb_array_elements(v_policies) p));
end
$$;

-- Remembers what usage has counted of a message that is not stored (yet).
create or replace function chatkeep.remember_unstored(
    p_user_id uuid, p_message_id text, p_input_tokens int, p_output_tokens int, p_completion text) returns void
    language plpgsql security definer set search_path = ''
as $$
begin
    perform chatkeep.require_caller(p_user_id);
    insert into chatkeep.counted_messages (user_id, message_id, input_tokens, output_tokens, completion)
    values (p_user_id, p_message_id, p_input_tokens, p_output_tokens, p_completion)
    on conflict (user_id, message_id) do update
        set input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, completion = excluded.completion;
end
$$;

-- Settles a call: stores the answer, or what there is of it, and counts it. It can be told again, also with other
-- figures: usage gets the difference to what it has counted already.
--
-- p_result: {id, state, completion_id, content, content_type, elapsed_ms, input_tokens, output_tokens, error, metadata,
-- recovery}. A failed call is stored with its error and counted by limits alone, as messages with an error are; of one
-- that is released nothing remains. recovery: settle only what nobody runs any more.
--
-- Returns {message_id, session_id, question_id, timestamp, cost}, without message_id where no answer is stored: it belongs
-- to no session, or to one that was deleted meanwhile. Null if there is no such call any more, or nothing to recover.
create or replace function chatkeep.finish_completion(p_user_id uuid, p_result jsonb) returns jsonb
    language plpgsql set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
    v_state    constant text := p_result ->> 'state';
    v_counts   constant boolean := v_state in ('complete', 'interrupted');
    v_call     chatkeep.completions;
    v_question public.chat_messages;
    v_input    int := case when v_counts then coalesce((p_result ->> 'input_tokens')::int, 0) else 0 end;
    v_output   int := case when v_counts then coalesce((p_result ->> 'output_tokens')::int, 0) else 0 end;
    v_charged  int;
    v_counted  chatkeep.counted_messages;
    v_unpriced int := 0;
    v_sent     int := 0;
    v_id       text;
    v_time     timestamptz;
begin
    perform chatkeep.begin_write(p_user_id);
    select * into v_call from chatkeep.completions c where c.user_id = p_user_id and c.id = p_result ->> 'id';
    if not found or (p_result ->> 'recovery')::boolean and (v_call.state <> 'running' or v_call.lease_until > clock_timestamp()) then
        return null;
    end if;
    -- A correction of what was counted can only bring more.
    v_input := greatest(v_input, v_call.input_tokens);
    v_output := greatest(v_output, v_call.output_tokens);
    v_charged := v_input - v_call.input_tokens;

    if v_counts and v_call.question_id is not null then
        select * into v_question
          from public.chat_messages m
         where m.user_id = p_user_id and m.id = v_call.question_id and m.role = 'user' and m.error_message is null;
        if found then
            -- The tokens of a question are those of all calls that it was asked with. What a client said they were was
            -- counted when the question was stored.
            if not v_question.metadata ? 'completion' then
                v_charged := v_charged - coalesce(v_question.input_tokens, 0);
                -- Charged with no model yet, as the question named none.
                v_unpriced := case when v_question.model is null then coalesce(v_question.input_tokens, 0) else 0 end;
            end if;
            if v_charged <> 0 or not v_question.metadata ? 'completion' then
                update public.chat_messages m
                   set input_tokens = coalesce(m.input_tokens, 0) + v_charged,
                       total_tokens = coalesce(m.input_tokens, 0) + v_charged,
                       model = coalesce(m.model, v_call.model),
                       metadata = m.metadata || jsonb_build_object(
                           'completion', v_call.id, 'unit_cost', v_call.input_cost,
                           'cost', trim_scale(coalesce((m.metadata ->> 'cost')::numeric, 0)
                                              + (v_charged + v_unpriced) * v_call.input_cost))
                 where m.user_id = p_user_id and m.id = v_call.question_id;
            end if;
        else
            select * into v_counted
              from chatkeep.counted_messages k where k.user_id = p_user_id and k.message_id = v_call.question_id;
            v_sent := case when found then 0 else 1 end;
            if v_counted.completion is null then
                v_unpriced := coalesce(v_counted.input_tokens, 0);
                v_charged := v_charged - v_unpriced;
            end if;
            perform chatkeep.remember_unstored(
                p_user_id, v_call.question_id, coalesce(v_counted.input_tokens, 0) + v_charged, 0, v_call.id);
        end if;
    end if;

    if v_state <> 'released' and v_call.session_id is not null then
        v_id := coalesce(v_call.message_id, v_call.id);
        v_time := greatest(clock_timestamp(), v_question.message_timestamp + interval '1 millisecond');
        insert into public.chat_messages as m (
            user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
            content_type, elapsed_ms, completion_id, message_timestamp, error_message, metadata)
        select p_user_id, v_id, s.id, 'assistant', p_result ->> 'content', v_call.model,
               case when v_counts then v_output end, null, case when v_counts then v_output end, v_call.question_id,
               p_result ->> 'content_type', (p_result ->> 'elapsed_ms')::int, p_result ->> 'completion_id', v_time,
               p_result ->> 'error',
               (p_result -> 'metadata') || jsonb_build_object('completion', v_call.id)
                   || case when v_counts
                           then chatkeep.charge(v_call.output_cost, v_output)
                                || jsonb_build_object('question_cost', trim_scale(v_input * v_call.input_cost))
                           else '{}' end
          from public.chat_sessions s
         where s.user_id = p_user_id and s.id = v_call.session_id
        on conflict (user_id, id) do update
            set content = excluded.content, total_tokens = excluded.total_tokens, output_tokens = excluded.output_tokens,
                content_type = excluded.content_type, elapsed_ms = excluded.elapsed_ms,
                completion_id = excluded.completion_id, error_message = excluded.error_message, metadata = excluded.metadata
            where m.content <> excluded.content or m.metadata <> excluded.metadata
               or m.error_message is distinct from excluded.error_message;
        select m.id, m.message_timestamp into v_id, v_time
          from public.chat_messages m where m.user_id = p_user_id and m.id = v_id;
    end if;

    if v_counts and (v_call.answers = 0 or v_charged <> 0 or v_output <> v_call.output_tokens) then
        perform chatkeep.record_usage(p_user_id, jsonb_build_array(jsonb_build_object(
            'model', v_call.model, 'sent', v_sent, 'received', 1 - v_call.answers, 'input_tokens', v_charged,
            'output_tokens', v_output - v_call.output_tokens, 'question_tokens', v_unpriced,
            'cost', (v_charged + v_unpriced) * v_call.input_cost + (v_output - v_call.output_tokens) * v_call.output_cost)), 0);
    end if;

    update chatkeep.completions c
       set state = v_state, finished_at = clock_timestamp(), message_id = v_id, input_tokens = v_input,
           output_tokens = v_output, answers = case when v_counts then 1 else c.answers end,
           completion_id = left(p_result ->> 'completion_id', 255)
     where c.user_id = p_user_id and c.id = v_call.id;
    delete from chatkeep.completion_parts p where p.user_id = p_user_id and p.completion_id = v_call.id;

    return jsonb_build_object(
        'message_id', v_id, 'session_id', v_call.session_id, 'question_id', v_call.question_id,
        'timestamp', chatkeep.iso(coalesce(v_time, clock_timestamp())),
        'cost', trim_scale(v_input * v_call.input_cost + v_output * v_call.output_cost));
end
$$;

-- Keeps what has arrived of running answers and extends their leases, those of many users at once:
-- [{user_id, id, position, content?}].
create or replace function chatkeep.checkpoint_completions(p_parts jsonb, p_lease_seconds int) returns void
    language sql set search_path = ''
as $$
    with parts as (
        select * from jsonb_to_recordset(p_parts) as p (user_id uuid, id text, position int, content text)
    ), running as (
        update chatkeep.completions c
           set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
          from parts p
         where c.user_id = p.user_id and c.id = p.id and c.state = 'running'
        returning c.user_id, c.id
    )
    insert into chatkeep.completion_parts (user_id, completion_id, position, content)
    select r.user_id, r.id, p.position, p.content
      from running r
      join parts p on p.user_id = r.user_id and p.id = r.id
     where p.content is not null
    on conflict do nothing
$$;

-- Settles calls whose lease has run out, with what had arrived of their answers: their instance is gone. Tokens are
-- estimated, four bytes each. Returns how many there were, at most p_most.
create or replace function chatkeep.recover_completions(p_most int) returns int
    language plpgsql set search_path = ''
as $$
declare
    v_call    record;
    v_content text;
    v_count   int := 0;
begin
    for v_call in
        select c.user_id, c.id, c.prompt_tokens
          from chatkeep.completions c
         where c.state = 'running' and c.lease_until < clock_timestamp()
         order by c.user_id
         limit p_most
    loop
        v_count := v_count + 1;
        select string_agg(p.content, '' order by p.position) into v_content
          from chatkeep.completion_parts p
         where p.user_id = v_call.user_id and p.completion_id = v_call.id;
        perform chatkeep.finish_completion(v_call.user_id, case when v_content is null
            then jsonb_build_object('id', v_call.id, 'state', 'released', 'recovery', true)
            else jsonb_build_object(
                'id', v_call.id, 'state', 'interrupted', 'recovery', true, 'content', v_content,
                'input_tokens', v_call.prompt_tokens, 'output_tokens', ceil(octet_length(v_content) / 4.0)::int,
                'metadata', jsonb_build_object('interrupted', true, 'usage_estimated', true)) end);
    end loop;
    return v_count;
end
$$;

-- Answers that came through here and that a client sends again under an id of its own: it knows the provider's id of
-- them (completion_id). One that is stored takes the first such id, so that client and server speak of one message;
-- later ids stand for the same message. One that is not, or not any more, is stored now and has been counted. Providers
-- may use an id twice: it must be an answer to the same question, or have the same content.
create or replace function chatkeep.recognise_answers(p_user_id uuid, p_messages chatkeep.incoming_message[])
    returns chatkeep.incoming_message[]
    language plpgsql set search_path = '' set plan_cache_mode = force_generic_plan
as $$
declare
    v_message chatkeep.incoming_message;
    v_call    record;
begin
    perform from chatkeep.completions c where c.user_id = p_user_id and c.completion_id is not null limit 1;
    if not found then
        return p_messages;
    end if;
    for v_index in 1 .. coalesce(cardinality(p_messages), 0) loop
        v_message := p_messages[v_index];
        continue when v_message.role <> 'assistant' or v_message.completion_id is null;
        select c.id, c.message_id, c.output_tokens, m.id is not null as is_stored into v_call
          from chatkeep.completions c
          left join public.chat_messages m on m.user_id = p_user_id and m.id = c.message_id
         where c.user_id = p_user_id and c.completion_id = v_message.completion_id and c.state in ('complete', 'interrupted')
           and case when m.id is null
                    then (c.session_id is null or c.session_id = v_message.session_id)
                         and (c.question_id is null or v_message.user_message_id is null or c.question_id = v_message.user_message_id)
                    else m.session_id = v_message.session_id
                         and (m.user_message_id = v_message.user_message_id or m.content = v_message.content) end
           and not exists (select from public.chat_messages o where o.user_id = p_user_id and o.id = v_message.id)
           and not exists (select from unnest(p_messages) o where o.id = c.message_id and o.id <> v_message.id)
         order by m.content = v_message.content desc nulls last, c.question_id = v_message.user_message_id desc nulls last,
                  c.started_at
         limit 1;
        continue when not found;
        if not v_call.is_stored then
            perform chatkeep.remember_unstored(p_user_id, v_message.id, 0, v_call.output_tokens, v_call.id);
        elsif v_call.message_id = v_call.id then
            update public.chat_messages m set id = v_message.id where m.user_id = p_user_id and m.id = v_call.id;
        else
            v_message.id := v_call.message_id;
            p_messages[v_index] := v_message;
            continue;
        end if;
        update chatkeep.completions c set message_id = v_message.id where c.user_id = p_user_id and c.id = v_call.id;
    end loop;
    return p_messages;
end
$$;

-- A stream as its owner may ask for it again: {state, message_id?, content?, error?, ...}, or null.
create or replace function chatkeep.completion(p_user_id uuid, p_id text) returns jsonb
    language sql stable set search_path = ''
as $$
    select jsonb_build_object(
               'state', c.state, 'id', c.id, 'model', c.model, 'completion_id', coalesce(c.completion_id, c.id),
               'session_id', c.session_id, 'question_id', c.question_id, 'message_id', m.id, 'content', m.content,
               'content_type', m.content_type, 'elapsed_ms', m.elapsed_ms, 'error', m.error_message,
               'metadata', m.metadata, 'timestamp', chatkeep.iso(m.message_timestamp),
               'input_tokens', c.input_tokens, 'output_tokens', c.output_tokens)
      from chatkeep.completions c
      left join public.chat_messages m on m.user_id = p_user_id and m.id = c.message_id
     where c.user_id = p_user_id and c.id = p_id
$$;

revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.title_of(text), chatkeep.answers_used(uuid, text),
    chatkeep.begin_completion(uuid, jsonb), chatkeep.remember_unstored(uuid, text, int, int, text),
    chatkeep.finish_completion(uuid, jsonb),
    chatkeep.recognise_answers(uuid, chatkeep.incoming_message[]), chatkeep.completion(uuid, text)
    to authenticated, service_role;
grant execute on function chatkeep.checkpoint_completions(jsonb, int), chatkeep.recover_completions(int) to service_role;

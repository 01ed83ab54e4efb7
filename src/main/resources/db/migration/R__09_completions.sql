-- Calls of model providers: admission, what is kept of a running answer, settlement. Users may ask for a call; only the
-- service says how it ended, for what limits and usage count is not for users to say.

-- The id of the question of a call; null where it is a new one without an id. Clients that give their messages no ids send
-- the same request again when it failed: an unanswered question is the same question. A failed answer leaves its question
-- unanswered.
create or replace function chatkeep.question_id(p_user_id uuid, p_session_id text, p_question jsonb) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_last public.chat_messages;
begin
    if p_question is null or p_question ->> 'id' is not null then
        return p_question ->> 'id';
    end if;
    select m.* into v_last
      from public.chat_messages m
     where m.user_id = p_user_id and m.session_id = p_session_id and m.error_message is null
     order by m.message_timestamp desc, m.ordinal desc
     limit 1;
    return case when v_last.role = 'user' and v_last.content = p_question ->> 'content' then v_last.id end;
end
$$;

-- Whether a stored question is the last that arrived in its session, although others stand behind it: the clock of who sent
-- it was behind. One that the next message answers, as far as that says what it answers, stands where it should.
create or replace function chatkeep.is_behind_time(p_user_id uuid, p_question public.chat_messages) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_next record;
begin
    select m.role, m.user_message_id, m.ordinal into v_next
      from public.chat_messages m
     where m.user_id = p_user_id and m.session_id = p_question.session_id
       and (m.message_timestamp, m.ordinal) > (p_question.message_timestamp, p_question.ordinal)
     order by m.message_timestamp, m.ordinal
     limit 1;
    if not found or v_next.role <> 'user' and coalesce(v_next.user_message_id, p_question.id) = p_question.id then
        return false;
    end if;
    return not exists (
        select from public.chat_messages m
         where m.user_id = p_user_id and m.session_id = p_question.session_id
           and (m.message_timestamp, m.ordinal) > (p_question.message_timestamp, p_question.ordinal)
           and m.ordinal > p_question.ordinal);
end
$$;

-- Stores the question of a call, {id?, content, timestamp?}, in a session that exists, and returns its id. A new one comes
-- after all that is there, whatever the client's clock says. One that was asked before keeps its place and its price.
create or replace function chatkeep.store_question(
    p_user_id uuid, p_session_id text, p_question jsonb, p_model text, p_now timestamptz) returns text
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    c_moved   constant jsonb := '{"server_time": true}';
    v_said    constant timestamptz := (p_question ->> 'timestamp')::timestamptz;
    v_newest  timestamptz;
    v_next    timestamptz;
    v_stored  public.chat_messages;
    v_message chatkeep.incoming_message;
begin
    v_message.session_id := p_session_id;
    v_message.role := 'user';
    v_message.content := p_question ->> 'content';
    v_message.id := coalesce(p_question ->> 'id', 'msg_' || replace(gen_random_uuid()::text, '-', ''));
    select max(m.message_timestamp) into v_newest
      from public.chat_messages m where m.user_id = p_user_id and m.session_id = p_session_id;
    v_next := chatkeep.storable_time(greatest(p_now, v_newest + interval '1 millisecond'));

    select * into v_stored from public.chat_messages m where m.user_id = p_user_id and m.id = v_message.id;
    if found then
        if v_stored.session_id <> p_session_id then
            raise sqlstate 'PT409' using message = 'message_in_other_session: A message with this id belongs to another session.';
        elsif v_stored.role <> 'user' then
            raise sqlstate 'PT409' using message = 'conflict: A message with this id is not a question.';
        end if;
        perform chatkeep.store_messages(p_user_id, array [v_message]);
        if chatkeep.is_behind_time(p_user_id, v_stored) then
            update public.chat_messages m
               set message_timestamp = v_next, metadata = m.metadata || c_moved
             where m.user_id = p_user_id and m.id = v_message.id;
        end if;
        return v_message.id;
    end if;
    v_message.model := p_model;
    v_message.message_timestamp := case when v_said <= p_now and v_said > coalesce(v_newest, '-infinity') then v_said
                                        else v_next end;
    v_stored := chatkeep.insert_message(p_user_id, v_message, true);
    if v_stored.id is null then
        perform chatkeep.store_messages(p_user_id, array [v_message]);
    end if;
    if v_said <> v_message.message_timestamp then
        -- Or a later upload with the client's time would put it back.
        update public.chat_messages m set metadata = m.metadata || c_moved where m.user_id = p_user_id and m.id = v_message.id;
    end if;
    return v_message.id;
end
$$;

-- The newest messages of a session that have so many bytes together at the most, and at least one, up to a question if there
-- is one: [{id, role, content, user_message_id}] in their order. What came after the question was not said yet when it was
-- asked.
create or replace function chatkeep.context_of(p_user_id uuid, p_session_id text, p_question_id text, p_most_bytes bigint)
    returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_message record;
    v_at      timestamptz := 'infinity';
    v_ordinal bigint := 0;
    v_context jsonb[] := '{}';
    v_bytes   bigint := 0;
begin
    if p_question_id is not null then
        select m.message_timestamp, m.ordinal into v_at, v_ordinal
          from public.chat_messages m where m.user_id = p_user_id and m.id = p_question_id;
    end if;
    for v_message in
        select m.id, m.role, m.content, m.user_message_id
          from public.chat_messages m
         where m.user_id = p_user_id and m.session_id = p_session_id and m.error_message is null
           and m.role <> 'tool' and m.content <> ''
           and (m.message_timestamp, m.ordinal) <= (v_at, v_ordinal)
         order by m.message_timestamp desc, m.ordinal desc
    loop
        v_bytes := v_bytes + octet_length(v_message.content);
        exit when v_bytes > p_most_bytes and cardinality(v_context) > 0;
        v_context := jsonb_build_object('id', v_message.id, 'role', v_message.role, 'content', v_message.content,
                                        'user_message_id', v_message.user_message_id) || v_context;
    end loop;
    return to_jsonb(v_context);
end
$$;

-- Makes the session of a call unless it is there, stores the question in it, and sees to a title. Returns the question's id.
create or replace function chatkeep.enter_question(
    p_user_id uuid, p_session_id text, p_question jsonb, p_model text, p_now timestamptz) returns text
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_title       text := (select s.title from public.chat_sessions s where s.user_id = p_user_id and s.id = p_session_id);
    v_question_id text;
begin
    if v_title is null then
        v_title := chatkeep.title_of(p_question ->> 'content');
        insert into public.chat_sessions (user_id, id, title) values (p_user_id, p_session_id, v_title)
        on conflict (user_id, id) do nothing;
        if found then
            perform chatkeep.count_sessions(p_user_id, array [p_session_id]);
        end if;
    end if;
    if p_question is not null then
        v_question_id := chatkeep.store_question(p_user_id, p_session_id, p_question, p_model, p_now);
    end if;
    if v_title = 'New Chat' then
        update public.chat_sessions s
           set title = t.title
          from (select chatkeep.title_of(
                    (select m.content from public.chat_messages m
                      where m.user_id = p_user_id and m.session_id = p_session_id and m.role = 'user' and m.error_message is null
                      order by m.message_timestamp, m.ordinal limit 1)) as title) t
         where s.user_id = p_user_id and s.id = p_session_id and s.title = 'New Chat' and t.title <> 'New Chat';
    end if;
    return v_question_id;
end
$$;

-- The call that already answers this request, {status, code, detail, stream_id}, or null: one that is running for the same
-- question, or one that the same request has begun before, as its id says, which is made of the Idempotency-Key. Of a call
-- that has failed only the record stays; the request may try again.
create or replace function chatkeep.earlier_call(p_user_id uuid, p_call jsonb, p_question_id text) returns jsonb
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_stream text;
    v_before chatkeep.completions;
begin
    if p_call ->> 'request_hash' is not null then
        select * into v_before from chatkeep.completions c where c.user_id = p_user_id and c.id = p_call ->> 'id';
        if v_before.request_hash is distinct from p_call ->> 'request_hash' and v_before.id is not null then
            return jsonb_build_object('status', 422, 'code', 'idempotency_key_reused',
                                      'detail', 'The Idempotency-Key belongs to another request.');
        elsif v_before.state in ('complete', 'interrupted') then
            return jsonb_build_object('status', 409, 'code', 'already_answered', 'stream_id', v_before.id,
                                      'detail', 'This request has been answered already.');
        elsif v_before.state in ('failed', 'released') then
            update chatkeep.completions c set id = 'call_' || gen_random_uuid(), message_id = null
             where c.user_id = p_user_id and c.id = v_before.id;
        else
            v_stream := v_before.id;
        end if;
    end if;
    if v_stream is null and p_question_id is not null and (p_call ->> 'one_at_a_time')::boolean then
        select c.id into v_stream
          from chatkeep.completions c
         where c.user_id = p_user_id and c.state = 'running' and c.session_id = p_call ->> 'session_id'
           and c.question_id = p_question_id and c.lease_until > clock_timestamp()
         limit 1;
    end if;
    return case when v_stream is not null
                then jsonb_build_object('status', 409, 'code', 'answer_in_progress', 'stream_id', v_stream,
                                        'detail', 'This question is being answered already.') end;
end
$$;

-- May this user call a model, which one, and is there something left of the limits? refusal is null where there is.
create or replace function chatkeep.admit_call(
    p_call jsonb, p_profile public.profiles, p_choices int, p_now timestamptz,
    out access public.model_access, out policies jsonb, out refusal jsonb)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_model  constant text := coalesce(
        p_call ->> 'model', p_profile.default_model, p_call ->> 'fallback_model',
        (select min(m.model_id) from chatkeep.open_models(p_profile.subscription_tier) m));
    v_option text;
begin
    policies := '[]';
    select m.* into access from chatkeep.open_models(p_profile.subscription_tier, v_model) m where v_model is not null;
    if not found then
        -- As when it is looked up: a model that no tier opens is not there.
        refusal := case
            when v_model is null or exists (select from public.model_access m where m.model_id = v_model and m.is_active)
            then jsonb_build_object('status', 403, 'code', 'model_not_allowed', 'detail', 'Your tier does not open this model.')
            else jsonb_build_object('status', 404, 'code', 'model_not_found', 'detail', 'There is no such model.') end;
        return;
    end if;
    select o.key into v_option
      from jsonb_each(p_call -> 'options') o
     where not o.value ? p_profile.subscription_tier
     order by o.key
     limit 1;
    if found then
        refusal := jsonb_build_object('status', 422, 'code', 'option_not_allowed', 'field', v_option,
                                      'detail', format('%s is not open to your tier.', v_option));
        return;
    end if;
    policies := chatkeep.policies_of_call(
        p_profile.id, access, (p_call -> 'requests_per_minute' ->> p_profile.subscription_tier)::int, p_now);
    refusal := chatkeep.refusal(policies, p_choices);
end
$$;

-- Admits a call of a model or refuses it, all in one: may the tier use the model, is there something left of its
-- limits and of the requests a minute. The user's calls take turns here, so they cannot overshoot a limit together. An
-- admitted call holds its place until it is finished; where it belongs to a session, the session is there now and the
-- question stands in it.
--
-- p_call: {id, model?, fallback_model?, session_id?, question?: {id?, content, timestamp?} (none: the model goes on),
-- wants_context, context_length (of models that say none), prompt_tokens (an estimate), requests_per_minute {tier: n},
-- lease_seconds, one_at_a_time (a question has one call at a time), request_hash? (the id is made of an Idempotency-Key),
-- choices? (how many answers it asks for; limits count each), options? {name: [tier]} (what it asks for that costs more, with
-- the tiers that may)}.
--
-- Returns {model, context_length, system_prompt, temperature, session_id, question_id, policies, context?}, or
-- {refused: {status, code, detail, retry_after?, stream_id?, field?}, policies}. policies are the limits that apply, with what is left after
-- this call. context is the session up to the question, as far back as can be within the model's limit.
create or replace function chatkeep.begin_completion(p_user_id uuid, p_call jsonb) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
    set timezone = 'UTC'
as $$
declare
    -- Longer than any lease that the service asks for: whoever makes one up blocks no place for long.
    c_most_seconds constant int := 86400;
    -- Few texts have more bytes a token. What is longer would be cut off later anyhow.
    c_token_bytes constant bigint := 8;
    v_now      constant timestamptz := clock_timestamp();
    v_session  constant text := p_call ->> 'session_id';
    v_choices  constant int := greatest(coalesce((p_call ->> 'choices')::int, 1), 1);
    v_question text;
    v_profile  public.profiles;
    v_admitted record;
    v_access   public.model_access;
    v_refusal  jsonb;
    v_hash     bytea;
    v_length   int;
    v_context  jsonb := '[]';
begin
    perform chatkeep.begin_write(p_user_id);
    v_question := chatkeep.question_id(p_user_id, v_session, p_call -> 'question');
    v_refusal := chatkeep.earlier_call(p_user_id, p_call, v_question);
    if v_refusal is not null then
        return jsonb_build_object('refused', v_refusal, 'policies', '[]'::jsonb);
    end if;
    select * into v_profile from public.profiles p where p.id = p_user_id;
    -- Before anything is written: what is refused leaves no trace.
    v_admitted := chatkeep.admit_call(p_call, v_profile, v_choices, v_now);
    v_access := v_admitted.access;
    if v_admitted.refusal is not null then
        return jsonb_build_object('refused', v_admitted.refusal, 'policies', chatkeep.less_remaining(v_admitted.policies, 0, 0));
    end if;

    if v_session is not null then
        -- The answer is kept even if it is too long for what is left.
        perform chatkeep.require_more_room(p_user_id, 1, 1);
    end if;

    v_length := coalesce(v_access.context_length, (p_call ->> 'context_length')::int);
    if v_session is null then
        -- Nothing of it has to survive the database: a call that it forgets has not been answered.
        perform set_config('synchronous_commit', 'off', true);
        if v_question is null and p_call -> 'question' ->> 'content' is not null then
            v_question := 'msg_' || replace(gen_random_uuid()::text, '-', '');
            v_hash := chatkeep.question_hash(p_user_id, p_call -> 'question' ->> 'content');
        end if;
    else
        v_question := chatkeep.enter_question(
            p_user_id, v_session, p_call -> 'question' || jsonb_build_object('id', v_question), v_access.model_id, v_now);
        if (p_call ->> 'wants_context')::boolean then
            v_context := chatkeep.context_of(p_user_id, v_session, v_question, v_length * c_token_bytes);
        end if;
    end if;
    insert into chatkeep.completions (
        user_id, id, session_id, question_id, model, started_at, lease_until, input_cost, output_cost,
        cached_input_cost, prompt_tokens, request_hash, question_hash, choices)
    values (p_user_id, p_call ->> 'id', v_session, v_question, v_access.model_id, v_now,
            v_now + make_interval(secs => least(greatest((p_call ->> 'lease_seconds')::int, 1), c_most_seconds)),
            v_access.input_cost_per_token, v_access.output_cost_per_token, v_access.cached_input_cost_per_token,
            greatest((p_call ->> 'prompt_tokens')::int, 0, (
                select ceil(coalesce(sum(octet_length(m.value ->> 'content')), 0) / 4.0)::int from jsonb_array_elements(v_context) m)),
            p_call ->> 'request_hash', v_hash, v_choices);
    return jsonb_build_object(
        'model', v_access.model_id, 'context_length', v_length, 'system_prompt', v_profile.system_prompt,
        'temperature', v_profile.temperature, 'session_id', v_session, 'question_id', v_question,
        'context', v_context, 'policies', chatkeep.less_remaining(v_admitted.policies, 1, v_choices));
end
$$;

-- Charges a call with what it took, in the row of the message that is or would be its answer; and its question, which
-- counts as sent and has no tokens of its own any more: those of a question are those of the calls that it was asked with.
-- The charge of another call is never replaced: clients can give an answer the id of one that is still running. What a client
-- uploaded of this one, maybe with an old time, moves to the day of the call, on which limits count it. Returns the row.
-- p_before: its row so far, or null. p_figures: {reasoning_tokens?, cached_tokens?, told_cost?}.
create or replace function chatkeep.charge_call(
    p_user_id uuid, p_call chatkeep.completions, p_before chatkeep.charges, p_message_id text, p_input_tokens int,
    p_output_tokens int, p_figures jsonb) returns chatkeep.charges
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_charge chatkeep.charges;
begin
    perform chatkeep.require_caller(p_user_id);
    p_input_tokens := greatest(p_input_tokens, 0);
    p_output_tokens := greatest(p_output_tokens, 0);
    if p_before.message_id is not null then
        p_message_id := p_before.message_id;
    elsif exists (select from chatkeep.charges c
                   where c.user_id = p_user_id and c.message_id = p_message_id and c.stream_id <> p_call.id) then
        p_message_id := 'call_' || gen_random_uuid();
    end if;
    insert into chatkeep.charges as c (
        user_id, message_id, stream_id, question_id, usage_date, model, messages_received, input_tokens, output_tokens,
        reasoning_tokens, cached_tokens, input_cost, output_cost, cached_input_cost, told_cost)
    values (p_user_id, p_message_id, p_call.id, p_call.question_id, chatkeep.booking_day(now()), p_call.model, 1, p_input_tokens,
            p_output_tokens, coalesce((p_figures ->> 'reasoning_tokens')::int, 0),
            least(coalesce((p_figures ->> 'cached_tokens')::int, 0), p_input_tokens), p_call.input_cost, p_call.output_cost,
            p_call.cached_input_cost, (p_figures ->> 'told_cost')::numeric)
    on conflict (user_id, message_id) do update
        set stream_id = excluded.stream_id, question_id = excluded.question_id, model = excluded.model, messages_sent = 0,
            messages_received = 1, input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
            question_tokens = 0, reasoning_tokens = excluded.reasoning_tokens, cached_tokens = excluded.cached_tokens,
            usage_date = case when c.stream_id is null then excluded.usage_date else c.usage_date end,
            charged_at = case when c.stream_id is null then excluded.charged_at else c.charged_at end, is_report = false,
            input_cost = excluded.input_cost, output_cost = excluded.output_cost,
            cached_input_cost = excluded.cached_input_cost, told_cost = excluded.told_cost
        where c.stream_id is null or (c.input_tokens, c.output_tokens, c.cached_tokens, c.told_cost)
              is distinct from (excluded.input_tokens, excluded.output_tokens, excluded.cached_tokens, excluded.told_cost)
    returning * into v_charge;
    if not found then
        select * into v_charge from chatkeep.charges c where c.user_id = p_user_id and c.message_id = p_message_id;
    end if;
    if p_call.question_id is not null then
        insert into chatkeep.charges as c (user_id, message_id, stream_id, usage_date, model, messages_sent)
        values (p_user_id, p_call.question_id, p_call.id, chatkeep.booking_day(now()), p_call.model, 1)
        on conflict (user_id, message_id) do update
            set stream_id = excluded.stream_id, input_tokens = 0
            where c.stream_id is null and c.messages_sent = 1;
        if found and not chatkeep.is_unnamed(p_call)
            and exists (select from chatkeep.charges c
                         where c.user_id = p_user_id and c.question_id = p_call.question_id and c.stream_id is null) then
            perform chatkeep.charge_questions(p_user_id, array [p_call.question_id]);
        end if;
    end if;
    return v_charge;
end
$$;

-- Writes into a stored question what the calls that it was asked with took: to what others took comes what this one takes
-- now (p_charge) more than before (p_before).
create or replace function chatkeep.settle_question(
    p_user_id uuid, p_call chatkeep.completions, p_before chatkeep.charges, p_charge chatkeep.charges) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_cost        constant numeric := p_charge.cost - chatkeep.answer_cost(p_charge);
    v_more_cost   constant numeric := v_cost - coalesce(p_before.cost - chatkeep.answer_cost(p_before), 0);
    v_more_tokens constant bigint := p_charge.input_tokens - coalesce(p_before.input_tokens, 0);
begin
    update public.chat_messages m
       set input_tokens = t.tokens, total_tokens = t.tokens, model = coalesce(m.model, p_call.model),
           metadata = m.metadata - 'unit_cost' || jsonb_build_object('stream_id', p_call.id, 'cost', trim_scale(t.cost))
               || case when p_charge.told_cost is null then jsonb_build_object('unit_cost', p_charge.input_cost) else '{}' end
      from (select q.id,
                   case when q.metadata ? 'stream_id' then least(coalesce(q.input_tokens, 0) + v_more_tokens, 2147483647)
                        else p_charge.input_tokens end::int as tokens,
                   case when q.metadata ? 'stream_id' then coalesce((q.metadata ->> 'cost')::numeric, 0) + v_more_cost
                        else v_cost end as cost
              from public.chat_messages q
             where q.user_id = p_user_id and q.id = p_call.question_id and q.role = 'user' and q.error_message is null
               and (v_more_tokens <> 0 or v_more_cost <> 0 or not q.metadata ? 'stream_id')) t
     where m.user_id = p_user_id and m.id = t.id;
end
$$;

-- The message that a client has uploaded of this answer while it was on its way, known by the provider's id of the answer;
-- null if there is none. Providers may use an id twice: it must answer the same question, or be how the answer begins.
create or replace function chatkeep.uploaded_answer(p_user_id uuid, p_call chatkeep.completions, p_completion_id text, p_content text)
    returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_completion_id is null then
        return null;
    end if;
    return (
        select m.id
          from public.chat_messages m
         where m.completion_id = p_completion_id and m.user_id = p_user_id and m.role = 'assistant' and m.error_message is null
           and not m.metadata ? 'stream_id'
           and not exists (select from chatkeep.charges k
                            where k.user_id = p_user_id and k.message_id = m.id and k.stream_id is not null)
           and (p_call.session_id is null or m.session_id = p_call.session_id)
           and (m.user_message_id = p_call.question_id
                or (p_call.question_id is null or m.user_message_id is null) and starts_with(p_content, m.content))
         order by m.content = p_content desc, m.message_timestamp, m.ordinal
         limit 1);
end
$$;

-- Stores the answer of a call, or what there is of it, unless its session is gone; returns its id and time.
create or replace function chatkeep.store_answer(
    p_user_id uuid, p_call chatkeep.completions, p_message_id text, p_result jsonb, p_charge chatkeep.charges)
    returns table (id text, message_timestamp timestamptz)
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_counts  constant boolean := p_result ->> 'state' in ('complete', 'interrupted');
    v_tokens  constant int := case when v_counts then p_charge.output_tokens end;
    v_session constant text := coalesce(p_call.session_id, (select m.session_id from public.chat_messages m
                                                             where m.user_id = p_user_id and m.id = p_message_id));
    v_asked   timestamptz;
begin
    if v_session is null then
        return;
    end if;
    v_asked := (select m.message_timestamp from public.chat_messages m
                 where m.user_id = p_user_id and m.id = p_call.question_id and m.role = 'user');
    insert into public.chat_messages as m (
        user_id, id, session_id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id,
        content_type, elapsed_ms, completion_id, message_timestamp, error_message, metadata, extras)
    select p_user_id, p_message_id, s.id, 'assistant', p_result ->> 'content', p_call.model,
           v_tokens, null, v_tokens, p_call.question_id,
           p_result ->> 'content_type', (p_result ->> 'elapsed_ms')::int, p_result ->> 'completion_id',
           chatkeep.storable_time(greatest(clock_timestamp(), v_asked + interval '1 millisecond')), p_result ->> 'error',
           (p_result -> 'metadata')
               || case when v_counts then chatkeep.cost_note(p_charge) else jsonb_build_object('stream_id', p_call.id) end,
           nullif(p_result -> 'extras', 'null')
      from public.chat_sessions s
     where s.user_id = p_user_id and s.id = v_session
    on conflict (user_id, id) do update
        set role = excluded.role, content = excluded.content, model = excluded.model, total_tokens = excluded.total_tokens,
            input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
            user_message_id = coalesce(m.user_message_id, excluded.user_message_id), content_type = excluded.content_type,
            elapsed_ms = excluded.elapsed_ms, completion_id = excluded.completion_id, error_message = excluded.error_message,
            metadata = excluded.metadata, extras = coalesce(m.extras || excluded.extras, excluded.extras, m.extras)
        where m.content <> excluded.content or m.metadata <> excluded.metadata
           or m.extras is distinct from coalesce(m.extras || excluded.extras, excluded.extras, m.extras)
           or m.error_message is distinct from excluded.error_message;
    return query select m.id, m.message_timestamp from public.chat_messages m where m.user_id = p_user_id and m.id = p_message_id;
end
$$;

-- What is told of an answer, as it can be stored: nothing of it is too long, out of range or of another type.
create or replace function chatkeep.storable_result(p_result jsonb) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_bytes    constant int := 16777216;
    c_most_of_error constant int := 65536;
    v_content  text := coalesce(p_result ->> 'content', '');
    v_error    text := p_result ->> 'error';
    v_metadata jsonb := p_result -> 'metadata';
    v_extras   jsonb := p_result -> 'extras';
begin
    -- A character has four bytes at the most.
    if octet_length(v_content) > c_most_bytes then
        v_content := left(v_content, c_most_bytes / 4);
    end if;
    if octet_length(v_error) > c_most_of_error then
        v_error := left(v_error, c_most_of_error / 4);
    end if;
    if jsonb_typeof(v_metadata) is distinct from 'object' then
        v_metadata := '{}';
    elsif pg_column_size(v_metadata) > c_most_bytes then
        v_metadata := '{"metadata_left_out": true}';
    end if;
    if jsonb_typeof(v_extras) <> 'object' or octet_length(v_extras::text) > c_most_bytes then
        v_extras := null;
    end if;
    return p_result || jsonb_build_object(
        'content', v_content, 'error', v_error, 'metadata', v_metadata, 'extras', v_extras,
        'content_type', case when p_result ->> 'content_type' in ('text', 'markdown') then p_result ->> 'content_type' end,
        'elapsed_ms', chatkeep.storable_count(p_result -> 'elapsed_ms'),
        'completion_id', left(p_result ->> 'completion_id', 255),
        'input_tokens', chatkeep.storable_count(p_result -> 'input_tokens'),
        'output_tokens', chatkeep.storable_count(p_result -> 'output_tokens'),
        'reasoning_tokens', chatkeep.storable_count(p_result -> 'metadata' -> 'reasoning_tokens'),
        'cached_tokens', chatkeep.storable_count(p_result -> 'metadata' -> 'cached_tokens'),
        'told_cost', case when p_result -> 'trust_cost' = 'true'
                          then chatkeep.storable_cost(p_result -> 'metadata' -> 'provider_cost') end);
end
$$;

-- Settles a call as finish_completion is told, or without its answer.
create or replace function chatkeep.settle_completion(
    p_user_id uuid, p_call chatkeep.completions, p_result jsonb, p_with_answer boolean, p_reason text) returns jsonb
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_state  constant text := p_result ->> 'state';
    v_counts constant boolean := v_state in ('complete', 'interrupted');
    v_before chatkeep.charges;
    v_charge chatkeep.charges;
    v_input  constant int := (p_result ->> 'input_tokens')::int;
    v_id     text;
    v_stored record;
begin
    select * into v_before from chatkeep.charges c
     where c.user_id = p_user_id and c.stream_id = p_call.id and c.messages_received > 0;
    v_charge := v_before;
    v_id := coalesce(p_call.message_id, v_before.message_id);
    if v_id is null and v_counts and p_with_answer then
        v_id := chatkeep.uploaded_answer(p_user_id, p_call, p_result ->> 'completion_id', p_result ->> 'content');
    end if;
    v_id := coalesce(v_id, p_call.id);

    if v_counts then
        v_charge := chatkeep.charge_call(
            p_user_id, p_call, v_before, v_id, greatest(v_input, v_before.input_tokens, 0)::int,
            greatest((p_result ->> 'output_tokens')::int, v_before.output_tokens, 0)::int,
            -- Cached are tokens of the input that counts, as it was told with them.
            jsonb_build_object(
                'reasoning_tokens', p_result -> 'reasoning_tokens',
                'cached_tokens', case when v_before.input_tokens > coalesce(v_input, 0) then to_jsonb(v_before.cached_tokens)
                                      else p_result -> 'cached_tokens' end,
                'told_cost', greatest((p_result ->> 'told_cost')::numeric, v_before.told_cost)));
        if p_call.question_id is not null and p_with_answer and not chatkeep.is_unnamed(p_call) then
            perform chatkeep.settle_question(p_user_id, p_call, v_before, v_charge);
        end if;
    end if;
    if v_state <> 'released' and p_with_answer then
        select * into v_stored from chatkeep.store_answer(p_user_id, p_call, v_id, p_result, v_charge);
    else
        select null::text as id, null::timestamptz as message_timestamp into v_stored;
    end if;

    update chatkeep.completions c
       set state = v_state, finished_at = clock_timestamp(), message_id = v_stored.id,
           completion_id = p_result ->> 'completion_id', reason = left(p_reason, 1024)
     where c.user_id = p_user_id and c.id = p_call.id;
    delete from chatkeep.completion_parts p where p.user_id = p_user_id and p.stream_id = p_call.id;
    return jsonb_build_object(
        'message_id', v_stored.id, 'session_id', p_call.session_id, 'question_id', p_call.question_id,
        'timestamp', chatkeep.iso(coalesce(v_stored.message_timestamp, clock_timestamp())),
        'cost', trim_scale(coalesce(v_charge.cost, 0)));
end
$$;

-- Whether it is no fault of the data that a statement failed, so that the same may go well another time.
create or replace function chatkeep.is_passing(p_sqlstate text) returns boolean
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    -- Deadlocks and serialization, resources, a lock or a statement that took too long, the server's own state.
    return left(p_sqlstate, 2) in ('08', '25', '40', '53', '55', '57', '58') or p_sqlstate = '42501';
end
$$;

-- Settles a call: stores the answer, or what there is of it, and counts it. It can be told again, also with other
-- figures: usage gets the difference to what it has counted already, and a correction can only bring more.
--
-- p_result: {id, state, completion_id, content, content_type, elapsed_ms, input_tokens, output_tokens, error, metadata,
-- extras, trust_cost, recovery}. metadata may hold cached_tokens, reasoning_tokens and provider_cost; with trust_cost the last is what
-- the call costs. A failed call is stored with its error and counted by limits alone, as messages with an error are; of one
-- that is released nothing remains. recovery: settle only what nobody runs any more.
--
-- No data keeps a call from being settled: what is too long is cut; where the answer cannot be stored all the same, the
-- call is counted without it; where not even that can be done, it has failed. The call says why (reason).
--
-- Returns {message_id, session_id, question_id, timestamp, cost}, without message_id where no answer is stored: it belongs
-- to no session, or to one that was deleted meanwhile. Null if there is no such call any more, or nothing to recover.
create or replace function chatkeep.finish_completion(p_user_id uuid, p_result jsonb) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
    v_result constant jsonb := chatkeep.storable_result(p_result);
    v_call   chatkeep.completions;
    v_reason text;
begin
    perform chatkeep.require_caller(p_user_id);
    -- The user's writes take turns. An account that is gone has no calls.
    perform from public.profiles p where p.id = p_user_id for no key update;
    select * into v_call from chatkeep.completions c where c.user_id = p_user_id and c.id = p_result ->> 'id';
    if not found or (p_result ->> 'recovery')::boolean and (v_call.state <> 'running' or v_call.lease_until > clock_timestamp()) then
        return null;
    end if;
    begin
        return chatkeep.settle_completion(p_user_id, v_call, v_result, true, null);
    exception when others then
        if chatkeep.is_passing(sqlstate) then
            raise;
        end if;
        v_reason := format('Without its answer, which could not be stored: %s %s', sqlstate, sqlerrm);
    end;
    begin
        return chatkeep.settle_completion(p_user_id, v_call, v_result, false, v_reason);
    exception when others then
        if chatkeep.is_passing(sqlstate) then
            raise;
        end if;
        v_reason := format('It could not be counted: %s %s', sqlstate, sqlerrm);
    end;
    perform chatkeep.give_up_completion(p_user_id, v_call.id, v_result ->> 'state' = 'released', v_reason);
    return jsonb_build_object(
        'message_id', null, 'session_id', v_call.session_id, 'question_id', v_call.question_id,
        'timestamp', chatkeep.iso(clock_timestamp()), 'cost', 0);
end
$$;

-- The end of a call that cannot be settled: limits count it, unless it had produced nothing.
create or replace function chatkeep.give_up_completion(p_user_id uuid, p_id text, p_released boolean, p_reason text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update chatkeep.completions c
       set state = case when p_released then 'released' else 'failed' end, finished_at = clock_timestamp(),
           reason = left(p_reason, 1024)
     where c.user_id = p_user_id and c.id = p_id;
end
$$;

-- Keeps what has arrived of running answers and extends their leases, those of many users at once:
-- [{user_id, id, position, content?}]. A call that somebody else holds is left for the next time, so that it does not keep
-- the others waiting. Returns the ids of those that were left, [id].
create or replace function chatkeep.checkpoint_completions(p_parts jsonb, p_lease_seconds int) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_busy jsonb;
begin
    with parts as materialized (
        select * from jsonb_to_recordset(p_parts) as p (user_id uuid, id text, position int, content text)
    ), free as materialized (
        select c.user_id, c.id
          from chatkeep.completions c
          join parts p on p.user_id = c.user_id and p.id = c.id
         where c.state = 'running'
         order by c.user_id, c.id
           for no key update of c skip locked
    ), extended as (
        update chatkeep.completions c
           set lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
          from free f
         where c.user_id = f.user_id and c.id = f.id
    ), kept as (
        insert into chatkeep.completion_parts (user_id, stream_id, position, content)
        select f.user_id, f.id, p.position, p.content
          from free f
          join parts p on p.user_id = f.user_id and p.id = f.id
         where p.content is not null
        on conflict do nothing
    )
    select coalesce(jsonb_agg(distinct p.id), '[]') into v_busy
      from parts p
      join chatkeep.completions c on c.user_id = p.user_id and c.id = p.id and c.state = 'running'
     where not exists (select from free f where f.user_id = p.user_id and f.id = p.id);
    return v_busy;
end
$$;

-- Settles calls whose lease has run out, with what had arrived of their answers: their instance is gone. Tokens are
-- estimated, four bytes each. Each call is settled by itself: those that somebody holds are left for the next time, and one
-- that cannot be settled ends without its content, or as failed, and says why. Returns how many there were, at most p_most.
create or replace function chatkeep.recover_completions(p_most int) returns int
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_call    record;
    v_content text;
    v_count   int := 0;
begin
    for v_call in
        -- The user's row before the call's, as everywhere.
        select c.user_id, c.id, c.prompt_tokens
          from chatkeep.completions c
          join public.profiles p on p.id = c.user_id
         where c.state = 'running' and c.lease_until < clock_timestamp()
         order by c.user_id, c.id
         limit p_most
           for no key update of p, c skip locked
    loop
        begin
            select string_agg(p.content, '' order by p.position) into v_content
              from chatkeep.completion_parts p
             where p.user_id = v_call.user_id and p.stream_id = v_call.id;
            perform chatkeep.finish_completion(v_call.user_id, case when v_content is null
                then jsonb_build_object('id', v_call.id, 'state', 'released', 'recovery', true)
                else jsonb_build_object(
                    'id', v_call.id, 'state', 'interrupted', 'recovery', true, 'content', v_content,
                    'input_tokens', v_call.prompt_tokens, 'output_tokens', ceil(octet_length(v_content) / 4.0)::int,
                    'metadata', jsonb_build_object('interrupted', true, 'usage_estimated', true)) end);
            v_count := v_count + 1;
        exception when others then
            raise warning 'call % of user % could not be settled: % %', v_call.id, v_call.user_id, sqlstate, sqlerrm;
            if not chatkeep.is_passing(sqlstate) then
                begin
                    perform chatkeep.give_up_completion(v_call.user_id, v_call.id, v_content is null, sqlstate || ' ' || sqlerrm);
                    v_count := v_count + 1;
                exception when others then
                    raise warning 'call % of user % stays as it is: % %', v_call.id, v_call.user_id, sqlstate, sqlerrm;
                end;
            end if;
        end;
    end loop;
    return v_count;
end
$$;

-- A stream as its owner may ask for it again: {state, message_id?, content?, error?, ...}, or null.
create or replace function chatkeep.completion(p_user_id uuid, p_id text) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object(
                   'state', c.state, 'id', c.id, 'model', c.model, 'completion_id', coalesce(c.completion_id, c.id),
                   'session_id', c.session_id, 'question_id', c.question_id, 'message_id', m.id, 'content', m.content,
                   'content_type', m.content_type, 'elapsed_ms', m.elapsed_ms, 'error', m.error_message,
                   'metadata', m.metadata, 'extras', m.extras, 'timestamp', chatkeep.iso(m.message_timestamp),
                   'input_tokens', coalesce(k.input_tokens, 0), 'output_tokens', coalesce(k.output_tokens, 0))
          from chatkeep.completions c
          left join public.chat_messages m on m.user_id = p_user_id and m.id = c.message_id
          left join chatkeep.charges k on k.user_id = p_user_id and k.stream_id = c.id and k.messages_received > 0
         where c.user_id = p_user_id and c.id = p_id);
end
$$;

revoke execute on all functions in schema chatkeep from public;
grant execute on function chatkeep.begin_completion(uuid, jsonb), chatkeep.completion(uuid, text) to authenticated, service_role;
grant execute on function chatkeep.finish_completion(uuid, jsonb), chatkeep.checkpoint_completions(jsonb, int),
    chatkeep.recover_completions(int) to service_role;

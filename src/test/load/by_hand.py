"""What an expert would write by hand for the same result: the second reference of the benchmark.

Rows for reads; for a message that is appended the insert (its trigger keeps the session), the price, and an upsert of the
day, of the model and of the totals. With the role, the claims and row-level security, as the service has them. It counts
twice what is sent twice, and corrects nothing.
"""

# A user may not write usage; for the reference, and in the benchmark's database alone, row-level security decides.
RIGHTS = ["grant insert, update on public.chat_messages, public.user_usage_daily, chatkeep.usage_by_model to authenticated",
          "grant update on public.profiles to authenticated",
          *(f"create policy by_hand on {table} for all to authenticated using ({owner} = (select auth.uid()))"
            for table, owner in (("public.user_usage_daily", "user_id"), ("chatkeep.usage_by_model", "user_id"),
                                 ("public.profiles", "id")))]

SESSION = ("id, user_id, title, message_count, total_tokens, last_model, last_message_preview, last_message_timestamp,"
           " is_active, created_at, updated_at, last_activity")
MESSAGE = ("id, role, content, message_timestamp, model, total_tokens, input_tokens, output_tokens, user_message_id,"
           " content_type, elapsed_ms, completion_id, error_message is not null")


def statements(case, user, page, message):
    """[(SQL, [parameters])], with the marks of a request in the parameters; None where there is no such reference."""
    if case.name in ("list", "list-all"):
        limit = f" limit {page}" if case.name == "list" else ""
        return [(f"select {SESSION} from public.chat_sessions where user_id = $1"
                 f" order by updated_at desc, last_message_timestamp desc nulls last, id desc{limit}", [user])]
    session = "conv_@S@_@U@"
    if case.name == "read":
        return [(f"select {MESSAGE} from public.chat_messages where user_id = $1 and session_id = $2"
                 " order by message_timestamp, ordinal", [user, session])]
    if case.name != "append":
        return None
    tokens = str(message["input_tokens"])
    return [
        ("insert into public.chat_messages (user_id, id, session_id, role, content, input_tokens, total_tokens,"
         " message_timestamp) values ($1, $2, $3, 'user', $4, $5, $5, $6) returning *",
         [user, message["id"], session, message["content"], tokens, message["timestamp"]]),
        ("select input_cost_per_token, output_cost_per_token from public.model_access where model_id = $1 and is_active"
         " limit 1", ["openai/gpt-4o-mini"]),
        ("insert into chatkeep.usage_by_model as m (user_id, usage_date, model, messages_sent, input_tokens)"
         " values ($1, current_date, 'openai/gpt-4o-mini', 1, $2) on conflict (user_id, usage_date, model) do update"
         " set messages_sent = m.messages_sent + 1, input_tokens = m.input_tokens + excluded.input_tokens", [user, tokens]),
        ("insert into public.user_usage_daily as u (user_id, usage_date, messages_sent, input_tokens, total_tokens)"
         " values ($1, current_date, 1, $2, $2) on conflict (user_id, usage_date) do update"
         " set messages_sent = u.messages_sent + 1, input_tokens = u.input_tokens + excluded.input_tokens,"
         " total_tokens = u.total_tokens + excluded.total_tokens, updated_at = now()", [user, tokens]),
        ("update public.profiles set usage_stats = usage_stats || jsonb_build_object("
         "'total_messages', (usage_stats ->> 'total_messages')::bigint + 1,"
         " 'total_tokens', (usage_stats ->> 'total_tokens')::bigint + $2::bigint) where id = $1", [user, tokens])]

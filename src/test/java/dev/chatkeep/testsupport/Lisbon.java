package dev.chatkeep.testsupport;

import com.fasterxml.jackson.databind.JsonNode;

/** A conversation of a question and its answer, which can be stored in several ways that come to the same. */
public final class Lisbon {

    private Lisbon() {
    }

    /** All that is stored of a user who has this conversation and nothing else, as {@link Stored#of} has it. */
    public static JsonNode stored(Caller caller, String title) {
        return Json.of("""
                {"profile": {"email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                             "subscription_tier": "free",
                             "usage_stats": {"total_messages": 2, "total_tokens": 11, "sessions_created": 1}},
                 "activity": [{"action": "profile_created", "resource_type": "profile", "resource_id": "%1$s", "details": {}}],
                 "sessions": [{"id": "s1", "title": "%2$s", "message_count": 2, "total_tokens": 18,
                               "last_model": "openai/gpt-4o-mini", "last_message_preview": "Alfama first.",
                               "last_message_timestamp": "2026-03-01T10:00:01.530Z", "is_active": true}],
                 "messages": [{"id": "m1", "session_id": "s1", "role": "user", "content": "What should I see in Lisbon?",
                               "message_timestamp": "2026-03-01T10:00:00.000Z", "input_tokens": 7, "total_tokens": 7},
                              {"id": "m2", "session_id": "s1", "role": "assistant", "content": "Alfama first.",
                               "message_timestamp": "2026-03-01T10:00:01.530Z", "model": "openai/gpt-4o-mini",
                               "output_tokens": 4, "total_tokens": 11, "user_message_id": "m1", "content_type": "text",
                               "elapsed_ms": 1530, "completion_id": "gen-1"}],
                 "usage": {"messages_sent": 1, "messages_received": 1, "input_tokens": 7, "output_tokens": 4,
                           "total_tokens": 11, "sessions_created": 1, "models_used": {"openai/gpt-4o-mini": 1}}}
                """, caller.id(), title);
    }
}

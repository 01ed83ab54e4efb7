package dev.chatkeep.session;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlTest;

/** What the functions that read sessions answer. */
@BesideOthers
class SessionFunctionsTest extends SqlTest {

    @Nested
    class RecentSessions {

        @Test
        void comeNewestFirst() {
            // Given
            session("older", "2026-01-01Z", null);
            session("newest", "2026-01-03Z", null);
            session("newer", "2026-01-02Z", "2026-01-09Z");

            // When
            List<String> ids = user.column("select id from public.get_user_recent_sessions(?)", id);

            // Then
            assertThat(ids).containsExactly("newest", "newer", "older");
        }

        @Test
        void breakTiesByTheirLastMessageThenById() {
            // Given
            session("a", "2026-01-01Z", "2025-01-01Z");
            session("b", "2026-01-01Z", "2025-01-03Z");
            session("c", "2026-01-01Z", null);
            session("d", "2026-01-01Z", "2025-01-01Z");

            // When
            List<String> ids = user.column("select id from public.get_user_recent_sessions(?)", id);

            // Then
            assertThat(ids).containsExactly("b", "d", "a", "c");
        }

        @ParameterizedTest
        @CsvSource({ "0, 0", "-1, 0", "1, 1", "11, 11", "100, 12" })
        void areAsManyAsAskedFor(int limit, int found) {
            // Given
            superuser.rows("insert into public.chat_sessions (user_id, id) select ?, 's' || i from generate_series(1, 12) i",
                    id);

            // When
            List<Map<String, Object>> sessions = user.rows("select * from public.get_user_recent_sessions(?, ?)", id, limit);

            // Then
            assertThat(sessions).hasSize(found);
        }

        @Test
        void areTenUnlessToldOtherwise() {
            // Given
            superuser.rows("insert into public.chat_sessions (user_id, id) select ?, 's' || i from generate_series(1, 12) i",
                    id);

            // When
            List<Map<String, Object>> sessions = user.rows("select * from public.get_user_recent_sessions(?)", id);

            // Then
            assertThat(sessions).hasSize(10);
        }

        @Test
        void haveAllTheirColumns() {
            // Given
            storeConversation();

            // When
            List<Map<String, Object>> sessions = user
                    .rows("select to_jsonb(r) as row from public.get_user_recent_sessions(?) r", id);

            // Then
            assertThat(sessions).isEqualTo(user.rows(
                    "select to_jsonb(s) - '{user_id,stored_messages,stored_bytes}'::text[] as row from public.chat_sessions s"));
        }

        private void session(String sessionId, String updatedAt, String lastMessageAt) {
            superuser.rows("insert into public.chat_sessions (user_id, id, updated_at, last_message_timestamp)"
                    + " values (?, ?, ?::timestamptz, ?::timestamptz)", id, sessionId, updatedAt, lastMessageAt);
        }
    }

    @Nested
    class SessionWithMessages {

        @Test
        void hasItsMessagesInTimeOrder() {
            // Given
            storeConversation();

            // When
            JsonNode session = user.value("select public.get_session_with_messages('c1', ?)", id);

            // Then
            assertThat(session.get("messages").findValuesAsText("id")).containsExactly("m2", "m1", "m3");
            assertThat(session).isEqualTo(user.value("""
                    select to_jsonb(s) || jsonb_build_object('messages', (
                        select jsonb_agg(to_jsonb(m) order by m.message_timestamp, m.ordinal) from public.chat_messages m))
                      from public.chat_sessions s
                    """));
        }

        @Test
        void mayHaveNone() {
            // Given
            user.rows("select chatkeep.create_session(?, 'empty', 'Empty')", id);

            // When
            JsonNode messages = user.value("select public.get_session_with_messages('empty', ?) -> 'messages'", id);

            // Then
            assertThat(messages).isEqualTo(json("[]"));
        }

        @Test
        void isNullForASessionOfSomebodyElse() {
            // Given
            storeConversation();
            UUID otherId = database.newUser();

            // When
            Object session = database.user(otherId).value("select public.get_session_with_messages('c1', ?)", otherId);

            // Then
            assertThat(session).isNull();
        }
    }
}

package dev.chatkeep.session;

import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.SqlTest;

/** What a user has stored is known exactly, and quotas bound it. */
@BesideOthers
class StorageTest extends SqlTest {

    private static final String OVER_QUOTA = "PT413";
    private static final String APPEND = "select chatkeep.append_message(?, 'c1', ?::jsonb)";
    private static final String UPLOAD = "select public.sync_user_conversations(?, ?::jsonb)";

    @Test
    void aConversationCountsWithItsMessages() {
        // When
        storeConversation();

        // Then
        assertThat(stored()).isEqualTo("1 3 16");
        assertThatAllIsExact();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            update public.chat_messages set content = 'longer' where id = 'm2'         | 1 3 17
            update public.chat_messages set content = '' where id = 'm2'               | 1 3 11
            update public.chat_messages set content = '\u00FC\u20AC' where id = 'm2'   | 1 3 16
            delete from public.chat_messages where id = 'm1'                           | 1 2 10
            delete from public.chat_messages                                           | 1 0 0
            delete from public.chat_sessions                                           | 0 0 0
            insert into public.chat_sessions (user_id, id) values (auth.uid(), 'c2')   | 2 3 16
            insert into public.chat_sessions (user_id, id) select auth.uid(), concat('s', n) from generate_series(1, 500) n | 501 3 16
            insert into public.chat_messages (user_id, id, session_id, role, content) select auth.uid(), concat('x', n), 'c1', 'tool', 'abc' from generate_series(1, 9) n | 1 12 43
            insert into public.chat_messages (user_id, id, session_id, role, content, error_message) values (auth.uid(), 'x', 'c1', 'user', 'abc', 'failed') | 1 4 19
            """)
    void whatUsersDoInSqlIsCounted(String sql, String expected) {
        // Given
        storeConversation();

        // When
        user.rows(sql);

        // Then
        assertThat(stored()).isEqualTo(expected);
        assertThatAllIsExact();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            update public.chat_messages set metadata = '{"tool_calls": [{"id": "call"}]}' where user_id = ? and id = 'm1' | 1 3 32
            update public.chat_messages set session_id = 'c2' where user_id = ? and id = 'm1'                            | 2 3 16
            update public.chat_messages set error_message = 'broken' where user_id = ?                                   | 1 3 16
            delete from public.profiles where id = ?                                                                     | -
            """)
    void whatTheOwnerDoesInSqlIsCounted(String sql, String expected) {
        // Given
        storeConversation();
        if (expected.startsWith("2")) {
            user.rows("insert into public.chat_sessions (user_id, id) values (auth.uid(), 'c2')");
        }

        // When
        superuser.rows(sql, id);

        // Then
        assertThat(stored()).isEqualTo(expected);
        assertThatAllIsExact();
    }

    @Test
    void manySessionsOfManyUsersGoAtOnce() {
        // Given
        UUID other = database.newUser();
        for (UUID of : List.of(id, other)) {
            superuser.rows("insert into public.chat_sessions (user_id, id) select ?, 's' || n from generate_series(1, 100) n",
                    of);
            superuser.rows("insert into public.chat_messages (user_id, id, session_id, role, content)"
                    + " select ?, 'm' || n, 's' || (n % 100 + 1), 'user', 'abc' from generate_series(1, 1000) n", of);
        }

        // When
        superuser.rows("delete from public.chat_sessions where user_id in (?, ?) and id <> 's7'", id, other);

        // Then
        assertThat(stored(id)).isEqualTo("1 10 30");
        assertThat(stored(other)).isEqualTo("1 10 30");
        assertThatAllIsExact();
    }

    @Test
    void whatIsStoredAtTheSameTimeIsCountedOnce() throws Exception {
        // Given
        storeConversation();

        // When
        MigratedDatabase.together(20, number -> () -> user.rows(APPEND, id, message("x" + number % 10, "abc")));

        // Then
        assertThat(stored()).isEqualTo("1 13 46");
        assertThatAllIsExact();
    }

    @Test
    void anErasureLeavesNothing() {
        // Given
        storeConversation();

        // When
        user.rows("select chatkeep.erase_account(?)", id);

        // Then
        assertThat(stored()).isEqualTo("-");
    }

    @Test
    void retentionMakesRoom() {
        // Given
        storeConversation();

        // When
        database.service().rows("select chatkeep.cleanup_conversations_batch(now() - interval '1 day', '-infinity', 1000)");

        // Then
        assertThat(stored()).isEqualTo("0 0 0");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"sessions": {"free": 1}}                   | 00000
            {"messages": {"free": 4}}                   | 00000
            {"messages": {"free": 3}}                   | PT413
            {"messages": {"pro": 3}}                    | 00000
            {"bytes": {"free": 19}}                     | 00000
            {"bytes": {"free": 18}}                     | PT413
            {"messages": {"free": 9}, "bytes": {"free": 0}} | PT413
            """)
    void aMessageIsStoredUpToTheQuota(String quotas, String expected) {
        // Given
        storeConversation();

        // When
        String state = within(quotas, APPEND, id, message("x", "abc"));

        // Then
        assertThat(state).isEqualTo(expected);
        assertThat(stored()).isEqualTo(expected.equals(SUCCESS) ? "1 4 19" : "1 3 16");
    }

    @ParameterizedTest
    @CsvSource({ "0, PT413", "1, PT413", "2, 00000" })
    void aSessionIsCreatedUpToTheQuota(int most, String expected) {
        // Given
        storeConversation();

        // When
        String state = within("{\"sessions\": {\"free\": " + most + "}}", "select chatkeep.create_session(?, 'c2', null)", id);

        // Then
        assertThat(state).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select chatkeep.create_session(auth.uid(), 'c1', null)",
            "update public.chat_messages set content = 'other' where id = 'm2'",
            "update public.chat_messages set content = '' where id = 'm2'",
            "select chatkeep.append_message(auth.uid(), 'c1', '{\"id\": \"m1\", \"role\": \"assistant\", \"content\": \"second\", \"output_tokens\": 9}')",
            "select public.sync_user_conversations(auth.uid(), '[{\"id\": \"c1\", \"title\": \"New\", \"messages\": []}]')",
            "delete from public.chat_messages where id = 'm1'",
            "delete from public.chat_sessions" })
    void whatMakesNothingMoreIsAlwaysAllowed(String sql) {
        // Given
        storeConversation();

        // When
        String state = within(NOTHING, sql);

        // Then
        assertThat(state).isEqualTo(SUCCESS);
        assertThatAllIsExact();
    }

    @Test
    void anEditThatMakesAMessageLongerNeedsRoom() {
        // Given
        storeConversation();

        // When
        String state = within("{\"bytes\": {\"free\": 16}}",
                "update public.chat_messages set content = 'firsts' where id = 'm2'");

        // Then
        assertThat(state).isEqualTo(OVER_QUOTA);
    }

    @Test
    void deletingMakesRoomAtOnce() {
        // Given
        storeConversation();
        String quotas = "{\"messages\": {\"free\": 3}}";
        String before = within(quotas, APPEND, id, message("x", "abc"));
        user.rows("delete from public.chat_messages where id = 'm1'");

        // When
        String after = within(quotas, APPEND, id, message("x", "abc"));

        // Then
        assertThat(List.of(before, after)).containsExactly(OVER_QUOTA, SUCCESS);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"sessions": {"free": 2}}  | a, c    | 2 3 8
            {"messages": {"free": 5}}  | a, c    | 2 3 8
            {"bytes": {"free": 9}}     | a, c    | 2 3 8
            {"bytes": {"free": 100}}   | a, b, c | 3 6 38
            {"sessions": {"free": 0}}  |         | -
            """)
    void whatFitsOfAnUploadIsStored(String quotas, String synced, String expected) throws SQLException {
        // Given
        String upload = quotas.contains("sessions")
                ? """
                        [{'id': 'a', 'messages': [{'id': 'a1', 'role': 'user', 'content': '1'}]},
                         {'id': 'c', 'messages': [{'id': 'c1', 'role': 'user', 'content': '123'}, {'id': 'c2', 'role': 'user', 'content': '1234'}]},
                         {'id': 'b', 'messages': [{'id': 'b1', 'role': 'user', 'content': '1234567890'}]}]
                        """
                : """
                        [{'id': 'a', 'messages': [{'id': 'a1', 'role': 'user', 'content': '1'}]},
                         {'id': 'b', 'messages': [{'id': 'b1', 'role': 'user', 'content': '1234567890'},
                            {'id': 'b2', 'role': 'user', 'content': '1234567890'}, {'id': 'b3', 'role': 'user', 'content': '1234567890'}]},
                         {'id': 'c', 'messages': [{'id': 'c1', 'role': 'user', 'content': '123'}, {'id': 'c2', 'role': 'user', 'content': '1234'}]}]
                        """;
        if (quotas.contains("messages")) {
            upload = upload.replace("'b3', 'role': 'user', 'content': '1234567890'}",
                    "'b3', 'role': 'user', 'content': '1234567890'}, {'id': 'b4', 'role': 'user', 'content': ''},"
                            + " {'id': 'b5', 'role': 'user', 'content': ''}");
        }

        // When
        JsonNode results = (JsonNode) SqlStep.in(user, quotas, UPLOAD, id, json(upload).toString());

        // Then
        assertThat(results.path("details")).filteredOn(detail -> detail.has("status"))
                .extracting(detail -> detail.path("conversationId").textValue())
                .containsExactlyInAnyOrder(synced == null ? new String[0] : synced.split(", "));
        assertThat(results.path("details")).filteredOn(detail -> detail.has("error"))
                .allSatisfy(detail -> assertThat(detail.path("error").textValue()).contains("quota"));
        assertThat(stored()).isEqualTo(expected);
        assertThatAllIsExact();
    }

    @Test
    void writesOfOneUserCannotOvershootTogether() throws Exception {
        // Given
        storeConversation();

        // When
        List<String> states = MigratedDatabase.together(12,
                number -> () -> within("{\"messages\": {\"free\": 8}}", APPEND, id, message("x" + number, "abc")));

        // Then
        assertThat(states).filteredOn(SUCCESS::equals).hasSize(5);
        assertThat(stored()).isEqualTo("1 8 31");
    }

    @Test
    void aQuestionNeedsRoomForItsAnswerToBegin() {
        // Given
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free') on conflict do nothing");
        storeConversation();
        String call = json("{'id': 'r1', 'model': 'gpt', 'session_id': 'c1', 'lease_seconds': 60, 'prompt_tokens': 0}")
                .toString();

        // When
        String refused = within("{\"messages\": {\"free\": 3}}", "select chatkeep.begin_completion(?, ?::jsonb)", id, call);
        String admitted = within("{\"messages\": {\"free\": 4}}", "select chatkeep.begin_completion(?, ?::jsonb)", id, call);

        // Then
        assertThat(List.of(refused, admitted)).containsExactly(OVER_QUOTA, SUCCESS);
    }

    @Test
    void usersSeeWhatTheyHaveStoredAndMayStore() throws SQLException {
        // Given
        storeConversation();

        // When
        JsonNode data = (JsonNode) SqlStep.in(user, "{\"messages\": {\"free\": 9, \"pro\": 10}}",
                "select chatkeep.user_data(?)", id);

        // Then
        assertThat(data.get("storage")).isEqualTo(json(
                "{'sessions': 1, 'messages': 3, 'bytes': 16, 'limits': {'sessions': null, 'messages': 9, 'bytes': null}}"));
    }

    @Test
    void figuresThatAreWrongAreFoundAndRepaired() {
        // Given
        storeConversation();
        superuser.rows("update chatkeep.stored_by_user set messages = 9, bytes = 0 where user_id = ?", id);
        superuser.rows("update public.chat_sessions set stored_bytes = 1 where user_id = ?", id);
        Object updatedAt = superuser.value("select updated_at from public.chat_sessions where user_id = ?", id);
        List<String> wrong = database.service().column("select figure from chatkeep.check_usage(?)", id);

        // When
        database.service().rows("select chatkeep.repair_usage(?)", id);

        // Then
        assertThat(wrong).containsExactly("bytes_of_sessions", "stored_bytes", "stored_messages");
        assertThat(stored()).isEqualTo("1 3 16");
        assertThat(superuser.<Object> value("select updated_at from public.chat_sessions where user_id = ?", id))
                .isEqualTo(updatedAt);
        assertThatAllIsExact();
    }

    private static final String NOTHING = "{\"sessions\": {\"free\": 0}, \"messages\": {\"free\": 0}, \"bytes\": {\"free\": 0}}";

    private static String message(String id, String content) {
        return json("{'id': '%s', 'role': 'user', 'content': '%s'}".formatted(id, content)).toString();
    }

    private String within(String quotas, String sql, Object... parameters) {
        try {
            SqlStep.in(user, quotas, sql, parameters);
            return SUCCESS;
        } catch (SQLException e) {
            return e.getSQLState();
        }
    }

    private String stored() {
        return stored(id);
    }

    private String stored(UUID of) {
        List<String> rows = superuser.column(
                "select sessions || ' ' || messages || ' ' || bytes from chatkeep.stored_by_user where user_id = ?", of);
        return rows.isEmpty() ? "-" : rows.get(0);
    }

    private void assertThatAllIsExact() {
        assertThat(superuser.rows("""
                select k.user_id
                  from chatkeep.stored_by_user k
                 cross join lateral (select count(*) as sessions, coalesce(sum(s.stored_messages), 0) as messages,
                                            coalesce(sum(s.stored_bytes), 0) as bytes
                                       from public.chat_sessions s where s.user_id = k.user_id) s
                 cross join lateral (select count(*) as messages, coalesce(sum(octet_length(m.content)
                                            + coalesce(octet_length((m.metadata -> 'tool_calls')::text), 0)), 0) as bytes
                                       from public.chat_messages m where m.user_id = k.user_id) m
                 where (k.sessions, k.messages, k.bytes, s.messages, s.bytes)
                       is distinct from (s.sessions, m.messages, m.bytes, m.messages, m.bytes)
                """)).isEmpty();
    }

    /** A statement in a transaction that has quotas, as those of the service have. */
    private static final class SqlStep {

        static Object in(SqlCaller caller, String quotas, String sql, Object... parameters) throws SQLException {
            try (Connection connection = caller.begin()) {
                SqlCaller.read(connection, "select set_config('chatkeep.quotas', ?, true)", quotas);
                List<Map<String, Object>> rows = SqlCaller.read(connection, sql, parameters);
                connection.commit();
                return rows.isEmpty() ? null : rows.get(0).values().iterator().next();
            }
        }
    }
}

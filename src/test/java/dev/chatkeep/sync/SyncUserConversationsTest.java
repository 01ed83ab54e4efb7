package dev.chatkeep.sync;

import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** Uploads of many conversations: each is stored or reported, and only what changed is touched. */
@WithinOneDay
@BesideOthers
class SyncUserConversationsTest extends SqlTest {

    private static final String MALFORMED = "A value of it is missing, malformed or out of range.";
    private static final String OTHER_CONVERSATION = "A message of it belongs to another conversation.";
    private static final String OTHER_USER = "The conversation belongs to another user.";

    /** A conversation that cannot be stored, and how the answer puts it; the id in the answer may be missing. */
    private record Bad(String conversation, String conversationId, String error) {

        @Override
        public String toString() {
            return conversation.length() < 200 ? conversation : conversation.substring(0, 200) + "…";
        }
    }

    static List<Bad> malformedConversations() {
        return badConversations().stream().filter(bad -> bad.error().equals(MALFORMED)).toList();
    }

    static List<Bad> badConversations() {
        return List.of(
                message("'id': 'b1', 'role': 'robot', 'content': 'a'"),
                message("'id': 'b1', 'content': 'a'"),
                message("'role': 'user', 'content': 'a'"),
                message("'id': null, 'role': 'user', 'content': 'a'"),
                message("'id': '', 'role': 'user', 'content': 'a'"),
                message("'id': '%s', 'role': 'user', 'content': 'a'".formatted("i".repeat(256))),
                message("'id': 'b1', 'role': 'user'"),
                message("'id': 'b1', 'role': 'user', 'content': null"),
                message("'id': 'b1', 'role': 'user', 'content': '%s'".formatted("x".repeat(16_777_217))),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'input_tokens': -1"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'output_tokens': -1"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'total_tokens': -1"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'total_tokens': 99999999999"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'total_tokens': 'many'"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'input_tokens': 2147483647, 'output_tokens': 1"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'timestamp': 'yesterday morning'"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'timestamp': '2026-02-30T00:00:00Z'"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'timestamp': '-infinity'"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'elapsed_time': -1"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'elapsed_time': 1e12"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'contentType': 'pdf'"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'model': '%s'".formatted("m".repeat(101))),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'completion_id': '%s'".formatted("c".repeat(256))),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'user_message_id': ''"),
                message("'id': 'b1', 'role': 'user', 'content': 'a', 'error': 'perhaps'"),
                new Bad(conversation("bad", "'messages': [{'id': 'taken', 'role': 'user', 'content': 'a'}]"), "bad",
                        OTHER_CONVERSATION),
                new Bad(conversation("bad", "'messages': ['text']"), "bad", "A message must be an object."),
                new Bad(conversation("bad", "'messages': [null]"), "bad", "A message must be an object."),
                new Bad(conversation("bad", "'messages': {'id': 'b1'}"), "bad", "The messages must be an array."),
                new Bad(conversation("bad", "'messages': 'text'"), "bad", "The messages must be an array."),
                new Bad(conversation("bad", "'userId': '%s'".formatted(UUID.randomUUID())), "bad", OTHER_USER),
                new Bad(conversation("bad", "'userId': 'me'"), "bad", OTHER_USER),
                new Bad(conversation("bad", "'userId': 5"), "bad", OTHER_USER),
                new Bad(conversation("bad", "'title': '%s'".formatted("t".repeat(256))), "bad", MALFORMED),
                new Bad(conversation("bad", "'createdAt': 'long ago'"), "bad", MALFORMED),
                new Bad(conversation("bad", "'updatedAt': '2026-13-01T00:00:00Z'"), "bad", MALFORMED),
                new Bad(conversation("i".repeat(256), "'title': 'Too long an id'"), "i".repeat(256), MALFORMED),
                new Bad("{'title': 'No id'}", null, "The conversation has no id."),
                new Bad("{'id': null}", null, "The conversation has no id."),
                new Bad("{'id': ''}", "", "The conversation has no id."),
                new Bad("'text'", null, "A conversation must be an object."),
                new Bad("null", null, "A conversation must be an object."),
                new Bad("[]", null, "A conversation must be an object."));
    }

    @Test
    void conversationsAreStoredWithTheirMessages() {
        // When
        JsonNode answer = sync(
                """
                        [{'id': 'c1', 'title': 'Lisbon', 'userId': '%s', 'createdAt': '2025-03-01T08:00:00Z', 'updatedAt': '2025-03-02T09:00:00Z',
                          'messageCount': 99, 'totalTokens': 99, 'lastModel': 'liar', 'messages': [
                            {'id': 'm1', 'role': 'user', 'content': 'What should I see?', 'timestamp': '2025-03-01T08:00:00.123Z',
                             'input_tokens': 5, 'contentType': 'text'},
                            {'id': 'm2', 'role': 'assistant', 'content': 'The castle.', 'timestamp': '2025-03-01T08:00:02Z', 'model': 'gpt',
                             'input_tokens': 6, 'output_tokens': 7, 'user_message_id': 'm1', 'contentType': 'markdown',
                             'elapsed_time': 1.5306, 'completion_id': 'gen-1', 'unknown': true},
                            {'id': 'm3', 'role': 'assistant', 'content': 'Lost', 'timestamp': '2025-03-01T08:00:03Z', 'error': true}]},
                         {'id': 'c2', 'messages': []}]
                        """
                        .formatted(id.toString().toUpperCase()));

        // Then
        assertThat(answer).isEqualTo(json("""
                {'synced': 2, 'errors': 0, 'details': [
                    {'conversationId': 'c1', 'status': 'synced', 'messageCount': 2},
                    {'conversationId': 'c2', 'status': 'synced', 'messageCount': 0}]}
                """));
        assertThat(user.<Object> column(
                "select to_jsonb(m) - 'user_id' - 'message_timestamp' - 'ordinal' - 'updated_at' - 'extras' from public.chat_messages m order by id"))
                .containsExactly(
                        json("""
                                {'id': 'm1', 'session_id': 'c1', 'role': 'user', 'content': 'What should I see?', 'model': null,
                                 'total_tokens': 5, 'input_tokens': 5, 'output_tokens': null, 'user_message_id': null,
                                 'content_type': 'text', 'elapsed_ms': null, 'completion_id': null, 'error_message': null,
                                 'is_streaming': false, 'metadata': {}}
                                """),
                        json("""
                                {'id': 'm2', 'session_id': 'c1', 'role': 'assistant', 'content': 'The castle.', 'model': 'gpt',
                                 'total_tokens': 13, 'input_tokens': 6, 'output_tokens': 7, 'user_message_id': 'm1',
                                 'content_type': 'markdown', 'elapsed_ms': 1531, 'completion_id': 'gen-1', 'error_message': null,
                                 'is_streaming': false, 'metadata': {}}
                                """),
                        json("""
                                {'id': 'm3', 'session_id': 'c1', 'role': 'assistant', 'content': 'Lost', 'model': null,
                                 'total_tokens': null, 'input_tokens': null, 'output_tokens': null, 'user_message_id': null,
                                 'content_type': null, 'elapsed_ms': null, 'completion_id': null, 'error_message': 'failed',
                                 'is_streaming': false, 'metadata': {}}
                                """));
        assertThat(user.rows("select title, message_count, total_tokens, last_model from public.chat_sessions where id = 'c1'"))
                .containsExactly(Map.of("title", "Lisbon", "message_count", 2, "total_tokens", 18L, "last_model", "gpt"));
    }

    @Test
    void anEmptyUploadIsAccepted() {
        // When
        JsonNode answer = sync("[]");

        // Then
        assertThat(answer).isEqualTo(json("{'synced': 0, 'errors': 0, 'details': []}"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "{}", "null", "5", "'text'" })
    void anythingButAnArrayIsRefused(String upload) {
        // When
        String state = user.state("select public.sync_user_conversations(?, ?::jsonb)", id, json(upload).toString());

        // Then
        assertThat(state).isEqualTo("PT400");
    }

    @ParameterizedTest
    @MethodSource("badConversations")
    void aBadConversationIsReportedAmongGoodOnes(Bad bad) {
        // Given
        sync("[{'id': 'earlier', 'messages': [{'id': 'taken', 'role': 'user', 'content': 'a'}]}]");

        // When
        JsonNode answer = sync("[%s, %s, %s]".formatted(good("g1"), bad.conversation(), good("g2")));

        // Then
        assertThat(answer.get("details")).containsExactly(synced("g1", 1), refused(bad), synced("g2", 1));
        assertThat(answer.get("synced").intValue()).isEqualTo(2);
        assertThat(answer.get("errors").intValue()).isEqualTo(1);
        assertThat(user.<String> column("select session_id || ' ' || id from public.chat_messages order by 1"))
                .containsExactly("earlier taken", "g1 of g1", "g2 of g2");
        assertThat(user.<String> column("select id from public.chat_sessions order by id")).containsExactly("earlier", "g1",
                "g2");
        assertThat(user.<Long> value("select messages_sent from public.user_usage_daily")).isEqualTo(3);
        assertThat(user.<Long> value("select sessions_created from public.user_usage_daily")).isEqualTo(3);
    }

    /** What is not found so is looked for by storing halves, which takes long. */
    @ParameterizedTest
    @MethodSource("malformedConversations")
    void aValueThatItsTableRefusesIsFoundBeforeItIsStored(Bad bad) {
        // When
        boolean isFaulty = superuser.value("select chatkeep.is_faulty(?::jsonb)", json(bad.conversation()).toString());

        // Then
        assertThat(isFaulty).isTrue();
    }

    @Test
    void aGoodConversationIsNotFaulty() {
        // When
        boolean isFaulty = superuser.value("select chatkeep.is_faulty(?::jsonb)", json(good("g1")).toString());

        // Then
        assertThat(isFaulty).isFalse();
    }

    @Test
    void allBadConversationsAreReportedInTheOrderOfTheUpload() {
        // Given
        sync("[{'id': 'earlier', 'messages': [{'id': 'taken', 'role': 'user', 'content': 'a'}]}]");
        List<Bad> bad = badConversations();
        String upload = IntStream.range(0, bad.size())
                .mapToObj(i -> withId(bad.get(i), i).conversation() + ", " + good("g" + i)).collect(Collectors.joining(", "));

        // When
        JsonNode answer = sync("[" + upload + "]");

        // Then
        assertThat(answer.get("details")).containsExactlyElementsOf(IntStream.range(0, bad.size()).boxed()
                .flatMap(i -> List.of(refused(withId(bad.get(i), i)), synced("g" + i, 1)).stream()).toList());
        assertThat(answer.get("synced").intValue()).isEqualTo(bad.size());
        assertThat(answer.get("errors").intValue()).isEqualTo(bad.size());
    }

    @Test
    void aBadVersionOfAStoredConversationLeavesItAsItWas() {
        // Given
        sync("[{'id': 'c1', 'title': 'Good', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 1}]}]");
        List<Map<String, Object>> before = versions();

        // When
        JsonNode answer = sync("""
                [{'id': 'c1', 'title': 'Changed', 'messages': [
                    {'id': 'm1', 'role': 'user', 'content': 'changed', 'input_tokens': 5},
                    {'id': 'm2', 'role': 'robot', 'content': 'b'}]}]
                """);

        // Then
        assertThat(answer.get("errors").intValue()).isEqualTo(1);
        assertThat(versions()).isEqualTo(before);
    }

    @Test
    void aConversationWhoseMessagesAreNullHasNone() {
        // When
        JsonNode answer = sync("[{'id': 'c1', 'title': 'Empty', 'messages': null}, {'id': 'c2', 'title': 'Empty too'}]");

        // Then
        assertThat(answer.get("details")).containsExactly(synced("c1", 0), synced("c2", 0));
    }

    @ParameterizedTest
    @ValueSource(strings = { "'title': null", "'title': ''", "'messages': []" })
    void aConversationWithoutATitleIsCalledNewChat(String members) {
        // When
        sync("[" + conversation("c1", members) + "]");

        // Then
        assertThat(user.<String> column("select title from public.chat_sessions")).containsExactly("New Chat");
    }

    @Test
    void theFirstOfTwoConversationsWithTheSameMessageHasIt() {
        // When
        JsonNode answer = sync("""
                [{'id': 'z', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'a'}]},
                 {'id': 'a', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'a'}]}]
                """);

        // Then
        assertThat(answer.get("details")).containsExactly(synced("z", 1), refused(new Bad("", "a", OTHER_CONVERSATION)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
            "{'id': 'taken', 'role': 'user', 'content': 'a'} | " + OTHER_CONVERSATION,
            "{'id': 'm0', 'role': 'robot', 'content': 'a'}   | " + MALFORMED })
    void aMessageIdInABadConversationDoesNotBlockAGoodOne(String badMessage, String error) {
        // Given
        sync("[{'id': 'earlier', 'messages': [{'id': 'taken', 'role': 'user', 'content': 'a'}]}]");

        // When
        JsonNode answer = sync("""
                [{'id': 'bad', 'messages': [%s, {'id': 'm1', 'role': 'user', 'content': 'a'}]},
                 {'id': 'good', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'a'}]}]
                """.formatted(badMessage));

        // Then
        assertThat(answer.get("details")).containsExactly(refused(new Bad("", "bad", error)), synced("good", 1));
    }

    @Test
    void theLongestIdsFitTheIndexes() {
        // Given
        Random random = new Random(1);
        String sessionId = longestId(random);
        String messageId = longestId(random);

        // When
        JsonNode answer = sync(
                """
                        [{'id': '%s', 'messages': [{'id': '%s', 'role': 'user', 'content': 'a', 'user_message_id': '%s', 'completion_id': '%s'}]}]
                        """
                        .formatted(sessionId, messageId, longestId(random), longestId(random)));

        // Then
        assertThat(answer.get("details")).containsExactly(synced(sessionId, 1));
        assertThat(user.<String> column("select id from public.chat_messages")).containsExactly(messageId);
    }

    @Test
    void theLongestMessageIsStored() {
        // When
        JsonNode answer = sync(
                "[{'id': 'c1', 'messages': [{'id': 'm1', 'role': 'user', 'content': '%s'}]}]".formatted("x".repeat(1_048_576)));

        // Then
        assertThat(answer.get("details")).containsExactly(synced("c1", 1));
    }

    @Test
    void ofTwoMessagesWithTheSameIdTheLastCounts() {
        // When
        JsonNode answer = sync("""
                [{'id': 'c1', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'first', 'input_tokens': 1},
                                           {'id': 'm1', 'role': 'user', 'content': 'last', 'input_tokens': 2}]}]
                """);

        // Then
        assertThat(answer.get("details")).containsExactly(synced("c1", 1));
        assertThat(user.rows("select content, input_tokens from public.chat_messages"))
                .containsExactly(Map.of("content", "last", "input_tokens", 2));
        assertThat(user.<Long> value("select input_tokens from public.user_usage_daily")).isEqualTo(2);
    }

    @Test
    void aConversationThatIsUploadedTwiceAtOnceIsStoredTwice() {
        // When
        JsonNode answer = sync("""
                [{'id': 'c1', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'first', 'input_tokens': 1}]},
                 {'id': 'c2', 'messages': []},
                 {'id': 'c1', 'messages': [{'id': 'm1', 'role': 'user', 'content': 'second', 'input_tokens': 1},
                                           {'id': 'm2', 'role': 'user', 'content': 'new', 'input_tokens': 1}]}]
                """);

        // Then
        assertThat(answer.get("details")).containsExactly(synced("c1", 1), synced("c2", 0), synced("c1", 2));
        assertThat(user.<String> column("select content from public.chat_messages order by id")).containsExactly("second",
                "new");
        assertThat(user.<Long> value("select sessions_created from public.user_usage_daily")).isEqualTo(2);
    }

    @Test
    void anotherUserMayHaveTheSameIds() {
        // Given
        UUID otherId = database.newUser();
        String upload = json("[" + good("c1") + "]").toString();
        database.user(otherId).rows("select public.sync_user_conversations(?, ?::jsonb)", otherId, upload);

        // When
        JsonNode answer = user.value("select public.sync_user_conversations(?, ?::jsonb)", id, upload);

        // Then
        assertThat(answer.get("details")).containsExactly(synced("c1", 1));
    }

    @Test
    void uploadingAgainTouchesNothing() {
        // Given
        sync(TWO_CONVERSATIONS);
        List<Map<String, Object>> before = versions();

        // When
        JsonNode answer = sync(TWO_CONVERSATIONS);

        // Then
        assertThat(answer.get("details")).containsExactly(synced("c1", 2), synced("c2", 0));
        assertThat(versions()).isEqualTo(before);
    }

    @Test
    void uploadingWhatTheServerReturnedTouchesNothing() {
        // Given
        sync(TWO_CONVERSATIONS);
        List<Map<String, Object>> before = versions();
        JsonNode download = user
                .value("""
                        select jsonb_agg(jsonb_build_object('id', s.id, 'title', s.title, 'createdAt', s.created_at, 'updatedAt', s.updated_at,
                                   'messages', (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', m.id, 'role', m.role,
                                       'content', m.content, 'timestamp', m.message_timestamp, 'model', m.model,
                                       'total_tokens', m.total_tokens, 'input_tokens', m.input_tokens, 'output_tokens', m.output_tokens,
                                       'elapsed_time', m.elapsed_ms / 1000.0,
                                       'error', case when m.error_message is not null then true end)))
                                      from public.chat_messages m where m.session_id = s.id)))
                          from public.chat_sessions s
                        """);

        // When
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id, download.toString());

        // Then
        assertThat(versions()).isEqualTo(before);
    }

    @Test
    void aChangedMessageMovesItsConversationAlone() {
        // Given
        sync(TWO_CONVERSATIONS);
        Instant before = user.value("select now()");

        // When
        sync(TWO_CONVERSATIONS.replace("'content': 'The castle.'", "'content': 'The old castle.'"));

        // Then
        assertThat(user.<Boolean> column("select updated_at > ?::timestamptz from public.chat_sessions order by id",
                before.toString())).containsExactly(true, false);
        assertThat(user.<String> column("select content from public.chat_messages order by id"))
                .containsExactly("What should I see?", "The old castle.", "Hello");
    }

    @Test
    void aMessageThatOnlyOneDeviceKnowsStays() {
        // Given
        sync(TWO_CONVERSATIONS);

        // When
        sync("[{'id': 'c1', 'messages': [{'id': 'm9', 'role': 'user', 'content': 'And then?'}]}]");

        // Then
        assertThat(user.<String> column("select id from public.chat_messages where session_id = 'c1' order by id"))
                .containsExactly("m1", "m2", "m9");
    }

    private static final String TWO_CONVERSATIONS = """
            [{'id': 'c1', 'title': 'Lisbon', 'createdAt': '2025-03-01T08:00:00Z', 'updatedAt': '2025-03-02T09:00:00Z', 'messages': [
                {'id': 'm1', 'role': 'user', 'content': 'What should I see?', 'timestamp': '2025-03-01T08:00:00Z', 'input_tokens': 5},
                {'id': 'm2', 'role': 'assistant', 'content': 'The castle.', 'timestamp': '2025-03-01T08:00:02.345Z', 'model': 'gpt',
                 'input_tokens': 6, 'output_tokens': 7, 'elapsed_time': 1.53}]},
             {'id': 'c2', 'title': 'Porto', 'createdAt': '2024-03-01T08:00:00Z', 'updatedAt': '2024-03-02T09:00:00Z', 'messages': [
                {'id': 'm3', 'role': 'user', 'content': 'Hello', 'error': true}]}]
            """;

    @Test
    void aFirstUploadKeepsItsTimes() {
        // When
        sync(TWO_CONVERSATIONS);

        // Then
        assertThat(user.rows("select created_at, updated_at, last_activity from public.chat_sessions order by id"))
                .containsExactly(
                        times("2025-03-01T08:00:00Z", "2025-03-02T09:00:00Z"),
                        times("2024-03-01T08:00:00Z", "2024-03-02T09:00:00Z"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            'createdAt': '2025-03-01T08:00:00Z' | 2025-03-01T08:00:00Z | 2025-03-05T09:00:00Z
            'updatedAt': '2025-03-09T08:00:00Z' | 2025-03-04T09:00:00Z | 2025-03-09T08:00:00Z
            'title': 'No times'                 | 2025-03-04T09:00:00Z | 2025-03-05T09:00:00Z
            """)
    void timesThatAFirstUploadLeavesOutComeFromItsMessages(String members, String createdAt, String updatedAt) {
        // When
        sync("""
                [{'id': 'c1', %s, 'messages': [
                    {'id': 'm1', 'role': 'user', 'content': 'a', 'timestamp': '2025-03-05T09:00:00Z'},
                    {'id': 'm2', 'role': 'user', 'content': 'b', 'timestamp': '2025-03-04T09:00:00Z'}]}]
                """.formatted(members));

        // Then
        assertThat(user.rows("select created_at, updated_at, last_activity from public.chat_sessions"))
                .containsExactly(times(createdAt, updatedAt));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "'createdAt': '2999-01-01T00:00:00Z', 'updatedAt': '2999-01-01T00:00:00Z'",
            "'createdAt': 'infinity', 'updatedAt': 'infinity'",
            "'messages': [{'id': 'm1', 'role': 'user', 'content': 'a', 'timestamp': '2999-01-01T00:00:00Z'}]" })
    void aFirstUploadIsNeverInTheFuture(String members) {
        // When
        sync("[" + conversation("c1", members) + "]");

        // Then
        assertThat(user.rows("""
                select created_at <= clock_timestamp() as created, updated_at <= clock_timestamp() as updated,
                       last_activity <= clock_timestamp() as active
                  from public.chat_sessions
                """)).containsExactly(Map.of("created", true, "updated", true, "active", true));
    }

    @Test
    void aConversationKeepsItsTimesAmongBadOnes() {
        // When
        sync(TWO_CONVERSATIONS.replaceFirst("\\[", "[{'id': 'bad', 'messages': [{'id': 'b'}]}, "));

        // Then
        assertThat(user.<Instant> column("select updated_at from public.chat_sessions order by id"))
                .containsExactly(Instant.parse("2025-03-02T09:00:00Z"), Instant.parse("2024-03-02T09:00:00Z"));
    }

    @Test
    void aConversationThatComesBackAfterItWasDeletedKeepsItsTimes() {
        // Given
        sync(TWO_CONVERSATIONS);
        user.rows("delete from public.chat_sessions");

        // When
        sync(TWO_CONVERSATIONS);

        // Then
        assertThat(user.<Instant> column("select updated_at from public.chat_sessions order by id"))
                .containsExactly(Instant.parse("2025-03-02T09:00:00Z"), Instant.parse("2024-03-02T09:00:00Z"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            'updatedAt': '2025-03-02T08:59:59Z'     | Lisbon
            'updatedAt': '2025-03-02T09:00:00Z'     | Lisbon
            'updatedAt': '2025-03-02T09:00:00.001Z' | Renamed
            'updatedAt': '2026-01-01T00:00:00Z'     | Renamed
            'updatedAt': null                       | Renamed
            'messages': []                          | Renamed
            """)
    void aTitleReplacesAnEarlierOneAlone(String members, String expected) {
        // Given
        sync("[{'id': 'c1', 'title': 'Lisbon', 'updatedAt': '2025-03-02T09:00:00Z'}]");

        // When
        sync("[{'id': 'c1', 'title': 'Renamed', " + members + "}]");

        // Then
        assertThat(user.<String> column("select title from public.chat_sessions")).containsExactly(expected);
    }

    @Test
    void aStaleDeviceDoesNotUndoARename() {
        // Given
        sync("[{'id': 'c1', 'title': 'Lisbon', 'updatedAt': '2025-03-02T09:00:00Z'}]");
        user.rows("update public.chat_sessions set title = 'Renamed'");

        // When
        JsonNode answer = sync("""
                [{'id': 'c1', 'title': 'Lisbon', 'updatedAt': '2025-03-03T09:00:00Z', 'messages': [
                    {'id': 'm1', 'role': 'user', 'content': 'New on the stale device'}]}]
                """);

        // Then
        assertThat(answer.get("details")).containsExactly(synced("c1", 1));
        assertThat(user.<String> column("select title from public.chat_sessions")).containsExactly("Renamed");
    }

    @ParameterizedTest
    @ValueSource(strings = { "'title': null", "'title': ''", "'messages': []" })
    void anUploadWithoutATitleKeepsTheStoredOne(String members) {
        // Given
        sync("[{'id': 'c1', 'title': 'Lisbon', 'updatedAt': '2025-03-02T09:00:00Z'}]");
        List<Map<String, Object>> before = versions();

        // When
        sync("[" + conversation("c1", members) + "]");

        // Then
        assertThat(versions()).isEqualTo(before);
    }

    @Test
    void theSameUploadFromTwelveConnectionsIsStoredOnce() throws Exception {
        // When
        List<String> states = MigratedDatabase.together(12, thread -> () -> {
            sync(TWO_CONVERSATIONS);
            return SUCCESS;
        });

        // Then
        assertThat(states).hasSize(12);
        assertThat(user.rows("select message_count, total_tokens from public.chat_sessions order by id")).containsExactly(
                Map.of("message_count", 2, "total_tokens", 18L), Map.of("message_count", 0, "total_tokens", 0L));
        assertThat(user.rows("""
                select sum(messages_sent)::bigint as sent, sum(messages_received)::bigint as received,
                       sum(total_tokens)::bigint as tokens, sum((models_used ->> 'gpt')::int)::bigint as answers,
                       sum(sessions_created)::bigint as sessions
                  from public.user_usage_daily""")).containsExactly(
                Map.of("sent", 1L, "received", 1L, "tokens", 12L, "answers", 1L, "sessions", 2L));
    }

    private static Bad message(String members) {
        return new Bad(
                conversation("bad", "'messages': [{'id': 'b0', 'role': 'user', 'content': 'Good'}, {%s}]".formatted(members)),
                "bad", MALFORMED);
    }

    private static String conversation(String conversationId, String members) {
        return "{'id': '%s', %s}".formatted(conversationId, members);
    }

    /** 255 characters of four bytes each that compression does nothing for. */
    private static String longestId(Random random) {
        return random.ints(255, 0x10000, 0x10FFFE).mapToObj(Character::toString).collect(Collectors.joining());
    }

    private JsonNode sync(String conversations) {
        return user.value("select public.sync_user_conversations(?, ?::jsonb)", id, json(conversations).toString());
    }

    private static String good(String conversationId) {
        return conversation(conversationId,
                "'messages': [{'id': 'of %s', 'role': 'user', 'content': 'a'}]".formatted(conversationId));
    }

    private static JsonNode synced(String conversationId, int messages) {
        return json("{'conversationId': '%s', 'status': 'synced', 'messageCount': %d}".formatted(conversationId, messages));
    }

    private static JsonNode refused(Bad bad) {
        String conversationId = bad.conversationId() == null ? "null" : "'" + bad.conversationId() + "'";
        return json("{'conversationId': %s, 'error': '%s'}".formatted(conversationId, bad.error()));
    }

    /** The same with an id that no other in the upload has, as far as it has one. */
    private static Bad withId(Bad bad, int i) {
        return new Bad(bad.conversation().replace("{'id': 'bad'", "{'id': 'bad" + i + "'"),
                "bad".equals(bad.conversationId()) ? "bad" + i : bad.conversationId(), bad.error());
    }

    private static Map<String, Object> times(String createdAt, String updatedAt) {
        return Map.of("created_at", Instant.parse(createdAt), "updated_at", Instant.parse(updatedAt),
                "last_activity", Instant.parse(updatedAt));
    }

    /** Which version of each row is stored: a row that is written again, even unchanged, has another. */
    private List<Map<String, Object>> versions() {
        return superuser.rows("""
                select 'profile' as row, '' as id, xmin::text || ctid::text as version from public.profiles where id = ?1
                union all select 'session', id, xmin::text || ctid::text from public.chat_sessions where user_id = ?1
                union all select 'message', id, xmin::text || ctid::text from public.chat_messages where user_id = ?1
                union all select 'usage', '', xmin::text || ctid::text from public.user_usage_daily where user_id = ?1
                union all select 'log', id::text, xmin::text || ctid::text from public.user_activity_log where user_id = ?1
                order by 1, 2
                """.replace("?1", "'" + id + "'"));
    }
}

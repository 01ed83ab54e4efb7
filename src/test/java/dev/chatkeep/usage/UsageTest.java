package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.LocalDate;
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
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** What a user did is counted once, whatever is sent again, corrected, deleted or sent by two devices at a time. */
@WithinOneDay
@BesideOthers
class UsageTest extends SqlTest {

    private static final String UTC_DATE = "select (clock_timestamp() at time zone 'UTC')::date";
    private static final String MINUTE = "select date_trunc('minute', clock_timestamp())";

    /** The user's day, as far as it does not depend on the clock. */
    private record Usage(long sent, long received, long input, long output, long total, JsonNode models, long sessions) {
    }

    @Test
    void callsAddUp() {
        // Given
        user.rows("select public.track_user_usage(?, 1, 1, 10, 20, 'gpt', true, 1)", id);

        // When
        user.rows("select public.track_user_usage(?, 2, 3, 30, 40, 'gpt', true, 1)", id);

        // Then
        assertThat(usage()).isEqualTo(new Usage(3, 4, 40, 60, 100, json("{'gpt': 4}"), 2));
    }

    @Test
    void callsAddUpInTheTotalsOfTheProfileToo() {
        // Given
        user.rows("select public.track_user_usage(?, 1, 1, 10, 20, 'gpt', true, 1)", id);

        // When
        user.rows("select public.track_user_usage(?, 2, 3, 30, 40, 'gpt', true, 1)", id);

        // Then
        assertThat(totals()).isEqualTo(json("{'total_messages': 7, 'total_tokens': 100, 'sessions_created': 2}"));
    }

    @Test
    void onlyTheUserIsRequired() {
        // When
        user.rows("select public.track_user_usage(?)", id);

        // Then
        assertThat(usage()).isEqualTo(new Usage(0, 0, 0, 0, 0, json("{}"), 0));
    }

    @Test
    void nullsCountAsNothing() {
        // When
        user.rows("select public.track_user_usage(?, null, null, null, null, null, null, null)", id);

        // Then
        assertThat(usage()).isEqualTo(new Usage(0, 0, 0, 0, 0, json("{}"), 0));
    }

    @Test
    void aModelIsCountedWithItsAnswers() {
        // Given
        user.rows("select public.track_user_usage(?, p_messages_received => 2, p_model_used => 'a')", id);
        user.rows("select public.track_user_usage(?, p_messages_sent => 5, p_model_used => 'unanswered')", id);
        user.rows("select public.track_user_usage(?, p_messages_received => 1)", id);

        // When
        user.rows("select public.track_user_usage(?, p_messages_received => 1, p_model_used => 'b')", id);

        // Then
        assertThat(usage()).isEqualTo(new Usage(5, 4, 0, 0, 0, json("{'a': 2, 'b': 1}"), 0));
    }

    @Test
    void theServiceTakesBackTokens() {
        // Given
        user.rows("select public.track_user_usage(?, p_input_tokens => 10, p_output_tokens => 20)", id);

        // When
        database.service().rows("select public.track_user_usage(?, p_input_tokens => -4, p_output_tokens => -5)", id);

        // Then
        assertThat(usage()).isEqualTo(new Usage(0, 0, 6, 15, 21, json("{}"), 0));
        assertThat(totals()).isEqualTo(json("{'total_messages': 0, 'total_tokens': 21, 'sessions_created': 0}"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "p_messages_sent", "p_messages_received" })
    void aNegativeNumberOfMessagesIsRefused(String parameter) {
        // When
        String state = user.state("select public.track_user_usage(?, " + parameter + " => -1)", id);

        // Then
        assertThat(state).isEqualTo("22023");
    }

    @Test
    void countsDoNotEndAtTheLimitOfAnInteger() {
        // Given
        user.rows("select public.track_user_usage(?, p_input_tokens => 2147483647)", id);

        // When
        user.rows("select public.track_user_usage(?, p_input_tokens => 2147483647)", id);

        // Then
        assertThat(usage()).isEqualTo(new Usage(0, 0, 4294967294L, 0, 4294967294L, json("{}"), 0));
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select public.track_user_usage(?, 1)", "select public.track_user_usage(?, 1, p_active_minutes => 1)" })
    void aMinuteCountsOnceHoweverOftenItIsReported(String report) {
        // When
        Object minute;
        do {
            aUserSignsUp();
            minute = superuser.value(MINUTE);
            for (int i = 0; i < 3; i++) {
                user.rows(report, id);
            }
        } while (!superuser.value(MINUTE).equals(minute));

        // Then
        assertThat(activeMinutes()).isEqualTo(1);
    }

    @Test
    void anotherMinuteCountsAgain() {
        // Given
        user.rows("select public.track_user_usage(?, 1)", id);
        superuser.rows("update public.user_usage_daily set updated_at = updated_at - interval '1 minute'"
                + " where user_id = ?", id);

        // When
        user.rows("select public.track_user_usage(?, 1)", id);

        // Then
        assertThat(activeMinutes()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource({ "0, 1", "1, 1", "5, 5", "-7, 1", "1440, 1440", "100000, 1440" })
    void aDayHasAtMostItsMinutes(int reported, long counted) {
        // When
        user.rows("select public.track_user_usage(?, p_active_minutes => ?)", id, reported);

        // Then
        assertThat(activeMinutes()).isEqualTo(counted);
    }

    @ParameterizedTest
    @ValueSource(strings = { "Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC" })
    void aDayIsADayOfUtc(String zone) throws SQLException {
        // Given
        LocalDate before = superuser.value(UTC_DATE);

        // When
        try (Connection connection = user.begin()) {
            Sql.rows(connection, "select set_config('TimeZone', ?, true)", zone);
            Sql.rows(connection, "select public.track_user_usage(?, 1)", id);
            connection.commit();
        }

        // Then
        assertThat(user.<LocalDate> value("select usage_date from public.user_usage_daily"))
                .isIn(before, superuser.value(UTC_DATE));
    }

    @Test
    void twelveConnectionsLoseNothing() throws Exception {
        // When
        List<String> states = MigratedDatabase.together(12, thread -> () -> {
            for (int i = 0; i < 20; i++) {
                user.rows("select public.track_user_usage(?, 1, 2, 3, 4, ?, true)", id, "model" + (thread + i) % 3);
            }
            return SUCCESS;
        });

        // Then
        assertThat(states).hasSize(12);
        assertThat(usage()).isEqualTo(
                new Usage(240, 480, 720, 960, 1680, json("{'model0': 160, 'model1': 160, 'model2': 160}"), 240));
        assertThat(totals()).isEqualTo(json("{'total_messages': 720, 'total_tokens': 1680, 'sessions_created': 240}"));
    }

    @Test
    void usageOfAnUnknownUserIsRefused() {
        // When
        String state = database.service().state("select public.track_user_usage(?, 1)", UUID.randomUUID());

        // Then
        assertThat(state).isEqualTo("23503");
    }

    @Test
    void inputCountsFromQuestionsAndOutputFromAnswers() {
        // Given
        createSession();
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10, 'output_tokens': 99}");

        // When
        append("{'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'input_tokens': 99, 'output_tokens': 7}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 10, 7, 17, json("{'gpt': 1}"), 1));
    }

    @ParameterizedTest
    @ValueSource(strings = { "system", "tool" })
    void otherMessagesAreNeitherSentNorReceived(String role) {
        // Given
        createSession();

        // When
        append("{'id': 'm1', 'role': '%s', 'content': 'a', 'model': 'gpt', 'input_tokens': 10, 'output_tokens': 7}"
                .formatted(role));

        // Then
        assertThat(usage()).isEqualTo(new Usage(0, 0, 0, 0, 0, json("{}"), 1));
    }

    @Test
    void sendingAgainAddsNothing() {
        // Given
        questionAndAnswer();

        // When
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10}");
        append("{'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 7}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 10, 7, 17, json("{'gpt': 1}"), 1));
    }

    @ParameterizedTest
    @CsvSource({ "15, 22", "4, 11", "0, 7", "10, 17" })
    void aCorrectionAddsTheDifference(int corrected, long total) {
        // Given
        questionAndAnswer();

        // When
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': %d}".formatted(corrected));

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, corrected, 7, total, json("{'gpt': 1}"), 1));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', nullValues = "-", textBlock = """
            'input_tokens': 10, 'output_tokens': 5                     | 'output_tokens': 5  | 10 | 5 | 15
            'input_tokens': 10, 'output_tokens': 5                     | 'output_tokens': 9  | 10 | 9 | 19
            'input_tokens': 10, 'output_tokens': 5                     | 'input_tokens': 12  | 12 | 5 | 17
            'input_tokens': 10, 'output_tokens': 5                     | 'total_tokens': 30  | 10 | 5 | 30
            'input_tokens': 10, 'output_tokens': 5                     | 'elapsed_time': 1.5 | 10 | 5 | 15
            'input_tokens': 10, 'output_tokens': 5, 'total_tokens': 20 | 'output_tokens': 5  | 10 | 5 | 20
            'total_tokens': 20                                         | 'elapsed_time': 1.5 | -  | - | 20
            'elapsed_time': 1.5                                        | 'output_tokens': 5  | -  | 5 | 5
            """)
    void whatASecondSendingDoesNotSayIsKept(String first, String second, Integer input, Integer output, Integer total) {
        // Given
        createSession();
        append("{'id': 'm1', 'role': 'assistant', 'content': 'a', 'model': 'gpt', %s}".formatted(first));

        // When
        append("{'id': 'm1', 'role': 'assistant', 'content': 'a', %s}".formatted(second));

        // Then
        assertThat(user.<JsonNode> column(
                "select jsonb_build_array(model, input_tokens, output_tokens, total_tokens) from public.chat_messages"))
                .containsExactly(json("['gpt', %d, %d, %d]".formatted(input, output, total)));
        assertThat(usage()).isEqualTo(new Usage(0, 1, 0, output == null ? 0 : output, output == null ? 0 : output,
                json("{'gpt': 1}"), 1));
    }

    @Test
    void deletingTakesNothingBack() {
        // Given
        questionAndAnswer();

        // When
        user.rows("delete from public.chat_messages");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 10, 7, 17, json("{'gpt': 1}"), 1));
    }

    @Test
    void deletingAndSendingAgainAddsNothing() {
        // Given
        questionAndAnswer();
        user.rows("delete from public.chat_messages");

        // When
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10}");
        append("{'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 7}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 10, 7, 17, json("{'gpt': 1}"), 1));
    }

    @Test
    void deletingAndSendingAgainWithACorrectionAddsTheDifference() {
        // Given
        questionAndAnswer();
        user.rows("delete from public.chat_messages");

        // When
        append("{'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 9}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 10, 9, 19, json("{'gpt': 1}"), 1));
    }

    @Test
    void deletingTwiceAndSendingAgainAddsNothing() {
        // Given
        questionAndAnswer();
        user.rows("delete from public.chat_messages");
        append("{'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 9}");
        user.rows("delete from public.chat_messages");

        // When
        append("{'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 9}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 10, 9, 19, json("{'gpt': 1}"), 1));
    }

    @Test
    void aFailedMessageIsNotCounted() {
        // Given
        createSession();

        // When
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10, 'error': true}");

        // Then
        assertThat(superuser.rows("select from public.user_usage_daily where user_id = ? and messages_sent > 0", id))
                .isEmpty();
        assertThat(totals()).isEqualTo(json("{'total_messages': 0, 'total_tokens': 0, 'sessions_created': 1}"));
    }

    @Test
    void aMessageThatSucceedsAfterItFailedIsCountedOnce() {
        // Given
        createSession();
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10, 'error': true}");

        // When
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10}");
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 0, 10, 0, 10, json("{}"), 1));
    }

    @Test
    void aMessageThatFailsInBetweenIsCountedOnce() {
        // Given
        questionAndAnswer();
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10, 'error': true}");

        // When
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 12}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 12, 7, 19, json("{'gpt': 1}"), 1));
    }

    @Test
    void aMessageThatFailsAndIsDeletedInBetweenIsCountedOnce() {
        // Given
        questionAndAnswer();
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10, 'error': true}");
        user.rows("delete from public.chat_messages");

        // When
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 12}");

        // Then
        assertThat(usage()).isEqualTo(new Usage(1, 1, 12, 7, 19, json("{'gpt': 1}"), 1));
    }

    @Test
    void aConversationThatComesBackIsNotCountedAgain() {
        // Given
        String conversations = json("""
                [{'id': 'c1', 'title': 'A title', 'messages': [
                    {'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10},
                    {'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 7}]}]
                """).toString();
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id, conversations);
        user.rows("delete from public.chat_sessions");

        // When
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id, conversations);

        // Then
        assertThat(user.rows("select from public.chat_messages")).hasSize(2);
        assertThat(usage()).isEqualTo(new Usage(1, 1, 10, 7, 17, json("{'gpt': 1}"), 1));
    }

    @Test
    void aSessionThatComesBackIsNotCountedAgain() {
        // Given
        createSession();
        user.rows("delete from public.chat_sessions");

        // When
        createSession();

        // Then
        assertThat(usage()).isEqualTo(new Usage(0, 0, 0, 0, 0, json("{}"), 1));
    }

    @Test
    void deletingConversationsLeavesUsageAndCost() {
        // Given
        questionAndAnswer();
        superuser.rows("update public.user_usage_daily set estimated_cost = 1.25 where user_id = ?", id);
        List<Map<String, Object>> before = user.rows("select * from public.user_usage_daily");

        // When
        user.rows("delete from public.chat_sessions");

        // Then
        assertThat(user.rows("select * from public.user_usage_daily")).isEqualTo(before);
        assertThat(totals()).isEqualTo(json("{'total_messages': 2, 'total_tokens': 17, 'sessions_created': 1}"));
    }

    @Test
    void theSameMessageFromTwelveConnectionsIsCountedOnce() throws Exception {
        // Given
        createSession();

        // When
        List<String> states = MigratedDatabase.together(12, thread -> () -> {
            append("{'id': 'm1', 'role': 'assistant', 'content': 'a', 'model': 'gpt', 'output_tokens': 7}");
            return SUCCESS;
        });

        // Then
        assertThat(states).hasSize(12);
        assertThat(usage()).isEqualTo(new Usage(0, 1, 0, 7, 7, json("{'gpt': 1}"), 1));
    }

    @Test
    void messagesFromTwelveConnectionsAreAllCounted() throws Exception {
        // Given
        createSession();

        // When
        List<String> states = MigratedDatabase.together(12, thread -> () -> {
            for (int i = 0; i < 10; i++) {
                append("{'id': 'm%d-%d', 'role': 'assistant', 'content': 'a', 'model': 'model%d', 'output_tokens': 2}"
                        .formatted(thread, i, i % 2));
            }
            return SUCCESS;
        });

        // Then
        assertThat(states).hasSize(12);
        assertThat(usage()).isEqualTo(new Usage(0, 120, 0, 240, 240, json("{'model0': 60, 'model1': 60}"), 1));
        assertThat(user.rows("select message_count, total_tokens from public.chat_sessions"))
                .containsExactly(Map.of("message_count", 120, "total_tokens", 240L));
    }

    @Test
    void aFirstWriteFromTwelveConnectionsSignsTheUserInOnce() throws Exception {
        // Given
        UUID newId = UUID.randomUUID();
        SqlCaller newcomer = database.user(newId);

        // When
        List<String> states = MigratedDatabase.together(12,
                thread -> () -> newcomer.state("select chatkeep.create_session(?, 's1', 'A title')", newId));

        // Then
        assertThat(states).containsOnly(SUCCESS);
        assertThat(newcomer.<Long> value("select sessions_created from public.user_usage_daily")).isEqualTo(1);
        assertThat(newcomer.<String> column("select action from public.user_activity_log where action = 'profile_created'"))
                .hasSize(1);
    }

    private void createSession() {
        user.rows("select chatkeep.create_session(?, 's1', 'A title')", id);
    }

    private void append(String message) {
        user.rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id, json(message).toString());
    }

    private void questionAndAnswer() {
        createSession();
        append("{'id': 'm1', 'role': 'user', 'content': 'a', 'input_tokens': 10}");
        append("{'id': 'm2', 'role': 'assistant', 'content': 'b', 'model': 'gpt', 'output_tokens': 7}");
    }

    private Usage usage() {
        List<Map<String, Object>> days = user.rows("select * from public.user_usage_daily");
        assertThat(days).hasSize(1);
        Map<String, Object> day = days.get(0);
        return new Usage((Long) day.get("messages_sent"), (Long) day.get("messages_received"), (Long) day.get("input_tokens"),
                (Long) day.get("output_tokens"), (Long) day.get("total_tokens"), (JsonNode) day.get("models_used"),
                (Long) day.get("sessions_created"));
    }

    private long activeMinutes() {
        return user.<Long> value("select active_minutes from public.user_usage_daily");
    }

    private JsonNode totals() {
        return user.value("select usage_stats - 'last_reset' from public.profiles");
    }
}

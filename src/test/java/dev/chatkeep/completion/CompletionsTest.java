package dev.chatkeep.completion;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.StreamSupport;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.WithinOneDay;

/** Calls of models: who may make one, what is stored of it, and that it is counted once, however it ends. */
@WithinOneDay
@BesideOthers
class CompletionsTest {

    private static MigratedDatabase database;

    private UUID id;
    private SqlCaller user;

    /** What is counted of a user's day. Tokens of gpt cost 2 (question) and 3 (answer). */
    private record Counted(long sent, long received, long input, long output, String cost) {

        static final Counted NOTHING = new Counted(0, 0, 0, 0, "0");
    }

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
        database.superuser()
                .rows("""
                        insert into public.model_access
                            (model_id, tier, is_active, input_cost_per_token, output_cost_per_token, daily_limit, monthly_limit, context_length)
                        values ('gpt', 'free', true, 2, 3, null, null, null),
                               ('alpha', 'free', true, 0, 0, null, null, null),
                               ('aardvark', 'pro', true, 0, 0, null, null, null),
                               ('aa-retired', 'free', false, 0, 0, null, null, null),
                               ('short', 'free', true, 0, 0, null, null, 5),
                               ('daily', 'free', true, 0, 0, 2, null, null),
                               ('monthly', 'free', true, 0, 0, null, 2, null),
                               ('both', 'free', true, 0, 0, 3, 10, null),
                               ('five', 'free', true, 0, 0, 5, null, null)
                        """);
    }

    @BeforeEach
    void aUserSignsUp() {
        database.service().rows("select chatkeep.recover_completions(1000)");
        id = database.newUser();
        user = database.user(id);
    }

    // Admission

    @ParameterizedTest
    @MethodSource("titlesOfQuestions")
    void aNewSessionIsNamedAfterItsFirstQuestion(String question, String title) {
        ObjectNode call = call("{'id': 'r1', 'session_id': 's1'}");
        call.putObject("question").put("content", question);

        begin(call);

        assertThat(titles()).containsExactly(title);
    }

    static List<Arguments> titlesOfQuestions() {
        return List.of(
                Arguments.of("Why?", "Why?"),
                Arguments.of("  Why \n\n is\tit  so? ", "Why is it so?"),
                Arguments.of("a".repeat(80), "a".repeat(80)),
                Arguments.of("a".repeat(81), "a".repeat(79) + "…"),
                Arguments.of("a".repeat(78) + " bcd", "a".repeat(78) + "…"),
                Arguments.of("é".repeat(5_000), "é".repeat(79) + "…"),
                Arguments.of(" \n ", "New Chat"));
    }

    @Test
    void aSessionKeepsItsTitle() {
        user.rows("select chatkeep.create_session(?, 's1', 'Mine')", id);

        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        assertThat(titles()).containsExactly("Mine");
    }

    @Test
    void aSessionWithoutATitleIsNamedAfterItsFirstQuestion() {
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        append("{'id': 'm1', 'role': 'user', 'content': 'It failed', 'error': true, 'timestamp': '2026-01-01T10:00:00Z'}");
        append("{'id': 'm2', 'role': 'user', 'content': 'Where?', 'timestamp': '2026-01-01T11:00:00Z'}");

        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        assertThat(titles()).containsExactly("Where?");
    }

    @Test
    void aNewSessionIsCounted() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        begin("{'id': 'r2', 'session_id': 's1', 'question': {'content': 'When?'}}");

        assertThat(user.<Long> value("select sessions_created from public.user_usage_daily")).isEqualTo(1);
    }

    @Test
    void anUnansweredQuestionThatComesAgainIsStoredOnce() {
        JsonNode first = begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'released'}");

        JsonNode second = begin("{'id': 'r2', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        assertThat(second.get("question_id")).isEqualTo(first.get("question_id"));
        assertThat(messages()).containsExactly("user Why?");
        assertThat(daily()).isEqualTo(new Counted(1, 0, 0, 0, "0"));
    }

    @Test
    void aQuestionWhoseAnswerFailedIsUnanswered() {
        JsonNode first = begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'failed', 'content': 'Bec', 'error': 'broken'}");

        JsonNode second = begin("{'id': 'r2', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        assertThat(second.get("question_id")).isEqualTo(first.get("question_id"));
        assertThat(messages()).containsExactly("user Why?", "assistant Bec (broken)");
    }

    @ParameterizedTest
    @ValueSource(strings = { "complete", "interrupted" })
    void anAnsweredQuestionIsStoredAnew(String state) {
        JsonNode first = begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': '%s', 'content': 'Because'}".formatted(state));

        JsonNode second = begin("{'id': 'r2', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        assertThat(second.get("question_id")).isNotEqualTo(first.get("question_id"));
        assertThat(messages()).containsExactly("user Why?", "assistant Because", "user Why?");
    }

    @Test
    void anotherQuestionIsStoredToo() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        begin("{'id': 'r2', 'session_id': 's1', 'question': {'content': 'When?'}}");

        assertThat(messages()).containsExactly("user Why?", "user When?");
    }

    @Test
    void aQuestionKeepsIdAndTimeOfTheClient() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?', 'timestamp': '2026-01-01T10:00:00Z'}}");

        begin("{'id': 'r2', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?', 'timestamp': '2026-01-02T10:00:00Z'}}");

        assertThat(user.rows("select id, chatkeep.iso(message_timestamp) as at, model from public.chat_messages"))
                .containsExactly(Map.of("id", "q1", "at", "2026-01-01T10:00:00.000Z", "model", "gpt"));
    }

    @Test
    void aQuestionWithoutATimeComesAfterWhatIsThere() {
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        append("{'id': 'm1', 'role': 'user', 'content': 'Where?', 'timestamp': '2099-01-01T10:00:00Z'}");
        append("{'id': 'm2', 'role': 'assistant', 'content': 'Oops', 'error': true, 'timestamp': '2099-01-01T11:00:00Z'}");

        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        assertThat(user.<String> value("select chatkeep.iso(message_timestamp) from public.chat_messages where id = 'q1'"))
                .isEqualTo("2099-01-01T11:00:00.001Z");
    }

    @Test
    void aQuestionOfAnotherSessionIsAConflict() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        String state = beginState("{'id': 'r2', 'session_id': 's2', 'question': {'id': 'q1', 'content': 'Why?'}}");

        assertThat(state).isEqualTo("PT409");
        assertThat(titles()).containsExactly("Why?");
        assertThat(calls()).containsExactly("r1 running");
    }

    @Test
    void anAnswerIsNoQuestion() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete'}");

        String state = beginState("{'id': 'r2', 'session_id': 's1', 'question': {'id': 'r1', 'content': 'Why?'}}");

        assertThat(state).isEqualTo("PT409");
        assertThat(calls()).containsExactly("r1 complete");
    }

    @Test
    void theContextIsTheSessionInOrder() {
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        append("{'id': 'm3', 'role': 'assistant', 'content': 'Here', 'timestamp': '2026-01-01T10:00:03Z'}");
        append("{'id': 'm1', 'role': 'system', 'content': 'Be brief', 'timestamp': '2026-01-01T10:00:01Z'}");
        append("{'id': 'm2', 'role': 'user', 'content': 'Where?', 'timestamp': '2026-01-01T10:00:02Z'}");
        append("{'id': 'm4', 'role': 'tool', 'content': 'A result', 'timestamp': '2026-01-01T10:00:04Z'}");
        append("{'id': 'm5', 'role': 'assistant', 'content': 'Oops', 'error': true, 'timestamp': '2026-01-01T10:00:05Z'}");
        append("{'id': 'm6', 'role': 'assistant', 'content': '', 'timestamp': '2026-01-01T10:00:06Z'}");

        JsonNode admission = begin(
                "{'id': 'r1', 'session_id': 's1', 'wants_context': true, 'question': {'content': 'Why?'}}");

        assertThat(context(admission)).containsExactly("system Be brief", "user Where?", "assistant Here", "user Why?");
    }

    @Test
    void aQuestionThatIsAskedAgainBringsWhatCameBeforeIt() {
        // Given
        exchange("q1", "r1");
        exchange("q2", "r2");

        // When
        JsonNode again = begin(
                "{'id': 'r3', 'session_id': 's1', 'wants_context': true, 'question': {'id': 'q2', 'content': 'Ask q2'}}");
        JsonNode edited = begin(
                "{'id': 'r4', 'session_id': 's1', 'wants_context': true, 'question': {'id': 'q1', 'content': 'Other'}}");

        // Then
        assertThat(context(again)).containsExactly("user Ask q1", "assistant Answer r1", "user Ask q2");
        assertThat(context(edited)).containsExactly("user Other");
        assertThat(messages()).containsExactly("user Other", "assistant Answer r1", "user Ask q2", "assistant Answer r2");
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = { "1 hour, false", "10 seconds, false", "-1 day, true", "-80 years, true",
            "-, false" })
    void aNewQuestionStandsAfterWhatIsThereWhateverTheClockSays(String behind) {
        // Given
        exchange("q1", "r1");
        String time = behind == null ? null
                : user.value("select to_char(now() at time zone 'UTC' - ?::interval, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
                        behind);

        // When
        JsonNode admission = begin(
                "{'id': 'r2', 'session_id': 's1', 'wants_context': true, 'question': {'id': 'q2', 'content': 'Two'%s}}"
                        .formatted(time == null ? "" : ", 'timestamp': '" + time + "'"));
        if (time != null) {
            upload("{'id': 'q2', 'role': 'user', 'content': 'Two', 'timestamp': '%s'}".formatted(time));
        }
        finish("{'id': 'r2', 'state': 'complete', 'content': 'Answer r2'}");

        // Then
        assertThat(context(admission)).containsExactly("user Ask q1", "assistant Answer r1", "user Two");
        assertThat(messages()).containsExactly("user Ask q1", "assistant Answer r1", "user Two", "assistant Answer r2");
        assertThat(user.<Boolean> value("select max(message_timestamp) < now() from public.chat_messages")).isTrue();
    }

    @Test
    void theTimeOfAQuestionIsItsClientsWhereThatIsPossible() {
        // When
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?', 'timestamp': '2026-01-01T10:00:00Z'}}");

        // Then
        assertThat(user.<Instant> value("select message_timestamp from public.chat_messages"))
                .isEqualTo("2026-01-01T10:00:00Z");
    }

    @Test
    void aQuestionThatWasStoredWithTheTimeOfAClockBehindStandsLastOnceItIsAsked() {
        // Given
        exchange("q1", "r1");
        append("{'id': 'q2', 'role': 'user', 'content': 'Ask q2', 'timestamp': '2026-01-01T10:00:00Z'}");

        // When
        JsonNode admission = begin(
                "{'id': 'r2', 'session_id': 's1', 'wants_context': true, 'question': {'id': 'q2', 'content': 'Ask q2'}}");

        // Then
        assertThat(context(admission)).containsExactly("user Ask q1", "assistant Answer r1", "user Ask q2");
    }

    @Test
    void anOldQuestionThatWasUploadedLastStaysWhereItIs() {
        // Given
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        upload("{'id': 'q2', 'role': 'user', 'content': 'Two', 'timestamp': '2026-01-01T10:02:00Z'}",
                "{'id': 'a1', 'role': 'assistant', 'content': 'One!', 'timestamp': '2026-01-01T10:01:00Z'}",
                "{'id': 'q1', 'role': 'user', 'content': 'One', 'timestamp': '2026-01-01T10:00:00Z'}");

        // When
        JsonNode admission = begin(
                "{'id': 'r1', 'session_id': 's1', 'wants_context': true, 'question': {'id': 'q1', 'content': 'One'}}");

        // Then
        assertThat(context(admission)).containsExactly("user One");
        assertThat(messages()).containsExactly("user One", "assistant One!", "user Two");
    }

    // The same request again

    @Test
    void aQuestionHasOneCallAtATime() {
        // Given
        String call = "'session_id': 's1', 'one_at_a_time': true, 'question': {'id': 'q1', 'content': '%s'}}";
        begin("{'id': 'r1', " + call.formatted("Why?"));

        // When
        JsonNode second = begin("{'id': 'r2', " + call.formatted("Why not?"));
        JsonNode other = begin(
                "{'id': 'r3', 'session_id': 's1', 'one_at_a_time': true, 'question': {'id': 'q2', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete'}");
        JsonNode later = begin("{'id': 'r4', " + call.formatted("Why?"));

        // Then
        assertThat(second).isEqualTo(json("""
                {'refused': {'status': 409, 'code': 'answer_in_progress', 'detail': 'This question is being answered already.',
                             'stream_id': 'r1'}, 'policies': []}
                """));
        assertThat(List.of(other, later)).noneMatch(admission -> admission.has("refused"));
        assertThat(calls()).containsExactly("r1 complete", "r3 running", "r4 running");
        assertThat(user.<String> value("select content from public.chat_messages where id = 'q1'")).isEqualTo("Why?");
    }

    @Test
    void aQuestionWithoutAnIdIsTheOneThatIsBeingAnswered() {
        // Given
        begin("{'id': 'r1', 'session_id': 's1', 'one_at_a_time': true, 'question': {'content': 'Why?'}}");

        // When
        JsonNode second = begin("{'id': 'r2', 'session_id': 's1', 'one_at_a_time': true, 'question': {'content': 'Why?'}}");

        // Then
        assertThat(second.at("/refused/stream_id").asText()).isEqualTo("r1");
        assertThat(messages()).containsExactly("user Why?");
    }

    @Test
    void aCallWhoseInstanceIsGoneIsInNobodysWay() {
        // Given
        begin("{'id': 'r1', 'session_id': 's1', 'one_at_a_time': true, 'question': {'id': 'q1', 'content': 'Why?'}}");
        expire("r1");

        // When
        JsonNode second = begin(
                "{'id': 'r2', 'session_id': 's1', 'one_at_a_time': true, 'question': {'id': 'q1', 'content': 'Why?'}}");

        // Then
        assertThat(second.has("refused")).isFalse();
    }

    @ParameterizedTest
    @CsvSource({ "running, answer_in_progress", "complete, already_answered", "interrupted, already_answered" })
    void aRequestWithItsKeyHasOneCall(String state, String code) {
        // Given
        String request = "{'id': 'r1', 'request_hash': 'abc', 'question': {'id': '%s', 'content': 'Why?'}}";
        begin(request.formatted("q1"));
        if (!state.equals("running")) {
            finish("{'id': 'r1', 'state': '%s', 'content': 'Because'}".formatted(state));
        }

        // When
        JsonNode again = begin(request.formatted("q2"));

        // Then
        assertThat(again.at("/refused/code").asText()).isEqualTo(code);
        assertThat(again.at("/refused/stream_id").asText()).isEqualTo("r1");
        assertThat(calls()).containsExactly("r1 " + state);
    }

    @ParameterizedTest
    @ValueSource(strings = { "failed", "released" })
    void aRequestThatFailedMayTryAgainWithItsKeyAndCountsAsTwo(String state) {
        // Given
        String request = "{'id': 'r1', 'session_id': 's1', 'request_hash': 'abc', 'question': {'id': 'q1', 'content': 'Why?'},"
                + " 'requests_per_minute': {'free': 9}}";
        begin(request);
        finish("{'id': 'r1', 'state': '%s', 'content': 'Bec', 'error': 'broken'}".formatted(state));

        // When
        JsonNode again = begin(request);
        finish("{'id': 'r1', 'state': 'complete', 'content': 'Because'}");

        // Then
        assertThat(again.at("/policies/0/remaining").asInt()).isEqualTo(7);
        assertThat(user.<String> column("select state from chatkeep.completions order by started_at")).containsExactly(state,
                "complete");
        assertThat(messages()).containsExactly("user Why?", "assistant Because");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @Test
    void aKeyThatBelongsToAnotherRequestIsRefused() {
        // Given
        begin("{'id': 'r1', 'request_hash': 'abc', 'question': {'id': 'q1', 'content': 'Why?'}}");

        // When
        JsonNode other = begin("{'id': 'r1', 'request_hash': 'abd', 'question': {'id': 'q1', 'content': 'How?'}}");

        // Then
        assertThat(other).isEqualTo(json("""
                {'refused': {'status': 422, 'code': 'idempotency_key_reused',
                             'detail': 'The Idempotency-Key belongs to another request.'}, 'policies': []}
                """));
    }

    @Test
    void theKeysOfOthersAreOthers() {
        // Given
        begin("{'id': 'r1', 'request_hash': 'abc', 'question': {'id': 'q1', 'content': 'Why?'}}");
        aUserSignsUp();

        // When
        JsonNode other = begin("{'id': 'r1', 'request_hash': 'abd', 'question': {'id': 'q1', 'content': 'How?'}}");

        // Then
        assertThat(other.has("refused")).isFalse();
    }

    @Test
    void whoHasTheContextIsNotSentIt() {
        JsonNode admission = begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        assertThat(admission.get("context")).isEqualTo(json("[]"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            short | 1000 | a | 20 | 20 | 2
            short | 1000 | a | 20 | 21 | 1
            short | 1000 | é | 10 | 20 | 2
            short | 1000 | é | 10 | 21 | 1
            gpt   | 5    | é | 10 | 20 | 2
            gpt   | 5    | é | 10 | 21 | 1
            gpt   | 6    | é | 10 | 28 | 2
            short | 1000 | a | 10 | 50 | 1
            """)
    void theContextIsCutAtItsOldestEnd(String model, int length, String letter, int letters, int lastBytes, int kept) {
        String first = letter.repeat(letters);
        String last = "b".repeat(lastBytes);
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        append("{'id': 'm0', 'role': 'user', 'content': 'xxxxxxxxxx', 'timestamp': '2026-01-01T10:00:00Z'}");
        append("{'id': 'm1', 'role': 'user', 'content': '%s', 'timestamp': '2026-01-01T10:00:01Z'}".formatted(first));

        JsonNode admission = begin("""
                {'id': 'r1', 'session_id': 's1', 'wants_context': true, 'model': '%s', 'context_length': %d,
                 'question': {'content': '%s'}}
                """.formatted(model, length, last));

        List<String> contents = StreamSupport.stream(admission.get("context").spliterator(), false)
                .map(message -> message.get("content").asText()).toList();
        assertThat(contents).isEqualTo(kept == 2 ? List.of(first, last) : List.of(last));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
            "gpt, daily, monthly, gpt",
            "-, daily, monthly, daily",
            "-, -, monthly, monthly",
            "-, -, -, alpha" })
    void theModelIsTheFirstThatIsNamed(String requested, String ofProfile, String fallback, String chosen) {
        database.superuser().rows("update public.profiles set default_model = ? where id = ?", ofProfile, id);
        ObjectNode call = call("{'id': 'r1'}");
        call.put("model", requested).put("fallback_model", fallback);

        JsonNode admission = begin(call);

        assertThat(admission.get("model").asText()).isEqualTo(chosen);
    }

    @Test
    void thePreferencesOfTheProfileComeWithTheAdmission() {
        database.superuser().rows("update public.profiles set system_prompt = 'Be brief', temperature = 0.3 where id = ?", id);

        JsonNode admission = begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        assertThat(admission.get("system_prompt").asText()).isEqualTo("Be brief");
        assertThat(admission.get("temperature").decimalValue()).isEqualByComparingTo("0.3");
        assertThat(admission.get("context_length").asInt()).isEqualTo(1000);
        assertThat(admission.get("session_id").asText()).isEqualTo("s1");
        assertThat(admission.get("question_id").asText()).isEqualTo("q1");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = { "unknown|404|model_not_found|There is no such model.",
            "aa-retired|404|model_not_found|There is no such model.",
            "aardvark|403|model_not_allowed|Your tier does not open this model." })
    void aModelThatTheTierDoesNotOpenIsRefusedWithoutATrace(String model, int status, String code, String detail) {
        JsonNode answer = begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}, 'model': '%s'}"
                .formatted(model));

        assertThat(answer).isEqualTo(json("""
                {'refused': {'status': %d, 'code': '%s', 'detail': '%s'}, 'policies': []}
                """.formatted(status, code, detail)));
        assertThat(titles()).isEmpty();
        assertThat(messages()).isEmpty();
        assertThat(calls()).isEmpty();
        assertThat(daily()).isEqualTo(Counted.NOTHING);
    }

    @Test
    void aHigherTierOpensMore() {
        UUID pro = database.newUser("pro");

        JsonNode admission = database.user(pro).value("select chatkeep.begin_completion(?, ?::jsonb)", pro,
                call("{'id': 'r1', 'model': 'aardvark'}").toString());

        assertThat(admission.get("model").asText()).isEqualTo("aardvark");
    }

    // Limits

    @Test
    void theLimitsComeWithWhatIsLeftOfThem() {
        String ends = """
                select array[ceil(extract(epoch from date_trunc('day', t) + interval '1 day' - t)),
                             ceil(extract(epoch from date_trunc('month', t) + interval '1 month' - t)),
                             extract(epoch from date_trunc('month', t) + interval '1 month' - date_trunc('month', t)),
                             ceil(extract(epoch from r1.started_at + interval '1 minute' - clock_timestamp()))]::int[]
                  from (select clock_timestamp() at time zone 'UTC' as t) c, chatkeep.completions r1
                 where r1.user_id = ? and r1.id = 'r1'
                """;
        begin("{'id': 'r1', 'model': 'both', 'requests_per_minute': {'free': 4, 'pro': 9}}");
        database.superuser().rows("update chatkeep.completions set started_at = clock_timestamp() where user_id = ?", id);
        List<Integer> before = database.superuser().value(ends, id);

        JsonNode policies = begin("{'id': 'r2', 'model': 'both', 'requests_per_minute': {'free': 4, 'pro': 9}}")
                .get("policies");

        List<Integer> after = database.superuser().value(ends, id);
        assertThat(policies).hasSize(3);
        assertThat(resetTaken(policies.get(0))).isBetween(after.get(3), before.get(3));
        assertThat(resetTaken(policies.get(1))).isBetween(after.get(0), before.get(0));
        assertThat(resetTaken(policies.get(2))).isBetween(after.get(1), before.get(1));
        assertThat(policies).isEqualTo(json("""
                [{'name': 'requests-per-minute', 'quota': 4, 'window': 60, 'remaining': 2},
                 {'name': 'daily', 'quota': 3, 'window': 86400, 'remaining': 1},
                 {'name': 'monthly', 'quota': 10, 'window': %d, 'remaining': 8}]
                """.formatted(before.get(2))));
    }

    @Test
    void whereNothingIsLimitedThereAreNoPolicies() {
        JsonNode admission = begin("{'id': 'r1', 'requests_per_minute': {'pro': 1}}");

        assertThat(admission.get("policies")).isEqualTo(json("[]"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "daily", "monthly" })
    void aLimitIsExact(String model) {
        begin("{'id': 'r1', 'model': '%s'}".formatted(model));
        begin("{'id': 'r2', 'model': '%s'}".formatted(model));

        JsonNode third = begin(
                "{'id': 'r3', 'session_id': 's1', 'question': {'content': 'Why?'}, 'model': '%s'}".formatted(model));

        JsonNode policy = third.get("policies").get(0);
        int reset = resetTaken(policy);
        assertThat(third.get("refused")).isEqualTo(json("""
                {'status': 429, 'code': 'quota_exceeded', 'detail': 'The %s limit of this model is used up.', 'retry_after': %d}
                """.formatted(model, reset)));
        assertThat(policy.get("remaining").asInt()).isZero();
        assertThat(titles()).isEmpty();
        assertThat(calls()).containsExactly("r1 running", "r2 running");
    }

    @ParameterizedTest
    @CsvSource({
            "daily, complete, true", "daily, interrupted, true", "daily, failed, true", "daily, released, false",
            "monthly, complete, true", "monthly, interrupted, true", "monthly, failed, true", "monthly, released, false" })
    void whatProducedSomethingKeepsItsPlace(String model, String state, boolean held) {
        begin("{'id': 'r1', 'model': '%s'}".formatted(model));
        begin("{'id': 'r2', 'model': '%s'}".formatted(model));

        finish("{'id': 'r1', 'state': '%s', 'error': null}".formatted(state));

        assertThat(begin("{'id': 'r3', 'model': '%s'}".formatted(model)).has("refused")).isEqualTo(held);
        assertThat(begin("{'id': 'r4', 'model': '%s'}".formatted(model)).has("refused")).isTrue();
    }

    @Test
    void aFinishedCallThatIsFinishedAgainTakesOnePlace() {
        begin("{'id': 'r1', 'model': 'daily'}");
        finish("{'id': 'r1', 'state': 'complete'}");

        finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(begin("{'id': 'r2', 'model': 'daily'}").has("refused")).isFalse();
    }

    @Test
    void aCallThatWasCountedAndFailsThenTakesOnePlace() {
        begin("{'id': 'r1', 'model': 'daily'}");
        finish("{'id': 'r1', 'state': 'interrupted'}");

        finish("{'id': 'r1', 'state': 'failed', 'error': 'broken'}");

        assertThat(begin("{'id': 'r2', 'model': 'daily'}").has("refused")).isFalse();
    }

    @Test
    void aCallThatNobodyRunsAnyMoreHoldsItsPlaceUntilItIsRecovered() {
        begin("{'id': 'r1', 'model': 'daily'}");
        begin("{'id': 'r2', 'model': 'daily'}");
        expire("r1");

        assertThat(begin("{'id': 'r3', 'model': 'daily'}").has("refused")).isTrue();
        recover();
        assertThat(begin("{'id': 'r3', 'model': 'daily'}").has("refused")).isFalse();
        assertThat(begin("{'id': 'r4', 'model': 'daily'}").has("refused")).isTrue();
    }

    @ParameterizedTest
    @CsvSource({ "daily, 'day'", "monthly, 'month'" })
    void limitsBeginAnewWithTheDayOrMonth(String model, String unit) {
        begin("{'id': 'r1', 'model': '%s'}".formatted(model));
        begin("{'id': 'r2', 'model': '%s'}".formatted(model));
        finish("{'id': 'r1', 'state': 'complete'}");
        finish("{'id': 'r2', 'state': 'failed', 'error': 'broken'}");

        database.superuser().rows("update chatkeep.usage_by_model set usage_date ="
                + " date_trunc(?, clock_timestamp() at time zone 'UTC') - interval '1 day' where user_id = ?", unit, id);
        database.superuser().rows("update chatkeep.completions set started_at ="
                + " (date_trunc(?, clock_timestamp() at time zone 'UTC') - interval '1 hour') at time zone 'UTC'"
                + " where user_id = ?", unit, id);

        JsonNode admission = begin("{'id': 'r3', 'model': '%s'}".formatted(model));

        assertThat(admission.at("/policies/0/remaining").asInt()).isEqualTo(1);
    }

    @Test
    void otherModelsHaveLimitsOfTheirOwn() {
        begin("{'id': 'r1', 'model': 'daily'}");
        begin("{'id': 'r2', 'model': 'daily'}");

        JsonNode admission = begin("{'id': 'r3', 'model': 'both'}");

        assertThat(admission.at("/policies/0/remaining").asInt()).isEqualTo(2);
    }

    @Test
    void thirtyCallsAtOnceDoNotOvershoot() throws Exception {
        List<Boolean> admitted = MigratedDatabase.together(30,
                thread -> () -> !begin("{'id': 'r%d', 'model': 'five'}".formatted(thread)).has("refused"));

        assertThat(admitted).filteredOn(Boolean::booleanValue).hasSize(5);
        assertThat(calls()).hasSize(5);
    }

    @Test
    void theListOfModelsCountsTheSame() {
        begin("{'id': 'r1', 'model': 'both'}");
        begin("{'id': 'r2', 'model': 'both'}");
        finish("{'id': 'r2', 'state': 'complete'}");

        assertThat(user.rows("select model, daily, monthly from chatkeep.answers_used(?)", id))
                .containsExactly(Map.of("model", "both", "daily", 2L, "monthly", 2L));
        assertThat(user.rows("select model, daily, monthly from chatkeep.answers_used(?, 'gpt')", id)).isEmpty();
    }

    @Test
    void requestsAMinuteAreThoseOfAllModels() {
        begin("{'id': 'r1', 'model': 'gpt', 'requests_per_minute': {'free': 2}}");
        finish("{'id': 'r1', 'state': 'released'}");
        begin("{'id': 'r2', 'model': 'alpha', 'requests_per_minute': {'free': 2}}");

        database.superuser().rows("update chatkeep.completions set started_at = clock_timestamp()"
                + " - case id when 'r1' then interval '20 seconds' else interval '0' end where user_id = ?", id);
        String left = "select ceil(extract(epoch from started_at + interval '1 minute' - clock_timestamp()))::int"
                + " from chatkeep.completions where user_id = ? and id = 'r1'";
        int before = database.superuser().<Integer> value(left, id);

        JsonNode third = begin("{'id': 'r3', 'model': 'both', 'requests_per_minute': {'free': 2}}");

        int reset = third.at("/policies/0/reset").asInt();
        assertThat(reset).isBetween(database.superuser().<Integer> value(left, id), before);
        assertThat(third.get("refused")).isEqualTo(json("""
                {'status': 429, 'code': 'rate_limited', 'detail': 'Too many requests within a minute.', 'retry_after': %d}
                """.formatted(reset)));
    }

    @Test
    void aMinuteLaterThereIsRoomAgain() {
        begin("{'id': 'r1', 'requests_per_minute': {'free': 1}}");
        database.superuser()
                .rows("update chatkeep.completions set started_at = started_at - interval '1 minute' where user_id = ?", id);

        JsonNode second = begin("{'id': 'r2', 'requests_per_minute': {'free': 1}}");

        assertThat(second.at("/policies/0/remaining").asInt()).isZero();
        assertThat(second.has("refused")).isFalse();
    }

    @Test
    void requestsAMinuteGoByTheTier() {
        database.superuser().rows("update public.profiles set subscription_tier = 'pro' where id = ?", id);

        JsonNode admission = begin("{'id': 'r1', 'requests_per_minute': {'free': 0, 'pro': 7}}");

        assertThat(admission.at("/policies/0/quota").asInt()).isEqualTo(7);
    }

    @Test
    void whatLastsLongestSaysWhenToComeAgain() {
        for (int i = 0; i < 3; i++) {
            begin("{'id': 'r%d', 'model': 'both', 'requests_per_minute': {'free': 3}}".formatted(i));
        }
        database.superuser().rows("update public.model_access set daily_limit = 3 where model_id = 'both'");
        database.superuser().rows("update chatkeep.completions set started_at = clock_timestamp() where user_id = ?", id);

        JsonNode refused = begin("{'id': 'r4', 'model': 'both', 'requests_per_minute': {'free': 3}}").get("refused");

        // A day that ends within this minute ends before the minute does.
        assertThat(refused.get("code").asText())
                .isEqualTo(refused.get("retry_after").asInt() > 60 ? "quota_exceeded" : "rate_limited");
    }

    @Test
    void usersShareNoLimits() {
        UUID otherId = database.newUser();
        SqlCaller other = database.user(otherId);
        begin("{'id': 'r1', 'model': 'daily', 'requests_per_minute': {'free': 2}}");
        begin("{'id': 'r2', 'model': 'daily', 'requests_per_minute': {'free': 2}}");

        JsonNode admission = other.value("select chatkeep.begin_completion(?, ?::jsonb)", otherId,
                call("{'id': 'r1', 'model': 'daily', 'requests_per_minute': {'free': 2}}").toString());

        assertThat(admission.findValuesAsText("remaining")).containsExactly("1", "1");
    }

    @Test
    void callsOfOthersAreOutOfSight() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        checkpoint("{'id': 'r1', 'position': 0, 'content': 'Be'}");
        UUID otherId = database.newUser();
        SqlCaller other = database.user(otherId);

        assertThat(other.rows("select * from chatkeep.completions")).isEmpty();
        assertThat(other.rows("select * from chatkeep.completion_parts")).isEmpty();
        assertThat(other.<Object> value("select chatkeep.completion(?, 'r1')", otherId)).isNull();
        assertThat(other.<Object> value("select chatkeep.completion(?, 'r1')", id)).isNull();
        assertThat(other.state("select chatkeep.finish_completion(?, '{\"id\": \"r1\", \"state\": \"released\"}')", id))
                .isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(calls()).containsExactly("r1 running");
        assertThat(parts()).containsExactly("0 Be");
    }

    // Settlement

    @Test
    void anAnswerIsStoredWithWhatItTookAndCost() {
        JsonNode admission = begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        JsonNode settled = finish("""
                {'id': 'r1', 'state': 'complete', 'content': '**Because**', 'content_type': 'markdown', 'elapsed_ms': 1500,
                 'completion_id': 'chatcmpl-1', 'input_tokens': 10, 'output_tokens': 7, 'metadata': {'finish_reason': 'stop'}}
                """);

        assertThat(admission.get("question_id").asText()).isEqualTo("q1");
        assertThat(((ObjectNode) settled).remove("timestamp").asText()).matches("\\d{4}-\\d\\d-\\d\\dT.*Z");
        assertThat(settled).isEqualTo(json("{'message_id': 'r1', 'session_id': 's1', 'question_id': 'q1', 'cost': 41}"));
        assertThat(row("r1")).isEqualTo(
                json("""
                        {'id': 'r1', 'session_id': 's1', 'role': 'assistant', 'content': '**Because**', 'model': 'gpt', 'total_tokens': 7,
                         'output_tokens': 7, 'user_message_id': 'q1', 'content_type': 'markdown', 'elapsed_ms': 1500,
                         'completion_id': 'chatcmpl-1', 'is_streaming': false,
                         'metadata': {'stream_id': 'r1', 'finish_reason': 'stop', 'unit_cost': 3, 'cost': 21, 'question_cost': 20}}
                        """));
        assertThat(row("q1")).isEqualTo(json("""
                {'id': 'q1', 'session_id': 's1', 'role': 'user', 'content': 'Why?', 'model': 'gpt', 'total_tokens': 10,
                 'input_tokens': 10, 'is_streaming': false, 'metadata': {'stream_id': 'r1', 'unit_cost': 2, 'cost': 20}}
                """));
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(user.<JsonNode> value("select models_used from public.user_usage_daily")).isEqualTo(json("{'gpt': 1}"));
        assertStatsFit();
    }

    @Test
    void anAnswerComesAfterItsQuestion() {
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        append("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'timestamp': '2099-01-01T10:00:00Z'}");
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        JsonNode settled = finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(settled.get("timestamp").asText()).isEqualTo("2099-01-01T10:00:00.001Z");
    }

    @Test
    void whatACallCostIsThePriceWhenItBegan() {
        database.superuser()
                .rows("insert into public.model_access (model_id, tier, input_cost_per_token, output_cost_per_token)"
                        + " values ('repriced', 'free', 1, 1)");
        begin("{'id': 'r1', 'model': 'repriced', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        database.superuser().rows("update public.model_access set input_cost_per_token = 50 where model_id = 'repriced'");

        finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(ofModel("repriced")).isEqualTo(new Counted(1, 1, 10, 7, "17"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "complete", "interrupted", "failed" })
    void saidTwiceItIsStoredAndCountedOnce(String state) {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        String result = "{'id': 'r1', 'state': '%s', 'error': %s}".formatted(state,
                state.equals("failed") ? "'broken'" : "null");
        finish(result);
        List<JsonNode> before = everything();

        finish(result);

        assertThat(everything()).isEqualTo(before);
    }

    @Test
    void anInterruptedAnswerIsStoredAndCounted() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        finish("{'id': 'r1', 'state': 'interrupted', 'content': 'Bec', 'metadata': {'interrupted': true}}");

        assertThat(messages()).containsExactly("user Why?", "assistant Bec");
        assertThat(row("r1").at("/metadata/interrupted")).isEqualTo(json("true"));
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertStatsFit();
    }

    @Test
    void aFailedAnswerIsStoredAndNotCounted() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        finish("{'id': 'r1', 'state': 'failed', 'content': 'Bec', 'error': 'broken'}");

        assertThat(messages()).containsExactly("user Why?", "assistant Bec (broken)");
        assertThat(user.rows("select message_count, total_tokens, last_message_preview from public.chat_sessions"))
                .containsExactly(Map.of("message_count", 1, "total_tokens", 0L, "last_message_preview", "Why?"));
        assertThat(daily()).isEqualTo(new Counted(1, 0, 0, 0, "0"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 0, 0, 0, "0"));
    }

    @Test
    void ofAReleasedCallNothingRemains() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        JsonNode settled = finish("{'id': 'r1', 'state': 'released', 'content': null}");

        assertThat(settled.get("message_id")).isEqualTo(json("null"));
        assertThat(messages()).containsExactly("user Why?");
        assertThat(daily()).isEqualTo(new Counted(1, 0, 0, 0, "0"));
        assertThat(calls()).containsExactly("r1 released");
    }

    @Test
    void ofACallThatNobodyBeganNothingIsSettled() {
        JsonNode settled = finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(settled).isNull();
        assertThat(daily()).isEqualTo(Counted.NOTHING);
    }

    @Test
    void aDeletedSessionStaysDeletedAndItsAnswerIsCounted() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        user.rows("delete from public.chat_sessions");

        JsonNode settled = finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(settled.get("message_id")).isEqualTo(json("null"));
        assertThat(titles()).isEmpty();
        assertThat(messages()).isEmpty();
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @Test
    void aDeletedSessionThatComesBackIsNotCountedAgain() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        user.rows("delete from public.chat_sessions");
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");

        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?'}",
                "{'id': 'a1', 'role': 'assistant', 'content': 'An answer', 'model': 'gpt', 'completion_id': 'chatcmpl-1'}");

        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = { "4, -", "4, gpt", "25, -", "25, gpt" })
    void whatAClientSaidOfItsQuestionIsReplaced(int said, String model) {
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        append("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': %d, 'model': %s}"
                .formatted(said, model == null ? "null" : "'" + model + "'"));
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(model == null ? 0 : 1, 1, 10, 7, "41"));
        assertThat(row("q1").get("input_tokens").asInt()).isEqualTo(10);
        assertThat(row("q1").at("/metadata/cost").decimalValue()).isEqualByComparingTo("20");
        assertStatsFit();
    }

    @Test
    void aQuestionThatIsAskedAgainCostsAgain() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'content': 'One'}");
        begin("{'id': 'r2', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        finish("{'id': 'r2', 'state': 'complete', 'content': 'Two', 'input_tokens': 11}");

        assertThat(messages()).containsExactly("user Why?", "assistant One", "assistant Two");
        assertThat(daily()).isEqualTo(new Counted(1, 2, 21, 14, "84"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 2, 21, 14, "84"));
        assertThat(row("q1").get("input_tokens").asInt()).isEqualTo(21);
        assertThat(row("q1").at("/metadata/cost").decimalValue()).isEqualByComparingTo("42");
        assertStatsFit();
    }

    @Test
    void figuresThatComeLateAddTheDifference() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'interrupted', 'content': 'Bec', 'input_tokens': 8, 'output_tokens': 2}");

        finish("{'id': 'r1', 'state': 'complete', 'content': 'Because'}");

        assertThat(messages()).containsExactly("user Why?", "assistant Because");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertStatsFit();
    }

    // Answers that belong to no session

    @Test
    void aCallWithoutASessionIsCounted() {
        begin("{'id': 'r1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        JsonNode settled = finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(settled.get("message_id")).isEqualTo(json("null"));
        assertThat(messages()).isEmpty();
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "", ", 'input_tokens': 10, 'output_tokens': 7", ", 'input_tokens': 99, 'output_tokens': 99",
            ", 'input_tokens': 1, 'output_tokens': 1" })
    void whatIsUploadedLaterIsNotCountedAgain(String figures) {
        begin("{'id': 'r1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");
        String question = "{'id': 'q1', 'role': 'user', 'content': 'Why?'%s}".formatted(figures);
        String answer = """
                {'id': 'a1', 'role': 'assistant', 'content': 'An answer', 'model': 'gpt', 'user_message_id': 'q1',
                 'completion_id': 'chatcmpl-1'%s}
                """.formatted(figures);

        upload(question, answer);
        upload(question, answer);

        assertThat(messages()).containsExactlyInAnyOrder("user Why?", "assistant An answer");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertStatsFit();
    }

    @Test
    void whatIsAppendedLaterIsNotCountedAgain() {
        begin("{'id': 'r1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        for (int i = 0; i < 2; i++) {
            append("{'id': 'q1', 'role': 'user', 'content': 'Why?'}");

            append("{'id': 'a1', 'role': 'assistant', 'content': 'An answer', 'completion_id': 'chatcmpl-1', 'user_message_id': 'q1'}");
        }

        append("{'id': 'a2', 'role': 'assistant', 'content': 'An answer', 'completion_id': 'chatcmpl-1', 'user_message_id': 'q1'}");

        assertThat(messages()).containsExactly("user Why?", "assistant An answer");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @Test
    void aQuestionThatWasAskedTwiceWithoutASessionCountsBothCalls() {
        begin("{'id': 'r1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");
        begin("{'id': 'r2', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r2', 'state': 'complete', 'completion_id': 'chatcmpl-2', 'input_tokens': 4}");

        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?'}");

        assertThat(daily()).isEqualTo(new Counted(1, 2, 14, 14, "70"));
    }

    @Test
    void anAnswerThatTheServiceDoesNotKnowIsCounted() {
        begin("{'id': 'r1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");

        upload("{'id': 'a1', 'role': 'assistant', 'content': 'Other', 'model': 'gpt', 'completion_id': 'chatcmpl-2', 'output_tokens': 5}");

        assertThat(daily()).isEqualTo(new Counted(1, 2, 10, 12, "56"));
    }

    // Answers that come again

    @Test
    void answersWithTheSameIdOfTheProviderStayTwo() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'content': 'One', 'completion_id': 'chatcmpl-1'}");
        begin("{'id': 'r2', 'session_id': 's1', 'question': {'id': 'q2', 'content': 'When?'}}");
        finish("{'id': 'r2', 'state': 'complete', 'content': 'Two', 'completion_id': 'chatcmpl-1'}");

        upload("{'id': 'a1', 'role': 'assistant', 'content': 'One', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}",
                "{'id': 'a2', 'role': 'assistant', 'content': 'Two', 'user_message_id': 'q2', 'completion_id': 'chatcmpl-1'}");

        assertThat(answers()).containsExactly("a1 One", "a2 Two");
        assertThat(daily()).isEqualTo(new Counted(2, 2, 20, 14, "82"));
    }

    @Test
    void equalAnswersToOneQuestionWithTheSameIdOfTheProviderStayTwo() {
        for (String call : List.of("r1", "r2")) {
            begin("{'id': '%s', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}".formatted(call));
            finish("{'id': '%s', 'state': 'complete', 'content': 'Yes', 'completion_id': 'chatcmpl-1'}".formatted(call));
        }

        upload("{'id': 'a1', 'role': 'assistant', 'content': 'Yes', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}",
                "{'id': 'a2', 'role': 'assistant', 'content': 'Yes', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}");

        assertThat(answers()).containsExactly("a1 Yes", "a2 Yes");
        assertThat(daily()).isEqualTo(new Counted(1, 2, 20, 14, "82"));
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aStoredAnswerTakesTheIdOfTheClient(boolean uploaded) {
        askedAndAnswered();
        String answer = "{'id': 'a1', 'role': 'assistant', 'content': 'Because', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}";

        send(uploaded, answer);
        send(uploaded, answer);

        assertThat(answers()).containsExactly("a1 Because");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(user.<JsonNode> value("select chatkeep.completion(?, 'r1')", id).get("message_id")).isEqualTo(json("'a1'"));
        assertStatsFit();
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aLaterIdStandsForTheSameAnswer(boolean uploaded) {
        askedAndAnswered();
        send(uploaded,
                "{'id': 'a1', 'role': 'assistant', 'content': 'Because', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}");

        send(uploaded,
                "{'id': 'a2', 'role': 'assistant', 'content': 'Because', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}");

        assertThat(answers()).containsExactly("a1 Because");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertStatsFit();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "{'content': 'Because', 'output_tokens': 99, 'input_tokens': 99, 'total_tokens': 99}",
            "{'content': 'Because', 'error': true}",
            "{'content': 'Because', 'model': 'alpha'}",
            "{'content': 'Bec'}",
            "{'content': ''}" })
    void whatTheServiceKnowsBetterStays(String resent) {
        askedAndAnswered();
        ObjectNode message = (ObjectNode) json("{'id': 'r1', 'role': 'assistant', 'user_message_id': 'q1'}");
        message.setAll((ObjectNode) json(resent));
        List<JsonNode> before = everything();

        append(message.toString());
        upload(message.toString());

        assertThat(everything()).isEqualTo(before);
    }

    @Test
    void whatTheServiceKnowsBetterOfAQuestionStays() {
        askedAndAnswered();
        List<JsonNode> before = everything();

        append("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'model': 'alpha', 'input_tokens': 99, 'error': true}");

        assertThat(everything()).isEqualTo(before);
    }

    @Test
    void anAnswerThatWasEditedIsChangedAndNotCountedAgain() {
        askedAndAnswered();

        append("{'id': 'r1', 'role': 'assistant', 'content': 'Edited', 'user_message_id': 'q1', 'output_tokens': 99}");

        assertThat(answers()).containsExactly("r1 Edited");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertStatsFit();
    }

    @Test
    void deletedAnswersThatComeBackAreNotCountedAgain() {
        askedAndAnswered();
        append("{'id': 'a1', 'role': 'assistant', 'content': 'Because', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}");
        user.rows("delete from public.chat_messages");

        append("{'id': 'a1', 'role': 'assistant', 'content': 'Because', 'model': 'gpt', 'output_tokens': 7, 'completion_id': 'chatcmpl-1'}");

        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @Test
    void anAnswerThatWasDeletedAndComesBackUnderAnotherIdIsNotCountedAgain() {
        askedAndAnswered();
        user.rows("delete from public.chat_sessions");

        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': 1}",
                "{'id': 'a1', 'role': 'assistant', 'content': 'Because', 'user_message_id': 'q1', 'completion_id': 'chatcmpl-1'}");

        assertThat(messages()).containsExactlyInAnyOrder("user Why?", "assistant Because");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertStatsFit();
    }

    @Test
    void aQuestionWhoseTokensAClientSaidAndThatIsDeletedMeanwhileIsCorrectedToo() {
        user.rows("select chatkeep.create_session(?, 's1', null)", id);
        append("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': 4}");
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        user.rows("delete from public.chat_sessions");

        finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @Test
    void aQuestionThatWasUploadedAfterItsCallAndIsAskedAgainCountsBothCalls() {
        begin("{'id': 'r1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'completion_id': 'chatcmpl-1'}");
        upload("{'id': 'q1', 'role': 'user', 'content': 'Why?', 'input_tokens': 10}");
        begin("{'id': 'r2', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        finish("{'id': 'r2', 'state': 'complete'}");

        assertThat(daily()).isEqualTo(new Counted(1, 2, 20, 14, "82"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 2, 20, 14, "82"));
    }

    @Test
    void deletingTakesNothingBack() {
        askedAndAnswered();

        user.rows("delete from public.chat_sessions");

        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    // Checkpoints and recovery

    @Test
    void whatArrivesIsKeptInOrder() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");

        checkpoint("{'id': 'r1', 'position': 0, 'content': 'Be'}");
        checkpoint("{'id': 'r1', 'position': 2, 'content': 'use'}", "{'id': 'r1', 'position': 1, 'content': 'ca'}");
        checkpoint("{'id': 'r1', 'position': 1, 'content': 'again'}", "{'id': 'r1', 'position': 3}");

        assertThat(parts()).containsExactly("0 Be", "1 ca", "2 use");
    }

    @Test
    void aCheckpointExtendsTheLease() {
        begin("{'id': 'r1'}");
        expire("r1");
        String inAMinute = "select clock_timestamp() + interval '60 seconds'";
        Instant before = database.superuser().value(inAMinute);

        checkpoint("{'id': 'r1', 'position': 0}");

        assertThat(user.<Instant> value("select lease_until from chatkeep.completions"))
                .isBetween(before, database.superuser().<Instant> value(inAMinute));
        assertThat(recover()).isZero();
    }

    @Test
    void ofASettledCallNothingMoreIsKept() {
        begin("{'id': 'r1'}");
        checkpoint("{'id': 'r1', 'position': 0, 'content': 'Be'}");
        finish("{'id': 'r1', 'state': 'complete'}");

        checkpoint("{'id': 'r1', 'position': 1, 'content': 'late'}");

        assertThat(parts()).isEmpty();
    }

    @Test
    void aCallWhoseInstanceIsGoneIsSettledWithWhatHadArrived() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}, 'prompt_tokens': 5}");
        checkpoint("{'id': 'r1', 'position': 1, 'content': 'quoi?'}", "{'id': 'r1', 'position': 0, 'content': 'Ça, pour'}");
        expire("r1");

        int recovered = recover();

        assertThat(recovered).isEqualTo(1);
        JsonNode answer = row("r1");
        assertThat(answer.get("content").asText()).isEqualTo("Ça, pourquoi?");
        assertThat(answer.get("output_tokens").asInt()).isEqualTo(4);
        assertThat(answer.get("metadata")).isEqualTo(
                json("""
                        {'interrupted': true, 'usage_estimated': true, 'stream_id': 'r1', 'unit_cost': 3, 'cost': 12, 'question_cost': 10}
                        """));
        assertThat(daily()).isEqualTo(new Counted(1, 1, 5, 4, "22"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 5, 4, "22"));
        assertThat(calls()).containsExactly("r1 interrupted");
        assertThat(parts()).isEmpty();
        assertThat(recover()).isZero();
        assertStatsFit();
    }

    @Test
    void thePromptIsEstimatedFromTheContext() {
        begin("""
                {'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why is that?'}, 'prompt_tokens': 1, 'wants_context': true}
                """);
        checkpoint("{'id': 'r1', 'position': 0, 'content': 'Be'}");
        expire("r1");

        recover();

        assertThat(daily()).isEqualTo(new Counted(1, 1, 3, 1, "9"));
    }

    @Test
    void aCallThatHadProducedNothingIsReleased() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        expire("r1");

        int recovered = recover();

        assertThat(recovered).isEqualTo(1);
        assertThat(calls()).containsExactly("r1 released");
        assertThat(messages()).containsExactly("user Why?");
        assertThat(daily()).isEqualTo(new Counted(1, 0, 0, 0, "0"));
    }

    @Test
    void aCallThatIsRunIsLeftAlone() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'content': 'Why?'}}");
        checkpoint("{'id': 'r1', 'position': 0, 'content': 'Be'}");

        int recovered = recover();

        assertThat(recovered).isZero();
        assertThat(calls()).containsExactly("r1 running");
        assertThat(parts()).containsExactly("0 Be");
    }

    @Test
    void aRecoveryTakesSoManyAtMost() {
        for (int i = 0; i < 3; i++) {
            begin("{'id': 'r%d'}".formatted(i));
            expire("r" + i);
        }

        List<Integer> recovered = List.of(recover(2), recover(2), recover(2));

        assertThat(recovered).containsExactly(2, 1, 0);
    }

    @Test
    void anInstanceThatComesBackCorrectsWhatWasRecovered() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}, 'prompt_tokens': 5}");
        checkpoint("{'id': 'r1', 'position': 0, 'content': 'Be'}");
        expire("r1");
        recover();

        finish("{'id': 'r1', 'state': 'complete', 'content': 'Because'}");

        assertThat(messages()).containsExactly("user Why?", "assistant Because");
        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(ofModel("gpt")).isEqualTo(new Counted(1, 1, 10, 7, "41"));
        assertThat(calls()).containsExactly("r1 complete");
        assertStatsFit();
    }

    @Test
    void anInstanceThatComesBackCountsWhatWasReleased() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        expire("r1");
        recover();

        finish("{'id': 'r1', 'state': 'complete'}");

        assertThat(daily()).isEqualTo(new Counted(1, 1, 10, 7, "41"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "select chatkeep.recover_completions(1)", "select chatkeep.checkpoint_completions('[]', 60)",
            "insert into chatkeep.completion_parts values (auth.uid(), 'r1', 0, 'a')",
            "delete from chatkeep.completions" })
    void whatTheServiceDoesIsNotForUsers(String sql) {
        begin("{'id': 'r1'}");

        List<String> states = List.of(user.state(sql), database.admin(id).state(sql));

        assertThat(states).containsOnly(INSUFFICIENT_PRIVILEGE);
    }

    @Test
    void twoRecoveriesAtOnceSettleACallOnce() throws Exception {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}, 'prompt_tokens': 5}");
        checkpoint("{'id': 'r1', 'position': 0, 'content': 'Because'}");
        expire("r1");

        List<String> states = MigratedDatabase.together(4,
                thread -> () -> database.service().state("select chatkeep.recover_completions(10)"));

        assertThat(states).containsOnly(SUCCESS);
        assertThat(daily()).isEqualTo(new Counted(1, 1, 5, 2, "16"));
        assertThat(messages()).containsExactly("user Why?", "assistant Because");
    }

    // What may be asked about a call

    @Test
    void aRunningCallIsKnown() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");

        JsonNode call = user.value("select jsonb_strip_nulls(chatkeep.completion(?, 'r1'))", id);

        assertThat(call).isEqualTo(json("""
                {'state': 'running', 'id': 'r1', 'model': 'gpt', 'completion_id': 'r1', 'session_id': 's1', 'question_id': 'q1',
                 'input_tokens': 0, 'output_tokens': 0}
                """));
    }

    @Test
    void aSettledCallIsKnownWithItsAnswer() {
        askedAndAnswered();

        JsonNode call = user.value("select jsonb_strip_nulls(chatkeep.completion(?, 'r1')) - 'timestamp' - 'metadata'", id);

        assertThat(call).isEqualTo(json("""
                {'state': 'complete', 'id': 'r1', 'model': 'gpt', 'completion_id': 'chatcmpl-1', 'session_id': 's1',
                 'question_id': 'q1', 'message_id': 'r1', 'content': 'Because', 'content_type': 'text', 'elapsed_ms': 1500,
                 'input_tokens': 10, 'output_tokens': 7}
                """));
    }

    // All of it together

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3 })
    void whateverHappensTheFiguresFit(long seed) {
        Random random = new Random(seed);
        List<String> states = List.of("complete", "complete", "interrupted", "failed", "released");
        List<String> begun = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            String session = "s" + random.nextInt(3);
            int asked = random.nextInt(8);
            String question = "{'id': '%s-q%d', 'content': 'Question %d'}".formatted(session, asked, asked);
            switch (random.nextInt(9)) {
                case 0, 1, 2 -> {
                    begin("{'id': 'r%d', 'session_id': '%s', 'question': %s, 'prompt_tokens': 3}".formatted(i, session,
                            question));
                    begun.add("r" + i + " " + session + "-q" + asked + " " + session);
                }
                case 3, 4, 5 -> {
                    if (!begun.isEmpty()) {
                        String call = begun.get(random.nextInt(begun.size())).split(" ")[0];
                        String state = states.get(random.nextInt(states.size()));
                        // Once there is an answer, no other end of its call is told.
                        if (!state.equals("released") && !state.equals("failed") || user.<Integer> value(
                                "select count(*)::int from chatkeep.charges where stream_id = ? and messages_received > 0",
                                call) == 0) {
                            finish("""
                                    {'id': '%s', 'state': '%s', 'content': 'Answer %s', 'completion_id': 'chatcmpl-%d',
                                     'input_tokens': %d, 'output_tokens': %d, 'error': %s}
                                    """.formatted(call, state, call, call.hashCode() % 5, random.nextInt(20),
                                    random.nextInt(20),
                                    state.equals("failed") ? "'broken'" : "null"));
                        }
                    }
                }
                case 6 -> {
                    if (!begun.isEmpty()) {
                        String[] call = begun.get(random.nextInt(begun.size())).split(" ");
                        uploadTo(call[2],
                                "{'id': '%s', 'role': 'user', 'content': 'Question', 'input_tokens': %d}".formatted(call[1],
                                        random.nextInt(20)),
                                """
                                        {'id': 'a-%s', 'role': 'assistant', 'content': 'Answer %s', 'user_message_id': '%s',
                                         'completion_id': 'chatcmpl-%d', 'model': 'gpt', 'output_tokens': %d}
                                        """.formatted(call[0], call[0], call[1], call[0].hashCode() % 5, random.nextInt(20)));
                    }
                }
                case 7 -> uploadTo(session,
                        "{'id': '%s-q%d', 'role': 'user', 'content': 'Question', 'input_tokens': 4}".formatted(session, asked));
                default -> {
                    if (!begun.isEmpty()) {
                        String call = begun.get(random.nextInt(begun.size())).split(" ")[0];
                        checkpoint("{'id': '%s', 'position': %d, 'content': 'Answer '}".formatted(call, i));
                        if (random.nextBoolean()) {
                            database.superuser().rows(
                                    "update chatkeep.completions set lease_until = clock_timestamp() - interval '1 second'"
                                            + " where user_id = ? and id = ? and state = 'running'",
                                    id, call);
                            recover();
                        }
                    }
                }
            }
        }

        assertStatsFit();
        Map<String, Object> rows = user.rows("""
                select count(*) filter (where role = 'user') as sent, count(*) filter (where role = 'assistant') as received,
                       coalesce(sum(input_tokens) filter (where role = 'user'), 0) as input,
                       coalesce(sum(output_tokens) filter (where role = 'assistant'), 0) as output
                  from public.chat_messages where error_message is null
                """).get(0);
        Counted day = daily();
        assertThat(Map.of("sent", day.sent(), "received", day.received(), "input", day.input(), "output", day.output()))
                .isEqualTo(rows);
        assertThat(ofModel("gpt").received()).isEqualTo(day.received());
        assertThat(ofModel("gpt").output()).isEqualTo(day.output());
        assertThat(ofModel("gpt").cost()).isEqualTo(day.cost())
                .isEqualTo(String.valueOf(2 * ofModel("gpt").input() + 3 * ofModel("gpt").output()));
    }

    private static ObjectNode call(String members) {
        ObjectNode call = (ObjectNode) json(
                "{'model': 'gpt', 'context_length': 1000, 'lease_seconds': 3600, 'prompt_tokens': 0}");
        call.setAll((ObjectNode) json(members));
        return call;
    }

    private JsonNode begin(ObjectNode call) {
        return user.value("select chatkeep.begin_completion(?, ?::jsonb)", id, call.toString());
    }

    private JsonNode begin(String call) {
        return begin(call(call));
    }

    private String beginState(String call) {
        return user.state("select chatkeep.begin_completion(?, ?::jsonb)", id, call(call).toString());
    }

    private JsonNode finish(String result) {
        ObjectNode entry = (ObjectNode) json("""
                {'content': 'An answer', 'content_type': 'text', 'elapsed_ms': 1500, 'input_tokens': 10, 'output_tokens': 7,
                 'metadata': {}}
                """);
        entry.setAll((ObjectNode) json(result));
        return database.service().value("select chatkeep.finish_completion(?, ?::jsonb)", id, entry.toString());
    }

    private void askedAndAnswered() {
        begin("{'id': 'r1', 'session_id': 's1', 'question': {'id': 'q1', 'content': 'Why?'}}");
        finish("{'id': 'r1', 'state': 'complete', 'content': 'Because', 'completion_id': 'chatcmpl-1'}");
    }

    private void append(String message) {
        user.rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id, json(message).toString());
    }

    private void upload(String... messages) {
        uploadTo("s1", messages);
    }

    private void uploadTo(String session, String... messages) {
        JsonNode outcome = user.value("select public.sync_user_conversations(?, ?::jsonb)", id,
                json("[{'id': '%s', 'messages': [%s]}]".formatted(session, String.join(", ", messages))).toString());
        assertThat(outcome.get("synced").asInt()).isEqualTo(1);
    }

    private void send(boolean uploaded, String message) {
        if (uploaded) {
            upload(message);
        } else {
            append(message);
        }
    }

    private void checkpoint(String... parts) {
        JsonNode entries = json("[" + String.join(", ", parts) + "]");
        entries.forEach(part -> ((ObjectNode) part).put("user_id", id.toString()));
        database.service().rows("select chatkeep.checkpoint_completions(?::jsonb, 60)", entries.toString());
    }

    private void expire(String call) {
        database.superuser().rows("update chatkeep.completions set lease_until = clock_timestamp() - interval '1 second'"
                + " where user_id = ? and id = ?", id, call);
    }

    private static int recover() {
        return recover(100);
    }

    private static int recover(int most) {
        return database.service().<Integer> value("select chatkeep.recover_completions(?)", most);
    }

    private static int resetTaken(JsonNode policy) {
        return ((ObjectNode) policy).remove("reset").asInt();
    }

    private void exchange(String question, String call) {
        begin("{'id': '%s', 'session_id': 's1', 'question': {'id': '%s', 'content': 'Ask %2$s'}}".formatted(call, question));
        finish("{'id': '%s', 'state': 'complete', 'content': 'Answer %1$s'}".formatted(call));
    }

    private static List<String> context(JsonNode admission) {
        return StreamSupport.stream(admission.get("context").spliterator(), false)
                .map(message -> message.get("role").asText() + " " + message.get("content").asText()).toList();
    }

    private List<String> titles() {
        return user.column("select title from public.chat_sessions order by id");
    }

    private List<String> messages() {
        return user.column("select concat(role, ' ', content, ' (' || error_message || ')') from public.chat_messages"
                + " order by message_timestamp, ordinal");
    }

    private List<String> answers() {
        return user.column("select id || ' ' || content from public.chat_messages where role = 'assistant'"
                + " order by message_timestamp, ordinal");
    }

    private List<String> calls() {
        return user.column("select id || ' ' || state from chatkeep.completions order by id");
    }

    private List<String> parts() {
        return user.column("select position || ' ' || content from chatkeep.completion_parts order by position");
    }

    /** A message but for whose it is and when it was; numbers without the zeros at their ends. */
    private JsonNode row(String message) {
        return user.value(
                """
                        select jsonb_strip_nulls(to_jsonb(m) - 'user_id' - 'message_timestamp' - 'ordinal' - 'updated_at' || jsonb_build_object('metadata', (
                                   select jsonb_object_agg(e.key, case when jsonb_typeof(e.value) = 'number'
                                                                       then to_jsonb(trim_scale(e.value::text::numeric)) else e.value end)
                                     from jsonb_each(m.metadata) e)))
                          from public.chat_messages m
                         where m.id = ?
                        """,
                message);
    }

    /** All that is stored and counted, but for the times at which that was. */
    private List<JsonNode> everything() {
        return user.column("""
                select to_jsonb(m) - '{message_timestamp,ordinal,updated_at}'::text[] from public.chat_messages m
                union all select to_jsonb(s) - '{updated_at,last_activity}'::text[] from public.chat_sessions s
                union all select to_jsonb(u) - '{updated_at,active_minutes}'::text[] from public.user_usage_daily u
                union all select to_jsonb(b) from chatkeep.usage_by_model b
                union all select to_jsonb(c) - 'finished_at' from chatkeep.completions c
                """);
    }

    private Counted daily() {
        return counted("select messages_sent, messages_received, input_tokens, output_tokens,"
                + " trim_scale(estimated_cost)::text as cost from public.user_usage_daily");
    }

    private Counted ofModel(String model) {
        return counted("select messages_sent, messages_received, input_tokens, output_tokens,"
                + " trim_scale(cost)::text as cost from chatkeep.usage_by_model where model = ?", model);
    }

    private Counted counted(String sql, Object... parameters) {
        List<Map<String, Object>> days = user.rows(sql, parameters);
        assertThat(days).hasSizeLessThan(2);
        return days.stream().findFirst()
                .map(day -> new Counted((Long) day.get("messages_sent"), (Long) day.get("messages_received"),
                        (Long) day.get("input_tokens"), (Long) day.get("output_tokens"), (String) day.get("cost")))
                .orElse(Counted.NOTHING);
    }

    /** Sessions say of their messages what the messages say. */
    private void assertStatsFit() {
        List<Map<String, Object>> kept = user.rows("""
                select id, message_count::bigint as messages, total_tokens as tokens, last_model::text as model,
                       last_message_preview as preview, last_message_timestamp as at
                  from public.chat_sessions order by id
                """);
        List<Map<String, Object>> actual = user
                .rows("""
                        select s.id, count(m.id) as messages, coalesce(sum(m.total_tokens), 0)::bigint as tokens,
                               (array_agg(m.model::text order by m.message_timestamp desc, m.ordinal desc) filter (where m.model is not null))[1]
                                   as model,
                               (array_agg(left(m.content, 200) order by m.message_timestamp desc, m.ordinal desc))[1] as preview,
                               max(m.message_timestamp) as at
                          from public.chat_sessions s
                          left join public.chat_messages m
                            on m.user_id = s.user_id and m.session_id = s.id and m.error_message is null
                         group by s.id
                         order by s.id
                        """);
        assertThat(kept).isEqualTo(actual).isNotEmpty();
    }
}

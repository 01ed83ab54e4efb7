package dev.chatkeep.message;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlTest;

/** In which order messages stand, whatever their clients' clocks say. */
@BesideOthers
class MessageOrderTest extends SqlTest {

    private static final String ONE_TIME = "2026-01-01T10:00:00Z";

    @ParameterizedTest
    @CsvSource(nullValues = "-", value = { "-", ONE_TIME, "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z",
            "0001-01-01T00:00:00Z" })
    void messagesOfOneTimeStandInTheOrderOfTheUpload(String time) {
        // When
        upload(message("z1", "user", time), message("a1", "assistant", time), message("y2", "user", time),
                message("b2", "assistant", time));

        // Then
        assertThat(ids()).containsExactly("z1", "a1", "y2", "b2");
    }

    @Test
    void messagesOfOneTimeStandInTheOrderOfTheirArrival() {
        // When
        append(message("z", "user", ONE_TIME));
        append(message("m", "user", ONE_TIME));
        append(message("a", "user", ONE_TIME));

        // Then
        assertThat(ids()).containsExactly("z", "m", "a");
    }

    @ParameterizedTest
    @CsvSource(textBlock = """
            q1 a1 q2 a2, -- -- -- --, q1 a1 q2 a2
            q1 a1 q2 a2, 10 -- 30 --, q1 a1 q2 a2
            q1 a1 q2 a2, -- 20 -- 40, q1 a1 q2 a2
            q1 a1 q2 a2, -- -- 30 40, q1 a1 q2 a2
            q1 a1 q2 a2, 10 20 -- --, q1 a1 q2 a2
            q1 a1 q2 a2, 30 -- 10 --, q2 q1 a1 a2
            """)
    void whatSaysNoTimeStandsWhereTheUploadHasIt(String messages, String seconds, String stored) {
        // Given
        String[] ids = messages.split(" ");
        String[] times = seconds.split(" ");
        String[] upload = new String[ids.length];
        for (int i = 0; i < ids.length; i++) {
            upload[i] = message(ids[i], ids[i].startsWith("q") ? "user" : "assistant",
                    times[i].equals("--") ? null : "2026-01-01T10:00:" + times[i] + "Z");
        }

        // When
        upload(upload);
        List<String> first = ids();
        upload(upload);

        // Then
        assertThat(first).containsExactly(stored.split(" "));
        assertThat(ids()).isEqualTo(first);
    }

    @Test
    void whatIsUploadedAgainWithOthersKeepsItsPlace() {
        // Given
        upload(message("z1", "user", null), message("a1", "assistant", null));
        List<Instant> times = times();

        // When
        upload(message("z1", "user", null), message("a1", "assistant", null), message("y2", "user", null));

        // Then
        assertThat(ids()).containsExactly("z1", "a1", "y2");
        assertThat(times().subList(0, 2)).isEqualTo(times);
    }

    @ParameterizedTest
    @ValueSource(strings = { "q a together", "a q together", "q then a", "a then q", "q then a one by one",
            "a then q one by one" })
    void aQuestionNeverStandsBehindItsAnswer(String how) {
        // Given
        String question = message("q", "user", "2026-01-01T10:00:10Z");
        String answer = answer("a", "q", "2026-01-01T10:00:00Z");

        // When
        for (int time = 0; time < 2; time++) {
            switch (how) {
                case "q a together" -> upload(question, answer);
                case "a q together" -> upload(answer, question);
                case "q then a" -> List.of(question, answer).forEach(this::upload);
                case "a then q" -> List.of(answer, question).forEach(this::upload);
                case "q then a one by one" -> List.of(question, answer).forEach(this::append);
                default -> List.of(answer, question).forEach(this::append);
            }
        }

        // Then
        assertThat(ids()).containsExactly("q", "a");
        assertThat(times()).isEqualTo(how.startsWith("a then")
                ? List.of(Instant.parse("2026-01-01T09:59:59.999Z"), Instant.parse("2026-01-01T10:00:00Z"))
                : List.of(Instant.parse("2026-01-01T10:00:10Z"), Instant.parse("2026-01-01T10:00:10.001Z")));
    }

    @Test
    void timesThatAreInOrderStayAsTheyAreSaid() {
        // When
        upload(message("q", "user", ONE_TIME), answer("a", "q", ONE_TIME));

        // Then
        assertThat(ids()).containsExactly("q", "a");
        assertThat(times()).containsOnly(Instant.parse(ONE_TIME));
    }

    @Test
    void aQuestionThatIsChangedLaterStaysBeforeItsAnswer() {
        // Given
        upload(message("q1", "user", "2026-01-01T10:00:00Z"), answer("a1", "q1", "2026-01-01T10:00:05Z"),
                message("q2", "user", "2026-01-01T10:01:00Z"));

        // When
        upload(message("q1", "user", "2026-01-01T12:00:00Z"));

        // Then
        assertThat(ids()).containsExactly("q1", "a1", "q2");
    }

    @Test
    void anAnswerToAQuestionOfTheFutureStandsAfterIt() {
        // Given
        append(message("q", "user", "2999-01-01T00:00:00Z"));

        // When
        append(answer("a", "q", null));

        // Then
        assertThat(ids()).containsExactly("q", "a");
        assertThat(times().get(1)).isEqualTo("2999-01-01T00:00:00.001Z");
    }

    @Test
    void anAnswerToTheQuestionOfSomebodyElseKeepsItsTime() {
        // Given
        append(message("q", "user", "2999-01-01T00:00:00Z"));
        aUserSignsUp();

        // When
        append(answer("a", "q", ONE_TIME));

        // Then
        assertThat(times()).containsExactly(Instant.parse(ONE_TIME));
    }

    @Test
    void theNewestOfOneTimeIsWhatTheSessionShows() {
        // When
        upload(message("z", "user", ONE_TIME), message("a", "assistant", ONE_TIME));

        // Then
        assertThat(user.<String> value("select last_message_preview from public.chat_sessions")).isEqualTo("Message a");
    }

    @Test
    void nobodyGivesAMessageAnOrdinal() {
        // When
        String state = database.service().state(
                """
                        insert into public.chat_messages (user_id, id, session_id, role, content, ordinal) values (?, 'm', 's', 'user', 'a', 1)
                        """,
                id);

        // Then
        assertThat(state).isEqualTo("428C9");
    }

    private void append(String message) {
        user.rows("select chatkeep.create_session(?, 's', null)", id);
        user.rows("select chatkeep.append_message(?, 's', ?::jsonb)", id, json(message).toString());
    }

    private void upload(String... messages) {
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id,
                json("[{'id': 's', 'messages': [" + String.join(", ", messages) + "]}]").toString());
    }

    private static String message(String id, String role, String time) {
        return "{'id': '%s', 'role': '%s', 'content': 'Message %s'%s}".formatted(id, role, id,
                time == null ? "" : ", 'timestamp': '" + time + "'");
    }

    private static String answer(String id, String question, String time) {
        return message(id, "assistant", time).replace("}", ", 'user_message_id': '" + question + "'}");
    }

    private List<String> ids() {
        return user.column("select jsonb_array_elements(public.get_session_with_messages('s', ?) -> 'messages') ->> 'id'", id);
    }

    private List<Instant> times() {
        return user.column("select message_timestamp from public.chat_messages order by message_timestamp, ordinal");
    }
}

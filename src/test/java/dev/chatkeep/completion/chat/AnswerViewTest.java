package dev.chatkeep.completion.chat;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.AnswerExtras;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.Usage;

class AnswerViewTest {

    private static final Usage USAGE = new Usage(10, 7, 17, 4, 3, true, null);

    private final ObjectMapper json = new ObjectMapper();

    @Test
    void anAnswerHasTheMembersThatFrontEndsRead() throws JsonProcessingException {
        // Given
        AnswerView view = AnswerView.of(new Answered("Because", "text", USAGE, "msg_1", "gen-1", "gpt-a", "msg_q", "conv_1",
                "msg_1", "2026-09-01T08:00:01.530Z", Duration.ofMillis(1_530), null, AnswerExtras.NONE));

        // When
        String text = json.writeValueAsString(view);

        // Then
        assertThat(text).isEqualTo(
                """
                        {'response':'Because','usage':{'prompt_tokens':10,'completion_tokens':7,'total_tokens':17},\
                        'request_id':'msg_q','timestamp':'2026-09-01T08:00:01.530Z','elapsed_time':1.530,'elapsed_ms':1530,'contentType':'text',\
                        'id':'gen-1','model':'gpt-a','stream_id':'msg_1','session_id':'conv_1','message_id':'msg_1'}"""
                        .replace('\'', '"'));
    }

    @Test
    void anAnswerThatIsNotStoredHasNoMembersOfItsSession() throws JsonProcessingException {
        // Given
        AnswerView view = AnswerView.of(new Answered("Because", "text", USAGE, "msg_1", "gen-1", "gpt-a", "msg_q", null, null,
                "2026-09-01T08:00:01.530Z", Duration.ofMillis(1_530), null, AnswerExtras.NONE));

        // When
        String text = json.writeValueAsString(view);

        // Then
        assertThat(text).doesNotContain("session_id", "message_id");
    }
}

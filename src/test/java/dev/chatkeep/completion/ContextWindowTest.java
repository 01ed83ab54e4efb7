package dev.chatkeep.completion;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ContextWindowTest {

    /** Three tokens, so a message of seven. */
    private static final String THREE = "one two three";

    @Test
    void whatFitsStays() {
        List<ContextMessage> messages = List.of(message("system", "Be brief"), message("user", THREE));

        assertThat(fit(messages, 1_000, null)).isEqualTo(messages);
    }

    @Test
    void noMessagesFitAnywhere() {
        assertThat(fit(List.of(), 1, null)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({ "100, 51, 7", "100, 50, 7", "99, 50, 7", "96, 50, 6", "120, 50, 10", "120, 60, 8", "120, 90, 8" })
    void theOldestMessagesGoFirst(int tokens, int answer, int kept) {
        List<ContextMessage> messages = conversation(20);

        assertThat(fit(messages, tokens, answer)).isEqualTo(messages.subList(20 - kept, 20));
    }

    @ParameterizedTest
    @CsvSource({ "100, 10", "56, 6", "20000, 2272" })
    void unlessSaidTheAnswerHasAQuarterOrFourThousandTokens(int tokens, int kept) {
        List<ContextMessage> messages = conversation(3_000);

        assertThat(fit(messages, tokens, null)).isEqualTo(messages.subList(3_000 - kept, 3_000));
    }

    @Test
    void instructionsStayWhereTheyAre() {
        List<ContextMessage> messages = new ArrayList<>(conversation(10));
        messages.add(0, message("system", THREE));
        messages.add(8, message("system", THREE));

        List<ContextMessage> kept = fit(messages, 70, 35);

        assertThat(kept).containsExactly(messages.get(0), messages.get(8), messages.get(9), messages.get(10), messages.get(11));
    }

    @Test
    void theLastMessageStaysWhateverItsSize() {
        List<ContextMessage> messages = List.of(message("system", THREE), message("user", THREE),
                message("user", "word ".repeat(500)));

        assertThat(fit(messages, 20, null)).containsExactly(messages.get(0), messages.get(2));
    }

    @Test
    void whatIsOlderThanAMessageThatGoesGoesToo() {
        List<ContextMessage> messages = List.of(message("user", THREE), message("assistant", "word ".repeat(500)),
                message("user", THREE));

        assertThat(fit(messages, 100, null)).containsExactly(messages.get(2));
    }

    @Test
    void aLongTextCountsAsItBegins() {
        int half = TokenEstimate.of("word ".repeat(40_000));

        assertThat(TokenEstimate.of("word ".repeat(80_000))).isEqualTo(2 * half);
        assertThat(TokenEstimate.of(THREE)).isEqualTo(3);
        assertThat(TokenEstimate.of("")).isZero();
    }

    private static List<ContextMessage> fit(List<ContextMessage> messages, int tokens, Integer answer) {
        return ContextWindow.fit(messages, tokens, answer).await().atMost(PATIENCE);
    }

    private static List<ContextMessage> conversation(int messages) {
        List<ContextMessage> conversation = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            conversation.add(message(i % 2 == 0 ? "user" : "assistant", THREE));
        }
        return conversation;
    }

    private static ContextMessage message(String role, String content) {
        return new ContextMessage(role, content);
    }
}

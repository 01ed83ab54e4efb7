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
        // Given
        List<ContextMessage> messages = List.of(message("system", "Be brief"), message("user", THREE));

        // When
        List<ContextMessage> kept = fit(messages, 1_000, null);

        // Then
        assertThat(kept).isEqualTo(messages);
    }

    @Test
    void noMessagesFitAnywhere() {
        // When
        List<ContextMessage> kept = fit(List.of(), 1, null);

        // Then
        assertThat(kept).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({ "100, 51, 7", "100, 50, 7", "99, 50, 7", "96, 50, 6", "120, 50, 10", "120, 60, 8", "120, 90, 8" })
    void theOldestMessagesGoFirst(int tokens, int answer, int expected) {
        // Given
        List<ContextMessage> messages = conversation(20);

        // When
        List<ContextMessage> kept = fit(messages, tokens, answer);

        // Then
        assertThat(kept).isEqualTo(messages.subList(20 - expected, 20));
    }

    @ParameterizedTest
    @CsvSource({ "100, 10", "56, 6", "20000, 2272" })
    void withoutALimitTheAnswerHasAQuarterOrFourThousandTokens(int tokens, int expected) {
        // Given
        List<ContextMessage> messages = conversation(3_000);

        // When
        List<ContextMessage> kept = fit(messages, tokens, null);

        // Then
        assertThat(kept).isEqualTo(messages.subList(3_000 - expected, 3_000));
    }

    @Test
    void instructionsStayWhereTheyAre() {
        // Given
        List<ContextMessage> messages = new ArrayList<>(conversation(10));
        messages.add(0, message("system", THREE));
        messages.add(8, message("system", THREE));

        // When
        List<ContextMessage> kept = fit(messages, 70, 35);

        // Then
        assertThat(kept).containsExactly(messages.get(0), messages.get(8), messages.get(9), messages.get(10), messages.get(11));
    }

    @Test
    void theLastMessageStaysWhateverItsSize() {
        // Given
        List<ContextMessage> messages = List.of(message("system", THREE), message("user", THREE),
                message("user", "word ".repeat(500)));

        // When
        List<ContextMessage> kept = fit(messages, 20, null);

        // Then
        assertThat(kept).containsExactly(messages.get(0), messages.get(2));
    }

    @Test
    void whatIsOlderThanADroppedMessageIsDropped() {
        // Given
        List<ContextMessage> messages = List.of(message("user", THREE), message("assistant", "word ".repeat(500)),
                message("user", THREE));

        // When
        List<ContextMessage> kept = fit(messages, 100, null);

        // Then
        assertThat(kept).containsExactly(messages.get(2));
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

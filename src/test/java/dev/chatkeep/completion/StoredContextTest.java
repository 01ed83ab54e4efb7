package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.completion.Admission.StoredMessage;

class StoredContextTest {

    /** Messages are written {@code id}, or {@code id>question} for an answer; questions begin with q, instructions with s. */
    @ParameterizedTest
    @CsvSource({
            "q1 a1>q1 q2, q1 a1 q2",
            "q1 a1>q1 b1>q1 q2, q1 b1 q2",
            "q1 a1>q1 q2 a2>q2 b1>q1 q3, q1 b1 q2 a2 q3",
            "q1 q2 a1>q1 a2>q2, q1 a1 q2 a2",
            "q1 a1 q2 a2, q1 a1 q2 a2",
            "q1 a1>gone q2, q1 a1 q2",
            "a0>q0 q1, a0 q1",
            "s1 q1 a1>q1, s1 q1 a1",
            "q1 s1>q1 q2, q1 s1 q2",
            "q1 q2, q1 q2" })
    void anAnswerFollowsItsQuestionAndTheNewestStandsForAll(String stored, String seen) {
        // Given
        List<StoredMessage> messages = new ArrayList<>();
        for (String message : stored.split(" ")) {
            String[] parts = message.split(">");
            messages.add(new StoredMessage(parts[0], role(parts[0]), parts[0], parts.length > 1 ? parts[1] : null));
        }

        // When
        List<ContextMessage> context = StoredContext.of(messages);

        // Then
        assertThat(context).extracting(ContextMessage::content).containsExactly(seen.split(" "));
        assertThat(context).allSatisfy(message -> assertThat(message.role()).isEqualTo(role(message.content())));
    }

    private static String role(String id) {
        return switch (id.charAt(0)) {
            case 'q' -> "user";
            case 's' -> "system";
            default -> "assistant";
        };
    }
}

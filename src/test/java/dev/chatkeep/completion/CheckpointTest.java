package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

class CheckpointTest {

    private static final UUID USER = UUID.fromString("00000000-0000-0000-0000-000000000001");

    private final ObjectMapper json = new ObjectMapper();
    private final Checkpoint checkpoint = new Checkpoint();

    private ObjectNode next(String text) {
        return checkpoint.next(json, USER, "msg_1", text);
    }

    private ObjectNode part(int position) {
        return json.createObjectNode().put("user_id", USER.toString()).put("id", "msg_1").put("position", position);
    }

    @Test
    void aCallWithoutTextIsOnlyKeptAlive() {
        // When
        ObjectNode part = next("");

        // Then
        assertThat(part).isEqualTo(part(0));
    }

    @Test
    void theFirstCheckpointHasTheWholeText() {
        // When
        ObjectNode part = next("Because");

        // Then
        assertThat(part).isEqualTo(part(0).put("content", "Because"));
    }

    @Test
    void whatIsConfirmedIsNotSentAgain() {
        // Given
        next("Be");
        checkpoint.confirm();

        // When
        ObjectNode part = next("Because");

        // Then
        assertThat(part).isEqualTo(part(2).put("content", "cause"));
    }

    @Test
    void whatIsNotConfirmedIsSentAgainAsItWas() {
        // Given
        next("Be");

        // When
        ObjectNode part = next("Because");

        // Then
        assertThat(part).isEqualTo(part(0).put("content", "Be"));
    }

    @Test
    void withoutNewTextThereIsOnlyThePosition() {
        // Given
        next("Be");
        checkpoint.confirm();

        // When
        ObjectNode part = next("Be");

        // Then
        assertThat(part).isEqualTo(part(2));
    }

    @Test
    void halfASurrogatePairWaitsForItsOtherHalf() {
        // When
        ObjectNode part = next("a\uD83D");

        // Then
        assertThat(part).isEqualTo(part(0).put("content", "a"));
    }

    @Test
    void aSurrogatePairGoesOutWhole() {
        // Given
        next("a\uD83D");
        checkpoint.confirm();

        // When
        ObjectNode part = next("a\uD83D\uDE00");

        // Then
        assertThat(part).isEqualTo(part(1).put("content", "\uD83D\uDE00"));
    }

    @Test
    void nulIsReplaced() {
        // When
        ObjectNode part = next("a\0b");

        // Then
        assertThat(part).isEqualTo(part(0).put("content", "a\uFFFDb"));
    }

    @Test
    void aLongTextGoesOutInParts() {
        // Given
        String text = "a".repeat(Checkpoint.MAX_PART) + "\uD83D\uDE00b";
        next(text.substring(1));
        checkpoint.confirm();

        // When
        ObjectNode part = next(text.substring(1));

        // Then
        assertThat(part).isEqualTo(part(Checkpoint.MAX_PART - 1).put("content", "\uD83D\uDE00b"));
    }
}

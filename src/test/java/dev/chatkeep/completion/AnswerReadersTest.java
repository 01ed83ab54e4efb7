package dev.chatkeep.completion;

import static dev.chatkeep.completion.AnswerReaders.KEEP_ALIVE;
import static dev.chatkeep.completion.AnswerReaders.TO_ATTACH;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import dev.chatkeep.completion.CompletionResult.Failed;

class AnswerReadersTest {

    private static final Duration GRACE = Duration.ofSeconds(3);
    private static final CompletionResult RESULT = new Failed(CompletionFailure.interrupted());
    private static final CompletionResult OTHER_RESULT = new Failed(CompletionFailure.notStored());

    private final ManualTimers timers = new ManualTimers();
    private final List<String> events = new ArrayList<>();
    private final AnswerReaders readers = new AnswerReaders(timers, GRACE, () -> events.add("abandoned"));

    @Test
    void anAnswerThatNobodyReadsIsAbandoned() {
        // Given
        readers.open();

        // When
        timers.fire(TO_ATTACH);

        // Then
        assertThat(events).containsExactly("abandoned");
    }

    @Test
    void anAnswerWithAReaderIsNotAbandoned() {
        // Given
        readers.open();

        // When
        readers.attach(new RecordingReader("a"));

        // Then
        assertThat(timers.waiting()).containsExactly(KEEP_ALIVE);
    }

    @Test
    void aReaderWithoutAClientDoesNotKeepAnAnswer() {
        // Given
        RecordingReader reader = new RecordingReader("a");
        reader.following = false;
        readers.addPresent(List.of(reader));
        readers.open();

        // When
        timers.fire(TO_ATTACH);

        // Then
        assertThat(events).containsExactly("abandoned");
    }

    @Test
    void aReaderWithAClientKeepsAnAnswer() {
        // Given
        readers.addPresent(List.of(new RecordingReader("a")));
        readers.open();

        // When
        timers.fire(TO_ATTACH);

        // Then
        assertThat(events).isEmpty();
    }

    @Test
    void theLastReaderToGoStartsTheGrace() {
        // Given
        AnswerReader reader = new RecordingReader("a");
        readers.open();
        readers.attach(reader);

        // When
        readers.detach(reader);

        // Then
        assertThat(timers.waiting()).containsExactly(KEEP_ALIVE, GRACE);
        assertThat(events).isEmpty();
    }

    @Test
    void anAnswerIsAbandonedAfterTheGrace() {
        // Given
        AnswerReader reader = new RecordingReader("a");
        readers.open();
        readers.attach(reader);
        readers.detach(reader);

        // When
        timers.fire(GRACE);

        // Then
        assertThat(events).containsExactly("abandoned");
    }

    @Test
    void aReaderThatComesBackWithinTheGraceKeepsTheAnswer() {
        // Given
        AnswerReader reader = new RecordingReader("a");
        readers.open();
        readers.attach(reader);
        readers.detach(reader);

        // When
        readers.attach(reader);

        // Then
        assertThat(timers.waiting()).containsExactly(KEEP_ALIVE);
    }

    @Test
    void withoutAGraceAnAnswerIsAbandonedAtOnce() {
        // Given
        AnswerReaders impatient = new AnswerReaders(timers, Duration.ZERO, () -> events.add("abandoned"));
        AnswerReader reader = new RecordingReader("a");
        impatient.open();
        impatient.attach(reader);

        // When
        impatient.detach(reader);

        // Then
        assertThat(events).containsExactly("abandoned");
    }

    @Test
    void anAnswerWithAnotherReaderGoesOn() {
        // Given
        AnswerReader reader = new RecordingReader("a");
        readers.open();
        readers.attach(reader);
        readers.attach(new RecordingReader("b"));

        // When
        readers.detach(reader);

        // Then
        assertThat(timers.waiting()).containsExactly(KEEP_ALIVE);
    }

    @Test
    void aReaderThatIsUnknownCannotLeave() {
        // Given
        readers.open();

        // When
        readers.detach(new RecordingReader("a"));

        // Then
        assertThat(timers.waiting()).containsExactly(TO_ATTACH, KEEP_ALIVE);
    }

    @Test
    void nobodyCanAbandonAnAnswerThatHasEnded() {
        // Given
        AnswerReader reader = new RecordingReader("a");
        readers.open();
        readers.attach(reader);
        readers.close();

        // When
        readers.detach(reader);

        // Then
        assertThat(timers.waiting()).isEmpty();
        assertThat(events).isEmpty();
    }

    @Test
    void piecesReachAllReadersInTheirOrder() {
        // Given
        readers.attach(new RecordingReader("a"));
        readers.attach(new RecordingReader("b"));

        // When
        readers.received("{}", PieceKind.CHUNK);

        // Then
        assertThat(events).containsExactly("a received {}", "b received {}");
    }

    @Test
    void readersAreToldOfNewText() {
        // Given
        readers.attach(new RecordingReader("a"));

        // When
        readers.textAdded();

        // Then
        assertThat(events).containsExactly("a has more text");
    }

    @Test
    void readersAreKeptAwake() {
        // Given
        readers.open();
        readers.attach(new RecordingReader("a"));
        timers.fire(KEEP_ALIVE);

        // When
        timers.fire(KEEP_ALIVE);

        // Then
        assertThat(events).containsExactly("a is idle", "a is idle");
    }

    @Test
    void allReadersGetTheResult() {
        // Given
        readers.attach(new RecordingReader("a"));
        readers.attach(new RecordingReader("b"));

        // When
        readers.finish(RESULT);

        // Then
        assertThat(events).containsExactly("a finished INTERRUPTED", "b finished INTERRUPTED");
        assertThat(readers.isFinished()).isTrue();
    }

    @Test
    void onlyTheFirstResultCounts() {
        // Given
        readers.attach(new RecordingReader("a"));
        readers.finish(RESULT);

        // When
        readers.finish(OTHER_RESULT);

        // Then
        assertThat(events).containsExactly("a finished INTERRUPTED");
    }

    @Test
    void aLateReaderGetsTheResultAtOnce() {
        // Given
        readers.finish(RESULT);

        // When
        readers.attach(new RecordingReader("a"));

        // Then
        assertThat(events).containsExactly("a finished INTERRUPTED");
    }

    @Test
    void aReaderMayLeaveWhileItIsTold() {
        // Given
        readers.attach(new RecordingReader("a") {

            @Override
            public void textAdded() {
                super.textAdded();
                readers.detach(this);
            }
        });
        readers.attach(new RecordingReader("b"));

        // When
        readers.textAdded();

        // Then
        assertThat(events).containsExactly("a has more text", "b has more text");
    }

    private class RecordingReader implements AnswerReader {

        private final String name;
        private boolean following = true;

        RecordingReader(String name) {
            this.name = name;
        }

        @Override
        public boolean isFollowing() {
            return following;
        }

        @Override
        public void textAdded() {
            events.add(name + " has more text");
        }

        @Override
        public void received(String piece, PieceKind kind) {
            events.add(name + " received " + piece);
        }

        @Override
        public void idle() {
            events.add(name + " is idle");
        }

        @Override
        public void finished(CompletionResult result) {
            events.add(name + " finished " + ((Failed) result).failure().reason());
        }
    }
}

package dev.chatkeep.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.provider.ProviderFailure.Kind;
import io.vertx.core.buffer.Buffer;

/** The same events come out of the same bytes, however the network cuts them. */
class EventStreamTest {

    static List<Arguments> bodies() {
        return List.of(
                Arguments.of("data: a\n\ndata: b\n\n", List.of("a", "b")),
                Arguments.of("data: a\r\n\r\ndata: b\r\n\r\n", List.of("a", "b")),
                Arguments.of("data: a\r\n\ndata: b\n\r\n", List.of("a", "b")),
                Arguments.of("data:a\n\ndata:  b \n\n", List.of("a", " b ")),
                Arguments.of("data: a\ndata: b\ndata\ndata: c\n\n", List.of("a\nb\n\nc")),
                Arguments.of("data:\n\ndata\n\n", List.of("", "")),
                Arguments.of(": waiting\n\n: waiting\n\ndata: a\n\n:\n\n", List.of("a")),
                Arguments.of("event: delta\nid: 7\nretry: 10\ndata: a\n\nevent: nothing\n\n", List.of("a")),
                Arguments.of("database: a\nDATA: b\n\n", List.of()),
                Arguments.of("\n\r\n\ndata: a\n\n\n\n", List.of("a")),
                Arguments.of("data: a\r\rdata: b\rdata: c\r\r", List.of("a", "b\nc")),
                Arguments.of("data: a\n\rdata: b\r\n\rdata: c\r\n\ndata: d\n\r\n", List.of("a", "b", "c", "d")),
                Arguments.of("data: a\r\n\r\n\r\n\rdata: b\r\r\n", List.of("a", "b")),
                Arguments.of("\uFEFFdata: a\n\n", List.of("a")),
                Arguments.of("\uFEFF\uFEFFdata: a\n\ndata: b\n\n", List.of("b")),
                Arguments.of("\n\uFEFFdata: a\n\ndata: b\n\n", List.of("b")),
                Arguments.of("\uFEFF\r\ndata: a\n\n", List.of("a")),
                Arguments.of("\uFEFF{\"a\": 1}", List.of("{\"a\": 1}")),
                Arguments.of("\uFEFF", List.of()),
                Arguments.of("  data: a\n\n \t\n  data: b\n\ndata: c\n\n", List.of("c")),
                Arguments.of("data: a\ndata:\ndata:  b\n\n", List.of("a\n\n b")),
                Arguments.of("data : a\n:data: b\ndata:c:d\n\n", List.of("c:d")),
                Arguments.of("data: \uFFFDé\r\n\r\n", List.of("\uFFFDé")),
                Arguments.of("data: \uFEFFa\n\n\uFEFFdata: b\n\n", List.of("\uFEFFa")),
                Arguments.of("data: a\n\ndata: b\n", List.of("a", "b")),
                Arguments.of("data: a\n\ndata: b", List.of("a", "b")),
                Arguments.of("data: a\r\n\r\ndata: b\r", List.of("a", "b")),
                Arguments.of("data: {\"a\": \"x: y\"}\n\ndata: [DONE]\n\n", List.of("{\"a\": \"x: y\"}", "[DONE]")),
                Arguments.of("data: Größe \uD83D\uDE00 日本\n\n", List.of("Größe \uD83D\uDE00 日本")),
                Arguments.of("{\"a\":\n\n\"data: ü\"}", List.of("{\"a\":\n\n\"data: ü\"}")),
                Arguments.of("[1,\r\n2]\n", List.of("[1,\r\n2]\n")),
                Arguments.of("", List.of()),
                Arguments.of("\n\n", List.of()));
    }

    @ParameterizedTest
    @MethodSource("bodies")
    void anyCutGivesTheSameEvents(String body, List<String> events) {
        // When
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);

        // Then
        for (int size = 1; size <= bytes.length + 1; size++) {
            assertThat(cut(bytes, size)).as("pieces of %d bytes", size).isEqualTo(events);
        }
    }

    @Test
    void aDocumentMayFollowWhiteSpace() {
        // When
        byte[] bytes = " \r\n\t\n{\"a\": 1}".getBytes(StandardCharsets.UTF_8);

        // Then
        for (int size = 1; size <= bytes.length; size++) {
            assertThat(cut(bytes, size)).as("pieces of %d bytes", size).hasSize(1)
                    .allMatch(data -> data.strip().equals("{\"a\": 1}"));
        }
    }

    @Test
    void anEventIsCompleteWithTheFirstByteOfItsLastLineEnd() {
        // Given
        List<String> events = new ArrayList<>();
        EventStream stream = new EventStream(new HeldBytes(1_000, 1_000).share(), events::add);

        // When
        stream.accept(Buffer.buffer("data: a\r\n\r"));

        // Then
        assertThat(events).containsExactly("a");
    }

    @Test
    void whiteSpaceInFrontOfADocumentTakesNoMemory() {
        // Given
        HeldBytes held = new HeldBytes(1_000, 1_000);
        List<String> events = new ArrayList<>();
        EventStream stream = new EventStream(held.share(), events::add);

        // When
        for (int i = 0; i < 2_000; i++) {
            stream.accept(Buffer.buffer("\n   \n"));
        }
        stream.accept(Buffer.buffer("{}"));
        stream.end();

        // Then
        assertThat(events).containsExactly("{}");
    }

    @Test
    void anEventComesOutAsSoonAsItIsComplete() {
        // Given
        List<String> events = new ArrayList<>();
        EventStream stream = new EventStream(new HeldBytes(1_000, 1_000).share(), events::add);

        // When
        stream.accept(Buffer.buffer("data: a\n\ndata: b\n"));

        // Then
        assertThat(events).containsExactly("a");
    }

    @ParameterizedTest
    @ValueSource(strings = { "data: ", ": ", "{\"a\": \"", "data: a\ndata: " })
    void whatDoesNotEndIsGivenUp(String beginning) {
        // Given
        HeldBytes held = new HeldBytes(1_000, 1_000_000);
        List<String> events = new ArrayList<>();
        EventStream stream = new EventStream(held.share(), events::add);
        stream.accept(Buffer.buffer(beginning + "a".repeat(900)));

        // When
        ProviderFailure failure = catchThrowableOfType(ProviderFailure.class,
                () -> stream.accept(Buffer.buffer("a".repeat(200))));

        // Then
        assertThat(failure.kind()).isEqualTo(Kind.TOO_LARGE);
        assertThat(events).isEmpty();
    }

    @Test
    void anEventOfManyLinesIsBoundedToo() {
        // Given
        EventStream stream = new EventStream(new HeldBytes(1_000, 1_000_000).share(), data -> {
        });

        // When
        ProviderFailure failure = catchThrowableOfType(ProviderFailure.class,
                () -> stream.accept(Buffer.buffer(("data: " + "a".repeat(90) + "\n").repeat(12))));

        // Then
        assertThat(failure.kind()).isEqualTo(Kind.TOO_LARGE);
    }

    @Test
    void callsShareTheMemoryForWhatIsNotComplete() {
        // Given
        HeldBytes held = new HeldBytes(1_000_000, 1_000_000);
        EventStream other = new EventStream(held.share(), data -> {
        });
        EventStream stream = new EventStream(held.share(), data -> {
        });
        other.accept(Buffer.buffer("data: " + "a".repeat(900_000)));

        // When
        ProviderFailure failure = catchThrowableOfType(ProviderFailure.class,
                () -> stream.accept(Buffer.buffer("data: " + "a".repeat(200_000))));

        // Then
        assertThat(failure.kind()).isEqualTo(Kind.TOO_LARGE);
    }

    @Test
    void whatIsCompleteOrGivenUpTakesNoMemory() {
        // Given
        HeldBytes held = new HeldBytes(1_000, 1_000);
        EventStream complete = new EventStream(held.share(), data -> {
        });
        EventStream closed = new EventStream(held.share(), data -> {
        });
        complete.accept(Buffer.buffer("data: aaa"));
        closed.accept(Buffer.buffer("data: aaa"));

        // When
        complete.accept(Buffer.buffer("\n\n"));
        closed.close();

        // Then
        assertThat(held.all()).isZero();
    }

    private static List<String> cut(byte[] bytes, int size) {
        List<String> events = new ArrayList<>();
        EventStream stream = new EventStream(new HeldBytes(1_000, 1_000).share(), events::add);
        for (int from = 0; from < bytes.length; from += size) {
            stream.accept(Buffer.buffer().appendBytes(bytes, from, Math.min(size, bytes.length - from)));
        }
        stream.end();
        return events;
    }
}

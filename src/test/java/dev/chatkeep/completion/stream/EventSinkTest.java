package dev.chatkeep.completion.stream;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import io.smallrye.mutiny.helpers.test.AssertSubscriber;
import io.vertx.core.buffer.Buffer;

class EventSinkTest {

    private final EventSink sink = new EventSink();
    private final List<String> events = new ArrayList<>();

    private AssertSubscriber<Buffer> open(Runnable more) {
        return sink.open(Runnable::run, () -> events.add("opened"), more, () -> events.add("closed"))
                .subscribe().withSubscriber(AssertSubscriber.create(1));
    }

    @Test
    void aPieceGoesOutWhenItsClientAsksForIt() {
        // Given
        AssertSubscriber<Buffer> client = open(() -> {
            if (sink.takesMore()) {
                sink.emit(Buffer.buffer("piece"));
            }
        });

        // When
        client.request(1);

        // Then
        assertThat(client.getItems()).containsExactly(Buffer.buffer("piece"), Buffer.buffer("piece"));
        assertThat(events).containsExactly("opened");
    }

    @Test
    void aPieceThatCannotBeWrittenEndsTheResponse() {
        // Given
        IllegalStateException cause = new IllegalStateException("no serializer");

        // When
        AssertSubscriber<Buffer> client = open(() -> {
            throw cause;
        });

        // Then
        assertThat(client.getFailure()).isSameAs(cause);
        assertThat(events).containsExactly("opened", "closed");
        assertThat(sink.isOpen()).isFalse();
    }

    @Test
    void laterPiecesDoNotReachAResponseThatHasFailed() {
        // Given
        AssertSubscriber<Buffer> client = open(() -> {
            throw new IllegalStateException("no serializer");
        });

        // When
        sink.guard(() -> {
            throw new IllegalArgumentException("another");
        });

        // Then
        assertThat(client.getFailure()).isInstanceOf(IllegalStateException.class);
        assertThat(sink.takesMore()).isFalse();
    }
}

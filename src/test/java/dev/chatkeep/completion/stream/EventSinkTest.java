package dev.chatkeep.completion.stream;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import io.smallrye.mutiny.helpers.test.AssertSubscriber;
import io.vertx.core.buffer.Buffer;

class EventSinkTest {

    private final EventSink sink = new EventSink();
    private final List<String> happened = new ArrayList<>();

    private AssertSubscriber<Buffer> open(Runnable more) {
        return sink.open(Runnable::run, () -> happened.add("opened"), more, () -> happened.add("closed"))
                .subscribe().withSubscriber(AssertSubscriber.create(1));
    }

    @Test
    void aPieceGoesOutWhenItsClientAsksForIt() {
        AssertSubscriber<Buffer> client = open(() -> {
            if (sink.takesMore()) {
                sink.emit(Buffer.buffer("piece"));
            }
        });

        client.request(1);

        assertThat(client.getItems()).containsExactly(Buffer.buffer("piece"), Buffer.buffer("piece"));
        assertThat(happened).containsExactly("opened");
    }

    @Test
    void aPieceThatCannotBeWrittenEndsTheResponse() {
        IllegalStateException cause = new IllegalStateException("no serializer");

        AssertSubscriber<Buffer> client = open(() -> {
            throw cause;
        });

        assertThat(client.getFailure()).isSameAs(cause);
        assertThat(happened).containsExactly("opened", "closed");
        assertThat(sink.isOpen()).isFalse();
    }

    @Test
    void laterPiecesDoNotReachAResponseThatHasEndedSo() {
        AssertSubscriber<Buffer> client = open(() -> {
            throw new IllegalStateException("no serializer");
        });

        sink.guard(() -> {
            throw new IllegalArgumentException("another");
        });

        assertThat(client.getFailure()).isInstanceOf(IllegalStateException.class);
        assertThat(sink.takesMore()).isFalse();
    }
}

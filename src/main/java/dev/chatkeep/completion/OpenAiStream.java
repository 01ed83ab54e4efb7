package dev.chatkeep.completion;

import java.util.ArrayDeque;
import java.util.Queue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.smallrye.mutiny.Multi;
import io.vertx.core.buffer.Buffer;

/**
 * An answer as OpenAI streams it: the provider's own chunks, word for word. There is one such reader an answer, and the
 * provider waits for one that is slow.
 */
final class OpenAiStream implements LiveCompletion.Reader {

    private static final int MAX_WAITING_CHARACTERS = 1 << 20;
    private static final String DONE = "[DONE]";

    private final ServerSentEvents events;
    private final ObjectMapper json;
    private final boolean wantsUsage;
    private final Queue<String> waiting = new ArrayDeque<>();
    private int waitingCharacters;
    private LiveCompletion live;
    private final EventSink sink = new EventSink();
    private boolean usageSent;
    private boolean silent;
    private boolean over;

    /** @param wantsUsage whether the client asked for a chunk with usage; usage itself is always asked for */
    OpenAiStream(ServerSentEvents events, ObjectMapper json, boolean wantsUsage) {
        this.events = events;
        this.json = json;
        this.wantsUsage = wantsUsage;
    }

    /** The body of the response; to be read once. */
    Multi<Buffer> of(LiveCompletion live) {
        this.live = live;
        return sink.open(live::onContext, () -> {
        }, this::pump, () -> live.detach(this));
    }

    @Override
    public boolean isFollowing() {
        return sink.isOpen();
    }

    @Override
    public void received(String piece, Transcript.Piece kind) {
        boolean sent = switch (kind) {
            case CHUNK -> true;
            case USAGE -> wantsUsage;
            case LAST, ERROR, MALFORMED -> false;
        };
        if (sent) {
            usageSent |= kind == Transcript.Piece.USAGE;
            sink.guard(() -> say(piece));
        }
    }

    @Override
    public void idle() {
        silent = true;
        sink.guard(this::pump);
    }

    @Override
    public void finished(CompletionResult outcome) {
        sink.guard(() -> end(outcome));
    }

    private void end(CompletionResult outcome) {
        if (outcome.problem() != null) {
            say(events.write(OpenAiErrors.of(outcome.problem())));
        } else {
            if (wantsUsage && !usageSent) {
                say(usage(outcome.answer()));
            }
            say(DONE);
        }
        over = true;
        pump();
    }

    /** For a provider that does not send it. */
    private String usage(AnswerView answer) {
        ObjectNode chunk = json.createObjectNode().put("id", answer.id()).put("object", "chat.completion.chunk")
                .put("created", System.currentTimeMillis() / 1000).put("model", answer.model());
        chunk.putArray("choices");
        chunk.set("usage", json.valueToTree(answer.usage()));
        return chunk.toString();
    }

    private void say(String data) {
        waiting.add(data);
        waitingCharacters += data.length();
        if (waitingCharacters > MAX_WAITING_CHARACTERS && live != null) {
            live.pause();
        }
        pump();
    }

    private void pump() {
        while (sink.takesMore()) {
            if (!waiting.isEmpty()) {
                String data = waiting.remove();
                waitingCharacters -= data.length();
                silent = false;
                sink.emit(ServerSentEvents.data(data));
            } else if (over) {
                sink.complete();
            } else if (silent) {
                silent = false;
                sink.emit(ServerSentEvents.comment());
            } else {
                break;
            }
        }
        if (waitingCharacters <= MAX_WAITING_CHARACTERS / 2 && live != null) {
            live.resume();
        }
    }
}

package dev.chatkeep.completion.openai;

import java.util.ArrayDeque;
import java.util.Queue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.AnswerReader;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.LiveCompletion;
import dev.chatkeep.completion.PieceKind;
import dev.chatkeep.completion.stream.EventSink;
import dev.chatkeep.completion.stream.ServerSentEvents;
import dev.chatkeep.completion.stream.StreamingResponse;
import dev.chatkeep.wire.PartMemory;
import io.smallrye.mutiny.Multi;
import io.vertx.core.buffer.Buffer;

/**
 * Streams an answer as OpenAI does: the provider's own chunks, word for word, or what the whole answer that the provider sent
 * instead would be in chunks. An answer has one such reader, and the provider waits for it if it is slow.
 */
final class OpenAiStream implements AnswerReader {

    private static final int MAX_WAITING_CHARACTERS = 1 << 20;
    private static final String DONE = "[DONE]";

    private final ServerSentEvents events;
    private final ObjectMapper json;
    private final boolean wantsUsage;
    private final Queue<String> waiting = new ArrayDeque<>();
    private int waitingCharacters;
    private final PartMemory memory;
    private LiveCompletion live;
    private final EventSink sink = new EventSink();
    private boolean usageSent;
    private boolean silent;
    private boolean finished;

    /**
     * @param wantsUsage whether the client asked for a chunk with usage; usage itself is always asked for
     * @param memory what the response holds
     */
    OpenAiStream(ServerSentEvents events, ObjectMapper json, boolean wantsUsage, PartMemory memory) {
        this.memory = memory;
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
    public void received(String piece, PieceKind kind) {
        if (kind == PieceKind.WHOLE) {
            sink.guard(() -> sendWhole(piece));
            return;
        }
        boolean sent = switch (kind) {
            case CHUNK -> true;
            case USAGE -> wantsUsage;
            case WHOLE, LAST, ERROR, MALFORMED -> false;
        };
        if (sent) {
            usageSent |= kind == PieceKind.USAGE;
            sink.guard(() -> send(piece));
        }
    }

    private void sendWhole(String piece) {
        WholeAsChunks chunks = WholeAsChunks.of(json, piece);
        chunks.answer().forEach(chunk -> send(events.write(chunk)));
        if (wantsUsage && chunks.usage() != null) {
            usageSent = true;
            send(events.write(chunks.usage()));
        }
    }

    @Override
    public void idle() {
        silent = true;
        sink.guard(this::pump);
    }

    @Override
    public void finished(CompletionResult result) {
        sink.guard(() -> end(result));
    }

    private void end(CompletionResult result) {
        if (result instanceof Failed failed) {
            send(events.write(OpenAiErrors.of(OpenAiErrors.problem(failed.failure()))));
        } else {
            if (wantsUsage && !usageSent) {
                send(usage((Answered) result));
            }
            send(DONE);
        }
        finished = true;
        StreamingResponse.hold(waitingCharacters, memory);
        pump();
    }

    /** For a provider that sends no chunk with usage. */
    private String usage(Answered answer) {
        ObjectNode chunk = json.createObjectNode().put("id", answer.completionId()).put("object", "chat.completion.chunk")
                .put("created", System.currentTimeMillis() / 1000).put("model", answer.model());
        chunk.putArray("choices");
        chunk.set("usage", json.valueToTree(answer.usage()));
        return chunk.toString();
    }

    private void send(String data) {
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
            } else if (finished) {
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

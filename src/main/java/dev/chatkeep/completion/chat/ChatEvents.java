package dev.chatkeep.completion.chat;

import jakarta.enterprise.context.ApplicationScoped;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import dev.chatkeep.completion.CompletionFailure;
import dev.chatkeep.completion.CompletionResult;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.stream.CompletionProblems;
import dev.chatkeep.completion.stream.ServerSentEvents;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.vertx.core.buffer.Buffer;

/**
 * The events of the front ends. The id of an event says how many UTF-16 units of the whole text there are up to here: a
 * reader that comes back with it goes on from there.
 */
@ApplicationScoped
class ChatEvents {

    @Schema(name = "ChatDelta", description = "The data of `delta`: the next piece of the text")
    @RegisterForReflection // written by hand
    record Delta(String content) {
    }

    private final ServerSentEvents events;

    ChatEvents(ServerSentEvents events) {
        this.events = events;
    }

    Buffer delta(String streamId, int position, String text) {
        return events.event(streamId + ":" + position, "delta", new Delta(text));
    }

    /** The last event of a stream. */
    Buffer result(String streamId, int position, CompletionResult result) {
        return result instanceof Failed failed ? error(failed.failure())
                : events.event(streamId + ":" + position, "done", AnswerView.of((Answered) result));
    }

    private Buffer error(CompletionFailure failure) {
        return events.event("error", CompletionProblems.of(failure));
    }
}

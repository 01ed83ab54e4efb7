package dev.chatkeep.completion;

import jakarta.enterprise.context.ApplicationScoped;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.wire.JsonRules;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.vertx.core.buffer.Buffer;

/** Writes server-sent events (WHATWG HTML, section 9.2). */
@ApplicationScoped
class ServerSentEvents {

    @RegisterForReflection // written by hand
    record Delta(String content) {
    }

    private final ObjectMapper json;

    ServerSentEvents(ObjectMapper json) {
        this.json = json;
    }

    /** A line that clients ignore, and that tells everybody between that the connection is in use. */
    static Buffer comment() {
        return Buffer.buffer(":\n\n");
    }

    /** @param position UTF-16 units of the whole text up to here: where a reader goes on that comes back with it */
    Buffer delta(String streamId, int position, String text) {
        return Buffer.buffer("id: " + streamId + ":" + position + "\nevent: delta\ndata: " + write(new Delta(text)) + "\n\n");
    }

    Buffer done(String streamId, int position, AnswerView answer) {
        return Buffer.buffer("id: " + streamId + ":" + position + "\nevent: done\ndata: " + write(answer) + "\n\n");
    }

    Buffer error(HttpProblem problem) {
        return Buffer.buffer("event: error\ndata: " + write(problem) + "\n\n");
    }

    /** An event without a name, as OpenAI sends them. */
    static Buffer data(String data) {
        return Buffer.buffer("data: " + data.replace("\n", "\ndata: ") + "\n\n");
    }

    /** On one line. Half a surrogate pair cannot be sent; whoever it was cut from may have sent it like this. */
    String write(Object value) {
        try {
            return JsonRules.wellFormed(json.writeValueAsString(value));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}

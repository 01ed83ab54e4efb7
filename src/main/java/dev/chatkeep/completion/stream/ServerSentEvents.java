package dev.chatkeep.completion.stream;

import java.util.regex.Pattern;

import jakarta.enterprise.context.ApplicationScoped;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.wire.JsonRules;
import io.vertx.core.buffer.Buffer;

/** Writes server-sent events (WHATWG HTML, section 9.2). */
@ApplicationScoped
public class ServerSentEvents {

    private static final Pattern LINE_END = Pattern.compile("\r\n?");

    private final ObjectMapper json;

    ServerSentEvents(ObjectMapper json) {
        this.json = json;
    }

    /** A line that clients ignore. It shows all proxies that the connection is in use. */
    public static Buffer comment() {
        return Buffer.buffer(":\n\n");
    }

    /** An event without a name, as OpenAI sends them. */
    public static Buffer data(String data) {
        String lines = data.indexOf('\r') < 0 ? data : LINE_END.matcher(data).replaceAll("\n");
        return Buffer.buffer("data: " + lines.replace("\n", "\ndata: ") + "\n\n");
    }

    /** @param value is written as JSON */
    public Buffer event(String name, Object value) {
        return Buffer.buffer("event: " + name + "\ndata: " + write(value) + "\n\n");
    }

    /** @param id a reader that comes back with it goes on after this event */
    public Buffer event(String id, String name, Object value) {
        return Buffer.buffer("id: " + id + "\nevent: " + name + "\ndata: " + write(value) + "\n\n");
    }

    /** On one line. Half a surrogate pair cannot be sent, and the provider may have sent one. */
    public String write(Object value) {
        try {
            return JsonRules.wellFormed(json.writeValueAsString(value));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}

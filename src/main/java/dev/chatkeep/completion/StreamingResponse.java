package dev.chatkeep.completion;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;

import org.jboss.resteasy.reactive.RestMulti;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** What a client is answered with: a head, and a body in one or more pieces. */
record StreamingResponse(Map<String, String> headers, Multi<Buffer> body) {

    /** What `GET /api/chat/streams/{id}` knows an answer by. */
    static final String STREAM_ID = "X-Stream-Id";

    /** What is said of every answer, whichever API it is given by. */
    static Map<String, String> headersOf(LiveCompletion live) {
        return with(RateLimit.headers(live.admission().policies()), STREAM_ID, live.id());
    }

    static StreamingResponse ofJson(Map<String, String> headers, Buffer document) {
        return new StreamingResponse(with(headers, HttpHeaders.CONTENT_TYPE, MediaType.APPLICATION_JSON),
                Multi.createFrom().item(document));
    }

    static StreamingResponse ofEvents(Map<String, String> headers, Multi<Buffer> events) {
        Map<String, String> all = with(headers, HttpHeaders.CONTENT_TYPE, MediaType.SERVER_SENT_EVENTS);
        all.put(HttpHeaders.CACHE_CONTROL, "no-store");
        // What proxies collect does not come as it is written.
        all.put("X-Accel-Buffering", "no");
        return new StreamingResponse(all, events);
    }

    private static Map<String, String> with(Map<String, String> headers, String name, String value) {
        Map<String, String> all = new TreeMap<>(headers);
        all.put(name, value);
        return all;
    }

    /** As a method without a declared media type returns it: the framework writes what it is given, as it comes. */
    static RestMulti<Buffer> answer(Uni<StreamingResponse> reply) {
        return RestMulti.fromUniResponse(reply, StreamingResponse::body, ready -> {
            Map<String, List<String>> headers = new TreeMap<>();
            ready.headers().forEach((name, value) -> headers.put(name, List.of(value)));
            return headers;
        });
    }
}

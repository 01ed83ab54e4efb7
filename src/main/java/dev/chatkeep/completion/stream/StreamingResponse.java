package dev.chatkeep.completion.stream;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;

import org.jboss.resteasy.reactive.RestMulti;

import dev.chatkeep.completion.LiveCompletion;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** A response to a client: headers, and a body in one or more pieces. */
public record StreamingResponse(Map<String, String> headers, Multi<Buffer> body) {

    /** The id that `GET /api/chat/streams/{id}` takes. */
    public static final String STREAM_ID = "X-Stream-Id";

    /** The headers of every answer, whichever API sends it. */
    public static Map<String, String> headersOf(LiveCompletion live) {
        return with(RateLimitHeaders.of(live.rateLimits()), STREAM_ID, live.streamId());
    }

    public static StreamingResponse ofJson(Map<String, String> headers, Buffer document, PartMemory memory) {
        hold(document.length(), memory);
        return new StreamingResponse(with(headers, HttpHeaders.CONTENT_TYPE, MediaType.APPLICATION_JSON),
                Multi.createFrom().item(document));
    }

    /** Notes what stays in memory until the client has taken it; what is small is not worth counting. */
    public static void hold(long bytes, PartMemory memory) {
        if (bytes > ResponseMemory.SMALL_BYTES) {
            memory.hold(bytes);
        }
    }

    public static StreamingResponse ofEvents(Map<String, String> headers, Multi<Buffer> events) {
        return inPieces(headers, MediaType.SERVER_SENT_EVENTS, events);
    }

    public static StreamingResponse ofText(Map<String, String> headers, Multi<Buffer> text) {
        return inPieces(headers, MediaType.TEXT_PLAIN + ";charset=UTF-8", text);
    }

    private static StreamingResponse inPieces(Map<String, String> headers, String type, Multi<Buffer> pieces) {
        Map<String, String> all = with(headers, HttpHeaders.CONTENT_TYPE, type);
        all.put(HttpHeaders.CACHE_CONTROL, "no-store");
        // Proxies that collect pieces would hold them back.
        all.put("X-Accel-Buffering", "no");
        return new StreamingResponse(all, pieces);
    }

    private static Map<String, String> with(Map<String, String> headers, String name, String value) {
        Map<String, String> all = new TreeMap<>(headers);
        all.put(name, value);
        return all;
    }

    /**
     * For methods without a declared media type: the framework then writes each piece as it comes. A call that fails
     * becomes a problem here.
     *
     * @param memory what the response holds; all of it is given back with the last piece
     */
    public static RestMulti<Buffer> send(Uni<StreamingResponse> response, PartMemory memory) {
        Uni<StreamingResponse> sent = response.onFailure().transform(CompletionProblems::translate)
                .onFailure().invoke(memory::end).onCancellation().invoke(memory::end);
        return RestMulti.fromUniResponse(sent, ready -> memory.sending(ready.body()), ready -> {
            Map<String, List<String>> headers = new TreeMap<>();
            ready.headers().forEach((name, value) -> headers.put(name, List.of(value)));
            return headers;
        });
    }
}

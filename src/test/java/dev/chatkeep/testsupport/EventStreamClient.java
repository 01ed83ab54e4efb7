package dev.chatkeep.testsupport;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;

/** A response that is read event by event, and can be hung up on in the middle. */
public final class EventStreamClient implements AutoCloseable {

    /** @param name null where the event has none; as {@code id} */
    public record Event(String id, String name, String data) {

        public JsonNode json() {
            return Json.of(data);
        }
    }

    private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private final HttpResponse<InputStream> response;
    private final BufferedReader lines;

    private EventStreamClient(HttpRequest.Builder request) {
        try {
            response = HTTP.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
            lines = new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    public static EventStreamClient post(Caller caller, String path, Map<String, ?> body) {
        return new EventStreamClient(request(caller, path).header("Content-Type", "application/json")
                .header("Accept", "text/event-stream").POST(HttpRequest.BodyPublishers.ofString(Json.write(body))));
    }

    /** @param lastEventId may be null */
    public static EventStreamClient follow(Caller caller, String streamId, String lastEventId) {
        HttpRequest.Builder request = request(caller, "/api/chat/streams/" + streamId);
        return new EventStreamClient(lastEventId == null ? request : request.header("Last-Event-ID", lastEventId));
    }

    private static HttpRequest.Builder request(Caller caller, String path) {
        return HttpRequest.newBuilder(URI.create("http://localhost:" + caller.service().port() + path))
                .header("Authorization", "Bearer " + caller.token());
    }

    public int status() {
        return response.statusCode();
    }

    public String header(String name) {
        return response.headers().firstValue(name).orElse(null);
    }

    /** The next event, or null at the end. */
    public Event next() {
        String id = null;
        String name = null;
        StringBuilder data = null;
        try {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.isEmpty() && data != null) {
                    return new Event(id, name, data.toString());
                } else if (line.startsWith("id: ")) {
                    id = line.substring(4);
                } else if (line.startsWith("event: ")) {
                    name = line.substring(7);
                } else if (line.startsWith("data: ")) {
                    data = (data == null ? new StringBuilder() : data.append('\n')).append(line, 6, line.length());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return null;
    }

    /** All that are left. */
    public List<Event> rest() {
        List<Event> events = new ArrayList<>();
        for (Event event = next(); event != null; event = next()) {
            events.add(event);
        }
        return events;
    }

    /** The text that these events add up to. */
    public static String text(List<Event> events) {
        StringBuilder text = new StringBuilder();
        events.stream().filter(event -> "delta".equals(event.name()))
                .forEach(event -> text.append(event.json().path("content").textValue()));
        return text.toString();
    }

    @Override
    public void close() {
        try {
            response.body().close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

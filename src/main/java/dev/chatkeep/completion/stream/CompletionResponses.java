package dev.chatkeep.completion.stream;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.headers.Header;
import org.eclipse.microprofile.openapi.models.media.MediaType;
import org.eclipse.microprofile.openapi.models.media.Schema;
import org.eclipse.microprofile.openapi.models.media.Schema.SchemaType;
import org.eclipse.microprofile.openapi.models.responses.APIResponse;

import io.quarkus.smallrye.openapi.OpenApiFilter;

/**
 * Describes in the OpenAPI document what the answers of all APIs have in common: their headers, and the events of their
 * streams. The extension {@code x-events} says which schema the data of an event has; {@code data} are events without a name.
 */
@OpenApiFilter(value = OpenApiFilter.RunStage.BUILD, priority = 0)
public class CompletionResponses implements OASFilter {

    private static final List<String> CALLS = List.of("createAnswer", "streamAnswer", "createChatCompletion");
    private static final String EVENTS = "text/event-stream";
    private static final String EXTENSION = "x-events";
    private static final Map<String, String> NAMES = Map.of("ChatDelta", "delta", "ChatAnswer", "done", "Problem", "error",
            "ChatCompletionChunk", "data");

    @Override
    public void filterOpenAPI(OpenAPI document) {
        document.getPaths().getPathItems().values().forEach(path -> path.getOperations().values()
                .forEach(operation -> operation.getResponses().getAPIResponses().forEach((status, response) -> {
                    if (CALLS.contains(operation.getOperationId())) {
                        addHeaders(status, response);
                    }
                    if (response.getContent() != null && response.getContent().getMediaType(EVENTS) != null) {
                        response.addHeader(StreamingResponse.STREAM_ID, header("The id of the stream"));
                        nameEvents(response.getContent().getMediaType(EVENTS));
                    }
                })));
    }

    private static void addHeaders(String status, APIResponse response) {
        response.addHeader("RateLimit-Policy", header("The limits that apply, as `\"daily\";q=10;w=86400`"));
        response.addHeader("RateLimit", header("What is left of them, as `\"daily\";r=9;t=3600`"));
        if (status.equals("429")) {
            response.addHeader("X-RateLimit-Limit", header("Of the limit that is used up: how much it is"));
            response.addHeader("X-RateLimit-Remaining", header("What is left of it"));
            response.addHeader("X-RateLimit-Reset", header("The time (ISO 8601) from which there is something left again"));
        }
        if (status.equals("200") || status.equals("409")) {
            response.addHeader(StreamingResponse.STREAM_ID, header("What `GET /api/chat/streams/{id}` knows the answer by"));
        }
    }

    private static Header header(String description) {
        return OASFactory.createHeader().description(description)
                .schema(OASFactory.createSchema().addType(SchemaType.STRING));
    }

    private static void nameEvents(MediaType stream) {
        Schema data = stream.getSchema();
        List<Schema> events = data.getOneOf() != null ? data.getOneOf() : List.of(data);
        Map<String, Object> named = new TreeMap<>();
        for (Schema event : events) {
            String name = event.getRef().substring(event.getRef().lastIndexOf('/') + 1);
            named.put(NAMES.getOrDefault(name, "data"), Map.of("$ref", event.getRef()));
        }
        stream.addExtension(EXTENSION, named);
    }
}

package dev.chatkeep.completion.chat;

import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response.Status;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestMulti;
import org.jboss.resteasy.reactive.RestPath;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.CompletionRefused;
import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.completion.Completions;
import dev.chatkeep.completion.LiveCompletion;
import dev.chatkeep.completion.StoredCompletion;
import dev.chatkeep.completion.chat.ChatRequestReader.ParsedRequest;
import dev.chatkeep.completion.stream.StreamingResponse;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import dev.chatkeep.wire.Text;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** Questions to models and their answers, in the shapes that front ends know. */
@Path("/api/chat")
@Authenticated
@Tag(name = "Chat", description = "Questions to models and their answers")
public class ChatResource {

    private static final String EVENTS = MediaType.SERVER_SENT_EVENTS;
    private static final String STREAM_EXAMPLE = "id: msg_0d6b:5\nevent: delta\ndata: {\"content\":\"Start\"}\n\n"
            + "id: msg_0d6b:5\nevent: done\ndata: {\"response\":\"Start\",\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1,"
            + "\"total_tokens\":8},\"timestamp\":\"2026-09-01T08:00:01.530Z\",\"elapsed_time\":1.53,\"model\":\"openai/gpt-4o-mini\","
            + "\"stream_id\":\"msg_0d6b\"}\n\n";
    private static final String TEXT_EXAMPLE = "__REASONING_CHUNK__{\"type\":\"reasoning\",\"data\":\"They like walking.\"}\nStart in Alfama.\n"
            + "{\"__FINAL_METADATA__\":{\"response\":\"Start in Alfama.\",\"timestamp\":\"2026-09-01T08:00:01.530Z\"}}\n";
    /** The id of an event, or only its second half. */
    private static final Pattern LAST_EVENT = Pattern.compile("(?:.*:)?(\\d{1,9})");

    @Schema(name = "ChatResponse")
    @RegisterForReflection // written by hand
    record ChatResponse(AnswerView data, String timestamp) {
    }

    /** How an answer is sent. */
    private enum Form {
        WHOLE,
        EVENTS,
        TEXT
    }

    private final Completions completions;
    private final ChatRequestReader requests;
    private final ChatEvents events;
    private final ChatLines lines;
    private final ObjectMapper json;
    private final ResponseMemory memory;

    public ChatResource(Completions completions, ChatRequestReader requests, ChatEvents events, ChatLines lines,
            ObjectMapper json, ResponseMemory memory) {
        this.memory = memory;
        this.completions = completions;
        this.requests = requests;
        this.events = events;
        this.lines = lines;
        this.json = json;
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(operationId = "createAnswer", summary = "Ask a model", description = "The whole answer at once, or as server-sent events: `delta` with"
            + " `{\"content\": \"…\"}` as the text comes, then one `done` with the same object as `data` has in the whole"
            + " answer, or `error` with a problem document. With a session both messages are stored in it, the question"
            + " before the model is called. A client that goes away in the middle leaves what had come, marked as"
            + " interrupted. A question has one call at a time: the same question, asked again while it is being answered, is"
            + " answered by that call.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = ChatRequest.class)))
    @APIResponse(responseCode = "200", description = "The answer", content = {
            @Content(mediaType = "application/json", schema = @Schema(implementation = ChatResponse.class)),
            @Content(mediaType = "text/event-stream", schema = @Schema(description = "The data of each event; `event` names it", oneOf = {
                    ChatEvents.Delta.class, AnswerView.class,
                    Problem.class }), examples = @ExampleObject(name = "stream", value = STREAM_EXAMPLE)) })
    @APIResponse(responseCode = "400", description = "The body is malformed or lacks the question, or the provider rejects it")
    @APIResponse(responseCode = "403", description = "The tier does not open the model")
    @APIResponse(responseCode = "409", description = "The id of the question belongs to a message of another session, or another instance is answering the same request; `stream_id` says which stream that is")
    @APIResponse(responseCode = "404", description = "No tier opens the model, or the provider does not know it")
    @APIResponse(responseCode = "413", description = "The request is larger than 16 MiB")
    @APIResponse(responseCode = "422", description = "A field is not valid, or the `Idempotency-Key` belongs to another request")
    @APIResponse(responseCode = "429", description = "A limit is used up; `Retry-After` says when to try again")
    @APIResponse(responseCode = "502", description = "The provider failed")
    @APIResponse(responseCode = "504", description = "The provider took too long")
    public RestMulti<Buffer> ask(@RestHeader(HttpHeaders.ACCEPT) String accept,
            @Parameter(description = "The same key with the same body is the same request: it is answered once, however often it"
                    + " is sent", example = "8e03978e-40d5-43e8-bc93-6894a57f9324") @RestHeader("Idempotency-Key") @Text(min = 1, max = Text.ID_LENGTH) String idempotencyKey,
            byte[] body) {
        boolean wantsEvents = accept != null && accept.contains(EVENTS);
        return answer(body, idempotencyKey, request -> wantsEvents || request.streamed() ? Form.EVENTS : Form.WHOLE);
    }

    @POST
    @Path("/stream")
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(operationId = "streamAnswer", summary = "Ask a model, for an answer as text", description = "As `POST /api/chat`,"
            + " with the text as it comes. Between it stand lines that begin with `__REASONING_CHUNK__` or"
            + " `__ANNOTATIONS_CHUNK__` and go on with a JSON object of `type` and `data`. The last line is a JSON object"
            + " with one member, `__FINAL_METADATA__`: what `data` is in the whole answer. If the answer fails, it is a"
            + " problem document, and the connection breaks off.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = ChatRequest.class)))
    @APIResponse(responseCode = "200", description = "The answer", content = @Content(mediaType = "text/plain", schema = @Schema(implementation = String.class), examples = @ExampleObject(name = "text", value = TEXT_EXAMPLE)))
    @APIResponse(responseCode = "400", description = "The body is malformed or lacks the question, or the provider rejects it")
    @APIResponse(responseCode = "403", description = "The tier does not open the model")
    @APIResponse(responseCode = "409", description = "The id of the question belongs to a message of another session, or another instance is answering the same request; `stream_id` says which stream that is")
    @APIResponse(responseCode = "404", description = "No tier opens the model, or the provider does not know it")
    @APIResponse(responseCode = "413", description = "The request is larger than 16 MiB")
    @APIResponse(responseCode = "422", description = "A field is not valid, or the `Idempotency-Key` belongs to another request")
    @APIResponse(responseCode = "429", description = "A limit is used up; `Retry-After` says when to try again")
    @APIResponse(responseCode = "502", description = "The provider failed")
    @APIResponse(responseCode = "504", description = "The provider took too long")
    public RestMulti<Buffer> askForText(
            @Parameter(description = "As of `POST /api/chat`", example = "8e03978e-40d5-43e8-bc93-6894a57f9324") @RestHeader("Idempotency-Key") @Text(min = 1, max = Text.ID_LENGTH) String idempotencyKey,
            byte[] body) {
        return answer(body, idempotencyKey, request -> Form.TEXT);
    }

    private RestMulti<Buffer> answer(byte[] body, String idempotencyKey, Function<ParsedRequest, Form> formOf) {
        Completions.ForCaller caller = completions.forCaller();
        PartMemory held = memory.forAnswer(caller.userId());
        return StreamingResponse.send(requests.read(body, idempotencyKey).chain(request -> {
            Form form = formOf.apply(request);
            return caller.start(request.call()).chain(live -> respond(live, form, held))
                    .onFailure(CompletionRefused.class)
                    .recoverWithUni(refused -> respondAgain((CompletionRefused) refused, caller, form, held));
        }), held);
    }

    /** With the answer of the call that answers the same already, as far as it is known here. */
    private Uni<StreamingResponse> respondAgain(CompletionRefused refused, Completions.ForCaller caller, Form form,
            PartMemory held) {
        String streamId = refused.refusal().streamId();
        if (streamId == null) {
            return Uni.createFrom().failure(refused);
        }
        return caller.findAdmitted(streamId)
                .chain(live -> live != null ? respond(live, form, held) : respondStored(refused, caller, form, held));
    }

    private Uni<StreamingResponse> respondStored(CompletionRefused refused, Completions.ForCaller caller, Form form,
            PartMemory held) {
        String streamId = refused.refusal().streamId();
        return caller.stored(streamId).map(stored -> {
            if (stored == null || stored.isRunning() || stored.text() == null) {
                throw refused;
            }
            takeRoom(stored, held);
            Map<String, String> headers = Map.of(StreamingResponse.STREAM_ID, streamId);
            return switch (form) {
                case EVENTS -> StreamingResponse.ofEvents(headers, stored(streamId, stored, 0));
                case TEXT -> StreamingResponse.ofText(headers, storedText(answered(stored)));
                case WHOLE -> StreamingResponse.ofJson(headers, write(answer(answered(stored))), held);
            };
        });
    }

    private static Answered answered(StoredCompletion stored) {
        if (stored.result() instanceof Failed failed) {
            throw failed.failure();
        }
        return (Answered) stored.result();
    }

    private static ChatResponse answer(Answered answered) {
        AnswerView answer = AnswerView.of(answered);
        return new ChatResponse(answer, answer.timestamp());
    }

    private Multi<Buffer> storedText(Answered answered) {
        String text = answered.text();
        return Multi.createFrom().items(Buffer.buffer(ChatLines.text(text, 0, text.length()) + "\n"), lines.last(answered));
    }

    private Uni<StreamingResponse> respond(LiveCompletion live, Form form, PartMemory held) {
        Map<String, String> headers = StreamingResponse.headersOf(live);
        return switch (form) {
            case EVENTS -> Uni.createFrom()
                    .item(StreamingResponse.ofEvents(headers, DeltaStream.of(live, events, held)));
            case TEXT -> Uni.createFrom().item(StreamingResponse.ofText(headers, TextStream.of(live, lines, held)));
            case WHOLE -> AwaitedResult.of(live)
                    .map(answered -> StreamingResponse.ofJson(headers, write(answer(answered)), held));
        };
    }

    @GET
    @Path("/streams/{id}")
    @Operation(operationId = "followAnswer", summary = "Follow an answer again", description = "What a client missed of an answer, and then what is to come."
            + " On the instance that receives the answer it goes on live; on any other it is there once it is complete. An"
            + " answer that is stored in no session can be had for a minute.")
    @APIResponse(responseCode = "200", description = "ServerSentEvents as those of `POST /api/chat`", content = @Content(mediaType = "text/event-stream", schema = @Schema(description = "The data of each event; `event` names it", oneOf = {
            ChatEvents.Delta.class, AnswerView.class,
            Problem.class }), examples = @ExampleObject(name = "stream", value = STREAM_EXAMPLE)))
    @APIResponse(responseCode = "404", description = "There is no such stream")
    @APIResponse(responseCode = "409", description = "Another instance is receiving the answer; `Retry-After` says when to ask again")
    @APIResponse(responseCode = "422", description = "The last event is none of this stream")
    public RestMulti<Buffer> follow(
            @Parameter(description = "`X-Stream-Id` of the answer", example = "msg_0d6b2f6c9ef94f8c8f6bbd2a4a1f7a10") @RestPath @Text(min = 1, max = Text.ID_LENGTH) String id,
            @Parameter(description = "The id of the last event that arrived; everything if it is left out") @RestHeader("Last-Event-ID") @Schema(pattern = "^(.*:)?[0-9]{1,9}$") String lastEventId) {
        int from = position(lastEventId);
        Completions.ForCaller caller = completions.forCaller();
        LiveCompletion live = caller.find(id);
        Map<String, String> headers = Map.of(StreamingResponse.STREAM_ID, id);
        PartMemory held = memory.forUser(caller.userId());
        return StreamingResponse.send(
                live != null
                        ? Uni.createFrom()
                                .item(StreamingResponse.ofEvents(headers, DeltaStream.again(live, from, events, held)))
                        : caller.stored(id)
                                .map(stored -> StreamingResponse.ofEvents(headers, storedAgain(id, stored, from, held))),
                held);
    }

    private static int position(String lastEventId) {
        if (lastEventId == null || lastEventId.isBlank()) {
            return 0;
        }
        Matcher position = LAST_EVENT.matcher(lastEventId.strip());
        if (!position.matches()) {
            throw RequestProblems.ofParameter("Last-Event-ID", "is not the id of an event");
        }
        return Integer.parseInt(position.group(1));
    }

    /** An answer that has been settled, by this instance or another. */
    private Multi<Buffer> storedAgain(String streamId, StoredCompletion call, int from, PartMemory held) {
        if (call == null || !call.isRunning() && call.text() == null) {
            throw Problem.notFound("stream_not_found", "There is no such stream.");
        }
        if (call.isRunning()) {
            throw Problem.later(Status.CONFLICT, "stream_elsewhere", "Another instance is receiving the answer.", 2);
        }
        takeRoom(call, held);
        return stored(streamId, call, from);
    }

    /** The text, and what is written of it, stay until the client has taken all; small ones are not worth counting. */
    private static void takeRoom(StoredCompletion call, PartMemory held) {
        if (call.text().length() > ResponseMemory.SMALL_BYTES) {
            held.takeNow(ResponseMemory.expanded(call.text().length()));
        }
    }

    private Multi<Buffer> stored(String streamId, StoredCompletion call, int from) {
        String text = call.text();
        String rest = text.substring(Math.min(from, text.length()));
        Multi<Buffer> delta = rest.isEmpty() ? Multi.createFrom().empty()
                : Multi.createFrom().item(events.delta(streamId, text.length(), rest));
        return Multi.createBy().concatenating().streams(delta,
                Multi.createFrom().item(events.result(streamId, text.length(), call.result())));
    }

    private Buffer write(Object value) {
        try {
            return Buffer.buffer(json.writeValueAsBytes(value));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}

package dev.chatkeep.completion.openai;

import java.util.List;
import java.util.Map;

import jakarta.annotation.Nullable;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

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

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.CompletionFailure;
import dev.chatkeep.completion.Completions;
import dev.chatkeep.completion.openai.OpenAiErrors.OpenAiErrorResponse;
import dev.chatkeep.completion.stream.ServerSentEvents;
import dev.chatkeep.completion.stream.StreamingResponse;
import dev.chatkeep.database.Database;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import dev.chatkeep.wire.Text;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import io.vertx.sqlclient.Row;

/** The same questions and answers in the shapes of OpenAI's API, for its clients. */
@Path("/v1")
@Authenticated
@Tag(name = "OpenAI", description = "For clients of OpenAI's API, with a user's token as the API key; errors have its shape, too")
public class OpenAiResource {

    private static final String SESSION_ID = "X-Session-Id";
    private static final String STREAM_EXAMPLE = "data: {\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
            + "\"model\":\"openai/gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Start\"}}]}\n\ndata: [DONE]\n\n";

    /** A user who is not known yet has the lowest tier. */
    private static final String LIST = "select m.model_id, floor(extract(epoch from m.created_at))::bigint"
            + " from chatkeep.open_models((select p.subscription_tier from public.profiles p where p.id = $1), $2) m"
            + " order by m.model_id";

    @Schema(name = "ChatCompletionRequest", description = "And OpenAI's options for sampling, formats and tools. Others are refused unless the operator allows them")
    record ChatCompletionRequest(@Schema(examples = "openai/gpt-4o-mini", minLength = 1, maxLength = 100) String model,
            @Schema(required = true, minItems = 1, examples = "[{\"role\": \"user\", \"content\": \"What should I see in Lisbon?\"}]") List<Map<String, Object>> messages,
            Boolean stream, @Schema(description = "`session_id` is taken out of it") Map<String, Object> metadata) {
    }

    @Schema(name = "ChatCompletion", description = "As the provider sends it", additionalProperties = Schema.True.class)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record ChatCompletionResponse(@Nullable String id, @Nullable String object, @Nullable Long created, @Nullable String model,
            @Nullable List<Map<String, Object>> choices, @Nullable Map<String, Object> usage) {
    }

    @Schema(name = "ChatCompletionChunk", description = "A piece of a streamed completion, as the provider sends it; one with `error` ends the stream", additionalProperties = Schema.True.class)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record ChatCompletionChunk(@Nullable String id, @Schema(examples = "chat.completion.chunk") @Nullable String object,
            @Nullable Long created, @Nullable String model, @Nullable List<Map<String, Object>> choices,
            @Nullable Map<String, Object> usage, @Nullable OpenAiErrors.OpenAiError error) {
    }

    @Schema(name = "OpenAiModelList")
    record ModelListResponse(String object, List<ModelView> data) {
    }

    @Schema(name = "OpenAiModel")
    record ModelView(@Schema(examples = "openai/gpt-4o-mini") String id, String object,
            @Schema(description = "Seconds since 1970") long created, @JsonProperty("owned_by") String ownedBy) {

        static ModelView of(Row row) {
            String id = row.getString(0);
            int slash = id.indexOf('/');
            return new ModelView(id, "model", row.getLong(1), slash < 0 ? "chatkeep" : id.substring(0, slash));
        }
    }

    private final Completions completions;
    private final OpenAiRequestReader requests;
    private final ServerSentEvents events;
    private final Database database;
    private final ObjectMapper json;
    private final ResponseMemory memory;

    public OpenAiResource(Completions completions, OpenAiRequestReader requests, ServerSentEvents events,
            Database database, ObjectMapper json, ResponseMemory memory) {
        this.memory = memory;
        this.completions = completions;
        this.requests = requests;
        this.events = events;
        this.database = database;
        this.json = json;
    }

    @POST
    @Path("/chat/completions")
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(operationId = "createChatCompletion", summary = "Create a chat completion", description = "OpenAI's `POST /v1/chat/completions`, streamed or not: what"
            + " is asked goes to the provider as it is, and its answer comes back as it is. With `metadata.session_id` or the"
            + " header `X-Session-Id` the last question and the answer are stored in that session.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = ChatCompletionRequest.class)))
    @APIResponse(responseCode = "200", description = "The completion, or its chunks", content = {
            @Content(mediaType = "application/json", schema = @Schema(implementation = ChatCompletionResponse.class)),
            @Content(mediaType = "text/event-stream", schema = @Schema(implementation = ChatCompletionChunk.class), examples = @ExampleObject(name = "stream", value = STREAM_EXAMPLE)) })
    @APIResponse(responseCode = "400", description = "The body is malformed, or the provider rejects it")
    @APIResponse(responseCode = "403", description = "The tier does not open the model")
    @APIResponse(responseCode = "404", description = "No tier opens the model, or the provider does not know it")
    @APIResponse(responseCode = "413", description = "The request is larger than 16 MiB")
    @APIResponse(responseCode = "422", description = "A field is not valid")
    @APIResponse(responseCode = "429", description = "A limit is used up; `Retry-After` says when to try again")
    @APIResponse(responseCode = "502", description = "The provider failed")
    @APIResponse(responseCode = "504", description = "The provider took too long")
    public RestMulti<Buffer> complete(
            @Parameter(description = "The session to store question and answer in") @RestHeader(SESSION_ID) @Text(min = 1, max = Text.ID_LENGTH) String sessionId,
            byte[] body) {
        Completions.ForCaller caller = completions.forCaller();
        PartMemory held = memory.forAnswer(caller.userId());
        return StreamingResponse.send(requests.read(body, sessionId).chain(request -> {
            if (request.streamed()) {
                OpenAiStream stream = new OpenAiStream(events, json, request.wantsUsage(), held);
                return caller.start(request.call(), stream)
                        .map(live -> StreamingResponse.ofEvents(StreamingResponse.headersOf(live), stream.of(live)));
            }
            OpenAiDocument document = new OpenAiDocument(json);
            return caller.start(request.call(), document).chain(live -> document.of(live)
                    .map(answer -> StreamingResponse.ofJson(StreamingResponse.headersOf(live), Buffer.buffer(answer), held)));
        }).onFailure(CompletionFailure.class).transform(failure -> OpenAiErrors.problem((CompletionFailure) failure)), held);
    }

    @GET
    @Path("/models")
    @Produces(MediaType.APPLICATION_JSON)
    @Operation(operationId = "listOpenAiModels", summary = "List the models", description = "OpenAI's `GET /v1/models`: those that the caller's tier opens.")
    @APIResponse(responseCode = "200", description = "The models", content = @Content(schema = @Schema(implementation = ModelListResponse.class)))
    public Uni<ModelListResponse> models() {
        return database.asCaller().read().list(ModelView::of, LIST, (String) null)
                .map(models -> new ModelListResponse("list", models));
    }

    @GET
    @Path("/models/{id: .+}")
    @Produces(MediaType.APPLICATION_JSON)
    @Operation(operationId = "getOpenAiModel", summary = "Get a model", description = "OpenAI's `GET /v1/models/{model}`.")
    @APIResponse(responseCode = "200", description = "The model", content = @Content(schema = @Schema(implementation = ModelView.class)))
    @APIResponse(responseCode = "404", description = "The caller's tier opens no such model", content = @Content(schema = @Schema(implementation = OpenAiErrorResponse.class)))
    public Uni<ModelView> model(@Parameter(example = "openai/gpt-4o-mini") @RestPath @Text(min = 1, max = 100) String id) {
        return database.asCaller().read().one(ModelView::of, LIST, id)
                .onItem().ifNull().failWith(() -> Problem.notFound("model_not_found", "Your tier opens no such model."));
    }
}

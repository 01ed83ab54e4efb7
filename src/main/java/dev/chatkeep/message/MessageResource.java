package dev.chatkeep.message;

import java.util.List;

import jakarta.annotation.Nullable;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.ResponseStatus;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Access;
import dev.chatkeep.database.Database;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.wire.JsonBody;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Timestamp;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;

/** The messages of a session, and each of them. */
@Path("/api/chat/messages")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Messages", description = "What was said in a session")
public class MessageResource {

    /** How many messages an answer holds at the most. */
    static final int MAX = 50_000;

    @Schema(name = "MessageList")
    @RegisterForReflection // An answer may be it or its parts
    record Messages(List<MessageInput> messages, int count,
            @Schema(description = "Null unless there are more messages") @JsonProperty("next_cursor") @Nullable String nextCursor) {
    }

    @Schema(name = "StoredMessage")
    @RegisterForReflection // as above
    record Stored(MessageRow message, boolean success) {
    }

    @Schema(name = "StoredMessages")
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @RegisterForReflection // as above
    record StoredAll(@Schema(description = "The message of a request with `message`") @Nullable MessageRow message,
            @Schema(description = "In the order of the request") List<MessageRow> messages, int count, boolean success) {
    }

    @Schema(name = "MessageChange")
    @RegisterForReflection // read by JsonBody
    record Change(
            @Schema(description = "At most 16 MiB", examples = "What should I see in Porto?") @NotNull @Text(maxBytes = MessageInput.CONTENT_BYTES) String content) {
    }

    @Schema(name = "MessageDeleted")
    record Deleted(boolean success, @Schema(examples = "The message was deleted.") String message) {
    }

    private final Database database;
    private final JsonBody bodies;
    private final ObjectMapper json;
    private final ResponseMemory memory;

    public MessageResource(Database database, JsonBody bodies, ObjectMapper json, ResponseMemory memory) {
        this.memory = memory;
        this.database = database;
        this.bodies = bodies;
        this.json = json;
    }

    @GET
    @Operation(operationId = "listMessages", summary = "Read a session", description = "Its messages in time order; complete up to "
            + MAX
            + " messages and 64 MiB of content, beyond that and with `limit` in pages, each of which names the cursor of the"
            + " next. With `since_ts` only those that are new or have changed since then.")
    @APIResponse(responseCode = "200", description = "The messages", content = @Content(schema = @Schema(implementation = Messages.class)))
    @APIResponse(responseCode = "400", description = "The session id is missing")
    @APIResponse(responseCode = "404", description = "There is no such session")
    @APIResponse(responseCode = "422", description = "A parameter is not valid")
    public Uni<Object> list(@RestQuery("session_id") @NotNull @Text(min = 1, max = Text.ID_LENGTH) String sessionId,
            @Parameter(description = "Only what was stored, changed or said after this time") @RestQuery("since_ts") @Timestamp String since,
            @Parameter(description = "Messages a page") @RestQuery("limit") @Min(1) @Max(MAX) Integer limit,
            @Parameter(description = "`next_cursor` of the page before") @RestQuery String cursor) {
        Access access = database.asCaller();
        return MessagePage.read(access.read(), memory.forUser(access.userId()), sessionId, limit == null ? MAX : limit, since,
                cursor, json);
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @ResponseStatus(201)
    @Cancellable(false)
    @Operation(operationId = "storeMessage", summary = "Store messages", description = "One as `message`, or several as `messages`: all of them or"
            + " none. The session is made if it is not there. The same message again changes and counts nothing; other content"
            + " under the same id corrects the message.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = NewMessages.class)))
    @APIResponse(responseCode = "201", description = "The messages as stored", content = @Content(schema = @Schema(implementation = StoredAll.class)))
    @APIResponse(responseCode = "400", description = "The body is malformed or lacks a field")
    @APIResponse(responseCode = "409", description = "An id belongs to a message of another session")
    @APIResponse(responseCode = "413", description = "The request is larger than 16 MiB, or the quota of the tier is used up")
    @APIResponse(responseCode = "422", description = "A field is not valid")
    public Uni<Object> append(byte[] body) {
        PartMemory held = MessageResponse.room(memory, database, body);
        return bodies.read(body, NewMessages.class, request -> request.storing(json))
                .chain(storing -> database.asCallerWith(body).writeByFunction()
                        .list(MessageRow::of, storing.sql(), storing.parameters())
                        .map(rows -> MessageResponse.of(
                                new StoredAll(storing.isOne() ? rows.get(0) : null, rows, rows.size(), true),
                                rows, body.length, held, json)));
    }

    @GET
    @Path("/{id}")
    @Operation(operationId = "getMessage", summary = "Read a message", description = "As it is stored, in whichever session of the caller.")
    @APIResponse(responseCode = "200", description = "The message", content = @Content(schema = @Schema(implementation = Stored.class)))
    @APIResponse(responseCode = "404", description = "There is no such message")
    @APIResponse(responseCode = "422", description = "The id is not valid")
    public Uni<Object> read(@RestPath @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id) {
        Access access = database.asCaller();
        return SingleMessage.read(access.read(), memory.forUser(access.userId()), id, json)
                .onItem().ifNull().failWith(MessageResource::notFound);
    }

    @PATCH
    @Path("/{id}")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "updateMessage", summary = "Change the content of a message", description = "What was counted for it stays as it is.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = Change.class)))
    @APIResponse(responseCode = "200", description = "The message as stored", content = @Content(schema = @Schema(implementation = Stored.class)))
    @APIResponse(responseCode = "400", description = "The body is malformed or has no content")
    @APIResponse(responseCode = "404", description = "There is no such message")
    @APIResponse(responseCode = "413", description = "The request is larger than 16 MiB, or the quota of the tier is used up")
    @APIResponse(responseCode = "422", description = "The id or the content is not valid")
    public Uni<Object> change(@RestPath @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id,
            byte[] body) {
        PartMemory held = MessageResponse.room(memory, database, body);
        return bodies.read(body, Change.class)
                .chain(change -> database.asCallerWith(body).writeEntities(userId -> ChatMessage.find(userId, id)
                        .onItem().ifNull().failWith(MessageResource::notFound)
                        .chain(message -> {
                            message.content = change.content();
                            return message.<ChatMessage> flush().map(changed -> MessageRow.of(message));
                        })))
                .map(stored -> MessageResponse.of(stored, body.length, held, json));
    }

    @DELETE
    @Path("/{id}")
    @Cancellable(false)
    @Operation(operationId = "deleteMessage", summary = "Delete a message", description = "What was used stays counted.")
    @APIResponse(responseCode = "200", description = "The message is gone")
    @APIResponse(responseCode = "404", description = "There is no such message")
    @APIResponse(responseCode = "422", description = "The id is not valid")
    public Uni<Deleted> delete(@RestPath @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id) {
        return database.asCaller().removeEntities(userId -> ChatMessage.delete(userId, id))
                .map(deleted -> {
                    if (deleted == 0) {
                        throw notFound();
                    }
                    return new Deleted(true, "The message was deleted.");
                });
    }

    private static RuntimeException notFound() {
        return Problem.notFound("message_not_found", "There is no such message.");
    }
}

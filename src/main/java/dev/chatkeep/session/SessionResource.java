package dev.chatkeep.session;

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
import org.hibernate.reactive.mutiny.Mutiny;
import org.jboss.resteasy.reactive.ResponseStatus;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Access;
import dev.chatkeep.database.Database;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.wire.JsonBody;
import dev.chatkeep.wire.ResponseMemory;
import dev.chatkeep.wire.Text;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;

/** The conversations of the caller. */
@Path("/api/chat")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Sessions", description = "The conversations of the caller")
public class SessionResource {

    /** The maximum number of sessions in a list. */
    static final int MAX = 10_000;

    private static final String CREATE = "select " + SessionView.COLUMNS + " from chatkeep.create_session($1, $2, $3) s";

    private final Database database;
    private final JsonBody bodies;
    private final ObjectMapper json;
    private final ResponseMemory memory;

    public SessionResource(Database database, JsonBody bodies, ObjectMapper json, ResponseMemory memory) {
        this.bodies = bodies;
        this.database = database;
        this.json = json;
        this.memory = memory;
    }

    @GET
    @Path("/sessions")
    @Operation(operationId = "listSessions", summary = "List the sessions", description = "Newest `updated_at` first. Complete up to "
            + MAX
            + " sessions; with `limit` in pages of that size, each with the cursor of the next.")
    @APIResponse(responseCode = "200", description = "The sessions", content = @Content(schema = @Schema(implementation = SessionResponses.Many.class)))
    @APIResponse(responseCode = "422", description = "The limit or the cursor is not valid")
    public Uni<Object> list(
            @Parameter(description = "Sessions per page") @RestQuery("limit") @Min(1) @Max(MAX) Integer limit,
            @Parameter(description = "`next_cursor` of the previous page") @RestQuery String cursor) {
        Access access = database.asCaller();
        return SessionQueries.read(access.read(), memory.forUser(access.userId()), limit == null ? MAX : limit, cursor, json);
    }

    @POST
    @Path("/sessions")
    @Consumes(MediaType.APPLICATION_JSON)
    @ResponseStatus(201)
    @Cancellable(false)
    @Operation(operationId = "createSession", summary = "Create a session", description = "Repeating the request returns the same session.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = SessionRequests.Create.class)))
    @APIResponse(responseCode = "201", description = "The session", content = @Content(schema = @Schema(implementation = SessionResponses.One.class)))
    @APIResponse(responseCode = "400", description = "The body is malformed or has no id")
    @APIResponse(responseCode = "409", description = "The id is taken by a session with another title")
    @APIResponse(responseCode = "413", description = "The quota of the tier is used up")
    @APIResponse(responseCode = "422", description = "A field is not valid")
    public Uni<SessionResponses.One> create(byte[] body) {
        return bodies.read(body, SessionRequests.Create.class)
                .chain(session -> database.asCaller().writeByFunction().one(SessionView::of, CREATE, session.id(),
                        session.title()))
                .map(created -> new SessionResponses.One(created, true));
    }

    @PATCH
    @Path("/sessions")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "renameSession", summary = "Change the title of a session", description = "The other figures of the session follow its messages.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = SessionRequests.Rename.class)))
    @APIResponse(responseCode = "200", description = "The session")
    @APIResponse(responseCode = "400", description = "The body is malformed or lacks the id or the title")
    @APIResponse(responseCode = "404", description = "There is no such session")
    @APIResponse(responseCode = "422", description = "A field is not valid")
    public Uni<SessionResponses.One> rename(byte[] body) {
        return bodies.read(body, SessionRequests.Rename.class).chain(this::rename);
    }

    private Uni<SessionResponses.One> rename(SessionRequests.Rename change) {
        return database.asCaller().writeEntities(userId -> ChatSession.find(userId, change.id())
                .onItem().ifNull().failWith(SessionResource::notFound)
                .chain(session -> {
                    session.title = change.title();
                    // A trigger sets the times, so the row is read again. refresh() would log a warning each time.
                    return session.<ChatSession> flush().chain(() -> ChatSession.getSession())
                            .invoke(Mutiny.Session::clear)
                            .chain(() -> ChatSession.find(userId, change.id()))
                            .map(renamed -> new SessionResponses.One(SessionView.of(renamed), true));
                }));
    }

    @POST
    @Path("/session")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "renameSessionByPost", deprecated = true, summary = "Change the title of a session", description = "`PATCH /api/chat/sessions` under its older name.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = SessionRequests.Rename.class)))
    @APIResponse(responseCode = "200", description = "The session")
    @APIResponse(responseCode = "400", description = "The body is malformed or lacks the id or the title")
    @APIResponse(responseCode = "404", description = "There is no such session")
    @APIResponse(responseCode = "422", description = "A field is not valid")
    public Uni<SessionResponses.One> renameByOlderName(byte[] body) {
        return rename(body);
    }

    @DELETE
    @Path("/sessions")
    @Cancellable(false)
    @Operation(operationId = "deleteSession", summary = "Delete a session", description = "Its messages go with it. What was used stays counted. A delete that is repeated within a day succeeds again.")
    @APIResponse(responseCode = "200", description = "The session is gone")
    @APIResponse(responseCode = "400", description = "The id is missing")
    @APIResponse(responseCode = "404", description = "There is no such session")
    @APIResponse(responseCode = "422", description = "The id is not valid")
    public Uni<SessionResponses.Deleted> delete(@RestQuery @NotNull @Text(min = 1, max = Text.ID_LENGTH) String id) {
        return database.asCaller().removeEntities(userId -> ChatSession.delete(userId, id)
                .chain(deleted -> deleted > 0 ? Uni.createFrom().item(true) : ChatSession.wasDeleted(userId, id)))
                .map(gone -> {
                    if (!gone) {
                        throw notFound();
                    }
                    return new SessionResponses.Deleted(true, "The session was deleted.");
                });
    }

    @DELETE
    @Path("/clear-all")
    @Cancellable(false)
    @Operation(operationId = "deleteAllSessions", summary = "Delete all sessions", description = "Their messages go with them. What was used stays counted.")
    @APIResponse(responseCode = "200", description = "The sessions are gone")
    public Uni<SessionResponses.Cleared> clearAll() {
        return database.asCaller().removeEntities(userId -> ChatSession.deleteAll(userId))
                .map(deleted -> new SessionResponses.Cleared(true,
                        deleted == 1 ? "1 session was deleted." : deleted + " sessions were deleted.", deleted));
    }

    private static RuntimeException notFound() {
        return Problem.notFound("session_not_found", "There is no such session.");
    }
}

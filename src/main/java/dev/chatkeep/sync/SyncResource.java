package dev.chatkeep.sync;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
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
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Access;
import dev.chatkeep.database.Database;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Timestamp;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;

/** Uploads and downloads whole conversations. */
@Path("/api/chat/sync")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Sync", description = "Upload and download of whole conversations")
public class SyncResource {

    private final Database database;
    private final SyncUpload upload;
    private final ObjectMapper json;
    private final ResponseMemory memory;

    public SyncResource(Database database, SyncUpload upload, ObjectMapper json, ResponseMemory memory) {
        this.memory = memory;
        this.database = database;
        this.upload = upload;
        this.json = json;
    }

    @GET
    @Operation(operationId = "downloadConversations", summary = "Download conversations", description = "Without parameters the "
            + SyncQueries.NEWEST
            + " newest by `updatedAt`, each with all its messages in time order. Those that would exceed 64 MiB of content are"
            + " left out: the list of sessions names them, and their messages can be read one by one. With any of the"
            + " parameters all of them page by page, by the time of their last message, newest first; a page ends early"
            + " rather than exceed 64 MiB. One without messages stands where it was made.")
    @APIResponse(responseCode = "200", description = "The conversations", content = @Content(schema = @Schema(implementation = SyncResponses.Downloaded.class)))
    @APIResponse(responseCode = "422", description = "A parameter is not valid")
    public Uni<Object> download(
            @Parameter(description = "Conversations a page, 20 without it") @RestQuery("limit") @Min(1) @Max(SyncPage.MAX_SIZE) Integer limit,
            @Parameter(description = "`true`: without their messages") @RestQuery("summary_only") Boolean summaryOnly,
            @Parameter(description = "`ts` of the `nextCursor` of the page before") @RestQuery("cursor_ts") @Timestamp String cursorTime,
            @Parameter(description = "`id` of the same") @RestQuery("cursor_id") @Text(max = Text.ID_LENGTH) String cursorId) {
        Access access = database.asCaller();
        PartMemory held = memory.forUser(access.userId());
        SyncPage page = SyncPage.of(limit, summaryOnly, cursorTime, cursorId);
        return page == null ? SyncDownload.newest(access.read(), held, json)
                : SyncDownload.page(access.read(), held, page, json);
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "uploadConversations", summary = "Upload conversations", description = "New messages are stored, changed ones corrected, the same"
            + " ones left alone, so an upload can be sent again. A conversation that is new keeps its times; one that did"
            + " not change is not touched. A bad conversation is reported in `details` and the others are stored.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = SyncUpload.Request.class)))
    @APIResponse(responseCode = "200", description = "The result for each conversation")
    @APIResponse(responseCode = "400", description = "The body is malformed or has no conversations")
    @APIResponse(responseCode = "413", description = "The request is larger than 16 MiB")
    @APIResponse(responseCode = "422", description = "`conversations` is not an array")
    public Uni<SyncResponses.Uploaded> upload(byte[] body) {
        return upload.store(body)
                .map(results -> new SyncResponses.Uploaded(true, results, Instant.now().truncatedTo(ChronoUnit.MILLIS)));
    }
}

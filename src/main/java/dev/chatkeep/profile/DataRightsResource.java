package dev.chatkeep.profile;

import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Locale;

import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.headers.Header;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Access;
import dev.chatkeep.database.Database;
import dev.chatkeep.database.Statements;
import dev.chatkeep.wire.JsonBody;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.Parts;
import dev.chatkeep.wire.ResponseMemory;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** What the caller may demand of their data: a copy of all of it (GDPR, articles 15 and 20) and its erasure (article 17). */
@Path("/api/user")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "User")
public class DataRightsResource {

    private static final String RECORD_EXPORT = "select chatkeep.record_export($1)::text from chatkeep.begin_removal($1)";
    private static final String ERASE = "select chatkeep.erase_account($1)::text";

    @Schema(name = "Erasure")
    @RegisterForReflection // read by JsonBody
    record Erasure(
            @Schema(description = "To be sure that it is meant", enumeration = "erase") @NotNull @Pattern(regexp = "erase", message = "must be \"erase\"") String confirm) {
    }

    private final Database database;
    private final JsonBody bodies;
    private final ResponseMemory memory;
    private final ObjectMapper json;

    public DataRightsResource(Database database, JsonBody bodies, ResponseMemory memory, ObjectMapper json) {
        this.memory = memory;
        this.database = database;
        this.bodies = bodies;
        this.json = json;
    }

    @GET
    @Path("/export")
    @Operation(operationId = "exportUserData", summary = "Download everything", description = "Everything that is stored about the caller, as one JSON document"
            + " or as lines (`format=ndjson`), a line an item with its `type`. It is streamed: a download that breaks off is"
            + " not complete, and the connection says so.")
    @APIResponse(responseCode = "200", description = "The document", content = {
            @Content(mediaType = "application/json", schema = @Schema(implementation = ProfileResponses.Export.class)),
            @Content(mediaType = "application/x-ndjson", schema = @Schema(implementation = ProfileResponses.ExportLine.class)) }, headers = @Header(name = HttpHeaders.CONTENT_DISPOSITION, description = "A file name with the day", schema = @Schema(implementation = String.class)))
    @APIResponse(responseCode = "422", description = "The format is not known")
    public Uni<RestResponse<Parts>> export(
            @Parameter(description = "`json` or `ndjson`") @RestQuery @DefaultValue("json") @Pattern(regexp = "json|ndjson", message = "must be json or ndjson") String format) {
        ExportFormat chosen = ExportFormat.valueOf(format.toUpperCase(Locale.ROOT));
        Access access = database.asCaller();
        Statements reading = access.read();
        PartMemory held = memory.forUser(access.userId());
        return Uni.createFrom().item(() -> {
            held.takeNow(UserExport.firstBytes());
            return held;
        }).chain(() -> access.write().document(RECORD_EXPORT)).map(recorded -> ResponseBuilder
                .ok(new Parts(UserExport.of(reading, held, chosen, json), held))
                .header(HttpHeaders.CONTENT_TYPE, chosen.mediaType())
                .header(HttpHeaders.CONTENT_DISPOSITION, "attachment; filename=\"chatkeep-export-"
                        + Instant.now().atZone(ZoneOffset.UTC).toLocalDate() + "." + chosen.extension() + "\"")
                .header(HttpHeaders.CACHE_CONTROL, "no-store")
                .build());
    }

    /** Who accepts nothing but lines. With both media types on one method the framework has another writer write the parts. */
    @GET
    @Path("/export")
    @Produces("application/x-ndjson")
    @Operation(hidden = true)
    public Uni<RestResponse<Parts>> exportLines(
            @RestQuery @DefaultValue("ndjson") @Pattern(regexp = "json|ndjson", message = "must be json or ndjson") String format) {
        return export(format);
    }

    @DELETE
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "eraseAccount", summary = "Erase the account", description = "Deletes the profile and everything else about the caller, for"
            + " good. Tokens that were issued before are refused from then on (401 `account_erased`); who signs in again"
            + " starts afresh.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = Erasure.class)))
    @APIResponse(responseCode = "200", description = "What was deleted", content = @Content(schema = @Schema(implementation = ProfileResponses.Erased.class)))
    @APIResponse(responseCode = "400", description = "The confirmation is missing")
    @APIResponse(responseCode = "422", description = "The confirmation is not the right word")
    public Uni<Buffer> erase(byte[] body) {
        return bodies.read(body, Erasure.class).chain(() -> database.asCaller().write().document(ERASE));
    }
}

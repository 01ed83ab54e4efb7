package dev.chatkeep.profile;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
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

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Database;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.StrictJson;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** The caller: profile, preferences and activity. */
@Path("/api/user")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "User", description = "The caller: profile, preferences, activity, and the rights over their data")
public class UserResource {

    private static final int ACTIVITIES = 50;
    private static final int MAX_ACTIVITIES = 1_000;

    private static final String DATA = "select chatkeep.user_data($1)::text";
    private static final String CHANGE = "select chatkeep.put_user_data($1, $2::text::jsonb)::text";
    private static final String PROFILE = "select public.get_user_complete_profile($1)::text";
    private static final String SYNC = "select public.sync_profile_from_auth($1)::text from chatkeep.begin_write($1)";
    private static final String NO_CHANGE = "{}";

    private final Database database;
    private final StrictJson strictJson;
    private final ObjectMapper json;
    private final PreferencesConfig config;

    public UserResource(Database database, StrictJson strictJson, ObjectMapper json, PreferencesConfig config) {
        this.config = config;
        this.database = database;
        this.strictJson = strictJson;
        this.json = json;
    }

    @GET
    @Path("/data")
    @Operation(operationId = "getUserData", summary = "Read what a front end starts with", description = "Today's usage, the totals of all time, the"
            + " profile, the preferences and the models that the tier opens.")
    @APIResponse(responseCode = "200", description = "The caller's data", content = @Content(schema = @Schema(implementation = ProfileResponses.Data.class)))
    public Uni<Buffer> data() {
        // Creates a user who has never written anything.
        Uni<Buffer> first = database.asCaller().write().document(CHANGE, NO_CHANGE);
        return database.asCaller().read().document(DATA).onItem().ifNull().switchTo(first);
    }

    @PUT
    @Path("/data")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "updatePreferences", summary = "Change preferences", description = "Each section is merged into what is stored: objects key by key,"
            + " anything else replaces. Devices that change other keys at the same time keep each other's changes. A section"
            + " has at most 16 KiB. Unknown fields are refused, and so is a `personality_preset` that the service does not know.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = UserDataChange.class)))
    @APIResponse(responseCode = "200", description = "The caller's data as they are now", content = @Content(schema = @Schema(implementation = ProfileResponses.Data.class)))
    @APIResponse(responseCode = "400", description = "The body is missing or malformed")
    @APIResponse(responseCode = "422", description = "A field is not valid or not known")
    public Uni<Buffer> change(byte[] body) {
        StrictJson.Change<UserDataChange> change = strictJson.read(body, UserDataChange.class);
        change.refuseNull("ui", "session", "model", "model.temperature");
        requireKnownPreset(change.value().model());
        change.tree().fields().forEachRemaining(section -> requireSize(section.getKey(), section.getValue()));
        return database.asCaller().write().document(CHANGE, change.json());
    }

    private void requireKnownPreset(UserDataChange.ModelPreferences model) {
        if (model != null && model.hasPreset() && !config.personalityPresets().contains(model.personalityPreset())) {
            throw RequestProblems.ofField("model.personality_preset",
                    "must be one of " + String.join(", ", config.personalityPresets()));
        }
    }

    private void requireSize(String section, JsonNode value) {
        if (strictJson.bytes(value) > UserDataChange.SECTION_BYTES) {
            throw RequestProblems.ofField(section, "must have at most " + UserDataChange.SECTION_BYTES + " bytes");
        }
    }

    @GET
    @Path("/profile")
    @Operation(operationId = "getProfile", summary = "Read the complete profile", description = "The profile with preferences, models and usage, as the"
            + " database function `get_user_complete_profile` returns it.")
    @APIResponse(responseCode = "200", description = "The complete profile", content = @Content(schema = @Schema(implementation = ProfileResponses.Complete.class)))
    public Uni<Buffer> profile() {
        Uni<Buffer> first = database.asCaller().write().document(CHANGE, NO_CHANGE);
        Uni<Buffer> profile = database.asCaller().read().document(PROFILE);
        return profile.onItem().ifNull().switchTo(() -> first.chain(() -> profile));
    }

    @POST
    @Path("/sync")
    @Cancellable(false)
    @Operation(operationId = "refreshProfile", summary = "Refresh the profile", description = "Updates e-mail address, name and picture to what the"
            + " authentication service has stored for the user.")
    @APIResponse(responseCode = "200", description = "What changed", content = @Content(schema = @Schema(implementation = ProfileResponses.Synced.class)))
    @APIResponse(responseCode = "403", description = "The issuer no longer knows the user")
    public Uni<Buffer> sync() {
        return database.asCaller().write().document(SYNC);
    }

    @GET
    @Path("/activity")
    @Operation(operationId = "listActivity", summary = "List the caller's activity", description = "Newest first, in pages.")
    @APIResponse(responseCode = "200", description = "A page of the log")
    @APIResponse(responseCode = "422", description = "The limit or the cursor is not valid")
    public Uni<ProfileResponses.Activities> activity(
            @Parameter(description = "Entries per page, " + ACTIVITIES
                    + " by default") @RestQuery("limit") @Min(1) @Max(MAX_ACTIVITIES) Integer limit,
            @Parameter(description = "`next_cursor` of the previous page") @RestQuery String cursor) {
        return ActivityQueries.read(database.asCaller().read(), limit == null ? ACTIVITIES : limit, cursor, json);
    }
}

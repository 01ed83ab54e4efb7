package dev.chatkeep.profile;

import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.UUID;

import jakarta.annotation.Nullable;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
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
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.database.Database;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.security.Administrators;
import dev.chatkeep.usage.UsageQueries;
import dev.chatkeep.usage.UsageResponses;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.DayRange;
import dev.chatkeep.wire.Page;
import dev.chatkeep.wire.StrictJson;
import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Tier;
import dev.chatkeep.wire.Timestamp;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;

/** All users, for administrators. */
@Path("/api/admin/users")
@RolesAllowed(Administrators.ROLE)
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Administration", description = "For the service's own tokens and for users whom the issuer names administrators"
        + " (`app_metadata.role = \"admin\"`). Every change is logged with the administrator who made it.")
public class AdminUserResource {

    private static final int USERS = 50;
    private static final int MAX_USERS = 1_000;

    private static final String LIST = "select " + AdminUserResponses.User.COLUMNS
            + " from chatkeep.admin_users($1, $2, $3, $4, $5) u";
    private static final String ONE = "select " + UsageQueries.SUMMARY_COLUMNS + ", a.profile::text"
            + " from chatkeep.admin_user($1) as a (profile), chatkeep.usage_summary($1) u order by u.days";
    private static final String CHANGE = "select " + AdminUserResponses.User.COLUMNS + ", c.old_tier, c.old_credits"
            + " from chatkeep.admin_change_user($1, $2, $3, $4, $5, $6) c cross join lateral (select (c.account).*) u";

    @Schema(name = "UserChange", minProperties = 1, additionalProperties = Schema.False.class)
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // read by StrictJson
    record UserChange(@Schema(examples = "pro") @Tier String subscriptionTier,
            @Schema(examples = "100") @Min(0) Integer credits,
            @Schema(description = "Until then the user only reads and deletes what is theirs; null ends a ban. For good is"
                    + " `9999-12-31T23:59:59Z`") @Timestamp @Nullable String bannedUntil,
            @Schema(description = "With `banned_until`; the user reads it in their activity") @Text(max = 1024) @Nullable String banReason) {
    }

    private final Database database;
    private final StrictJson strictJson;
    private final ObjectMapper json;

    public AdminUserResource(Database database, StrictJson strictJson, ObjectMapper json) {
        this.database = database;
        this.strictJson = strictJson;
        this.json = json;
    }

    @GET
    @Operation(operationId = "listUsers", summary = "List users", description = "Sorted by e-mail address, in pages.")
    @APIResponse(responseCode = "200", description = "A page of users")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "422", description = "A parameter is not valid")
    public Uni<AdminUserResponses.Users> list(
            @Parameter(description = "A part of the address, in upper or lower case") @RestQuery @Text(max = 255) String email,
            @RestQuery @Tier String tier,
            @Parameter(description = "Users per page, " + USERS
                    + " by default") @RestQuery("limit") @Min(1) @Max(MAX_USERS) Integer limit,
            @Parameter(description = "`next_cursor` of the previous page") @RestQuery String cursor) {
        Cursor after = cursor == null ? null : Cursor.parse(cursor, 2, json);
        int size = limit == null ? USERS : limit;
        return database.asAdministrator().read()
                .run(LIST, email, tier, size + 1, after == null ? null : after.text(0), after == null ? null : after.uuid(1))
                .map(rows -> Page.of(rows, size, AdminUserResponses.User::of, last -> Cursor.of(last.email(), last.id()),
                        AdminUserResponses.Users::new));
    }

    @GET
    @Path("/{id}")
    @Operation(operationId = "getUser", summary = "Read one user's profile and usage", description = "The usage of today, 7 days, 30 days and all time.")
    @APIResponse(responseCode = "200", description = "The user")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "404", description = "There is no such user")
    public Uni<AdminUserResponses.UserWithUsage> get(@RestPath("id") UUID id) {
        return database.asAdministrator().read().run(ONE, id)
                .map(rows -> new AdminUserResponses.UserWithUsage(rows.iterator().next().getString(UsageQueries.SUMMARY_SIZE),
                        UsageQueries.summary(rows)));
    }

    @GET
    @Path("/{id}/usage")
    @Operation(operationId = "getUserUsage", summary = "Read one user's usage of each day", description = "As `GET /api/usage/daily`.")
    @APIResponse(responseCode = "200", description = "The days")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "404", description = "There is no such user")
    @APIResponse(responseCode = "422", description = "The range is not valid")
    public Uni<UsageResponses.Days> usage(@RestPath("id") UUID id,
            @Parameter(description = DayRange.FROM) @RestQuery("from") LocalDate from,
            @Parameter(description = DayRange.TO) @RestQuery("to") LocalDate to) {
        return UsageQueries.daily(database.asAdministrator().read(), id, DayRange.of(from, to));
    }

    @PATCH
    @Path("/{id}")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "updateUser", summary = "Change a user's tier or credits, ban or unban them", description = "What the body does not name stays as it is.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = UserChange.class)))
    @APIResponse(responseCode = "200", description = "The user as it is now, and what it was")
    @APIResponse(responseCode = "400", description = "The body is missing or malformed")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "404", description = "There is no such user")
    @APIResponse(responseCode = "422", description = "A field is not valid or not known")
    public Uni<AdminUserResponses.UserChanged> change(@RestPath("id") UUID id, byte[] body) {
        StrictJson.Change<UserChange> change = strictJson.read(body, UserChange.class);
        change.refuseNull("subscription_tier", "credits");
        boolean isBan = change.tree().has("banned_until");
        if (change.value().banReason() != null && change.value().bannedUntil() == null) {
            throw RequestProblems.ofField("ban_reason", "needs banned_until, the time at which the ban ends");
        }
        return database.asAdministrator().write().one(
                row -> new AdminUserResponses.UserChanged(true, AdminUserResponses.User.of(row), row.getString(12),
                        row.getInteger(13)),
                CHANGE, id, change.value().subscriptionTier(), change.value().credits(), isBan,
                time(change.value().bannedUntil()), change.value().banReason());
    }

    private static OffsetDateTime time(String text) {
        return text == null ? null : OffsetDateTime.parse(text);
    }
}

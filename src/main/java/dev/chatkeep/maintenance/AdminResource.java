package dev.chatkeep.maintenance;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;

import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.security.Administrators;
import dev.chatkeep.security.CallerTransaction;
import dev.chatkeep.wire.DayRange;
import dev.chatkeep.wire.StrictJson;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** The system as a whole, for administrators. */
@Path("/api/admin")
@RolesAllowed(Administrators.ROLE)
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Administration")
public class AdminResource {

    private static final String HEALTH = "select public.analyze_database_health()::text";
    private static final String STATS = "select chatkeep.admin_stats($1, $2)::text";
    private static final String OVERVIEW = "select chatkeep.admin_overview($1, $2)::text";

    @Schema(name = "Cleanup")
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // read by StrictJson
    record Cleanup(
            @Schema(description = "As `chatkeep.retention.days` by default", examples = "90") @Min(1) @Max(36_500) Integer daysToKeep) {
    }

    @Schema(name = "CleanedUp")
    @JsonNaming(SnakeCaseStrategy.class)
    record CleanedUp(boolean success, Instant cleanupDate, Deleted deletedRecords, Instant cleanupCompletedAt) {
    }

    @Schema(name = "DeletedRecords")
    @JsonNaming(SnakeCaseStrategy.class)
    record Deleted(long activityLogs, long usageRecords, long cacheEntries, long conversations) {
    }

    @Schema(name = "SystemStats")
    @JsonNaming(SnakeCaseStrategy.class)
    record Stats(LocalDate from, LocalDate to, int count, List<StatsOfDay> stats) {
    }

    @Schema(name = "SystemStatsOfDay")
    @JsonNaming(SnakeCaseStrategy.class)
    record StatsOfDay(LocalDate statDate, long totalUsers, long activeUsersToday, long newUsersToday, long totalConversations,
            long totalMessages, long totalTokens, BigDecimal databaseSizeMb) {
    }

    @Schema(name = "Overview")
    @JsonNaming(SnakeCaseStrategy.class)
    record Overview(LocalDate from, LocalDate to, long users, long newUsers, long activeUsers, long messages,
            long sessionsCreated, long inputTokens, long outputTokens, long totalTokens, BigDecimal estimatedCost,
            @Schema(description = "Messages that failed") long errors, List<TopModel> topModels) {
    }

    @Schema(name = "TopModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record TopModel(String model, long messagesReceived, long totalTokens, long users, BigDecimal estimatedCost) {
    }

    private final CallerTransaction transaction;
    private final Retention retention;
    private final StrictJson strictJson;

    public AdminResource(CallerTransaction transaction, Retention retention, StrictJson strictJson) {
        this.transaction = transaction;
        this.retention = retention;
        this.strictJson = strictJson;
    }

    @GET
    @Path("/health")
    @Operation(summary = "Read the health of the database", description = "Sizes, rows and index use, as the database function"
            + " `analyze_database_health` returns them.")
    @APIResponse(responseCode = "200", description = "The figures", content = @Content(schema = @Schema(type = SchemaType.OBJECT)))
    @APIResponse(responseCode = "403", description = "The caller is no administrator")
    public Uni<Buffer> health() {
        return transaction.adminRead(HEALTH);
    }

    @GET
    @Path("/stats")
    @Operation(summary = "Read the daily figures of the system", description = "The retention job writes them once a day.")
    @APIResponse(responseCode = "200", description = "The series", content = @Content(schema = @Schema(implementation = Stats.class)))
    @APIResponse(responseCode = "403", description = "The caller is no administrator")
    @APIResponse(responseCode = "422", description = "The range is not valid")
    public Uni<Buffer> stats(@Parameter(description = DayRange.FROM) @RestQuery LocalDate from,
            @Parameter(description = DayRange.TO) @RestQuery LocalDate to) {
        DayRange range = DayRange.of(from, to);
        return transaction.adminRead(STATS, range.from(), range.to());
    }

    @GET
    @Path("/overview")
    @Operation(summary = "Read what all users did in a range of days")
    @APIResponse(responseCode = "200", description = "The figures", content = @Content(schema = @Schema(implementation = Overview.class)))
    @APIResponse(responseCode = "403", description = "The caller is no administrator")
    @APIResponse(responseCode = "422", description = "The range is not valid")
    public Uni<Buffer> overview(@Parameter(description = DayRange.FROM) @RestQuery LocalDate from,
            @Parameter(description = DayRange.TO) @RestQuery LocalDate to) {
        DayRange range = DayRange.of(from, to);
        return transaction.adminRead(OVERVIEW, range.from(), range.to());
    }

    @POST
    @Path("/maintenance/cleanup")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(summary = "Run the retention now", description = "It is answered when all is deleted, which may take minutes;"
            + " it goes on if the client goes away.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Cleanup.class)))
    @APIResponse(responseCode = "200", description = "What was deleted", content = @Content(schema = @Schema(implementation = CleanedUp.class)))
    @APIResponse(responseCode = "400", description = "The body is malformed")
    @APIResponse(responseCode = "403", description = "The caller is no administrator")
    @APIResponse(responseCode = "422", description = "The days are not valid, or a field is not known")
    public Uni<String> cleanup(byte[] body) {
        Integer days = body == null || body.length == 0 ? null
                : strictJson.readOptions(body, Cleanup.class).value().daysToKeep();
        return days == null ? retention.run(transaction.administration())
                : retention.run(transaction.administration(), days);
    }
}

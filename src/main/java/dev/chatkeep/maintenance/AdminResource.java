package dev.chatkeep.maintenance;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.StreamSupport;

import jakarta.annotation.Nullable;
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
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.database.Database;
import dev.chatkeep.security.Administrators;
import dev.chatkeep.wire.DayRange;
import dev.chatkeep.wire.StrictJson;
import dev.chatkeep.wire.Timestamps;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/** The system as a whole, for administrators. */
@Path("/api/admin")
@RolesAllowed(Administrators.ROLE)
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Administration")
public class AdminResource {

    private static final String HEALTH = "select public.analyze_database_health()::text";
    private static final String STATS = "select s.id, s.stat_date, s.total_users, s.active_users_today, s.new_users_today,"
            + " s.total_conversations, s.total_messages, s.total_tokens, s.database_size_mb, s.created_at"
            + " from chatkeep.admin_stats($1, $2) s";
    /** Returns a row even if no model was used. */
    private static final String OVERVIEW = "select o.users, o.new_users, o.active_users, o.messages, o.sessions_created,"
            + " o.input_tokens, o.output_tokens, o.total_tokens, o.estimated_cost, o.errors,"
            + " t.model, t.messages_received, t.total_tokens, t.users, t.estimated_cost"
            + " from chatkeep.admin_overview($1, $2) o left join chatkeep.admin_top_models($1, $2) t on true";

    @Schema(name = "DatabaseHealth")
    @JsonNaming(SnakeCaseStrategy.class)
    record DatabaseHealth(List<TableHealth> tables, List<IndexHealth> indexes,
            @Schema(description = "The number of `users`, `sessions`, `messages` and `tokens`") Map<String, Long> totals,
            Instant analyzedAt, @JsonProperty("active_users_7_days") long activeUsers7Days, long databaseSizeBytes) {
    }

    @Schema(name = "TableHealth")
    @JsonNaming(SnakeCaseStrategy.class)
    record TableHealth(String table, long liveRows, long deadRows, @Nullable Long indexScans, long sequentialScans,
            long totalSizeBytes,
            @Nullable Instant lastVacuum, @Nullable Instant lastAnalyze) {
    }

    @Schema(name = "IndexHealth")
    @JsonNaming(SnakeCaseStrategy.class)
    record IndexHealth(String index, String table, long scans, long sizeBytes) {
    }

    @Schema(name = "Cleanup", additionalProperties = Schema.False.class)
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // read by StrictJson
    record Cleanup(
            @Schema(description = "`chatkeep.retention.days` by default", examples = "90") @Min(1) @Max(36_500) @Nullable Integer daysToKeep) {
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
    record StatsOfDay(UUID id, LocalDate statDate, long totalUsers, long activeUsersToday,
            long newUsersToday, long totalConversations, long totalMessages, long totalTokens, BigDecimal databaseSizeMb,
            Instant createdAt) {

        static StatsOfDay of(Row row) {
            return new StatsOfDay(row.getUUID(0), row.getLocalDate(1), row.getLong(2), row.getLong(3), row.getLong(4),
                    row.getLong(5), row.getLong(6), row.getLong(7), row.getBigDecimal(8), Timestamps.of(row, 9));
        }
    }

    @Schema(name = "Overview")
    @JsonNaming(SnakeCaseStrategy.class)
    record Overview(LocalDate from, LocalDate to, long users, long newUsers, long activeUsers, long messages,
            long sessionsCreated, long inputTokens, long outputTokens, long totalTokens, BigDecimal estimatedCost,
            @Schema(description = "Messages that failed") long errors, List<TopModel> topModels) {

        static Overview of(DayRange range, RowSet<Row> rows) {
            Row row = rows.iterator().next();
            List<TopModel> models = StreamSupport.stream(rows.spliterator(), false)
                    .filter(each -> each.getString(10) != null).map(TopModel::of).toList();
            return new Overview(range.from(), range.to(), row.getLong(0), row.getLong(1), row.getLong(2), row.getLong(3),
                    row.getLong(4), row.getLong(5), row.getLong(6), row.getLong(7), row.getBigDecimal(8), row.getLong(9),
                    models);
        }
    }

    @Schema(name = "TopModel")
    @JsonNaming(SnakeCaseStrategy.class)
    record TopModel(String model, long messagesReceived, long totalTokens, long users, BigDecimal estimatedCost) {

        private static TopModel of(Row row) {
            return new TopModel(row.getString(10), row.getLong(11), row.getLong(12), row.getLong(13), row.getBigDecimal(14));
        }
    }

    private final Database database;
    private final Retention retention;
    private final StrictJson strictJson;

    public AdminResource(Database database, Retention retention, StrictJson strictJson) {
        this.database = database;
        this.retention = retention;
        this.strictJson = strictJson;
    }

    @GET
    @Path("/health")
    @Operation(operationId = "getDatabaseHealth", summary = "Read the health of the database", description = "Sizes, rows and index use, as the database function"
            + " `analyze_database_health` returns them.")
    @APIResponse(responseCode = "200", description = "The figures", content = @Content(schema = @Schema(implementation = DatabaseHealth.class)))
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    public Uni<Buffer> health() {
        return database.asAdministrator().read().document(HEALTH);
    }

    @GET
    @Path("/stats")
    @Operation(operationId = "listSystemStats", summary = "Read the daily figures of the system", description = "The retention job writes them once a day.")
    @APIResponse(responseCode = "200", description = "The series")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "422", description = "The range is not valid")
    public Uni<Stats> stats(@Parameter(description = DayRange.FROM) @RestQuery("from") LocalDate from,
            @Parameter(description = DayRange.TO) @RestQuery("to") LocalDate to) {
        DayRange range = DayRange.of(from, to);
        return database.asAdministrator().read().list(StatsOfDay::of, STATS, range.from(), range.to())
                .map(stats -> new Stats(range.from(), range.to(), stats.size(), stats));
    }

    @GET
    @Path("/overview")
    @Operation(operationId = "getOverview", summary = "Read what all users did in a range of days", description = "Of UTC days, with those on which nobody did anything.")
    @APIResponse(responseCode = "200", description = "The figures")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "422", description = "The range is not valid")
    public Uni<Overview> overview(@Parameter(description = DayRange.FROM) @RestQuery("from") LocalDate from,
            @Parameter(description = DayRange.TO) @RestQuery("to") LocalDate to) {
        DayRange range = DayRange.of(from, to);
        return database.asAdministrator().read().run(OVERVIEW, range.from(), range.to())
                .map(rows -> Overview.of(range, rows));
    }

    @POST
    @Path("/maintenance/cleanup")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "runCleanup", summary = "Run the retention now", description = "The response comes when everything is deleted, which may take"
            + " minutes. The run continues if the client disconnects.")
    @RequestBody(content = @Content(schema = @Schema(implementation = Cleanup.class)))
    @APIResponse(responseCode = "200", description = "What was deleted", content = @Content(schema = @Schema(implementation = CleanedUp.class)))
    @APIResponse(responseCode = "400", description = "The body is malformed")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "422", description = "The days are not valid, or a field is not known")
    public Uni<String> cleanup(byte[] body) {
        Integer days = body == null || body.length == 0 ? null
                : strictJson.readOptions(body, Cleanup.class).value().daysToKeep();
        return days == null ? retention.run(database.asAdministrator().write())
                : retention.run(database.asAdministrator().write(), days);
    }
}

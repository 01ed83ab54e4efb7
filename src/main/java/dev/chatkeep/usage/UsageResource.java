package dev.chatkeep.usage;

import java.time.LocalDate;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestQuery;

import dev.chatkeep.database.Database;
import dev.chatkeep.wire.DayRange;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;

/** What the caller used and what it cost. */
@Path("/api/usage")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Usage", description = "What the caller used and what it cost, by UTC days")
public class UsageResource {

    private final Database database;

    public UsageResource(Database database) {
        this.database = database;
    }

    @GET
    @Path("/daily")
    @Operation(operationId = "getDailyUsage", summary = "Read the usage of each day", description = "Every day of the range, also those without usage, and"
            + " their sum. Days older than the retention are zero.")
    @APIResponse(responseCode = "200", description = "The days")
    @APIResponse(responseCode = "422", description = "The range is not valid")
    public Uni<UsageResponses.Days> daily(@Parameter(description = DayRange.FROM) @RestQuery("from") LocalDate from,
            @Parameter(description = DayRange.TO) @RestQuery("to") LocalDate to) {
        return UsageQueries.daily(database.asCaller(), DayRange.of(from, to));
    }

    @GET
    @Path("/models")
    @Operation(operationId = "getUsageByModel", summary = "Read the usage of each model", description = "The most expensive first. Costs are those at the time"
            + " when an answer was recorded.")
    @APIResponse(responseCode = "200", description = "The models")
    @APIResponse(responseCode = "422", description = "The range is not valid")
    public Uni<UsageResponses.Models> models(@Parameter(description = DayRange.FROM) @RestQuery("from") LocalDate from,
            @Parameter(description = DayRange.TO) @RestQuery("to") LocalDate to) {
        return UsageQueries.models(database.asCaller().read(), DayRange.of(from, to));
    }

    @GET
    @Path("/summary")
    @Operation(operationId = "getUsageSummary", summary = "Read the usage of today, 7 days, 30 days and all time", description = "Days are those of UTC; today is one of the 7 and of the 30.")
    @APIResponse(responseCode = "200", description = "The figures")
    public Uni<UsageResponses.Summary> summary() {
        return UsageQueries.summary(database.asCaller().read());
    }
}

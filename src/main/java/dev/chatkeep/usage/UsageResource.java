package dev.chatkeep.usage;

import java.time.LocalDate;

import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.Pattern;
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
import dev.chatkeep.wire.Text;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;

/** What the caller used and what it cost. */
@Path("/api/usage")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Usage", description = "What the caller used and what it cost, by UTC days")
public class UsageResource {

    private static final String RANGE = "By default 30d, today included; custom is what start and end say";
    private static final String START = "First day (UTC), such as 2026-09-01; by default 29 days before `end`. Only where `range` is custom or left out";
    private static final String END = "Last day (UTC), included; by default today. Likewise";
    private static final int PAGE_SIZE = 50;
    private static final int MAX_PAGE_SIZE = 200;
    private static final int MAX_PAGE = 1_000_000;
    private static final int TOP_MODELS = 8;
    private static final int MAX_MODELS = 100;
    private static final String MODEL = "The id of one model; without it all";
    private static final String SAME_MODEL = "The same under another name";

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
    @Path("/costs")
    @Operation(operationId = "listCosts", summary = "Read what each answer cost", description = "The newest first, in pages by number. An item is an answer with"
            + " its question. A question that names a model is charged by itself when a client uploads it, and so is what the"
            + " database function `track_user_usage` was told. The summary is that of all items of the range.")
    @APIResponse(responseCode = "200", description = "A page of items, and the sums of the range")
    @APIResponse(responseCode = "422", description = "A parameter is not valid")
    public Uni<CostResponses.Costs> costs(
            @Parameter(description = RANGE) @RestQuery("range") @Pattern(regexp = CostRange.KEYS, message = CostRange.KEYS_COMPLAINT) String range,
            @Parameter(description = START) @RestQuery("start") LocalDate start,
            @Parameter(description = END) @RestQuery("end") LocalDate end,
            @Parameter(description = MODEL) @RestQuery("model_key") @Text(max = 100) String model,
            @Parameter(description = SAME_MODEL) @RestQuery("model_id") @Text(max = 100) String sameModel,
            @Parameter(description = "The first is 1") @RestQuery("page") @Min(1) @Max(MAX_PAGE) Integer page,
            @Parameter(description = "Items per page, " + PAGE_SIZE
                    + " by default") @RestQuery("page_size") @Min(1) @Max(MAX_PAGE_SIZE) Integer size) {
        return CostQueries.costs(database.asCaller().read(), CostRange.of(range, start, end), either(model, sameModel),
                page == null ? 1 : page,
                size == null ? PAGE_SIZE : size);
    }

    @GET
    @Path("/costs/models/daily")
    @Operation(operationId = "getDailyCosts", summary = "Read what each model cost on each day", description = "The days of two charts, of tokens and of cost:"
            + " every day of the range; of `all` those with usage, as far back as ten years.")
    @APIResponse(responseCode = "200", description = "The days, and the sums of the models")
    @APIResponse(responseCode = "422", description = "A parameter is not valid")
    public Uni<CostResponses.Daily> dailyCosts(
            @Parameter(description = RANGE) @RestQuery("range") @Pattern(regexp = CostRange.KEYS, message = CostRange.KEYS_COMPLAINT) String range,
            @Parameter(description = START) @RestQuery("start") LocalDate start,
            @Parameter(description = END) @RestQuery("end") LocalDate end,
            @Parameter(description = MODEL) @RestQuery("model_key") @Text(max = 100) String model,
            @Parameter(description = SAME_MODEL) @RestQuery("model_id") @Text(max = 100) String sameModel,
            @Parameter(description = "How many models have segments of their own, " + TOP_MODELS
                    + " by default; the others are one") @RestQuery("top_models") @Min(1) @Max(MAX_MODELS) Integer top) {
        return CostQueries.daily(database.asCaller().read(), CostRange.of(range, start, end), either(model, sameModel),
                top == null ? TOP_MODELS : top);
    }

    private static String either(String model, String sameModel) {
        return model == null || model.isEmpty() ? sameModel : model;
    }

    @GET
    @Path("/summary")
    @Operation(operationId = "getUsageSummary", summary = "Read the usage of today, 7 days, 30 days and all time", description = "Days are those of UTC; today is one of the 7 and of the 30.")
    @APIResponse(responseCode = "200", description = "The figures")
    public Uni<UsageResponses.Summary> summary() {
        return UsageQueries.summary(database.asCaller().read());
    }
}

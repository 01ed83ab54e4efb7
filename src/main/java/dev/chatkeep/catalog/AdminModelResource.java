package dev.chatkeep.catalog;

import java.math.BigDecimal;
import java.util.List;
import java.util.UUID;

import jakarta.annotation.Nullable;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.Valid;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
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
import org.jboss.resteasy.reactive.ResponseStatus;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.server.Cancellable;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.catalog.ModelResponses.AdminModel;
import dev.chatkeep.database.Database;
import dev.chatkeep.security.Administrators;
import dev.chatkeep.wire.Cursor;
import dev.chatkeep.wire.Page;
import dev.chatkeep.wire.StrictJson;
import dev.chatkeep.wire.Text;
import dev.chatkeep.wire.Tier;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;

/** Lets administrators set which tier may use which model, at what price and with what limits. */
@Path("/api/admin/models")
@RolesAllowed(Administrators.ROLE)
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Administration")
public class AdminModelResource {

    private static final int MODELS = 100;
    private static final int MAX_MODELS = 1_000;

    private static final String LIST = "select " + AdminModel.COLUMNS + " from chatkeep.admin_models($1, $2, $3, $4, $5) m";
    private static final String CREATE = "select " + AdminModel.COLUMNS
            + " from chatkeep.admin_create_model($1::text::jsonb) m";
    private static final String CHANGE = "select " + AdminModel.COLUMNS
            + " from chatkeep.admin_change_model($1, $2::text::jsonb) m";
    private static final String DEACTIVATED = "{\"is_active\": false}";

    @Schema(name = "NewModelAccess", additionalProperties = Schema.False.class)
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // read by StrictJson
    record NewModel(
            @Schema(examples = "deepseek/deepseek-r1-0528:free") @NotNull @Text(min = 1, max = 100) String modelId,
            @Schema(description = "The lowest tier that it is open to", examples = "free") @NotNull @Tier String tier,
            @Schema(defaultValue = "true") @Nullable Boolean isActive,
            @Schema(examples = "0.0000005") @DecimalMin("0") @DecimalMax("1000") @Nullable BigDecimal inputCostPerToken,
            @Schema(examples = "0.0000015") @DecimalMin("0") @DecimalMax("1000") @Nullable BigDecimal outputCostPerToken,
            @Schema(description = "Of an input token from the provider's cache; null is as any other", examples = "0.00000005") @DecimalMin("0") @DecimalMax("1000") @Nullable BigDecimal cachedInputCostPerToken,
            @Schema(description = "Answers per day; null is unlimited") @Min(0) @Nullable Integer dailyLimit,
            @Schema(description = "Answers per month; null is unlimited") @Min(0) @Nullable Integer monthlyLimit,
            @Schema(examples = "DeepSeek R1") @Text(max = 255) @Nullable String modelName,
            @Text(maxBytes = 16_384) @Nullable String modelDescription,
            @Size(max = 100) @Nullable List<@NotNull @Text(min = 1, max = 100) String> modelTags,
            @Schema(description = "Tokens; null is unknown") @Min(1) @Nullable Integer contextLength,
            @Valid @Nullable OtherPrices otherPrices,
            @Schema(description = "What it reads", defaultValue = "[\"text\"]") @Size(min = 1, max = 20) @Nullable List<@NotNull @Text(min = 1, max = 100) String> inputModalities,
            @Schema(description = "What it writes", defaultValue = "[\"text\"]") @Size(min = 1, max = 20) @Nullable List<@NotNull @Text(min = 1, max = 100) String> outputModalities,
            @Schema(description = "Options that it takes") @Size(max = 200) @Nullable List<@NotNull @Text(min = 1, max = 100) String> supportedParameters) {
    }

    @Schema(name = "ModelAccessChange", minProperties = 1, additionalProperties = Schema.False.class)
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // read by StrictJson
    record ModelChange(
            Boolean isActive,
            @DecimalMin("0") @DecimalMax("1000") BigDecimal inputCostPerToken,
            @DecimalMin("0") @DecimalMax("1000") BigDecimal outputCostPerToken,
            @Schema(description = "Null is as any other input token") @DecimalMin("0") @DecimalMax("1000") @Nullable BigDecimal cachedInputCostPerToken,
            @Schema(description = "Null is unlimited") @Min(0) @Nullable Integer dailyLimit,
            @Schema(description = "Null is unlimited") @Min(0) @Nullable Integer monthlyLimit,
            @Text(max = 255) @Nullable String modelName,
            @Text(maxBytes = 16_384) @Nullable String modelDescription,
            @Size(max = 100) List<@NotNull @Text(min = 1, max = 100) String> modelTags,
            @Schema(description = "Null is unknown") @Min(1) @Nullable Integer contextLength,
            @Schema(description = "In place of all that are there") @Valid OtherPrices otherPrices,
            @Size(min = 1, max = 20) List<@NotNull @Text(min = 1, max = 100) String> inputModalities,
            @Size(min = 1, max = 20) List<@NotNull @Text(min = 1, max = 100) String> outputModalities,
            @Size(max = 200) List<@NotNull @Text(min = 1, max = 100) String> supportedParameters) {
    }

    private final Database database;
    private final CatalogImport catalogImport;
    private final StrictJson strictJson;
    private final ObjectMapper json;

    public AdminModelResource(Database database, CatalogImport catalogImport, StrictJson strictJson,
            ObjectMapper json) {
        this.database = database;
        this.catalogImport = catalogImport;
        this.strictJson = strictJson;
        this.json = json;
    }

    @GET
    @Operation(operationId = "listModelAccess", summary = "List model access", description = "Sorted by model, in pages.")
    @APIResponse(responseCode = "200", description = "A page of rows")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "422", description = "A parameter is not valid")
    public Uni<ModelResponses.AdminModels> list(@RestQuery @Tier String tier, @RestQuery("active") Boolean active,
            @Parameter(description = "Rows per page, " + MODELS
                    + " by default") @RestQuery("limit") @Min(1) @Max(MAX_MODELS) Integer limit,
            @Parameter(description = "`next_cursor` of the previous page") @RestQuery String cursor) {
        Cursor after = cursor == null ? null : Cursor.parse(cursor, 2, json);
        int size = limit == null ? MODELS : limit;
        return database.asAdministrator().read()
                .run(LIST, tier, active, size + 1, after == null ? null : after.text(0), after == null ? null : after.uuid(1))
                .map(rows -> Page.of(rows, size, AdminModel::of, last -> Cursor.of(last.modelId(), last.id()),
                        ModelResponses.AdminModels::new));
    }

    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @ResponseStatus(201)
    @Cancellable(false)
    @Operation(operationId = "createModelAccess", summary = "Open a model for a tier", description = "And for all tiers above it.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = NewModel.class)))
    @APIResponse(responseCode = "201", description = "The row", content = @Content(schema = @Schema(implementation = AdminModel.class)))
    @APIResponse(responseCode = "400", description = "The body is malformed or has no model or tier")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "409", description = "The tier has this model already")
    @APIResponse(responseCode = "422", description = "A field is not valid or not known")
    public Uni<AdminModel> create(byte[] body) {
        return database.asAdministrator().write().one(AdminModel::of, CREATE, strictJson.read(body, NewModel.class).json());
    }

    @PATCH
    @Path("/{id}")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "updateModelAccess", summary = "Change prices, limits or descriptions", description = "What the body does not name stays as it is."
            + " Usage that has been recorded keeps its cost.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = ModelChange.class)))
    @APIResponse(responseCode = "200", description = "The row")
    @APIResponse(responseCode = "400", description = "The body is missing or malformed")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "404", description = "There is no such row")
    @APIResponse(responseCode = "422", description = "A field is not valid or not known")
    public Uni<AdminModel> change(@Parameter(description = "`id` of the row, not of the model") @RestPath("id") UUID id,
            byte[] body) {
        StrictJson.Change<ModelChange> change = strictJson.read(body, ModelChange.class);
        change.refuseNull("is_active", "input_cost_per_token", "output_cost_per_token", "model_tags", "other_prices",
                "input_modalities", "output_modalities", "supported_parameters");
        return database.asAdministrator().write().one(AdminModel::of, CHANGE, id, change.json());
    }

    @DELETE
    @Path("/{id}")
    @Cancellable(false)
    @Operation(operationId = "deactivateModelAccess", summary = "Deactivate a model for a tier", description = "The row stays, with its prices; `PATCH` with"
            + " `is_active` opens it again.")
    @APIResponse(responseCode = "200", description = "The row")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "404", description = "There is no such row")
    public Uni<AdminModel> deactivate(@Parameter(description = "`id` of the row, not of the model") @RestPath("id") UUID id) {
        return database.asAdministrator().write().one(AdminModel::of, CHANGE, id, DEACTIVATED);
    }

    @PUT
    @Path("/catalog")
    @Consumes(MediaType.APPLICATION_JSON)
    @Cancellable(false)
    @Operation(operationId = "importCatalog", summary = "Import a provider's catalogue", description = "In the shape of OpenRouter's `GET /api/v1/models`:"
            + " `{\"data\": [{id, name, description, created, context_length, pricing{prompt, completion, input_cache_read, …}, architecture, supported_parameters}]}`."
            + " Models that are new to the tier are added; prices, names, descriptions, tags, context lengths, modalities and parameters of the others follow the catalogue,"
            + " limits and `is_active` stay. A model that cannot be imported is reported and the others are stored.")
    @RequestBody(required = true, content = @Content(schema = @Schema(implementation = CatalogImport.Catalog.class)))
    @APIResponse(responseCode = "200", description = "The result of the import")
    @APIResponse(responseCode = "400", description = "The body is malformed or the tier is missing")
    @APIResponse(responseCode = "403", description = "The caller is not an administrator")
    @APIResponse(responseCode = "422", description = "The tier or the list is not valid")
    public Uni<CatalogImport.Imported> importCatalog(
            @Parameter(description = "The lowest tier that the models are open to") @RestQuery @NotNull @Tier String tier,
            byte[] body) {
        return catalogImport.store(tier, body);
    }
}

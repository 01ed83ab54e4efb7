package dev.chatkeep.catalog;

import java.util.List;
import java.util.stream.StreamSupport;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestPath;

import dev.chatkeep.database.Database;
import dev.chatkeep.wire.Text;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;

/** The models that the caller may use. */
@Path("/api/models")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Models", description = "The models that the caller may use")
public class ModelResource {

    /** Returns a row even if the tier opens no model. */
    private static final String LIST = "select coalesce(p.subscription_tier, 'free'), " + ModelResponses.Model.COLUMNS
            + " from (select) as always left join public.profiles p on p.id = $1"
            + " left join chatkeep.models_of_user($1) m on true";
    private static final String ACCESS = "select m.allowed, m.required_tier, " + ModelResponses.Limits.COLUMNS
            + " from chatkeep.access_to_model($1, $2) m";

    private final Database database;

    public ModelResource(Database database) {
        this.database = database;
    }

    @GET
    @Operation(operationId = "listModels", summary = "List the models", description = "Those that the caller's tier opens, the default first, with prices"
            + " and what is left of their limits.")
    @APIResponse(responseCode = "200", description = "The models")
    public Uni<ModelResponses.Many> list() {
        // The statement caches the list, so it may write.
        return database.asCaller().write().run(LIST).map(rows -> {
            List<ModelResponses.Model> models = StreamSupport.stream(rows.spliterator(), false)
                    .filter(row -> row.getString(1) != null).map(row -> ModelResponses.Model.of(row, 1)).toList();
            return new ModelResponses.Many(models, models.size(), rows.iterator().next().getString(0));
        });
    }

    @GET
    @Path("/{id: .+}/access")
    @Operation(operationId = "getModelAccess", summary = "Ask whether the caller may use a model", description = "Slashes and colons of the id may be"
            + " percent-encoded in the path.")
    @APIResponse(responseCode = "200", description = "Whether the caller may use it, and if not, why")
    @APIResponse(responseCode = "422", description = "The id is not valid")
    public Uni<ModelResponses.Access> access(
            @Parameter(example = "deepseek/deepseek-r1-0528:free") @RestPath @Text(min = 1, max = 100) String id) {
        return database.asCaller().write().one(row -> ModelResponses.Access.of(id, row), ACCESS, id);
    }
}

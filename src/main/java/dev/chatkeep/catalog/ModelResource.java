package dev.chatkeep.catalog;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.RestPath;

import dev.chatkeep.security.CallerTransaction;
import dev.chatkeep.wire.Text;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** The models that the caller may use. */
@Path("/api/models")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Models", description = "The models that the caller may use")
public class ModelResource {

    private static final String LIST = "select chatkeep.models_of_user($1)::text";
    private static final String ACCESS = "select chatkeep.access_to_model($1, $2)::text";

    private final CallerTransaction transaction;

    public ModelResource(CallerTransaction transaction) {
        this.transaction = transaction;
    }

    @GET
    @Operation(summary = "List the models", description = "Those that the caller's tier opens, the default first, with prices"
            + " and what is left of their limits.")
    @APIResponse(responseCode = "200", description = "The models", content = @Content(schema = @Schema(implementation = ModelAnswers.Many.class)))
    public Uni<Buffer> list() {
        // The list is kept for the next one who asks, so this may write.
        return transaction.write(LIST);
    }

    @GET
    @Path("/{id: .+}/access")
    @Operation(summary = "Ask whether the caller may use a model", description = "Slashes and colons of the id stand in the"
            + " path as they are, or percent-encoded.")
    @APIResponse(responseCode = "200", description = "Whether, and if not, why", content = @Content(schema = @Schema(implementation = ModelAnswers.Access.class)))
    @APIResponse(responseCode = "422", description = "The id is not valid")
    public Uni<Buffer> access(
            @Parameter(example = "deepseek/deepseek-r1-0528:free") @RestPath @Text(min = 1, max = 100) String id) {
        return transaction.write(ACCESS, id);
    }
}

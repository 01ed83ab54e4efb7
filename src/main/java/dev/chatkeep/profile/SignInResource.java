package dev.chatkeep.profile;

import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;

import dev.chatkeep.database.Database;
import io.quarkus.hibernate.reactive.panache.Panache;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;

/** Signs in users with a token of any issuer. */
@Path("/api/auth/session")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Sign-in", description = "Who the caller is")
public class SignInResource {

    private final Database database;

    public SignInResource(Database database) {
        this.database = database;
    }

    @POST
    @Cancellable(false)
    @Operation(operationId = "signIn", summary = "Sign in", description = "Creates or refreshes the user from the verified claims `email`,"
            + " `user_metadata.full_name` and `user_metadata.avatar_url`. With Supabase Auth there is no need to call it; with"
            + " any other issuer a user who never called it is created by their first write.")
    @APIResponse(responseCode = "200", description = "The caller's profile")
    @APIResponse(responseCode = "403", description = "The issuer no longer knows the user")
    public Uni<ProfileView> signIn() {
        return database.asCaller().writeEntities(userId -> Panache.getSession()
                .chain(session -> session.createNativeQuery("select chatkeep.sign_in()", Object.class).getSingleResult())
                .chain(() -> Profile.<Profile> findById(userId))
                .map(ProfileView::of));
    }
}

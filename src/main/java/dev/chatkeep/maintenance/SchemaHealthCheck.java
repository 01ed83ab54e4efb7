package dev.chatkeep.maintenance;

import jakarta.enterprise.context.ApplicationScoped;

import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

import dev.chatkeep.database.Database;
import dev.chatkeep.problem.DatabaseProblems;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.mutiny.Uni;

/**
 * Ready if the database can be reached through the pool that requests use, has the schema that this version needs, and gives
 * the service's login no rights of its own. A newer schema is fine: replicas of the next version may be starting.
 */
@Readiness
@ApplicationScoped
public class SchemaHealthCheck implements AsyncHealthCheck {

    /** The last versioned migration under db/migration. */
    static final int EXPECTED_VERSION = 6;

    private static final String STATE = "select chatkeep.schema_version() as version, session_user::text as login,"
            + " l.rolsuper or l.rolbypassrls or has_table_privilege(session_user, 'public.chat_messages', 'select') as excessive"
            + " from pg_catalog.pg_roles l where l.rolname = session_user";

    private final Database database;

    public SchemaHealthCheck(Database database) {
        this.database = database;
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        HealthCheckResponseBuilder response = HealthCheckResponse.named("Database schema").withData("expected",
                EXPECTED_VERSION);
        return database.asService().write().row(STATE).map(row -> {
            int version = row.getInteger("version");
            boolean excessive = row.getBoolean("excessive");
            if (excessive) {
                response.withData("problem", "the login role has rights of its own");
            }
            return response.withData("version", version).status(version >= EXPECTED_VERSION && !excessive).build();
        })
                // Taking busy instances out of service would make the others busier.
                .onFailure(DatabaseProblems::isTooBusy).recoverWithItem(() -> response.withData("busy", true).up().build())
                .onFailure()
                .recoverWithItem(failure -> response.withData("problem", "the database does not answer").down().build());
    }
}

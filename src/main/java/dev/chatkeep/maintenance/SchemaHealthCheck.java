package dev.chatkeep.maintenance;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;

import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

import dev.chatkeep.database.Database;
import dev.chatkeep.problem.DatabaseProblems;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.mutiny.Uni;

/**
 * Ready if the database can be reached through the pool that requests use, has the schema and the functions that this version
 * needs, and gives the service's login no rights of its own. A newer schema is fine: replicas of the next version may be
 * starting.
 */
@Readiness
@ApplicationScoped
public class SchemaHealthCheck implements AsyncHealthCheck {

    /** The last versioned migration under db/migration. */
    static final int EXPECTED_VERSION = 6;

    private static final String OLDER = "the migrations of this version have not run";

    private static final String STATE = "select chatkeep.schema_version() as version, session_user::text as login,"
            + " l.rolsuper or l.rolbypassrls or has_table_privilege(session_user, 'public.chat_messages', 'select') as excessive"
            + ", cardinality(chatkeep.missing_migrations($1)) as missing"
            + " from pg_catalog.pg_roles l where l.rolname = session_user";

    private final Database database;
    private String[] functions;

    public SchemaHealthCheck(Database database) {
        this.database = database;
    }

    /** Reads files, which no request waits for. */
    void read(@Observes StartupEvent start) {
        functions = RepeatableMigrations.read();
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        HealthCheckResponseBuilder response = HealthCheckResponse.named("Database schema").withData("expected",
                EXPECTED_VERSION);
        return database.asService().write().row(STATE, (Object) functions).map(row -> {
            int version = row.getInteger("version");
            boolean excessive = row.getBoolean("excessive");
            boolean older = version < EXPECTED_VERSION || version == EXPECTED_VERSION && row.getInteger("missing") > 0;
            if (excessive) {
                response.withData("problem", "the login role has rights of its own");
            } else if (older) {
                response.withData("problem", OLDER);
            }
            return response.withData("version", version).status(!older && !excessive).build();
        })
                // Taking busy instances out of service would make the others busier.
                .onFailure(DatabaseProblems::isTooBusy).recoverWithItem(() -> response.withData("busy", true).up().build())
                .onFailure()
                .recoverWithItem(failure -> response.withData("problem", problem(failure)).down().build());
    }

    private static String problem(Throwable failure) {
        if (DatabaseProblems.isRefusedLogin(failure)) {
            return "the database refuses the login (" + DatabaseProblems.describe(failure) + ")";
        }
        return DatabaseProblems.isMissingInSchema(failure) ? OLDER : "the database does not answer";
    }
}

package dev.chatkeep.database;

import java.util.UUID;

import jakarta.enterprise.context.ApplicationScoped;

import dev.chatkeep.security.Caller;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.vertx.sqlclient.Pool;

/**
 * The one way to the database. The service's login has no rights of its own, so every transaction takes on a role and the
 * claims of whoever acts, and row-level security decides what it sees; both end with the transaction.
 * <p>
 * Failures arrive as problems: what the schema refuses with its status and code, a database that is away as 503.
 */
@ApplicationScoped
public class Database {

    private final Pipeline pipeline;
    private final SecurityIdentity identity;
    private final CurrentVertxRequest request;

    public Database(Pool pool, SecurityIdentity identity, CurrentVertxRequest request) {
        this.pipeline = new Pipeline(pool);
        this.identity = identity;
        this.request = request;
    }

    /**
     * As the caller of this request, also after the request is over. {@code $1} of each statement is the caller's id, and a
     * statement that does not use it fails. 403 where a service's token belongs to no user.
     */
    public Access asCaller() {
        Caller caller = caller();
        return new Access(pipeline, caller, caller.requireUserId());
    }

    /**
     * As the administrator who made this request. The statements are about other users, so all parameters are their own, and
     * the functions that they call check who calls them.
     */
    public Access asAdministrator() {
        return new Access(pipeline, caller(), null);
    }

    /** As the service itself, for what belongs to no user or what no request asked for. */
    public Access asService() {
        return new Access(pipeline, Caller.SERVICE, null);
    }

    /** As the service itself for one user, whose id is {@code $1} of each statement. */
    public Access asServiceFor(UUID userId) {
        return new Access(pipeline, Caller.SERVICE, userId);
    }

    private Caller caller() {
        return Caller.of(identity, request.getCurrent());
    }
}

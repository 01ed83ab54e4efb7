package dev.chatkeep.database;

import java.util.UUID;

import jakarta.enterprise.context.ApplicationScoped;

import dev.chatkeep.security.Caller;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.vertx.core.Vertx;
import io.vertx.sqlclient.Pool;

/**
 * The only way to the database. The service's login has no rights of its own. Each transaction sets a role and the claims of
 * the caller, and row-level security decides what the transaction sees. Both settings end with the transaction.
 * <p>
 * Failures arrive as problems: a refusal by the schema with its status and code, an unavailable database as 503.
 */
@ApplicationScoped
public class Database {

    /** Quotas are for what users store themselves: an answer that was paid for is kept. */
    private static final String NO_QUOTAS = "";

    private final Pipeline pipeline;
    private final Turns turns;
    private final Bounds ofRequests;
    private final Bounds ofJobs;
    private final SecurityIdentity identity;
    private final CurrentVertxRequest request;

    public Database(Pool pool, Vertx vertx, DatabaseConfig config, QuotaConfig quotas, SecurityIdentity identity,
            CurrentVertxRequest request) {
        this.pipeline = new Pipeline(pool);
        this.turns = new Turns(vertx, config.maxWaitingWritesPerUser(), config.statementTimeout());
        this.ofRequests = new Bounds(config.statementTimeout(), config.lockTimeout(), config.idleTransactionTimeout(),
                quotas.json());
        this.ofJobs = new Bounds(config.jobStatementTimeout(), config.jobStatementTimeout(), config.idleTransactionTimeout(),
                NO_QUOTAS);
        this.identity = identity;
        this.request = request;
    }

    /**
     * Acts as the caller of this request, even after the request has ended. {@code $1} of each statement is the caller's id,
     * and a statement that does not use it fails. Throws 403 for a service token, which belongs to no user.
     */
    public Access asCaller() {
        Caller caller = caller();
        return access(caller, caller.requireUserId(), ofRequests);
    }

    /**
     * Acts as the administrator who made this request. The statements concern other users, so they define all their parameters,
     * and the functions that they call check the caller.
     */
    public Access asAdministrator() {
        return access(caller(), null, ofJobs);
    }

    /** Acts as the service itself, for work that belongs to no user or that no request asked for. */
    public Access asService() {
        return access(Caller.SERVICE, null, ofJobs);
    }

    /** Acts as the service itself for one user, whose id is {@code $1} of each statement. */
    public Access asServiceFor(UUID userId) {
        return access(Caller.SERVICE, userId, ofJobs);
    }

    private Access access(Caller caller, UUID userId, Bounds bounds) {
        return new Access(pipeline, turns, caller, userId, bounds);
    }

    private Caller caller() {
        return Caller.of(identity, request.getCurrent());
    }
}

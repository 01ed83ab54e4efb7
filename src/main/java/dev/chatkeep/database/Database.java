package dev.chatkeep.database;

import java.util.UUID;

import jakarta.enterprise.context.ApplicationScoped;

import org.eclipse.microprofile.config.inject.ConfigProperty;

import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.security.Caller;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.vertx.core.Vertx;
import io.vertx.ext.web.RoutingContext;
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
    /**
     * A larger body is an upload. The largest hold a connection for seconds. One of this size, a conversation of some hundred
     * messages, takes a tenth of a second, and what clients save at a time is smaller still: it must not wait for an upload.
     */
    private static final int SMALL_BYTES = 256 << 10;

    private final Pipeline pipeline;
    private final Turns<UUID> turns;
    private final Turns<String> uploads;
    private final Bounds ofRequests;
    private final Bounds ofJobs;
    private final SecurityIdentity identity;
    private final CurrentVertxRequest request;

    public Database(Pool pool, Vertx vertx, DatabaseConfig config, QuotaConfig quotas, SecurityIdentity identity,
            CurrentVertxRequest request, MeterRegistry metrics,
            @ConfigProperty(name = "quarkus.datasource.reactive.max-size") int connections) {
        this.pipeline = new Pipeline(pool);
        this.turns = new Turns<>(vertx, 1, config.maxWaitingWritesPerUser(), DatabaseProblems::tooManyWrites,
                config.statementTimeout());
        this.uploads = new Turns<>(vertx, config.maxUploads().orElse(Math.max(1, connections / 2)), config.maxWaiting(),
                DatabaseProblems::tooBusy, config.statementTimeout());
        metrics.gauge("chatkeep.database.uploads.waiting", uploads, Turns::waiting);
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
     * As {@link #asCaller()}, for what writes the body of this request. However many users send large ones, no more than
     * {@code chatkeep.database.max-uploads} of them hold a connection: the others wait without one, in the order in which they
     * came, each after the writes of its user before it. One whose client goes away before it begins is not stored.
     */
    public Access asCallerWith(byte[] body) {
        Caller caller = caller();
        RoutingContext exchange = request.getCurrent();
        Access.Upload upload = body.length > SMALL_BYTES
                ? new Access.Upload(uploads, then -> whenGone(exchange, then))
                : null;
        return new Access(pipeline, turns, upload, caller, caller.requireUserId(), ofRequests);
    }

    private static void whenGone(RoutingContext exchange, Runnable then) {
        exchange.addEndHandler(ignored -> then.run());
        // A client that has gone in the meantime brings no end any more.
        if (exchange.response().closed()) {
            then.run();
        }
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
        return new Access(pipeline, turns, null, caller, userId, bounds);
    }

    private Caller caller() {
        return Caller.of(identity, request.getCurrent());
    }
}

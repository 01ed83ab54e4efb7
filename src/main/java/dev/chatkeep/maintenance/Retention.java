package dev.chatkeep.maintenance;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

import jakarta.enterprise.context.ApplicationScoped;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.database.Statements;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;

/**
 * Deletes data whose retention has ended. It deletes in batches, each in a transaction of its own, and after each batch pauses
 * for as long as the batch took, so that requests get their turn. Then {@code cleanup_old_data} deletes the little that is left
 * and writes the day's statistics. A run can be interrupted at any point and started again.
 */
@ApplicationScoped
public class Retention {

    /** Rows per batch: a few milliseconds of work. */
    private static final int BATCH = 1_000;
    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(2);
    private static final String FROM_THE_OLDEST = "-infinity";

    private static final String CLEANUP = "select public.cleanup_old_data($1)::text";
    private static final String LOG = "select chatkeep.log_system_event('retention_run', 'system', null, $1::text::jsonb)::text";

    private static final Logger LOGGER = Logger.getLogger(Retention.class);

    /** A kind of data that is deleted in batches, with the statement that deletes one batch. */
    private enum Kind {

        ACTIVITY_LOGS("activity_logs", "cleanup_activity_batch"),
        USAGE_RECORDS("usage_records", "cleanup_usage_batch"),
        CONVERSATIONS("conversations", "cleanup_conversations_batch");

        private final String field;
        private final String sql;

        Kind(String field, String function) {
            this.field = field;
            this.sql = "select (b.batch ->> 'deleted')::bigint, b.batch ->> 'last'"
                    + " from chatkeep." + function + "($1, $2::text::timestamptz, $3) as b (batch)";
        }
    }

    private final RetentionConfig config;
    private final MeterRegistry metrics;
    private final ObjectMapper json;

    public Retention(RetentionConfig config, MeterRegistry metrics, ObjectMapper json) {
        this.config = config;
        this.metrics = metrics;
        this.json = json;
    }

    /** Runs with the days of the settings. */
    public Uni<String> run(Statements statements) {
        return run(statements, config.days());
    }

    /**
     * @param days for which activity and usage are kept, at least 1
     * @return the result of {@code cleanup_old_data} as JSON, with the rows of the batches added
     */
    public Uni<String> run(Statements statements, int days) {
        OffsetDateTime before = before(days);
        Uni<Long> conversations = config.conversationsDays()
                .map(kept -> delete(statements, Kind.CONVERSATIONS, before(kept)))
                .orElse(Uni.createFrom().item(0L));
        return delete(statements, Kind.ACTIVITY_LOGS, before)
                .chain(activity -> delete(statements, Kind.USAGE_RECORDS, before)
                        .chain(usage -> conversations
                                .chain(sessions -> finish(statements, days, activity, usage, sessions))))
                .onFailure().invoke(failure -> countRun("failure"));
    }

    private static OffsetDateTime before(int days) {
        return Instant.now().minus(days, ChronoUnit.DAYS).atOffset(ZoneOffset.UTC);
    }

    private Uni<Long> delete(Statements statements, Kind kind, OffsetDateTime before) {
        AtomicReference<String> from = new AtomicReference<>(FROM_THE_OLDEST);
        return Multi.createBy().repeating()
                .uni(() -> {
                    long start = System.nanoTime();
                    return statements.run(kind.sql, before, from.get(), BATCH)
                            .map(rows -> rows.iterator().next())
                            .invoke(batch -> from.set(batch.getString(1)))
                            .invoke(batch -> count(kind.field, batch.getLong(0)))
                            .onItem().call(batch -> pause(Duration.ofNanos(System.nanoTime() - start)));
                })
                .whilst(batch -> from.get() != null)
                .map(batch -> batch.getLong(0))
                .collect().with(Collectors.summingLong(Long::longValue));
    }

    private static Uni<Void> pause(Duration work) {
        return Uni.createFrom().voidItem().onItem().delayIt()
                .by(work.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : work);
    }

    private Uni<String> finish(Statements statements, int days, long activity, long usage, long conversations) {
        return statements.run(CLEANUP, days)
                .map(rows -> total(rows.iterator().next(), activity, usage, conversations))
                .chain(result -> statements.run(LOG, result.path("deleted_records").toString()).replaceWith(result))
                .invoke(result -> {
                    countRun("success");
                    LOGGER.infof("Retention kept %d days and deleted %s", days, result.path("deleted_records"));
                })
                .map(ObjectNode::toString);
    }

    /** Adds the rows that the batches deleted to those that the function deleted. */
    private ObjectNode total(Row row, long activity, long usage, long conversations) {
        try {
            ObjectNode result = (ObjectNode) json.readTree(row.getString(0));
            ObjectNode deleted = (ObjectNode) result.path("deleted_records");
            count(Kind.ACTIVITY_LOGS.field, deleted.path("activity_logs").longValue());
            count(Kind.USAGE_RECORDS.field, deleted.path("usage_records").longValue());
            count("cache_entries", deleted.path("cache_entries").longValue());
            deleted.put("activity_logs", deleted.path("activity_logs").longValue() + activity);
            deleted.put("usage_records", deleted.path("usage_records").longValue() + usage);
            deleted.put("conversations", conversations);
            return result;
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cleanup_old_data did not return JSON", e);
        }
    }

    private void count(String kind, long rows) {
        Counter.builder("chatkeep.retention.deleted").description("Rows that the retention has deleted").tag("kind", kind)
                .register(metrics).increment(rows);
    }

    private void countRun(String outcome) {
        Counter.builder("chatkeep.retention.runs").description("Runs of the retention").tag("outcome", outcome)
                .register(metrics).increment();
    }
}

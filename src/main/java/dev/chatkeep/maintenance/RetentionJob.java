package dev.chatkeep.maintenance;

import java.time.OffsetDateTime;
import java.time.ZoneOffset;

import jakarta.enterprise.context.ApplicationScoped;

import org.jboss.logging.Logger;

import dev.chatkeep.database.Database;
import dev.chatkeep.database.Statements;
import io.quarkus.scheduler.Scheduled;
import io.quarkus.scheduler.Scheduled.ConcurrentExecution;
import io.quarkus.scheduler.ScheduledExecution;
import io.smallrye.mutiny.Uni;

/** Runs the retention when it is due. The schedule fires on all instances; the first one to claim the due time runs it. */
@ApplicationScoped
public class RetentionJob {

    private static final String JOB = "retention";
    private static final String CLAIM = "select chatkeep.claim_job($1, $2)";
    private static final String FINISH = "select chatkeep.finish_job($1, $2, $3::text::jsonb)";

    private static final Logger LOGGER = Logger.getLogger(RetentionJob.class);

    private final Retention retention;
    private final Database database;

    public RetentionJob(Retention retention, Database database) {
        this.retention = retention;
        this.database = database;
    }

    @Scheduled(identity = JOB, cron = "{chatkeep.retention.schedule}", timeZone = "UTC", concurrentExecution = ConcurrentExecution.SKIP)
    Uni<Void> due(ScheduledExecution execution) {
        return run(execution.getScheduledFireTime().atOffset(ZoneOffset.UTC));
    }

    Uni<Void> run(OffsetDateTime dueAt) {
        Statements service = database.asService().write();
        return service.run(CLAIM, JOB, dueAt)
                .map(rows -> rows.iterator().next().getBoolean(0))
                .chain(claimed -> claimed ? retention.run(service).chain(result -> service.run(FINISH, JOB, dueAt, result))
                        .replaceWithVoid() : Uni.createFrom().voidItem())
                .onFailure().invoke(failure -> LOGGER.error("The retention job failed; it runs again when it is next due",
                        failure))
                .onFailure().recoverWithNull();
    }
}

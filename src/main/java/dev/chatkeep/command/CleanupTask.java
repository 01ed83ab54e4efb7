package dev.chatkeep.command;

import com.fasterxml.jackson.core.JsonProcessingException;

import dev.chatkeep.database.Database;
import dev.chatkeep.database.Statements;
import dev.chatkeep.maintenance.Retention;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Runs the retention once, for deployments in which no instance runs all the time. */
@Command(name = "cleanup", description = "Delete activity and usage that is older than it is to be kept, and conversations"
        + " without activity if chatkeep.retention.conversations-days is set; print what was deleted.")
final class CleanupTask extends Task {

    private static final int MAX_DAYS = 36_500;

    @Spec
    private CommandSpec spec;

    @Option(names = "--days", paramLabel = "N", description = "Days to keep, instead of chatkeep.retention.days.")
    private Integer days;

    @Override
    public Integer call() {
        if (days != null && (days < 1 || days > MAX_DAYS)) {
            throw new ParameterException(spec.commandLine(), "--days must be from 1 to " + MAX_DAYS);
        }
        return super.call();
    }

    @Override
    int run() throws JsonProcessingException {
        Retention retention = bean(Retention.class);
        Statements service = bean(Database.class).asService().write();
        print(result(days == null ? retention.run(service) : retention.run(service, days)));
        return ExitCode.OK;
    }
}

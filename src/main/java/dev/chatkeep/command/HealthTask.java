package dev.chatkeep.command;

import com.fasterxml.jackson.core.JsonProcessingException;

import dev.chatkeep.database.Database;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;

/** Prints the health of the database. */
@Command(name = "health", description = "Print sizes, rows and index use of the database.")
final class HealthTask extends Task {

    private static final String HEALTH = "select public.analyze_database_health()::text";

    @Override
    int run() throws JsonProcessingException {
        print(result(bean(Database.class).asService().read().row(HEALTH)).getString(0));
        return ExitCode.OK;
    }
}

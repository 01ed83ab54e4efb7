package dev.chatkeep.command;

import java.util.Optional;

import org.flywaydb.core.Flyway;

import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;

/** Runs the migrations alone. */
@Command(name = "migrate", description = "Bring the schema up to date. This alone needs the owner's credentials"
        + " (quarkus.flyway.username and password); replicas then start with quarkus.flyway.migrate-at-start=false.")
final class MigrateTask extends Task {

    @Override
    boolean migrates() {
        return true;
    }

    @Override
    Optional<String> complaint() {
        return RequiredSettings.complaintOfMigration();
    }

    @Override
    int run() {
        // The migrations ran when the program started.
        System.out.println("The schema is at version " + bean(Flyway.class).info().current().getVersion() + ".");
        return ExitCode.OK;
    }
}

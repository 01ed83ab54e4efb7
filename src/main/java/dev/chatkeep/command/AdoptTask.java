package dev.chatkeep.command;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.Configuration;

import dev.chatkeep.command.Adoption.Line;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/** Moves a database of the first system over, or back. */
@Command(name = "adopt", description = "Move a database of the first system over: its schema public becomes legacy, the"
        + " migrations run, and users, conversations, usage and models are copied as they were. All of it or nothing, with the"
        + " owner's credentials (quarkus.flyway.username and password); stop the first system before. The status is 0 as well"
        + " where it was moved over before.")
final class AdoptTask extends Task {

    @Option(names = "--dry-run", description = "Do all of it, say what came of it, and take it back.")
    private boolean dryRun;

    @Option(names = "--undo", description = "Put the first system back as it was, in place of Chatkeep.")
    private boolean undo;

    @Option(names = "--discard", description = "With --undo: also if something was stored since, which is lost then.")
    private boolean discard;

    @Override
    Optional<String> complaint() {
        return RequiredSettings.complaintOfMigration();
    }

    @Override
    int run() throws SQLException {
        Configuration configuration = bean(Flyway.class).getConfiguration();
        try (Connection connection = configuration.getDataSource().getConnection()) {
            connection.setAutoCommit(false);
            try {
                System.out.println(undo ? undo(connection) : adopt(connection, configuration));
                if (dryRun) {
                    connection.rollback();
                } else {
                    connection.commit();
                }
                return ExitCode.OK;
            } catch (SQLException | RuntimeException e) {
                connection.rollback();
                throw failure(e);
            }
        }
    }

    private String adopt(Connection connection, Configuration configuration) throws SQLException {
        Adoption adoption = new Adoption(connection);
        Optional<String> before = adoption.adoptedAt();
        if (before.isPresent()) {
            return "This database was moved over at " + before.get() + ". Nothing was changed.";
        }
        adoption.obstacle().ifPresent(sentence -> {
            throw new TaskFailure(sentence);
        });
        List<Line> report;
        try (ProgressBar progress = Progress.of("Adopt", Adoption.STEPS)) {
            report = adoption.adopt(configuration, progress::step);
        }
        report.forEach(line -> System.out.printf("%12d  %s: %s%n", line.rows(), line.what(), line.outcome()));
        return dryRun ? "Nothing was changed: this was a dry run."
                : "The database was moved over. The first system stands in the schema legacy; adopt --undo puts it back.";
    }

    private String undo(Connection connection) throws SQLException {
        Adoption adoption = new Adoption(connection);
        if (adoption.adoptedAt().isEmpty()) {
            throw new TaskFailure("There is nothing to undo: this database was not moved over.");
        }
        adoption.obstacleToUndo(discard).ifPresent(sentence -> {
            throw new TaskFailure(sentence);
        });
        adoption.undo();
        return dryRun ? "Nothing was changed: this was a dry run."
                : "The first system is back where it was. The roles that Chatkeep uses are still there.";
    }

    /** Of what PostgreSQL refuses, with all that was done before taken back. */
    private static RuntimeException failure(Exception failure) {
        if (failure instanceof TaskFailure known) {
            return known;
        }
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return new TaskFailure("Nothing was changed, because this failed: " + root.getMessage());
    }
}

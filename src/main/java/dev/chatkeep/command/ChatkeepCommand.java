package dev.chatkeep.command;

import java.util.UUID;

import io.quarkus.runtime.Quarkus;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The command line: the service and its tasks. */
@Command(name = "chatkeep", synopsisSubcommandLabel = "[TASK]", commandListHeading = "%nTasks:%n", subcommands = {
        MigrateTask.class, CleanupTask.class, HealthTask.class, ReadyTask.class, ImportTask.class,
        ExportTask.class, CheckUsageTask.class, AdoptTask.class }, description = {
                "Keeps what users of language-model chats say and what it costs.",
                "%nWithout a task it serves. A task runs once and exits: 0 when all went well, 1 when it failed, 2 for wrong"
                        + " arguments, 78 when a setting is missing. The settings are those of the service. TASK --help"
                        + " explains each." })
public class ChatkeepCommand {

    @Option(names = { "-h", "--help" }, usageHelp = true, description = "Show this and exit.")
    private boolean help;

    /** Serves until the process is stopped. Exits at once if a required setting is missing. */
    public static void serve() {
        RequiredSettings.complaint().ifPresentOrElse(
                complaint -> {
                    System.err.println(complaint);
                    System.exit(RequiredSettings.EXIT_STATUS);
                },
                () -> Quarkus.run(null, (status, failure) -> {
                    // Quarkus passes the cause to this handler only.
                    if (failure != null) {
                        StartFailure.report(failure);
                    }
                    System.exit(status);
                }));
    }

    /** Runs the task that the arguments name and returns the exit status. */
    public static int execute(String... arguments) {
        return commandLine().execute(arguments);
    }

    static CommandLine commandLine() {
        return new CommandLine(new ChatkeepCommand()).registerConverter(UUID.class, ChatkeepCommand::uuid);
    }

    private static UUID uuid(String text) {
        try {
            UUID id = UUID.fromString(text);
            // UUID.fromString also accepts shorter forms, which the database does not.
            if (id.toString().equalsIgnoreCase(text)) {
                return id;
            }
        } catch (IllegalArgumentException e) {
            // Not a UUID: refused below.
        }
        throw new TypeConversionException("'" + text + "' is not a UUID");
    }
}

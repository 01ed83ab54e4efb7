package dev.chatkeep;

import dev.chatkeep.command.ChatkeepCommand;
import dev.chatkeep.security.RequiredSettings;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;

/** Starts the service, unless a setting it cannot do without is missing, or runs the task that the arguments name. */
@QuarkusMain
public class Chatkeep {

    public static void main(String... args) {
        if (args.length > 0) {
            System.exit(ChatkeepCommand.execute(args));
        }
        RequiredSettings.complaint().ifPresentOrElse(
                complaint -> {
                    System.err.println(complaint);
                    System.exit(RequiredSettings.EXIT_STATUS);
                },
                Quarkus::run);
    }
}

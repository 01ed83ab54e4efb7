package dev.chatkeep;

import dev.chatkeep.command.ChatkeepCommand;
import io.quarkus.runtime.annotations.QuarkusMain;

/** Serves, or runs the task that the arguments name. */
@QuarkusMain
public class Chatkeep {

    public static void main(String... args) {
        if (args.length > 0) {
            System.exit(ChatkeepCommand.execute(args));
        }
        ChatkeepCommand.serve();
    }
}

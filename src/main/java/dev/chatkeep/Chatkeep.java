package dev.chatkeep;

import dev.chatkeep.security.RequiredSettings;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;

/** Starts the service, unless a setting it cannot do without is missing. */
@QuarkusMain
public class Chatkeep {

    /** The status of a start that was refused for its settings: EX_CONFIG of sysexits.h. */
    static final int CONFIGURATION_ERROR = 78;

    public static void main(String... args) {
        RequiredSettings.complaint().ifPresentOrElse(
                complaint -> {
                    System.err.println(complaint);
                    System.exit(CONFIGURATION_ERROR);
                },
                () -> Quarkus.run(args));
    }
}

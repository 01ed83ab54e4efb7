package dev.chatkeep.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import picocli.CommandLine;

/** What the command line takes and explains, without a process for each. */
class CommandLineTest {

    private static final String NOBODY = "00000000-0000-4000-8000-00000000dead";

    private final StringWriter output = new StringWriter();
    private final StringWriter errors = new StringWriter();
    private final CommandLine line = ChatkeepCommand.commandLine().setOut(new PrintWriter(output))
            .setErr(new PrintWriter(errors));

    @ParameterizedTest
    @ValueSource(strings = { "frobnicate", "cleanup --days 0", "cleanup --days x", "cleanup 5", "import", "import x --user 9",
            "import --user " + NOBODY, "export --out x", "export --user " + NOBODY, "export --user " + NOBODY
                    + " --out x --format xml",
            "health now", "ready now", "adopt now", "--days 5" })
    void wrongArgumentsAreRefused(String arguments) {
        // When
        int status = line.execute(arguments.split(" "));

        // Then
        assertThat(status).isEqualTo(2);
        assertThat(output.toString()).isEmpty();
        assertThat(errors.toString()).isNotBlank().doesNotContain("Exception", "\tat ");
    }

    @ParameterizedTest
    @ValueSource(strings = { "", "migrate", "cleanup", "health", "ready", "import", "export", "check-usage", "adopt" })
    void helpExplainsEach(String task) {
        // When
        int status = line.execute((task + " --help").strip().split(" "));

        // Then
        assertThat(status).isZero();
        assertThat(output.toString()).startsWith(("Usage: chatkeep " + task).strip());
        assertThat(errors.toString()).isEmpty();
    }
}

package dev.chatkeep.command;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.arc.Arc;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.smallrye.mutiny.Uni;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/**
 * Something that the program does once instead of serving. It starts without a port and without scheduled jobs, does its work
 * and exits. Results go to standard output, everything else to standard error.
 */
abstract class Task implements Callable<Integer> {

    private static final Logger LOGGER = Logger.getLogger(Task.class);

    /** The task of this run. The field is static because Quarkus creates the application itself. */
    private static Task current;

    @Option(names = { "-h", "--help" }, usageHelp = true, description = "Show this and exit.")
    private boolean help;

    /** Quarkus runs this once it has started. */
    public static final class Application implements QuarkusApplication {

        @Override
        public int run(String... arguments) {
            return current.runReported();
        }
    }

    /** Does the work. An exception ends in a line on standard error and status 1. */
    abstract int run() throws Exception;

    /** One sentence about missing settings, by default those of the database; empty if none is missing. */
    Optional<String> complaint() {
        return RequiredSettings.complaintOfTask();
    }

    /** Whether this task runs the migrations. The other tasks expect a migrated schema. */
    boolean migrates() {
        return false;
    }

    @Override
    public Integer call() {
        Map.of("quarkus.http.host-enabled", "false",
                "quarkus.management.host-enabled", "false",
                "quarkus.scheduler.enabled", "false",
                "quarkus.flyway.migrate-at-start", Boolean.toString(migrates()),
                "quarkus.banner.enabled", "false",
                "quarkus.log.console.stderr", "true",
                "quarkus.log.level", "WARN")
                .forEach(System::setProperty);
        Optional<String> complaint = complaint();
        if (complaint.isPresent()) {
            System.err.println(complaint.get());
            return RequiredSettings.EXIT_STATUS;
        }
        current = this;
        AtomicInteger status = new AtomicInteger(ExitCode.SOFTWARE);
        Quarkus.run(Application.class, (code, failure) -> {
            status.set(code);
            // Quarkus passes the cause to this handler only.
            if (failure != null) {
                System.err.println("The task could not start: " + StartFailure.sentence(failure));
            }
        });
        return status.get();
    }

    private int runReported() {
        try {
            return run();
        } catch (HttpProblem e) {
            System.err.println(e.getDetail());
        } catch (TaskFailure e) {
            System.err.println(e.getMessage());
        } catch (Exception e) {
            LOGGER.error("The task failed", e);
        }
        return ExitCode.SOFTWARE;
    }

    /** A failure that its message explains. */
    static final class TaskFailure extends RuntimeException {

        private static final long serialVersionUID = 1L;

        TaskFailure(String message) {
            super(message);
        }
    }

    static <T> T bean(Class<T> type) {
        return Arc.container().instance(type).get();
    }

    /** Waits for the result. A task may block, because it has a thread of its own. */
    static <T> T result(Uni<T> work) {
        try {
            return work.subscribeAsCompletionStage().join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw e;
        }
    }

    /** Prints JSON for people to read and programs to parse. */
    static void print(String json) throws JsonProcessingException {
        ObjectMapper mapper = bean(ObjectMapper.class);
        System.out.println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(mapper.readTree(json)));
    }
}

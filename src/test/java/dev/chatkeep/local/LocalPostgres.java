package dev.chatkeep.local;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

import dev.chatkeep.testsupport.PostgresServer;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;

/** The embedded PostgreSQL with the settings that it is shipped with undone: here data is meant to last. */
final class LocalPostgres {

    private static final Duration STARTUP = Duration.ofMinutes(1);

    private LocalPostgres() {
    }

    static PostgresServer start(Path data, String password) throws IOException, InterruptedException {
        stopLeftover(data);
        return PostgresServer.start(EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setRegisterShutdownHook(false) // the service needs it until it has stopped
                .setPGStartupWait(STARTUP)
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("full_page_writes", "on")
                .setServerConfig("max_connections", "100"), password);
    }

    /** A run that was killed leaves its PostgreSQL behind, which holds the directory. */
    private static void stopLeftover(Path data) throws IOException, InterruptedException {
        Path pidFile = data.resolve("postmaster.pid");
        if (!Files.exists(pidFile)) {
            return;
        }
        long pid = Long.parseLong(Files.readAllLines(pidFile).get(0).strip());
        Optional<ProcessHandle> leftover = ProcessHandle.of(pid)
                .filter(process -> process.info().command().filter(command -> command.contains("postgres")).isPresent());
        if (leftover.isPresent()) {
            Processes.stop(leftover.get());
        }
    }
}

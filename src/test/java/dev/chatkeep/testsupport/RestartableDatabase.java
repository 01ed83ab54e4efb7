package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;

/** A database server that goes away and comes back, on the same port and with the same data. */
public final class RestartableDatabase implements AutoCloseable {

    private final Path data;
    private final int port = FreePort.find();
    private PostgresServer server;

    /** It is on. */
    public RestartableDatabase() {
        try {
            data = Files.createTempDirectory("chatkeep-restartable");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        on();
        server.createLogin();
    }

    /** While it is on. */
    public PostgresServer server() {
        return server;
    }

    public void on() {
        if (server == null) {
            server = PostgresServer.start(EmbeddedPostgres.builder().setPort(port).setDataDirectory(data.resolve("postgres"))
                    .setCleanDataDirectory(false), PostgresServer.PASSWORD);
        }
    }

    public void off() {
        if (server != null) {
            server.close();
            server = null;
        }
    }

    @Override
    public void close() {
        off();
        try (Stream<Path> files = Files.walk(data)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

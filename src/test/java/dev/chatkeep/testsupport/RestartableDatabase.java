package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;

/** A database that goes away and comes back, on the same port and with the same data. */
public class RestartableDatabase implements QuarkusTestResourceLifecycleManager {

    /** What a test that has a field of this type is given. */
    public interface Switch {

        void off();

        void on();
    }

    private Path data;
    private int port;
    private PostgresServer server;

    @Override
    public Map<String, String> start() {
        try {
            data = Files.createTempDirectory("chatkeep-restartable");
            port = FreePort.find();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        turnOn();
        server.createLogin();
        String database = server.createDatabase();
        System.setProperty(DatabaseResource.JDBC_URL, server.jdbcUrl(database));
        Map<String, String> settings = new HashMap<>(DatabaseResource.settings(server, database));
        settings.put("chatkeep.auth.jwt-secret", Tokens.SECRET);
        settings.put("quarkus.management.port", Management.newPort());
        return settings;
    }

    @Override
    public void inject(TestInjector injector) {
        injector.injectIntoFields(new Switch() {
            @Override
            public void off() {
                turnOff();
            }

            @Override
            public void on() {
                turnOn();
            }
        }, new TestInjector.MatchesType(Switch.class));
    }

    @Override
    public void stop() {
        System.clearProperty(DatabaseResource.JDBC_URL);
        turnOff();
        try (Stream<Path> files = Files.walk(data)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void turnOn() {
        if (server == null) {
            server = PostgresServer.start(EmbeddedPostgres.builder().setPort(port).setDataDirectory(data.resolve("postgres"))
                    .setCleanDataDirectory(false), PostgresServer.PASSWORD);
        }
    }

    private void turnOff() {
        if (server != null) {
            server.close();
            server = null;
        }
    }
}

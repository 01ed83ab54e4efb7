package dev.chatkeep.local;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;

import dev.chatkeep.testsupport.PostgresServer;

/**
 * Runs the packaged program on this machine: an embedded PostgreSQL with durable settings, secrets of its own, the demo
 * conversations of a demo user, a provider that echoes unless the environment names another, and commands to copy. Everything
 * it makes is under {@code .chatkeep/} and stays there from
 * one run to the next. Ctrl-C takes it all down.
 * <p>
 * Settings, as system properties: {@code chatkeep.local.port} (8080) and {@code chatkeep.local.directory} (.chatkeep).
 */
public final class Launcher {

    private static final String DATABASE = "chatkeep";
    /** Who sets one of them has a provider, which the service is left to call. */
    private static final List<String> OWN_PROVIDER = List.of("CHATKEEP_PROVIDER_API_KEY", "CHATKEEP_PROVIDER_BASE_URL");

    private Launcher() {
    }

    public static void main(String[] args) throws Exception {
        Path directory = Files.createDirectories(Path.of(System.getProperty("chatkeep.local.directory", ".chatkeep")));
        int port = Integer.getInteger("chatkeep.local.port", 8080);
        try (FileChannel channel = FileChannel.open(directory.resolve("lock"), StandardOpenOption.CREATE,
                StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock == null) {
                throw new IllegalStateException("Another run is using " + directory.toAbsolutePath() + ". Stop it first.");
            }
            if (OWN_PROVIDER.stream().anyMatch(System.getenv()::containsKey)) {
                run(directory, port, Map.of(), "those of the provider that is set in the environment");
            } else {
                try (EchoProvider provider = EchoProvider.start()) {
                    run(directory, port, Map.of(
                            "CHATKEEP_PROVIDER_BASE_URL", provider.baseUrl(),
                            "CHATKEEP_PROVIDER_API_KEY", EchoProvider.API_KEY),
                            "an echo on this machine; set CHATKEEP_PROVIDER_API_KEY for a provider of models");
                }
            }
        }
    }

    /** @param answers which provider answers, in words */
    private static void run(Path directory, int port, Map<String, String> provider, String answers)
            throws IOException, InterruptedException {
        Secrets secrets = Secrets.in(directory);
        LocalService.stopLeftover(directory);

        say("Starting PostgreSQL in " + directory.resolve("postgres").toAbsolutePath());
        PostgresServer postgres = LocalPostgres.start(directory.resolve("postgres"), secrets.password());
        AtomicReference<LocalService> running = new AtomicReference<>();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            if (running.get() != null) {
                running.get().stop();
            }
            postgres.close();
        }, "stop-chatkeep"));
        postgres.createLogin();
        postgres.ensureDatabase(DATABASE);

        say("Starting Chatkeep, its log is " + directory.resolve("service.log").toAbsolutePath());
        Map<String, String> settings = new HashMap<>(provider);
        settings.put("QUARKUS_DATASOURCE_REACTIVE_URL", postgres.url(DATABASE));
        settings.put("QUARKUS_DATASOURCE_PASSWORD", secrets.password());
        settings.put("QUARKUS_FLYWAY_USERNAME", PostgresServer.OWNER);
        settings.put("QUARKUS_FLYWAY_PASSWORD", secrets.password());
        settings.put("CHATKEEP_AUTH_JWT_SECRET", secrets.jwtSecret());
        LocalService service = LocalService.start(directory, port, settings);
        running.set(service);
        service.awaitReady();

        Demo demo = new Demo(service, secrets.jwtSecret());
        Files.writeString(directory.resolve("token"), demo.token());
        Files.writeString(directory.resolve("admin-token"), demo.adminToken());
        demo.openModels();
        HttpResponse<String> uploaded = demo.upload();
        if (uploaded.statusCode() != 200) {
            throw new IllegalStateException("The demo conversations were not stored: " + uploaded.body());
        }

        System.out.println(
                """

                        Chatkeep is running at %1$s
                          API description   %1$s/q/swagger-ui/
                          Demo user         %2$s, %3$d conversations
                          Models            %7$s

                        Try it:

                          curl -H "Authorization: Bearer %4$s" %1$s/api/chat/sessions

                          curl -N -H "Authorization: Bearer %4$s" -H "Content-Type: application/json" -H "Accept: text/event-stream" %1$s/api/chat -d '{"message": "Hello!", "sessionId": "conv_first"}'

                        The same token is in %5$s, an administrator's in %6$s.
                        Stop with Ctrl-C; what is stored stays.
                        """
                        .formatted(service.address(), Demo.EMAIL, demo.conversations(), demo.token(),
                                directory.resolve("token"),
                                directory.resolve("admin-token"), answers));

        int status = service.await();
        if (status != 0) {
            throw new IllegalStateException("Chatkeep ended with status " + status + ".\n" + service.endOfLog());
        }
    }

    private static void say(String line) {
        System.out.println(line);
    }
}

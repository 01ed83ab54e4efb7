package dev.chatkeep.local;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import dev.chatkeep.testsupport.FreePort;

/** The packaged program as a process with ordinary settings. */
final class LocalService {

    private static final Path PROGRAM = Path.of("target", "quarkus-app", "quarkus-run.jar");
    private static final int READY_ATTEMPTS = 240;
    private static final int BETWEEN_ATTEMPTS_MILLIS = 500;
    private static final int LINES_OF_LOG = 30;

    private final Process process;
    private final Path log;
    private final String address;
    private final String managementAddress;
    private final HttpClient http = HttpClient.newHttpClient();

    private LocalService(Process process, Path log, String address, String managementAddress) {
        this.process = process;
        this.log = log;
        this.address = address;
        this.managementAddress = managementAddress;
    }

    static LocalService start(Path directory, int port, Map<String, String> settings) throws IOException {
        requireFree(port);
        Path log = directory.resolve("service.log");
        ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-jar", PROGRAM.toString());
        builder.environment().putAll(settings);
        builder.environment().put("QUARKUS_HTTP_HOST", "127.0.0.1");
        builder.environment().put("QUARKUS_HTTP_PORT", Integer.toString(port));
        int management = FreePort.find();
        builder.environment().put("QUARKUS_MANAGEMENT_HOST", "127.0.0.1");
        builder.environment().put("QUARKUS_MANAGEMENT_PORT", Integer.toString(management));
        builder.environment().put("QUARKUS_LOG_CONSOLE_JSON_ENABLED", "false");
        Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        Files.writeString(pidFile(directory), Long.toString(process.pid()));
        return new LocalService(process, log, "http://localhost:" + port, "http://localhost:" + management);
    }

    private static void requireFree(int port) throws IOException {
        try (ServerSocket probe = new ServerSocket(port, 1, InetAddress.getByName("127.0.0.1"))) {
            probe.setReuseAddress(true);
        } catch (BindException e) {
            throw new IllegalStateException(
                    "Port " + port + " is in use. Choose another: mvn -Plocal -Dchatkeep.local.port=8081", e);
        }
    }

    /** A run that was killed leaves its program behind, which holds the port. */
    static void stopLeftover(Path directory) throws IOException, InterruptedException {
        Path file = pidFile(directory);
        if (Files.exists(file)) {
            var leftover = ProcessHandle.of(Long.parseLong(Files.readString(file).strip()))
                    .filter(process -> process.info().arguments().map(List::of).orElse(List.of()).contains(PROGRAM.toString()));
            if (leftover.isPresent()) {
                Processes.stop(leftover.get());
            }
            Files.delete(file);
        }
    }

    private static Path pidFile(Path directory) {
        return directory.resolve("service.pid");
    }

    String address() {
        return address;
    }

    void awaitReady() throws IOException, InterruptedException {
        HttpRequest ready = HttpRequest.newBuilder(URI.create(managementAddress + "/q/health/ready")).build();
        for (int attempt = 0; attempt < READY_ATTEMPTS; attempt++) {
            if (!process.isAlive()) {
                throw new IllegalStateException("Chatkeep did not start.\n" + endOfLog());
            }
            try {
                if (http.send(ready, HttpResponse.BodyHandlers.discarding()).statusCode() == 200) {
                    return;
                }
            } catch (IOException e) {
                // It does not listen yet: that is what the next attempt is for.
            }
            Thread.sleep(BETWEEN_ATTEMPTS_MILLIS);
        }
        throw new IllegalStateException("Chatkeep did not become ready.\n" + endOfLog());
    }

    HttpResponse<String> post(String path, String token, String json) throws IOException, InterruptedException {
        return http.send(HttpRequest.newBuilder(URI.create(address + path))
                .header("Authorization", "Bearer " + token)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json))
                .build(), HttpResponse.BodyHandlers.ofString());
    }

    /** Waits for the program to end and returns its exit status; 143 is how SIGTERM ends it, 130 is Ctrl-C. */
    int await() throws InterruptedException {
        int status = process.waitFor();
        return status == 143 || status == 130 ? 0 : status;
    }

    void stop() {
        try {
            Processes.stop(process.toHandle());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    String endOfLog() throws IOException {
        List<String> lines = Files.readAllLines(log);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - LINES_OF_LOG), lines.size()));
    }
}

package dev.chatkeep.testsupport;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** The program as users get it, run until it ends by itself. */
public final class PackagedProgram {

    public static final Path DIRECTORY = Path.of("target", "quarkus-app");

    /** What it wrote to either stream, with line feeds alone, and its exit status. */
    public record Ended(int status, String output, String errors) {
    }

    private PackagedProgram() {
    }

    /** @param settings the only ones that it has, as environment variables */
    public static Ended run(Map<String, String> settings, String... arguments) throws IOException, InterruptedException {
        Process process = builder(settings, arguments).start();
        CompletableFuture<String> errors = CompletableFuture.supplyAsync(() -> {
            try {
                return text(process.getErrorStream().readAllBytes());
            } catch (IOException e) {
                throw new CompletionException(e);
            }
        });
        String output = text(process.getInputStream().readAllBytes());
        return new Ended(process.waitFor(), output, errors.join());
    }

    /** The same settings under their names as environment variables. */
    public static Map<String, String> environment(Map<String, String> settings) {
        Map<String, String> environment = new HashMap<>();
        settings.forEach((name, value) -> environment.put(name.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9]", "_"), value));
        return environment;
    }

    /** Runs it until somebody ends it; what it writes is thrown away. */
    public static Process serve(Map<String, String> settings) throws IOException {
        return builder(settings).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    }

    /** Likewise; what it writes goes to a file. */
    public static Process serve(Map<String, String> settings, Path log) throws IOException {
        return builder(settings).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }

    private static ProcessBuilder builder(Map<String, String> settings, String... arguments) {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-jar", DIRECTORY.resolve("quarkus-run.jar").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(name -> name.startsWith("QUARKUS_") || name.startsWith("CHATKEEP_"));
        builder.environment().putAll(settings);
        return builder;
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
    }
}

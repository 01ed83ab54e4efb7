package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** The program as users get it, jar or executable, whichever was built. */
public final class PackagedProgram {

    /** What was built, as Quarkus' own integration tests are told. */
    private static final Path DESCRIPTION = Path.of("target", "quarkus-artifact.properties");

    /** What it wrote to either stream, with line feeds alone, and its exit status. */
    public record Ended(int status, String output, String errors) {
    }

    private PackagedProgram() {
    }

    public static boolean isJar() throws IOException {
        return description().getProperty("type").equals("jar");
    }

    /** The jar, beside which stand its libraries, or the executable. */
    public static Path path() throws IOException {
        return DESCRIPTION.resolveSibling(description().getProperty("path"));
    }

    /** The option by which a JVM starts from the cache that the build made. */
    public static String startupCache() throws IOException {
        Path directory = path().getParent();
        return Runtime.version().feature() < 25 ? "-XX:SharedArchiveFile=" + directory.resolve("app-cds.jsa")
                : "-XX:AOTCache=" + directory.resolve("app.aot");
    }

    private static Properties description() throws IOException {
        Properties description = new Properties();
        try (Reader reader = Files.newBufferedReader(DESCRIPTION)) {
            description.load(reader);
        }
        return description;
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

    private static ProcessBuilder builder(Map<String, String> settings, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        if (isJar()) {
            // Many are started and none lives long.
            command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), startupCache(),
                    "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar"));
        }
        command.add(path().toString());
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

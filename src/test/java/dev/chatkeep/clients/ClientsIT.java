package dev.chatkeep.clients;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedService;

/**
 * The clients' own tests, with the packaged program. What runs them is not on every machine, and nothing is fetched for it:
 * where something is missing, the log says so.
 */
@BesideOthers
class ClientsIT {

    private static final Path CLIENTS = Path.of("clients").toAbsolutePath();
    private static final Path TYPESCRIPT = CLIENTS.resolve("typescript");
    private static final Path PYTHON = CLIENTS.resolve("python");
    /** Declarations that {@code clients/generate} writes; the others come from the compiler. */
    private static final Set<String> GENERATED = Set.of("schema.d.ts", "operations.d.ts");
    private static final Path LOGS = Path.of("target").toAbsolutePath();

    private static PackagedService service;

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of());
        service.start();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    @Test
    void theClientsHaveTheVersionOfTheDescription() throws Exception {
        // Given
        String version = Json.of(Files.readString(CLIENTS.resolve("openapi.json"))).at("/info/version").textValue();

        // When
        List<String> versions = List.of(
                Json.of(Files.readString(TYPESCRIPT.resolve("package.json"))).path("version").textValue(),
                found("(?m)^version = \"(.+)\"$", PYTHON.resolve("pyproject.toml")),
                found("(?m)^__version__ = \"(.+)\"$", PYTHON.resolve("src/chatkeep/__init__.py")));

        // Then
        assertThat(versions).containsOnly(version);
    }

    @Test
    void whatIsGeneratedIsUpToDate() throws Exception {
        // Given
        String python = python("import sys; sys.exit(sys.version_info < (3, 10))", "Python 3.10 or newer");

        // When
        Ended ended = run("clients-generate", CLIENTS, Map.of(), python, "generate", "--check");

        // Then
        assertThat(ended.status()).as(ended.output()).isZero();
    }

    @Test
    void theClientInTypeScriptWorks() throws Exception {
        // Given
        assume(succeeds("node", "-e", "process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)"), "Node 20 or newer");
        List<String> command = new ArrayList<>(List.of("node", "--test"));
        try (Stream<Path> files = Files.list(TYPESCRIPT.resolve("test"))) {
            files.map(Path::toString).filter(file -> file.endsWith(".test.js")).sorted().forEach(command::add);
        }

        // When
        Ended ended = run("clients-typescript", TYPESCRIPT, ofANewUser(), command.toArray(String[]::new));

        // Then
        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(ended.output()).contains("\n# pass ").doesNotContain("# SKIP");
    }

    @Test
    void theDeclarationsInTypeScriptAreWhatTheCodeHas() throws Exception {
        // Given
        Path compiler = TYPESCRIPT.resolve("node_modules/.bin/tsc");
        assume(Files.exists(compiler), "TypeScript in " + TYPESCRIPT + " (npm install)");
        Path declarations = LOGS.resolve("clients-types");

        // When
        Ended checked = run("clients-tsc", TYPESCRIPT, Map.of(), compiler.toString(), "-p", "test");
        Ended compiled = run("clients-tsc", TYPESCRIPT, Map.of(), compiler.toString(), "-p", ".",
                "--outDir", declarations.toString());

        // Then
        assertThat(checked.status()).as(checked.output()).isZero();
        assertThat(compiled.status()).as(compiled.output()).isZero();
        Map<String, String> kept = texts(TYPESCRIPT.resolve("types"));
        Map<String, String> written = texts(declarations);
        kept.keySet().removeAll(GENERATED);
        written.keySet().removeAll(GENERATED);
        assertThat(kept).as("run npm run build").isEqualTo(written);
    }

    @Test
    void theClientInPythonWorks() throws Exception {
        // Given
        String python = python("import sys, httpx; sys.exit(sys.version_info < (3, 10))", "Python 3.10 or newer with httpx");
        Map<String, String> environment = new TreeMap<>(ofANewUser());
        environment.put("PYTHONPATH", "src");

        // When
        Ended ended = run("clients-python", PYTHON, environment, python, "-m", "unittest");

        // Then
        assertThat(ended.status()).as(ended.output()).isZero();
        assertThat(ended.output()).contains("\nOK").doesNotContain("skipped");
    }

    private record Ended(int status, String output) {
    }

    private static Map<String, String> ofANewUser() {
        Caller user = service.newCaller();
        user.hasSignedIn();
        return Map.of("CHATKEEP_URL", "http://127.0.0.1:" + service.port(), "CHATKEEP_TOKEN", user.token());
    }

    /** That of the client's own environment if there is one, which CONTRIBUTING.md tells how to make. */
    private static String python(String condition, String what) throws Exception {
        String own = PYTHON.resolve(".venv/bin/python").toString();
        String python = Files.exists(Path.of(own)) ? own : "python3";
        assume(succeeds(python, "-c", condition), what);
        return python;
    }

    private static void assume(boolean there, String what) {
        if (!there) {
            System.err.println("CLIENTS NOT TESTED: this machine lacks " + what);
        }
        assumeTrue(there, "This machine lacks " + what);
    }

    private static boolean succeeds(String... command) throws InterruptedException {
        try {
            return run("clients-needs", CLIENTS, Map.of(), command).status() == 0;
        } catch (IOException e) {
            return false; // not installed
        }
    }

    private static Ended run(String name, Path directory, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        Path log = LOGS.resolve(name + ".log");
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().put("PYTHONDONTWRITEBYTECODE", "1");
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        // Many tests, each of which may need patience.
        if (!process.waitFor(2 * PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
        return new Ended(process.exitValue(), Files.readString(log));
    }

    private static Map<String, String> texts(Path directory) throws IOException {
        Map<String, String> texts = new TreeMap<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                texts.put(file.getFileName().toString(), Files.readString(file));
            }
        }
        return texts;
    }

    private static String found(String pattern, Path file) throws IOException {
        Matcher matcher = Pattern.compile(pattern).matcher(Files.readString(file));
        return matcher.find() ? matcher.group(1) : "nothing in " + file;
    }
}

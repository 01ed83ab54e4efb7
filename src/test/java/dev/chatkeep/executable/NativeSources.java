package dev.chatkeep.executable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What the build hands to the compiler of the executable; it is made on every machine. */
final class NativeSources {

    private static final Path DIRECTORY = Path.of("target", "native-sources");
    private static final String REFLECTION = "META-INF/native-image/reflect-config.json";
    private static final String RESOURCES = "META-INF/native-image/resource-config.json";

    private NativeSources() {
    }

    /** Classes of which an executable knows constructors, methods and fields. */
    static Set<String> registered() throws IOException {
        Set<String> names = new HashSet<>();
        for (JsonNode entry : read(program(), REFLECTION)) {
            if (entry.path("allDeclaredConstructors").asBoolean() && entry.path("allDeclaredMethods").asBoolean()) {
                names.add(entry.path("name").textValue());
            }
        }
        return names;
    }

    /** Patterns of the files that an executable holds. */
    static List<String> resources() throws IOException {
        JsonNode includes = read(program(), RESOURCES).path("resources").path("includes");
        return StreamSupport.stream(includes.spliterator(), false).map(include -> include.path("pattern").textValue()).toList();
    }

    static List<String> excludedResources() throws IOException {
        JsonNode excludes = read(program(), RESOURCES).path("resources").path("excludes");
        return StreamSupport.stream(excludes.spliterator(), false).map(exclude -> exclude.path("pattern").textValue()).toList();
    }

    /** Arguments for the compiler. */
    static List<String> arguments() throws IOException {
        return List.of(Files.readString(DIRECTORY.resolve("native-image.args")).trim().split(" "));
    }

    static List<Path> libraries() throws IOException {
        try (Stream<Path> files = Files.list(DIRECTORY.resolve("lib"))) {
            return files.toList();
        }
    }

    /** Classes whose members a library has its C code look up. */
    static Set<String> calledFromC() throws IOException {
        Set<String> names = new HashSet<>();
        for (Path library : libraries()) {
            for (String entry : entries(library)) {
                if (entry.startsWith("META-INF/native-image/") && entry.endsWith("/jni-config.json")) {
                    read(library, entry).forEach(type -> names.add(type.path("name").textValue()));
                }
            }
        }
        return names;
    }

    private static Path program() throws IOException {
        try (Stream<Path> files = Files.list(DIRECTORY)) {
            return files.filter(file -> file.toString().endsWith("-runner.jar")).findFirst().orElseThrow();
        }
    }

    private static List<String> entries(Path jar) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            List<String> names = new ArrayList<>();
            file.stream().forEach(entry -> names.add(entry.getName()));
            return names;
        }
    }

    private static JsonNode read(Path jar, String entry) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            String json = new String(file.getInputStream(file.getEntry(entry)).readAllBytes(), StandardCharsets.UTF_8);
            return new ObjectMapper().readTree(json);
        }
    }
}

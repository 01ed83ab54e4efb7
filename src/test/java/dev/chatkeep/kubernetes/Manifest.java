package dev.chatkeep.kubernetes;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;

/** A file of {@code target/kubernetes} as users apply it. */
record Manifest(String name, List<JsonNode> resources) {

    static final List<String> FILES = List.of("settings", "migration", "kubernetes", "knative", "retention");

    private static final Path DIRECTORY = Path.of("target", "kubernetes");
    private static final ObjectMapper YAML = new ObjectMapper(
            YAMLFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build());

    static Manifest read(String name) throws IOException {
        try (MappingIterator<JsonNode> documents = YAML.readerFor(JsonNode.class)
                .readValues(DIRECTORY.resolve(name + ".yml").toFile())) {
            return new Manifest(name, documents.readAll());
        }
    }

    static List<Manifest> all() throws IOException {
        List<Manifest> all = new ArrayList<>();
        for (String name : FILES) {
            all.add(read(name));
        }
        return all;
    }

    JsonNode resource(String kind) {
        return resources.stream().filter(resource -> resource.path("kind").textValue().equals(kind)).findFirst().orElseThrow();
    }

    /** What it starts, each with its labels in {@code metadata} and its {@code spec}. */
    List<JsonNode> pods() {
        return resources.stream().map(Manifest::pod).filter(pod -> !pod.isMissingNode()).toList();
    }

    private static JsonNode pod(JsonNode resource) {
        JsonNode template = resource.at("/spec/template");
        return template.isMissingNode() ? resource.at("/spec/jobTemplate/spec/template") : template;
    }

    JsonNode container() {
        return pods().get(0).at("/spec/containers/0");
    }

    /** The environment that the one container gets, later sources over earlier ones, as Kubernetes does it. */
    Map<String, String> environment(Map<String, Map<String, String>> configMaps, Map<String, Map<String, String>> secrets) {
        Map<String, String> environment = new LinkedHashMap<>();
        for (JsonNode source : container().path("envFrom")) {
            environment.putAll(source.has("configMapRef") ? referenced(configMaps, source.path("configMapRef"))
                    : referenced(secrets, source.path("secretRef")));
        }
        container().path("env").forEach(variable -> environment.put(variable.path("name").textValue(),
                variable.path("value").textValue()));
        return environment;
    }

    private static Map<String, String> referenced(Map<String, Map<String, String>> sources, JsonNode reference) {
        Map<String, String> source = sources.get(reference.path("name").textValue());
        if (source == null) {
            throw new AssertionError("There is no source " + reference);
        }
        return source;
    }

    /** The values of a text field wherever it is. */
    static List<String> texts(JsonNode node, String field) {
        return node.findValues(field).stream().filter(JsonNode::isTextual).map(JsonNode::textValue).toList();
    }

    static List<JsonNode> list(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).toList();
    }
}

package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.InputFormat;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion.VersionFlag;

import io.restassured.filter.Filter;
import io.restassured.filter.FilterContext;
import io.restassured.http.Header;
import io.restassured.response.Response;
import io.restassured.specification.FilterableRequestSpecification;
import io.restassured.specification.FilterableResponseSpecification;

/**
 * Holds each response, and each request that was accepted, against the description that the service serves: a status, a media
 * type, a header, a member or a null that it does not know fails the test.
 */
public final class Contract implements Filter {

    public static final Contract SERVED = new Contract();

    /** What is larger is made of the same parts as what is smaller. */
    private static final int MAX_CHECKED_BYTES = 512 << 10;
    /** Headers that are ours to describe; those of HTTP itself and of CORS are not. */
    private static final Pattern DESCRIBED_HEADERS = Pattern
            .compile("(?i)x-(?!accel).*|ratelimit.*|retry-after|www-authenticate|content-disposition|location|allow");
    /** Uploads that are accepted whatever their items are: each bad one is reported. */
    private static final Set<String> REPORTING_ITEMS = Set.of("importCatalog", "uploadConversations");
    private static final Set<String> METHODS = Set.of("get", "post", "put", "patch", "delete");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** An operation of the document; a path is matched by its pattern. */
    private record Operation(String method, String path, Pattern pattern, JsonNode description) {
    }

    private final Map<String, JsonSchema> schemas = new ConcurrentHashMap<>();
    private final JsonSchemaFactory factory = JsonSchemaFactory.getInstance(VersionFlag.V202012);
    private final SchemaValidatorsConfig exact = SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build();
    /** Requests may write times in more ways than responses do. */
    private final SchemaValidatorsConfig lenient = SchemaValidatorsConfig.builder().formatAssertionsEnabled(false).build();
    private JsonNode components;
    private List<Operation> operations;

    private Contract() {
    }

    @Override
    public Response filter(FilterableRequestSpecification request, FilterableResponseSpecification expected,
            FilterContext context) {
        Response response = context.next(request, expected);
        URI uri = URI.create(request.getURI());
        load(uri);
        Operation operation = find(request.getMethod(), uri.getPath());
        if (operation != null) {
            List<String> complaints = new ArrayList<>();
            checkResponse(operation, response, complaints);
            if (response.statusCode() < 300) {
                checkRequest(operation, request.getBody(), complaints);
            }
            if (!complaints.isEmpty()) {
                throw new AssertionError("%s %s is not as described: %s".formatted(operation.method(), operation.path(),
                        String.join("; ", complaints)));
            }
        }
        return response;
    }

    private Operation find(String method, String path) {
        String plain = path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
        boolean named = operations.stream().anyMatch(each -> each.path().equals(plain));
        return operations.stream().filter(each -> each.method().equalsIgnoreCase(method)
                && (named ? each.path().equals(plain) : each.pattern().matcher(plain).matches())).findFirst().orElse(null);
    }

    private void checkResponse(Operation operation, Response response, List<String> complaints) {
        JsonNode described = operation.description().path("responses").path(Integer.toString(response.statusCode()));
        if (described.isMissingNode()) {
            complaints.add("status " + response.statusCode() + " with " + response.asString());
            return;
        }
        for (Header header : response.headers()) {
            if (DESCRIBED_HEADERS.matcher(header.getName()).matches() && !has(described.path("headers"), header.getName())) {
                complaints.add("header " + header.getName() + " with status " + response.statusCode());
            }
        }
        byte[] body = response.asByteArray();
        if (body.length == 0) {
            return;
        }
        String type = response.contentType() == null ? "" : response.contentType().split(";")[0].strip();
        JsonNode content = described.path("content").path(type);
        if (content.isMissingNode()) {
            complaints.add("media type " + type + " with status " + response.statusCode());
        } else if (body.length <= MAX_CHECKED_BYTES) {
            if (type.endsWith("json")) {
                complaints.addAll(complaints(content.path("schema"), new String(body, StandardCharsets.UTF_8), exact));
            } else if (type.equals("text/event-stream")) {
                checkEvents(content, response.asString(), complaints);
            }
        }
    }

    private static boolean has(JsonNode headers, String name) {
        for (Map.Entry<String, JsonNode> header : headers.properties()) {
            if (header.getKey().equalsIgnoreCase(name)) {
                return true;
            }
        }
        return false;
    }

    /** Events are described by their names; {@code data} is the name of those that have none. */
    private void checkEvents(JsonNode content, String body, List<String> complaints) {
        for (String event : body.split("\n\n")) {
            String name = "data";
            StringBuilder data = new StringBuilder();
            for (String line : event.split("\n")) {
                if (line.startsWith("event: ")) {
                    name = line.substring(7);
                } else if (line.startsWith("data: ")) {
                    data.append(data.isEmpty() ? "" : "\n").append(line.substring(6));
                }
            }
            if (data.isEmpty() || data.toString().equals("[DONE]")) {
                continue;
            }
            JsonNode schema = content.path("x-events").path(name);
            if (schema.isMissingNode()) {
                complaints.add("event " + name);
            } else {
                complaints.addAll(complaints(schema, data.toString(), exact));
            }
        }
    }

    private void checkRequest(Operation operation, Object body, List<String> complaints) {
        JsonNode schema = operation.description().path("requestBody").path("content").path("application/json").path("schema");
        if (REPORTING_ITEMS.contains(operation.description().path("operationId").textValue()) || schema.isMissingNode()
                || !(body instanceof String text) || text.isBlank() || text.length() > MAX_CHECKED_BYTES) {
            return;
        }
        for (String complaint : complaints(schema, text, lenient)) {
            complaints.add("accepted request " + complaint);
        }
    }

    private List<String> complaints(JsonNode schema, String json, SchemaValidatorsConfig config) {
        JsonSchema validator = schemas.computeIfAbsent(schema + (config == exact ? "" : " lenient"), text -> {
            ObjectNode root = JSON.createObjectNode();
            root.set("allOf", JSON.createArrayNode().add(schema));
            root.set("components", components);
            return factory.getSchema(root, config);
        });
        return validator.validate(json, InputFormat.JSON).stream().map(Object::toString).limit(5).toList();
    }

    private synchronized void load(URI uri) {
        if (operations != null) {
            return;
        }
        try {
            String document = HTTP.send(HttpRequest.newBuilder(uri.resolve("/q/openapi?format=json")).build(),
                    HttpResponse.BodyHandlers.ofString()).body();
            JsonNode root = JSON.readTree(document);
            components = closed(root.path("components"), requested(root));
            operations = operations(root);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static List<Operation> operations(JsonNode root) throws JsonProcessingException {
        List<Operation> operations = new ArrayList<>();
        root.path("paths").properties().forEach(path -> path.getValue().properties().forEach(operation -> {
            if (METHODS.contains(operation.getKey())) {
                Pattern pattern = Pattern.compile(path.getKey().replaceAll("\\{[^}]+}", "(?s:.+)"));
                operations.add(new Operation(operation.getKey().toUpperCase(Locale.ROOT), path.getKey(), pattern,
                        operation.getValue()));
            }
        }));
        // The most exact path first.
        operations.sort(Comparator.<Operation> comparingInt(each -> each.path().contains("{") ? 1 : 0)
                .thenComparing(each -> each.path().length(), Comparator.reverseOrder()));
        return operations;
    }

    /** The schemas of requests: what these do not name is ignored, unless they say otherwise. */
    private static Set<String> requested(JsonNode root) {
        Set<String> names = ConcurrentHashMap.newKeySet();
        root.path("paths").properties().forEach(path -> path.getValue()
                .forEach(operation -> collect(operation.path("requestBody"), root, names)));
        return names;
    }

    private static void collect(JsonNode node, JsonNode root, Set<String> names) {
        if (node.path("$ref").isTextual()) {
            String name = node.path("$ref").textValue().replaceAll(".*/", "");
            if (names.add(name)) {
                collect(root.path("components").path("schemas").path(name), root, names);
            }
        }
        node.forEach(each -> collect(each, root, names));
    }

    /** Schemas of responses know all their members. */
    private static JsonNode closed(JsonNode components, Set<String> requested) {
        JsonNode copy = components.deepCopy();
        copy.path("schemas").properties().forEach(schema -> {
            if (!requested.contains(schema.getKey()) && schema.getValue() instanceof ObjectNode object
                    && object.has("properties")
                    && !object.has("additionalProperties")) {
                object.put("additionalProperties", false);
            }
        });
        return copy;
    }
}

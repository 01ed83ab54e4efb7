package dev.chatkeep.wire;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

import jakarta.annotation.Nullable;
import jakarta.validation.constraints.NotNull;

import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.media.Content;
import org.eclipse.microprofile.openapi.models.media.Schema;
import org.eclipse.microprofile.openapi.models.media.Schema.SchemaType;
import org.eclipse.microprofile.openapi.models.parameters.Parameter;
import org.jboss.jandex.AnnotationInstance;
import org.jboss.jandex.AnnotationTarget;
import org.jboss.jandex.ClassInfo;
import org.jboss.jandex.DotName;
import org.jboss.jandex.FieldInfo;
import org.jboss.jandex.IndexView;
import org.jboss.jandex.MethodInfo;
import org.jboss.jandex.MethodParameterInfo;
import org.jboss.jandex.RecordComponentInfo;
import org.jboss.jandex.Type;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkus.smallrye.openapi.OpenApiFilter;

/**
 * Completes the OpenAPI document with what the records and their constraints say, so that a bound stands in one place: which
 * members are always there, which may be null, lengths, times and enumerations. It runs before the filters of single APIs.
 * <ul>
 * <li>A member of a response is always there, and null only if it is {@link Nullable}. Records that leave out what is null
 * ({@link JsonInclude}), and members that do, leave out what is {@code Nullable}.
 * <li>A member of a request is required if it is {@link NotNull}. Any other may be left out, or null, which is the same. A
 * request that refuses what it does not know says what may be null as a response does.
 * </ul>
 */
@OpenApiFilter(value = OpenApiFilter.RunStage.BUILD, priority = 2)
public class RecordSchemas implements OASFilter {

    private static final String REF = "#/components/schemas/";
    private static final Pattern WORDS = Pattern.compile("\\w+(\\|\\w+)*");
    /** Named types that say no more than their format does. */
    private static final Map<String, String> FORMATS = Map.of("Instant", "date-time", "LocalDate", "date", "UUID", "uuid");
    /** What can be of any type, which members say themselves. */
    private static final List<String> TREES = List.of("JsonNode", "JsonNodeType", "ObjectNode");
    private static final List<DotName> PARAMETERS = List.of(name(RestQuery.class), name(RestPath.class),
            name(RestHeader.class));

    private final IndexView index;

    public RecordSchemas(IndexView index) {
        this.index = index;
    }

    private static DotName name(Class<?> type) {
        return DotName.createSimple(type);
    }

    @Override
    public void filterOpenAPI(OpenAPI document) {
        Map<String, Schema> schemas = document.getComponents().getSchemas();
        schemas.values().forEach(RecordSchemas::writeFormats);
        Map<String, ClassInfo> records = records();
        Set<String> requested = reachable(schemas, bodies(document));
        Set<String> responded = reachable(schemas, responses(document));
        schemas.forEach((name, schema) -> {
            if (records.containsKey(name)) {
                complete(schema, records.get(name), requested.contains(name), responded.contains(name));
            }
        });
        FORMATS.keySet().forEach(document.getComponents()::removeSchema);
        TREES.forEach(document.getComponents()::removeSchema);
        Map<String, MethodInfo> methods = methods();
        document.getPaths().getPathItems().values().forEach(path -> path.getOperations().values()
                .forEach(operation -> complete(operation, methods.get(operation.getOperationId()))));
    }

    /** By the names of their schemas. */
    private Map<String, ClassInfo> records() {
        Map<String, ClassInfo> records = new HashMap<>();
        for (AnnotationInstance schema : index
                .getAnnotations(name(org.eclipse.microprofile.openapi.annotations.media.Schema.class))) {
            if (schema.target().kind() == AnnotationTarget.Kind.CLASS && schema.value("name") != null
                    && schema.target().asClass().isRecord()) {
                records.put(schema.value("name").asString(), schema.target().asClass());
            }
        }
        return records;
    }

    private Map<String, MethodInfo> methods() {
        Map<String, MethodInfo> methods = new HashMap<>();
        for (AnnotationInstance operation : index
                .getAnnotations(name(org.eclipse.microprofile.openapi.annotations.Operation.class))) {
            if (operation.value("operationId") != null) {
                methods.put(operation.value("operationId").asString(), operation.target().asMethod());
            }
        }
        return methods;
    }

    private static List<Content> bodies(OpenAPI document) {
        List<Content> bodies = new ArrayList<>();
        document.getPaths().getPathItems().values().forEach(path -> path.getOperations().values().forEach(operation -> {
            if (operation.getRequestBody() != null) {
                bodies.add(operation.getRequestBody().getContent());
            }
        }));
        return bodies;
    }

    private static List<Content> responses(OpenAPI document) {
        List<Content> contents = new ArrayList<>();
        document.getPaths().getPathItems().values().forEach(path -> path.getOperations().values().forEach(
                operation -> operation.getResponses().getAPIResponses().values().forEach(response -> {
                    if (response.getContent() != null) {
                        contents.add(response.getContent());
                    }
                })));
        return contents;
    }

    private static Set<String> reachable(Map<String, Schema> schemas, List<Content> contents) {
        Set<String> found = new HashSet<>();
        contents.forEach(
                content -> content.getMediaTypes().values().forEach(type -> collect(type.getSchema(), schemas, found)));
        return found;
    }

    private static void collect(Schema schema, Map<String, Schema> schemas, Set<String> found) {
        if (schema == null) {
            return;
        }
        if (schema.getRef() != null) {
            String name = schema.getRef().substring(REF.length());
            if (found.add(name)) {
                collect(schemas.get(name), schemas, found);
            }
        }
        if (schema.getProperties() != null) {
            schema.getProperties().values().forEach(property -> collect(property, schemas, found));
        }
        collect(schema.getItems(), schemas, found);
        collect(schema.getAdditionalPropertiesSchema(), schemas, found);
        for (List<Schema> alternatives : alternatives(schema)) {
            alternatives.forEach(each -> collect(each, schemas, found));
        }
    }

    private static List<List<Schema>> alternatives(Schema schema) {
        List<List<Schema>> all = new ArrayList<>();
        for (List<Schema> each : Arrays.asList(schema.getAnyOf(), schema.getOneOf(), schema.getAllOf())) {
            if (each != null) {
                all.add(each);
            }
        }
        return all;
    }

    private void complete(Schema schema, ClassInfo record, boolean requested, boolean responded) {
        if (schema.getProperties() == null) {
            return;
        }
        boolean snakeCase = record.hasDeclaredAnnotation(name(JsonNaming.class));
        boolean leavesOutNulls = leavesOutNulls(record);
        boolean strict = Boolean.FALSE.equals(schema.getAdditionalPropertiesBoolean());
        Map<String, Schema> properties = new LinkedHashMap<>();
        List<String> required = new ArrayList<>();
        List<String> wasRequired = schema.getRequired() == null ? List.of() : schema.getRequired();
        for (RecordComponentInfo component : record.recordComponentsInDeclarationOrder()) {
            FieldInfo member = record.field(component.name());
            String wireName = wireName(member, snakeCase);
            Schema property = schema.getProperties().get(wireName);
            if (property == null) {
                continue; // hidden
            }
            writeTree(property, member.type());
            boolean primitive = member.type().kind() == Type.Kind.PRIMITIVE;
            boolean mayBeNull = member.hasAnnotation(name(Nullable.class));
            boolean leavesOutNull = leavesOutNulls || leavesOutNulls(member.annotation(name(JsonInclude.class)));
            boolean isRequired = requested ? isNotNull(member) || wasRequired.contains(wireName)
                    : primitive || !(leavesOutNull && mayBeNull);
            if (isRequired) {
                required.add(wireName);
            }
            bound(property, member.type(), member.annotations());
            boolean nullable = requested ? !isRequired && !primitive && (!strict || mayBeNull)
                    : mayBeNull && !leavesOutNull;
            properties.put(wireName, nullable ? nullable(property) : property);
        }
        schema.setProperties(properties);
        schema.setRequired(required.isEmpty() ? null : required);
    }

    /** A member that is kept as the tree that it is sent as. */
    private static void writeTree(Schema property, Type type) {
        if (type.name().equals(name(ObjectNode.class))) {
            property.setRef(null);
            property.setType(new ArrayList<>(List.of(SchemaType.OBJECT)));
        } else if (type.name().equals(name(JsonNode.class)) || type.name().equals(name(Object.class))) {
            property.setRef(null);
            property.setType(null);
        }
    }

    private static boolean leavesOutNulls(ClassInfo record) {
        return leavesOutNulls(record.declaredAnnotation(name(JsonInclude.class)));
    }

    private static boolean leavesOutNulls(AnnotationInstance include) {
        return include != null && include.value().asEnum().equals("NON_NULL");
    }

    /** Whether it stands on the member itself, and not on what it is a list of. */
    private static boolean isNotNull(FieldInfo member) {
        return member.annotations().stream()
                .anyMatch(
                        each -> each.name().equals(name(NotNull.class)) && each.target().kind() == AnnotationTarget.Kind.FIELD);
    }

    private static String wireName(FieldInfo member, boolean snakeCase) {
        AnnotationInstance property = member.annotation(name(JsonProperty.class));
        if (property != null && property.value() != null) {
            return property.value().asString();
        }
        return snakeCase ? new SnakeCaseStrategy().translate(member.name()) : member.name();
    }

    /** What our own constraints say; the document has those of Bean Validation already. */
    private static void bound(Schema schema, Type type, List<AnnotationInstance> annotations) {
        for (AnnotationInstance annotation : annotations) {
            Schema bounded = isOfItems(annotation, type) ? schema.getItems() : schema;
            if (bounded != null) {
                bound(bounded, annotation);
            }
        }
        enumerate(schema);
        if (schema.getItems() != null) {
            enumerate(schema.getItems());
        }
    }

    private static boolean isOfItems(AnnotationInstance annotation, Type type) {
        return annotation.target().kind() == AnnotationTarget.Kind.TYPE && type.kind() == Type.Kind.PARAMETERIZED_TYPE
                && type.asParameterizedType().arguments().contains(annotation.target().asType().target());
    }

    private static void bound(Schema schema, AnnotationInstance annotation) {
        if (annotation.name().equals(name(Text.class))) {
            if (annotation.value("min") != null) {
                schema.setMinLength(annotation.value("min").asInt());
            }
            if (annotation.value("max") != null) {
                schema.setMaxLength(annotation.value("max").asInt());
            }
        } else if (annotation.name().equals(name(Timestamp.class))) {
            schema.setFormat("date-time");
        }
    }

    /** A pattern that is a choice of words is an enumeration. */
    private static void enumerate(Schema schema) {
        if (schema.getPattern() != null && WORDS.matcher(schema.getPattern()).matches()) {
            if (schema.getEnumeration() == null) {
                schema.setEnumeration(new ArrayList<>(List.of((Object[]) schema.getPattern().split("\\|"))));
            }
            schema.setPattern(null);
        }
    }

    private static Schema nullable(Schema schema) {
        if (schema.getAnyOf() != null) {
            return schema.addAnyOf(OASFactory.createSchema().addType(SchemaType.NULL));
        }
        if (schema.getRef() != null) {
            return OASFactory.createSchema().description(schema.getDescription())
                    .addAnyOf(OASFactory.createSchema().ref(schema.getRef()))
                    .addAnyOf(OASFactory.createSchema().addType(SchemaType.NULL));
        }
        if (schema.getType() != null && !schema.getType().contains(SchemaType.NULL)) {
            schema.addType(SchemaType.NULL);
            if (schema.getEnumeration() != null) {
                List<Object> values = new ArrayList<>(schema.getEnumeration());
                values.add(null);
                schema.setEnumeration(values);
            }
        }
        return schema;
    }

    private static void writeFormats(Schema schema) {
        if (schema.getRef() != null && FORMATS.containsKey(schema.getRef().substring(REF.length()))) {
            String format = FORMATS.get(schema.getRef().substring(REF.length()));
            schema.setRef(null);
            schema.addType(SchemaType.STRING);
            schema.setFormat(format);
        }
        if (schema.getProperties() != null) {
            schema.getProperties().values().forEach(RecordSchemas::writeFormats);
        }
        if (schema.getItems() != null) {
            writeFormats(schema.getItems());
        }
        alternatives(schema).forEach(each -> each.forEach(RecordSchemas::writeFormats));
    }

    private void complete(Operation operation, MethodInfo method) {
        if (operation.getParameters() == null || method == null) {
            return;
        }
        for (Parameter described : operation.getParameters()) {
            writeFormats(described.getSchema());
            for (MethodParameterInfo parameter : method.parameters()) {
                if (described.getName().equals(parameterName(parameter))) {
                    bound(described.getSchema(), parameter.type(), parameter.annotations());
                }
            }
        }
    }

    private static String parameterName(MethodParameterInfo parameter) {
        for (DotName kind : PARAMETERS) {
            AnnotationInstance annotation = parameter.annotation(kind);
            if (annotation != null) {
                return annotation.value() == null ? parameter.name() : annotation.value().asString();
            }
        }
        return null;
    }
}

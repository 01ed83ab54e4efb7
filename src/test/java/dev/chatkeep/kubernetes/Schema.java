package dev.chatkeep.kubernetes;

import java.io.IOException;
import java.lang.reflect.Type;
import java.util.Map;
import java.util.Set;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;

import io.fabric8.knative.serving.v1.Service;
import io.kubernetes.client.openapi.JSON;
import io.kubernetes.client.openapi.models.V1ConfigMap;
import io.kubernetes.client.openapi.models.V1Container;
import io.kubernetes.client.openapi.models.V1CronJob;
import io.kubernetes.client.openapi.models.V1Deployment;
import io.kubernetes.client.openapi.models.V1Job;
import io.kubernetes.client.openapi.models.V1NetworkPolicy;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import io.kubernetes.client.openapi.models.V1Service;
import io.kubernetes.client.openapi.models.V2HorizontalPodAutoscaler;

/**
 * Whether a resource is what Kubernetes' own description of its API says: no field that it does not know, none missing that
 * it requires, and each of the right type. The last is seen by reading it into Kubernetes' types and writing it again: what
 * was bent into shape comes out different.
 */
final class Schema {

    private interface Check {

        void of(JsonElement resource) throws IOException;
    }

    private record Kind(Type type, Check check) {
    }

    private static final Map<String, Kind> KINDS = Map.of(
            "v1 ConfigMap", new Kind(V1ConfigMap.class, V1ConfigMap::validateJsonElement),
            "v1 Service", new Kind(V1Service.class, V1Service::validateJsonElement),
            "apps/v1 Deployment", new Kind(V1Deployment.class, V1Deployment::validateJsonElement),
            "batch/v1 Job", new Kind(V1Job.class, V1Job::validateJsonElement),
            "batch/v1 CronJob", new Kind(V1CronJob.class, V1CronJob::validateJsonElement),
            "autoscaling/v2 HorizontalPodAutoscaler",
            new Kind(V2HorizontalPodAutoscaler.class, V2HorizontalPodAutoscaler::validateJsonElement),
            "policy/v1 PodDisruptionBudget",
            new Kind(V1PodDisruptionBudget.class, V1PodDisruptionBudget::validateJsonElement),
            "networking.k8s.io/v1 NetworkPolicy", new Kind(V1NetworkPolicy.class, V1NetworkPolicy::validateJsonElement));
    private static final Kind CONTAINER = new Kind(V1Container.class, V1Container::validateJsonElement);

    /** Where a number may stand or a name; digits in quotes are neither. */
    private static final Set<String> NUMBERS_OR_NAMES = Set.of("port", "targetPort", "maxSurge", "maxUnavailable",
            "minAvailable");

    private static final ObjectMapper JACKSON = new ObjectMapper();
    private static final ObjectMapper KNATIVE = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .annotationIntrospector(new JacksonAnnotationIntrospector() {

                private static final long serialVersionUID = 1L;

                /** These types would keep what they do not know. */
                @Override
                public Boolean hasAnySetter(Annotated annotated) {
                    return false;
                }
            })
            .build();

    private Schema() {
    }

    /** @throws AssertionError that says what is wrong with it */
    static void check(JsonNode resource) {
        String name = resource.path("apiVersion").asText() + " " + resource.path("kind").asText();
        if (name.equals("serving.knative.dev/v1 Service")) {
            checkKnative(resource);
            resource.at("/spec/template/spec/containers").forEach(container -> check(container, CONTAINER));
        } else if (KINDS.containsKey(name)) {
            check(resource, KINDS.get(name));
        } else {
            throw new AssertionError("There is no schema of " + name);
        }
        NUMBERS_OR_NAMES.stream().flatMap(field -> Manifest.texts(resource, field).stream())
                .filter(text -> text.matches("\\d+")).forEach(text -> {
                    throw new AssertionError("'" + text + "' is a name to Kubernetes");
                });
    }

    private static void check(JsonNode resource, Kind kind) {
        try {
            JsonElement element = JsonParser.parseString(resource.toString());
            kind.check().of(element);
            Object read = JSON.getGson().fromJson(element, kind.type());
            same(resource, JACKSON.readTree(JSON.serialize(read)));
        } catch (IOException | RuntimeException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private static void checkKnative(JsonNode resource) {
        try {
            same(resource, KNATIVE.valueToTree(KNATIVE.treeToValue(resource, Service.class)));
        } catch (JsonProcessingException e) {
            throw new AssertionError(e.getOriginalMessage(), e);
        }
    }

    /** The types add empty lists to what they read, so the other direction would not hold. */
    private static void same(JsonNode written, JsonNode read) {
        boolean alike = written.getNodeType() == read.getNodeType() && written.asText().equals(read.asText());
        if (!alike || written.isArray() && written.size() != read.size()) {
            throw new AssertionError("Kubernetes reads " + written + " as " + read);
        }
        written.fieldNames().forEachRemaining(field -> same(written.path(field), read.path(field)));
        if (written.isArray()) {
            for (int i = 0; i < written.size(); i++) {
                same(written.path(i), read.path(i));
            }
        }
    }
}

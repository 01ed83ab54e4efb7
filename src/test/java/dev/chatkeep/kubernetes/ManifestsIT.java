package dev.chatkeep.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Json;

/** What the build writes for Kubernetes, as users apply it. */
@BesideOthers
class ManifestsIT {

    private static final List<String> FILES = Manifest.FILES;

    /** PostgreSQL's default, without what it keeps for superusers. */
    private static final int CONNECTIONS = 97;

    @ParameterizedTest
    @FieldSource("FILES")
    void eachResourceIsWhatKubernetesKnows(String file) throws IOException {
        // When
        List<JsonNode> resources = Manifest.read(file).resources();

        // Then
        assertThat(resources).isNotEmpty().allSatisfy(Schema::check);
    }

    /** The check itself: each of these mistakes is seen. */
    @ParameterizedTest
    @CsvSource(quoteCharacter = '`', value = {
            "kubernetes, Deployment, /spec/template/spec/containers/0, readinesProbe, {}, readinesProbe",
            "kubernetes, Deployment, /spec/template/spec/containers/0/livenessProbe/httpGet, prot, 9000, prot",
            "kubernetes, Deployment, /spec/template/spec/securityContext, runAsNonRoot, `\"true\"`, Kubernetes reads \"true\" as true",
            "kubernetes, Deployment, /spec/template/spec, terminationGracePeriodSeconds, `\"630\"`, Kubernetes reads \"630\" as 630",
            "kubernetes, Deployment, /spec/template/spec, automountServiceAccountToken, 0, BOOLEAN",
            "kubernetes, Deployment, /spec, template, null, Not a JSON Object",
            "kubernetes, Deployment, /spec, selector, absent, selector",
            "kubernetes, Deployment, /spec/strategy/rollingUpdate, maxSurge, `\"1\"`, '1' is a name",
            "kubernetes, Service, /spec, selectors, {}, selectors",
            "kubernetes, HorizontalPodAutoscaler, /spec, maxReplicas, many, many",
            "kubernetes, PodDisruptionBudget, /spec, maxUnavailable, `\"1\"`, '1' is a name",
            "kubernetes, NetworkPolicy, /spec/ingress/0/ports/0, protocol, 6, Kubernetes reads 6 as",
            "kubernetes, NetworkPolicy, ``, kind, Secret, There is no schema",
            "migration, Job, /spec/template/spec, restartPolicies, Never, restartPolicies",
            "retention, CronJob, /spec, timezone, Etc/UTC, timezone",
            "settings, ConfigMap, /data, CHATKEEP_RETENTION_DAYS, 90, Kubernetes reads 90 as",
            "knative, Service, /spec/template/spec, timeoutSecond, 600, timeoutSecond",
            "knative, Service, /spec/template/spec, timeoutSeconds, `\"600\"`, coerce",
            "knative, Service, /spec/template/spec/containers/0, readinesProbe, {}, readinesProbe",
            "knative, Service, /spec/template/spec/containers/0/ports/0, containerPort, `\"8080\"`, coerce",
            "knative, Service, /spec/template/spec/containers/0/readinessProbe/tcpSocket, port, `\"8080\"`, '8080' is a name" })
    void aMistakeIsFound(String file, String kind, String path, String field, String value, String complaint)
            throws IOException {
        // Given
        JsonNode resource = Manifest.read(file).resource(kind);
        ObjectNode object = (ObjectNode) resource.at(path);
        if (value.equals("absent")) {
            object.remove(field);
        } else {
            object.set(field, value.matches("[{\"\\d].*|null") ? Json.of(value) : Json.of("\"%s\"", value));
        }

        // When
        Throwable found = catchThrowable(() -> Schema.check(resource));

        // Then
        assertThat(found).isInstanceOf(AssertionError.class)
                .hasMessageContaining(complaint);
    }

    @ParameterizedTest
    @CsvSource({
            "settings, ConfigMap chatkeep;NetworkPolicy chatkeep-tasks",
            "migration, Job chatkeep-migrate",
            "kubernetes, Deployment chatkeep;HorizontalPodAutoscaler chatkeep;NetworkPolicy chatkeep;PodDisruptionBudget chatkeep"
                    + ";Service chatkeep",
            "knative, Service chatkeep",
            "retention, CronJob chatkeep-cleanup" })
    void eachFileHasWhatItSays(String file, String resources) throws IOException {
        // When
        List<String> names = Manifest.read(file).resources().stream()
                .map(resource -> resource.path("kind").textValue() + " " + resource.at("/metadata/name").textValue()).sorted()
                .toList();

        // Then
        assertThat(names).containsExactly(resources.split(";"));
    }

    @ParameterizedTest
    @CsvSource({
            "startupProbe, /q/health/started, 0, 2, 2, 60",
            "livenessProbe, /q/health/live, 0, 10, 5, 3",
            "readinessProbe, /q/health/ready, 0, 5, 5, 3" })
    void healthIsAskedOnThePortForIt(String probe, String path, int delay, int period, int timeout, int failures)
            throws IOException {
        // When
        JsonNode container = Manifest.read("kubernetes").container();

        // Then
        assertThat(container.path(probe)).isEqualTo(Json.of("""
                {"httpGet": {"path": "%s", "port": 9000, "scheme": "HTTP"}, "initialDelaySeconds": %d, "periodSeconds": %d,
                 "timeoutSeconds": %d, "successThreshold": 1, "failureThreshold": %d}""", path, delay, period, timeout,
                failures));
        assertThat(Manifest.list(container.path("ports"))).containsExactlyInAnyOrder(
                Json.of("{\"name\": \"http\", \"containerPort\": 8080, \"protocol\": \"TCP\"}"),
                Json.of("{\"name\": \"management\", \"containerPort\": 9000, \"protocol\": \"TCP\"}"));
    }

    @Test
    void theServiceOpensTheRequestsAlone() throws IOException {
        // When
        JsonNode service = Manifest.read("kubernetes").resource("Service");

        // Then
        assertThat(service.path("spec")).isEqualTo(Json.of("""
                {"type": "ClusterIP", "selector": {"app.kubernetes.io/name": "chatkeep"},
                 "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}"""));
    }

    @Test
    void noContainerMayDoMoreThanItNeeds() throws IOException {
        for (Manifest manifest : Manifest.all()) {
            for (JsonNode pod : manifest.pods()) {
                JsonNode spec = pod.path("spec");
                // Knative allows none of the pod, so there it stands in the container.
                JsonNode context = manifest.name().equals("knative") ? Json.of("{}")
                        : Json.of("""
                                {"runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001,
                                 "seccompProfile": {"type": "RuntimeDefault"}}""");
                JsonNode container = Json
                        .of("""
                                {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}""");
                if (manifest.name().equals("knative")) {
                    ((ObjectNode) container).setAll((ObjectNode) Json.of("""
                            {"runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}"""));
                }

                assertThat(spec.path("containers")).hasSize(1);
                assertThat(spec.has("initContainers")).isFalse();
                assertThat(spec.path("automountServiceAccountToken")).isEqualTo(Json.of("false"));
                assertThat(spec.has("securityContext") ? spec.path("securityContext") : Json.of("{}")).isEqualTo(context);
                assertThat(spec.at("/containers/0/securityContext")).isEqualTo(container);
                assertThat(spec.at("/containers/0/volumeMounts"))
                        .isEqualTo(Json.of("[{\"name\": \"tmp\", \"mountPath\": \"/tmp\"}]"));
                assertThat(spec.path("volumes"))
                        .isEqualTo(Json.of("[{\"name\": \"tmp\", \"emptyDir\": {\"sizeLimit\": \"64Mi\"}}]"));
                assertThat(fields(spec.at("/containers/0/resources"))).containsExactlyInAnyOrder("limits", "requests");
                assertThat(spec.at("/containers/0/resources/limits/memory").isTextual()).isTrue();
            }
        }
    }

    @Test
    void secretsAreNamedAndOnlyTheMigrationHasThoseOfTheOwner() throws IOException {
        // Given
        Map<String, List<String>> secrets = new TreeMap<>();
        Set<String> values = new TreeSet<>();
        Set<String> kinds = new TreeSet<>();

        // When
        for (Manifest manifest : Manifest.all()) {
            for (JsonNode resource : manifest.resources()) {
                kinds.add(resource.path("kind").textValue());
                List<String> names = new ArrayList<>();
                resource.findValues("secretRef").forEach(reference -> names.add(reference.path("name").textValue()));
                if (!names.isEmpty()) {
                    secrets.put(manifest.name(), names);
                }
                resource.findValues("env").forEach(variables -> variables
                        .forEach(variable -> values.add(variable.path("name").textValue())));
                values.addAll(fields(resource.path("data")));
            }
        }

        // Then
        assertThat(kinds).isNotEmpty().doesNotContain("Secret");
        assertThat(secrets).isEqualTo(Map.of(
                "migration", List.of("chatkeep-owner"),
                "kubernetes", List.of("chatkeep-database", "chatkeep-keys"),
                "knative", List.of("chatkeep-database", "chatkeep-keys"),
                "retention", List.of("chatkeep-database")));
        assertThat(values).containsExactly("CHATKEEP_RETENTION_SCHEDULE", "QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE",
                "QUARKUS_DATASOURCE_REACTIVE_URL", "QUARKUS_FLYWAY_MIGRATE_AT_START", "QUARKUS_SHUTDOWN_DELAY",
                "QUARKUS_SHUTDOWN_TIMEOUT");
    }

    @Test
    void aPodHasTimeToEnd() throws IOException {
        // Given
        Manifest manifest = Manifest.read("kubernetes");
        JsonNode pod = manifest.pods().get(0).path("spec");

        // When
        long reachable = seconds(manifest, "QUARKUS_SHUTDOWN_DELAY");
        long answers = seconds(manifest, "QUARKUS_SHUTDOWN_TIMEOUT");
        int stored = 5;

        // Then
        assertThat(reachable).isEqualTo(5);
        assertThat(answers).isEqualTo(600);
        assertThat(pod.path("terminationGracePeriodSeconds").longValue()).isGreaterThan(reachable + answers + stored);
    }

    @Test
    void whatBelongsToTheServiceSelectsItsPodsAndNoTask() throws IOException {
        // When
        Manifest manifest = Manifest.read("kubernetes");
        JsonNode selector = Json.of("{\"app.kubernetes.io/name\": \"chatkeep\"}");
        List<JsonNode> selectors = List.of(
                manifest.resource("Service").at("/spec/selector"),
                manifest.resource("Deployment").at("/spec/selector/matchLabels"),
                manifest.resource("PodDisruptionBudget").at("/spec/selector/matchLabels"),
                manifest.resource("NetworkPolicy").at("/spec/podSelector/matchLabels"),
                manifest.pods().get(0).at("/spec/topologySpreadConstraints/0/labelSelector/matchLabels"),
                manifest.pods().get(0).at("/spec/topologySpreadConstraints/1/labelSelector/matchLabels"));

        // Then
        assertThat(selectors).containsOnly(selector);
        assertThat(Manifest.list(manifest.pods().get(0).at("/spec/topologySpreadConstraints"))).hasSize(2);
        assertThat(name(manifest)).isEqualTo("chatkeep");
        assertThat(name(Manifest.read("migration"))).isEqualTo("chatkeep-migrate");
        assertThat(name(Manifest.read("retention"))).isEqualTo("chatkeep-cleanup");
    }

    @ParameterizedTest
    @CsvSource({
            "kubernetes, '[{\"ports\": [8080]}, {\"ports\": [9000], \"from\": \"monitoring\"}]', 53 53 5432 443",
            "settings, '[]', 53 53 5432" })
    void nobodyTalksToMoreThanItNeeds(String file, String ingress, String egress) throws IOException {
        // When
        JsonNode policy = Manifest.read(file).resource("NetworkPolicy").path("spec");

        // Then
        assertThat(policy.path("policyTypes")).isEqualTo(Json.of("[\"Ingress\", \"Egress\"]"));
        ArrayNode in = JsonNodeFactory.instance.arrayNode();
        for (JsonNode rule : policy.path("ingress")) {
            ObjectNode open = in.addObject();
            rule.path("ports").forEach(port -> open.withArray("ports").add(port.path("port")));
            rule.path("from").forEach(from -> open.set("from",
                    from.path("namespaceSelector").path("matchLabels").path("kubernetes.io/metadata.name")));
        }
        assertThat(in).isEqualTo(Json.of(ingress));
        assertThat(policy.path("egress")).hasSize(1);
        assertThat(policy.at("/egress/0/ports")).extracting(port -> port.path("port").asText())
                .containsExactly(egress.split(" "));
    }

    @Test
    void thePolicyOfTheTasksIsForEachOfThem() throws IOException {
        // When
        JsonNode policy = Manifest.read("settings").resource("NetworkPolicy");

        // Then
        assertThat(policy.at("/spec/podSelector/matchExpressions")).isEqualTo(Json.of("""
                [{"key": "app.kubernetes.io/name", "operator": "In", "values": ["%s", "%s"]}]""",
                name(Manifest.read("migration")), name(Manifest.read("retention"))));
    }

    @Test
    void jobsThatAreOverDoNotStay() throws IOException {
        assertThat(Manifest.read("migration").resource("Job").at("/spec/ttlSecondsAfterFinished").intValue()).isEqualTo(86_400);
        assertThat(
                Manifest.read("retention").resource("CronJob").at("/spec/jobTemplate/spec/ttlSecondsAfterFinished").intValue())
                .isEqualTo(604_800);
    }

    @Test
    void theAutoscalerAloneSaysHowManyThereAre() throws IOException {
        // When
        Manifest manifest = Manifest.read("kubernetes");
        JsonNode autoscaler = manifest.resource("HorizontalPodAutoscaler").path("spec");

        // Then
        assertThat(manifest.resource("Deployment").path("spec").has("replicas")).isFalse();
        assertThat(autoscaler.path("scaleTargetRef"))
                .isEqualTo(Json.of("{\"apiVersion\": \"apps/v1\", \"kind\": \"Deployment\", \"name\": \"chatkeep\"}"));
        assertThat(autoscaler.path("minReplicas").intValue()).isEqualTo(2);
        assertThat(manifest.resource("PodDisruptionBudget").at("/spec/maxUnavailable").intValue()).isEqualTo(1);
        assertThat(manifest.resource("Deployment").at("/spec/strategy")).isEqualTo(Json.of("""
                {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}"""));
    }

    /** While a version replaces another, as many may be ending as there are. */
    @Test
    void theirPoolsStayBelowWhatPostgresqlAllows() throws IOException {
        // When
        int pool = Integer.parseInt(
                Manifest.read("settings").resource("ConfigMap").at("/data/QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE").textValue());
        int replicas = Manifest.read("kubernetes").resource("HorizontalPodAutoscaler").at("/spec/maxReplicas").intValue();
        String instances = Manifest.read("knative").pods().get(0).at("/metadata/annotations")
                .path("autoscaling.knative.dev/max-scale").textValue();

        // Then
        assertThat(2 * replicas * pool + 1).isLessThanOrEqualTo(CONNECTIONS);
        assertThat(instances).isEqualTo(Integer.toString(replicas));
    }

    @Test
    void onKnativeItScalesToZeroAndAnswersMayTakeTheirTime() throws IOException {
        // When
        Manifest manifest = Manifest.read("knative");
        JsonNode template = manifest.pods().get(0);
        JsonNode annotations = template.at("/metadata/annotations");
        JsonNode probe = Json.of("{\"host\": \"\", \"port\": \"http1\"}");

        // Then
        assertThat(annotations.path("autoscaling.knative.dev/min-scale").textValue()).isEqualTo("0");
        assertThat(annotations.path("autoscaling.knative.dev/target-utilization-percentage").textValue()).isEqualTo("70");
        assertThat(template.at("/spec/containerConcurrency").intValue()).isEqualTo(250);
        assertThat(template.at("/spec/timeoutSeconds").intValue()).isEqualTo(600);
        assertThat(template.at("/spec/responseStartTimeoutSeconds").intValue()).isEqualTo(300);
        assertThat(template.at("/spec/idleTimeoutSeconds").intValue()).isEqualTo(120);
        assertThat(manifest.container().path("ports"))
                .isEqualTo(Json.of("[{\"name\": \"http1\", \"containerPort\": 8080, \"protocol\": \"TCP\"}]"));
        assertThat(manifest.container().at("/readinessProbe/tcpSocket")).isEqualTo(probe);
        assertThat(manifest.container().at("/livenessProbe/tcpSocket")).isEqualTo(probe);
        assertThat(manifest.container().has("startupProbe")).isFalse();
        assertThat(value(manifest, "CHATKEEP_RETENTION_SCHEDULE")).isEqualTo("off");
    }

    @Test
    void theRetentionRunsEveryNightInUtcAndNeverTwiceAtOnce() throws IOException {
        // When
        JsonNode job = Manifest.read("retention").resource("CronJob").path("spec");

        // Then
        assertThat(job.path("schedule").textValue()).isEqualTo("30 3 * * *");
        assertThat(job.path("timeZone").textValue()).isEqualTo("Etc/UTC");
        assertThat(job.path("concurrencyPolicy").textValue()).isEqualTo("Forbid");
    }

    @Test
    void allStartTheSameImageAndKnowNothingOfWhereTheyWereBuilt() throws IOException {
        // Given
        Set<String> images = new TreeSet<>();
        Set<String> annotations = new TreeSet<>();

        // When
        for (Manifest manifest : Manifest.all()) {
            for (JsonNode resource : manifest.resources()) {
                images.addAll(Manifest.texts(resource, "image"));
                resource.findValues("annotations").forEach(found -> annotations.addAll(fields(found)));
            }
        }

        // Then
        assertThat(images).hasSize(1).allSatisfy(image -> assertThat(image).matches("(.+/)?chatkeep:[^:]+"));
        assertThat(annotations).containsExactly("app.quarkus.io/quarkus-version",
                "autoscaling.knative.dev/max-scale", "autoscaling.knative.dev/min-scale",
                "autoscaling.knative.dev/target-utilization-percentage", "prometheus.io/path", "prometheus.io/port",
                "prometheus.io/scheme", "prometheus.io/scrape");
    }

    private static String name(Manifest manifest) {
        return manifest.pods().get(0).at("/metadata/labels").path("app.kubernetes.io/name").textValue();
    }

    private static long seconds(Manifest manifest, String variable) {
        return Duration.parse("PT" + value(manifest, variable)).toSeconds();
    }

    private static String value(Manifest manifest, String variable) {
        return Manifest.list(manifest.container().path("env")).stream()
                .filter(entry -> entry.path("name").textValue().equals(variable))
                .map(entry -> entry.path("value").textValue()).findFirst().orElseThrow();
    }

    private static List<String> fields(JsonNode object) {
        List<String> fields = new ArrayList<>();
        object.fieldNames().forEachRemaining(fields::add);
        return fields;
    }
}

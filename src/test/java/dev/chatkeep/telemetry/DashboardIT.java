package dev.chatkeep.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Management;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;

/** What the dashboard draws is there to be drawn. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithTestResource(value = ProviderResource.class, scope = TestResourceScope.GLOBAL)
class DashboardIT {

    private static final Path DASHBOARD = Path.of("src/main/grafana/chatkeep.json");
    /** A name in front of a selector; functions have a parenthesis there. */
    private static final Pattern METRIC = Pattern.compile("([a-z_]+)\\{");

    ScriptedProvider provider;

    @Test
    void everyMetricOfTheDashboardIsExposed() throws IOException {
        // Given
        Caller ann = Caller.fresh();
        String model = Models.open("free", "0", "0");
        String question = "Measured? " + UUID.randomUUID();
        String unanswerable = "Broken? " + UUID.randomUUID();
        provider.on(question, Script.streamed().delta("Yes").usage(3, 2).done());
        provider.on(unanswerable, Script.json(400, Map.of(), "{}"));
        for (String each : Set.of(question, unanswerable)) {
            ann.request().body(Map.of("message", each, "model", model)).post("/api/chat");
        }
        Administrator.service().request().body(Map.of()).post("/api/admin/maintenance/cleanup");

        // When
        String exposed = Management.request().get("/q/metrics").asString();

        // Then
        Set<String> drawn = new TreeSet<>();
        for (var expression : Json.of(Files.readString(DASHBOARD)).findValues("expr")) {
            for (Matcher metric = METRIC.matcher(expression.textValue()); metric.find();) {
                drawn.add(metric.group(1));
            }
        }
        // It comes with the first collection, which a short test may not see; that of an executable tells nobody.
        assertThat(drawn.remove("jvm_gc_pause_seconds_sum")).isTrue();
        assertThat(drawn).hasSizeGreaterThan(15)
                .allSatisfy(name -> assertThat(exposed.lines()).anyMatch(line -> line.matches(name + "[{ ].*")));
        assertThat(exposed).doesNotContain(ann.id().toString(), question);
    }
}

package dev.chatkeep.telemetry;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import dev.chatkeep.telemetry.TracingIT.Traced;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.OwnResources;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.trace.v1.Span;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.quarkus.test.junit.TestProfile;

/** What a collector of traces is sent, which is set up by its address alone. */
@QuarkusIntegrationTest
@TestProfile(Traced.class)
class TracingIT {

    public static class Traced extends OwnResources {

        public Traced() {
            super(DatabaseResource.class, ProviderResource.class, CollectorResource.class);
        }
    }

    /** Takes traces as OTLP over HTTP. */
    public static class CollectorResource implements QuarkusTestResourceLifecycleManager {

        private final Collector collector = new Collector();

        @Override
        public Map<String, String> start() {
            return Map.of("quarkus.otel.exporter.otlp.endpoint", collector.start(),
                    "quarkus.otel.exporter.otlp.protocol", "http/protobuf",
                    "quarkus.otel.exporter.otlp.compression", "none",
                    "quarkus.otel.bsp.schedule.delay", "0.1S");
        }

        @Override
        public void inject(TestInjector injector) {
            injector.injectIntoFields(collector, new TestInjector.MatchesType(Collector.class));
        }

        @Override
        public void stop() {
            collector.server.stop(0);
        }
    }

    static final class Collector {

        private final List<ExportTraceServiceRequest> received = new CopyOnWriteArrayList<>();
        private HttpServer server;

        private String start() {
            try {
                server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            server.createContext("/v1/traces", this::take);
            server.start();
            return "http://127.0.0.1:" + server.getAddress().getPort();
        }

        private void take(HttpExchange exchange) throws IOException {
            try (exchange) {
                received.add(ExportTraceServiceRequest.parseFrom(exchange.getRequestBody()));
                exchange.sendResponseHeaders(200, -1);
            } catch (InvalidProtocolBufferException e) {
                exchange.sendResponseHeaders(400, -1);
            }
        }

        List<Span> spans() {
            return received.stream().flatMap(request -> request.getResourceSpansList().stream())
                    .flatMap(resource -> resource.getScopeSpansList().stream())
                    .flatMap(scope -> scope.getSpansList().stream()).toList();
        }
    }

    Collector collector;

    ScriptedProvider provider;

    @Test
    void aQuestionIsOneTraceFromTheRequestThroughTheDatabaseToTheProvider() throws Exception {
        Caller ann = Caller.fresh();
        String model = Models.open("free", "0", "0");
        String question = "private-question " + UUID.randomUUID();
        provider.on(question, Script.streamed().delta("private-answer").usage(3, 3).done());

        ann.request().body(Map.of("message", question, "model", model, "sessionId", "s")).post("/api/chat").then()
                .statusCode(200);

        List<Span> trace = traceWith("POST /api/chat", "chatkeep.finish_completion");
        assertThat(statements(trace)).anyMatch(sql -> sql.contains("chatkeep.begin_completion"));
        assertThat(trace).filteredOn(span -> attribute(span, "url.full").endsWith("/v1/chat/completions")).hasSize(1);
        Set<ByteString> ids = trace.stream().map(Span::getSpanId).collect(Collectors.toCollection(HashSet::new));
        assertThat(trace).filteredOn(span -> !ids.contains(span.getParentSpanId())).extracting(Span::getName)
                .containsExactly("POST /api/chat");
        assertThat(provider.calls(question).get(0).headers().get("traceparent"))
                .contains(HexFormat.of().formatHex(trace.get(0).getTraceId().toByteArray()));
        assertThat(collector.spans().toString()).doesNotContain("private-", "Bearer", ProviderResource.API_KEY,
                ann.id().toString());
    }

    private List<Span> traceWith(String root, String lastStatement) {
        return await("a trace from " + root + " to " + lastStatement).until(() -> {
            List<Span> spans = collector.spans();
            return spans.stream().filter(span -> span.getName().equals(root))
                    .map(span -> spans.stream().filter(other -> other.getTraceId().equals(span.getTraceId())).toList())
                    .filter(trace -> statements(trace).stream().anyMatch(sql -> sql.contains(lastStatement))).findFirst();
        }, Optional::isPresent).orElseThrow();
    }

    private static List<String> statements(List<Span> spans) {
        return spans.stream().map(span -> attribute(span, "db.statement")).toList();
    }

    private static String attribute(Span span, String name) {
        return span.getAttributesList().stream().filter(attribute -> attribute.getKey().equals(name))
                .map(attribute -> attribute.getValue().getStringValue()).findFirst().orElse("");
    }
}

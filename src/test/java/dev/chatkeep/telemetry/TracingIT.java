package dev.chatkeep.telemetry;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
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

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.trace.v1.Span;

/** What a collector of traces is sent, which is set up by its address alone. */
@BesideOthers
class TracingIT {

    private static final String API_KEY = "sk-test-secret-of-the-provider";

    /** Takes traces as OTLP over HTTP. */
    private static final class Collector implements AutoCloseable {

        private final List<ExportTraceServiceRequest> received = new CopyOnWriteArrayList<>();
        private final HttpServer server;

        Collector() throws IOException {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.createContext("/v1/traces", this::take);
            server.start();
        }

        String url() {
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

        @Override
        public void close() {
            server.stop(0);
        }
    }

    private Collector collector;
    private PackagedService service;

    @BeforeEach
    void start() throws Exception {
        collector = new Collector();
        service = new PackagedService(Map.of("CHATKEEP_PROVIDER_API_KEY", API_KEY,
                "QUARKUS_OTEL_EXPORTER_OTLP_ENDPOINT", collector.url(),
                "QUARKUS_OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf",
                "QUARKUS_OTEL_EXPORTER_OTLP_COMPRESSION", "none",
                "QUARKUS_OTEL_BSP_SCHEDULE_DELAY", "0.1S"));
        service.start();
    }

    @AfterEach
    void stop() throws InterruptedException {
        service.close();
        collector.close();
    }

    @Test
    void aQuestionIsOneTraceFromTheRequestThroughTheDatabaseToTheProvider() throws Exception {
        // Given
        Caller ann = service.newCaller();
        String question = "private-question " + UUID.randomUUID();
        service.provider().on(question, Script.streamed().delta("private-answer").usage(3, 3).done());

        // When
        ann.request().body(Map.of("message", question, "model", PackagedService.MODEL, "sessionId", "s")).post("/api/chat")
                .then()
                .statusCode(200);

        // Then
        List<Span> trace = traceWith("POST /api/chat", "chatkeep.finish_completion");
        assertThat(statements(trace)).anyMatch(sql -> sql.contains("chatkeep.begin_completion"));
        assertThat(trace).filteredOn(span -> attribute(span, "url.full").endsWith("/v1/chat/completions")).hasSize(1);
        Set<ByteString> ids = trace.stream().map(Span::getSpanId).collect(Collectors.toCollection(HashSet::new));
        assertThat(trace).filteredOn(span -> !ids.contains(span.getParentSpanId())).extracting(Span::getName)
                .containsExactly("POST /api/chat");
        assertThat(service.provider().calls(question).get(0).headers().get("traceparent"))
                .contains(HexFormat.of().formatHex(trace.get(0).getTraceId().toByteArray()));
        assertThat(collector.spans().toString()).doesNotContain("private-", "Bearer", API_KEY,
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

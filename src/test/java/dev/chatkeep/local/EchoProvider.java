package dev.chatkeep.local;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import dev.chatkeep.testsupport.Completion;
import dev.chatkeep.testsupport.CompletionRequest;
import dev.chatkeep.testsupport.Json;

/** A provider that knows nothing but what it is told: it says the user's words again, as fast as a model would. */
final class EchoProvider implements AutoCloseable {

    static final String API_KEY = "local";

    private static final String MODELS = "{\"object\":\"list\",\"data\":[{\"id\":\"echo\",\"object\":\"model\",\"created\":0,\"owned_by\":\"chatkeep\"}]}";
    private static final int WORD_MILLIS = 30;

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "echo-provider");
        thread.setDaemon(true);
        return thread;
    });

    private EchoProvider(HttpServer server) {
        this.server = server;
    }

    static EchoProvider start() throws IOException {
        EchoProvider provider = new EchoProvider(
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0));
        provider.server.createContext("/v1/chat/completions", provider::complete);
        provider.server.createContext("/v1/models", exchange -> answer(exchange, MODELS));
        provider.server.setExecutor(provider.threads);
        provider.server.start();
        return provider;
    }

    String baseUrl() {
        return "http://" + server.getAddress().getAddress().getHostAddress() + ":" + server.getAddress().getPort() + "/v1";
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void complete(HttpExchange exchange) throws IOException {
        CompletionRequest request = new CompletionRequest(
                Json.of(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8)));
        Completion completion = Completion.of("chatcmpl-" + UUID.randomUUID(), request.model());
        String reply = "You said: " + request.question();
        String usage = Completion.usageOf(request.texts().mapToInt(EchoProvider::words).sum(), words(reply));
        if (request.isStreamed()) {
            stream(exchange, completion, reply, request.wantsUsage() ? usage : null);
        } else {
            answer(exchange, completion.whole(reply, "stop", usage));
        }
    }

    private static void stream(HttpExchange exchange, Completion completion, String reply, String usage) throws IOException {
        try (exchange) {
            exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
            exchange.sendResponseHeaders(200, 0);
            OutputStream events = exchange.getResponseBody();
            for (String word : reply.split("(?<=\\s)(?=\\S)")) {
                send(events, completion.delta(word));
                TimeUnit.MILLISECONDS.sleep(WORD_MILLIS);
            }
            send(events, completion.finish("stop"));
            if (usage != null) {
                send(events, completion.usage(usage));
            }
            send(events, "[DONE]");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void send(OutputStream events, String data) throws IOException {
        events.write(("data: " + data + "\n\n").getBytes(StandardCharsets.UTF_8));
        events.flush();
    }

    private static void answer(HttpExchange exchange, String json) throws IOException {
        try (exchange) {
            byte[] body = json.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private static int words(String text) {
        return text.isBlank() ? 0 : text.strip().split("\\s+").length;
    }
}

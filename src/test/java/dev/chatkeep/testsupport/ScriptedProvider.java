package dev.chatkeep.testsupport;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;

/**
 * A provider of models that answers as tests want it to, with every byte and pause under their control. Tests share one
 * and tell their requests apart by a text that these contain, the marker. A request with several of them belongs to the last
 * one in it, which is that of the latest message. One that has none is answered with what its last message says.
 */
public final class ScriptedProvider implements AutoCloseable {

    /** The usage of answers that no script is for; its completion tokens are words. */
    public static final int PROMPT_TOKENS = 11;

    private static final int MAX_BODY_BYTES = 32 << 20;
    private static final int BACKLOG = 1_000;
    private static final String WORD_BOUNDARY = "(?<=\\s)(?=\\S)";

    private final ServerSocket server;
    private final Map<String, Scripts> scripts = new ConcurrentHashMap<>();
    private final Queue<Call> calls = new ConcurrentLinkedQueue<>();
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger completions = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private final AtomicInteger mostOpen = new AtomicInteger();

    private ScriptedProvider(ServerSocket server) {
        this.server = server;
    }

    public static ScriptedProvider start() {
        try {
            ScriptedProvider provider = new ScriptedProvider(
                    new ServerSocket(0, BACKLOG, InetAddress.getByAddress(new byte[] { 127, 0, 0, 1 })));
            daemon("accept", provider::accept).start();
            return provider;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public String baseUrl() {
        return "http://127.0.0.1:" + server.getLocalPort() + "/v1";
    }

    /** Has requests with the marker answered by one script after the other; the last one answers all that follow. */
    public void on(String marker, Script... answers) {
        scripts.put(marker, new Scripts(List.of(answers), new AtomicInteger()));
    }

    /** The requests that contain the text, in the order in which they came. */
    public List<Call> calls(String marker) {
        return calls.stream().filter(call -> call.text().contains(marker)).toList();
    }

    /** How many requests are being answered now. */
    public int openCalls() {
        return open.get();
    }

    /** How many have been answered at the same time. */
    public int mostOpenCalls() {
        return mostOpen.get();
    }

    /** How many connections have been made. */
    public int connections() {
        return connections.get();
    }

    @Override
    public void close() {
        closeQuietly(server);
        sockets.forEach(ScriptedProvider::closeQuietly);
    }

    /** A request and what became of its answer. */
    public final class Call {

        private final String id = "chatcmpl-" + completions.incrementAndGet();
        private final String path;
        private final Map<String, String> headers;
        private final String text;
        private final JsonNode body;
        private final CountDownLatch ended = new CountDownLatch(1);
        private boolean given;
        private boolean hungUp;

        private Call(String path, Map<String, String> headers, String text) {
            this.path = path;
            this.headers = Collections.unmodifiableMap(headers);
            this.text = text;
            this.body = parse(text);
            mostOpen.accumulateAndGet(open.incrementAndGet(), Math::max);
        }

        private static JsonNode parse(String text) {
            try {
                return Json.of(text);
            } catch (UncheckedIOException e) {
                return MissingNode.getInstance();
            }
        }

        /** The id of the answer, unless the script has one of its own. */
        public String id() {
            return id;
        }

        public String path() {
            return path;
        }

        /** By their names in whatever case; what was sent several times is joined with commas. */
        public Map<String, String> headers() {
            return headers;
        }

        /** A missing node if it is not JSON. */
        public JsonNode body() {
            return body;
        }

        /** The body as it came. */
        public String text() {
            return text;
        }

        /** Whether the script is running. */
        public boolean isOpen() {
            return ended.getCount() > 0;
        }

        /** @return whether the script has ended within what a test waits at the most */
        public boolean awaitEnd() throws InterruptedException {
            return ended.await(Patience.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }

        /** Whether the client closed the connection before it was given the whole answer. */
        public synchronized boolean hungUp() {
            return hungUp;
        }

        CompletionRequest request() {
            return new CompletionRequest(body);
        }

        synchronized void given() {
            given = true;
        }

        synchronized void clientLeft() {
            hungUp = hungUp || !given;
        }

        synchronized void over() {
            given = true;
            if (isOpen()) {
                open.decrementAndGet();
                ended.countDown();
            }
        }
    }

    private record Scripts(List<Script> all, AtomicInteger used) {

        Script next() {
            return all.get(Math.min(used.getAndIncrement(), all.size() - 1));
        }
    }

    private Script scriptFor(Call call) {
        if (call.body().isMissingNode()) {
            return Script.json(400, Map.of(), "{\"error\":{\"message\":\"The body is not JSON.\"}}");
        }
        return scripts.keySet().stream().filter(call.text()::contains)
                .max(Comparator.<String> comparingInt(call.text()::lastIndexOf).thenComparingInt(String::length))
                .map(marker -> scripts.get(marker).next())
                .orElseGet(() -> echo(call.request().lastText()));
    }

    private static Script echo(String text) {
        Script script = Script.streamed();
        int words = 0;
        for (String word : text.split(WORD_BOUNDARY)) {
            script.delta(word);
            words += word.isBlank() ? 0 : 1;
        }
        return script.usage(PROMPT_TOKENS, words).done();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                connections.incrementAndGet();
                sockets.add(socket);
                daemon("read", () -> serve(socket)).start();
            } catch (IOException e) {
                return; // closed
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            InputStream in = new BufferedInputStream(socket.getInputStream());
            while (!ended(in)) {
                Call call = read(in);
                calls.add(call);
                Thread answering = daemon("answer", () -> answer(call, socket));
                answering.start();
                if (ended(in)) {
                    call.clientLeft();
                    answering.interrupt();
                    return;
                }
                answering.join();
            }
        } catch (IOException | InterruptedException e) {
            // Nothing to answer any more.
        } finally {
            sockets.remove(socket);
        }
    }

    /** Waits for the first byte of the next request or the end of the connection. */
    private static boolean ended(InputStream in) {
        try {
            in.mark(1);
            if (in.read() < 0) {
                return true;
            }
            in.reset();
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    private void answer(Call call, Socket socket) {
        try {
            Script script = scriptFor(call);
            script.perform(Answer.to(call, script, socket));
            if ("close".equalsIgnoreCase(call.headers().get("Connection"))) {
                socket.close();
            }
        } catch (IOException | InterruptedException e) {
            call.clientLeft();
            closeQuietly(socket);
        } finally {
            call.over();
        }
    }

    private Call read(InputStream in) throws IOException {
        String[] requestLine = line(in).split(" ");
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String line = line(in); !line.isEmpty(); line = line(in)) {
            int colon = line.indexOf(':');
            headers.merge(line.substring(0, colon), line.substring(colon + 1).strip(), (one, other) -> one + ", " + other);
        }
        byte[] body = headers.containsKey("Transfer-Encoding") ? chunks(in)
                : exactly(in, Integer.parseInt(headers.getOrDefault("Content-Length", "0")));
        return new Call(requestLine[1], headers, new String(body, StandardCharsets.UTF_8));
    }

    private static byte[] chunks(InputStream in) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int length = chunkLength(in); length > 0; length = chunkLength(in)) {
            body.writeBytes(exactly(in, length));
            if (body.size() > MAX_BODY_BYTES) {
                throw new IOException("More than " + MAX_BODY_BYTES + " bytes");
            }
            line(in);
        }
        while (!line(in).isEmpty()) {
            // Trailers say nothing here.
        }
        return body.toByteArray();
    }

    private static int chunkLength(InputStream in) throws IOException {
        return Integer.parseInt(line(in).split(";")[0].strip(), 16);
    }

    private static byte[] exactly(InputStream in, int length) throws IOException {
        if (length > MAX_BODY_BYTES) {
            throw new IOException("More than " + MAX_BODY_BYTES + " bytes");
        }
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException();
        }
        return bytes;
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int b = in.read(); b != '\n'; b = in.read()) {
            if (b < 0) {
                throw new EOFException();
            }
            line.append((char) b);
        }
        return line.toString().stripTrailing();
    }

    private static Thread daemon(String task, Runnable work) {
        Thread thread = new Thread(work, "scripted-provider-" + task);
        thread.setDaemon(true);
        return thread;
    }

    private static void closeQuietly(AutoCloseable closeable) {
        try {
            closeable.close();
        } catch (Exception e) {
            // It is gone either way.
        }
    }
}

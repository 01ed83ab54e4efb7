package dev.chatkeep.testsupport;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** An answer as one document. */
final class WholeAnswer extends Answer {

    private static final String JSON = "application/json";

    private final Script script;
    private final Completion completion;
    private final StringBuilder content = new StringBuilder();
    private String finishReason = "stop";
    private String usage;

    WholeAnswer(ScriptedProvider.Call call, Script script, Socket socket, Completion completion) throws IOException {
        super(call, script, socket);
        this.script = script;
        this.completion = completion;
    }

    @Override
    void head() throws IOException {
        if (!script.isStreamed()) {
            startChunked(JSON);
        }
    }

    @Override
    void deltas(int times, String text) {
        content.append(text.repeat(times));
    }

    @Override
    void event(String data) {
        // A document has none.
    }

    @Override
    void raw(byte[] bytes) throws IOException {
        if (!script.isStreamed()) {
            head();
            body(bytes);
        }
    }

    @Override
    void finish(String reason) {
        finishReason = reason;
    }

    @Override
    void usage(String json) {
        usage = json;
    }

    @Override
    void done() {
        // The document is written last.
    }

    @Override
    void complete() throws IOException {
        Script.Document document = script.document() != null ? script.document()
                : new Script.Document(200, Map.of(),
                        completion.whole(content.toString(), finishReason, usage).getBytes(StandardCharsets.UTF_8));
        byte[] bytes = document.body();
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.put("Content-Type", JSON);
        headers.put("Content-Length", Integer.toString(bytes.length));
        headers.putAll(document.headers());
        start(document.status(), headers);
        body(bytes);
    }
}

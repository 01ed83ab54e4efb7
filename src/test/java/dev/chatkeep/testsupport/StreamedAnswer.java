package dev.chatkeep.testsupport;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** An answer as server-sent events. */
final class StreamedAnswer extends Answer {

    private final Completion completion;
    private final boolean wantsUsage;
    private String usage;
    private boolean finished;

    StreamedAnswer(ScriptedProvider.Call call, Script script, Socket socket, Completion completion, boolean wantsUsage)
            throws IOException {
        super(call, script, socket);
        this.completion = completion;
        this.wantsUsage = wantsUsage;
    }

    @Override
    void head() throws IOException {
        startChunked("text/event-stream");
    }

    @Override
    void deltas(int times, String content) throws IOException {
        byte[] event = bytesOf(completion.delta(content));
        for (int i = 0; i < times; i++) {
            raw(event);
        }
    }

    @Override
    void event(String data) throws IOException {
        raw(bytesOf(data));
    }

    @Override
    void raw(byte[] bytes) throws IOException {
        head();
        body(bytes);
    }

    @Override
    void finish(String reason) throws IOException {
        finished = true;
        event(completion.finish(reason));
    }

    @Override
    void usage(String json) {
        usage = json;
    }

    @Override
    void done() throws IOException {
        if (!finished) {
            finish("stop");
        }
        if (usage != null && wantsUsage) {
            event(completion.usage(usage));
        }
        given();
        event("[DONE]");
    }

    @Override
    void complete() throws IOException {
        head();
    }

    private static byte[] bytesOf(String data) {
        return ("data: " + data.replace("\n", "\ndata: ") + "\n\n").getBytes(StandardCharsets.UTF_8);
    }
}

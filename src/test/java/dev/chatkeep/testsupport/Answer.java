package dev.chatkeep.testsupport;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

import dev.chatkeep.testsupport.ScriptedProvider.Call;

/** What the steps of a script write to: one answer on one connection. */
abstract class Answer {

    private static final int BUFFER_BYTES = 64 << 10;
    private static final String TRANSFER_ENCODING = "Transfer-Encoding";

    private final Call call;
    private final int pieceLength;
    private final Socket socket;
    private final OutputStream out;
    /** What does not fill a piece yet. */
    private final ByteArrayOutputStream rest = new ByteArrayOutputStream();
    private boolean started;
    private boolean chunked;
    private boolean ended;

    Answer(Call call, Script script, Socket socket) throws IOException {
        this.call = call;
        this.pieceLength = script.pieceLength();
        this.socket = socket;
        this.out = new BufferedOutputStream(socket.getOutputStream(), BUFFER_BYTES);
    }

    static Answer to(Call call, Script script, Socket socket) throws IOException {
        CompletionRequest request = call.request();
        Completion completion = script.completion(call.id(), request.model());
        return script.isStreamed() && request.isStreamed()
                ? new StreamedAnswer(call, script, socket, completion, request.wantsUsage())
                : new WholeAnswer(call, script, socket, completion);
    }

    abstract void head() throws IOException;

    abstract void deltas(int times, String content) throws IOException;

    abstract void event(String data) throws IOException;

    abstract void raw(byte[] bytes) throws IOException;

    abstract void finish(String reason) throws IOException;

    abstract void usage(String json);

    abstract void done() throws IOException;

    /** Writes what is left of the body. */
    abstract void complete() throws IOException;

    final void end() throws IOException {
        if (ended) {
            return;
        }
        complete();
        writeRest();
        if (chunked) {
            ascii("0\r\n\r\n");
        }
        over(); // before the last byte, so that whoever has read that may count on it
        out.flush();
    }

    /** Whatever the client does from now on, it has the answer. */
    final void given() {
        call.given();
    }

    final void hangUp() throws IOException {
        flush();
        over();
        socket.close();
    }

    final void breakOff() throws IOException {
        flush();
        over();
        socket.setOption(StandardSocketOptions.SO_LINGER, 0);
        socket.close();
    }

    private void over() {
        ended = true;
        call.over();
    }

    /** Sends what has been written, but for a piece that is not full. */
    final void send() throws IOException {
        out.flush();
    }

    final void flush() throws IOException {
        writeRest();
        out.flush();
    }

    private void writeRest() throws IOException {
        frame(rest.toByteArray(), 0, rest.size());
        rest.reset();
    }

    final void startChunked(String contentType) throws IOException {
        start(200, Map.of("Content-Type", contentType, TRANSFER_ENCODING, "chunked"));
    }

    final void start(int status, Map<String, String> headers) throws IOException {
        if (started) {
            return;
        }
        started = true;
        chunked = headers.containsKey(TRANSFER_ENCODING);
        StringBuilder head = new StringBuilder("HTTP/1.1 ").append(status).append(" Scripted\r\n");
        new TreeMap<>(headers).forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
        ascii(head.append("\r\n").toString());
    }

    final void body(byte[] bytes) throws IOException {
        if (pieceLength == 0) {
            frame(bytes, 0, bytes.length);
            return;
        }
        rest.writeBytes(bytes);
        byte[] all = rest.toByteArray();
        int from = 0;
        for (; all.length - from >= pieceLength; from += pieceLength) {
            frame(all, from, pieceLength);
            out.flush();
        }
        rest.reset();
        rest.write(all, from, all.length - from);
    }

    private void frame(byte[] bytes, int from, int length) throws IOException {
        if (length == 0) {
            return; // an empty chunk would end the body
        }
        if (chunked) {
            ascii(Integer.toHexString(length) + "\r\n");
        }
        out.write(bytes, from, length);
        if (chunked) {
            ascii("\r\n");
        }
    }

    private void ascii(String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
    }
}

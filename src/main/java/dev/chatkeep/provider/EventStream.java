package dev.chatkeep.provider;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

import dev.chatkeep.provider.ProviderFailure.Kind;
import io.netty.buffer.ByteBuf;
import io.vertx.core.buffer.Buffer;

/**
 * Splits a response body into the data of its server-sent events, at whatever boundaries the bytes arrive (WHATWG HTML, section
 * 9.2; lines end with LF or CRLF). A body that is a JSON document is passed on as a whole. What is not complete yet takes
 * memory, so events and documents are bounded: one that is too large is a {@link ProviderFailure}.
 */
final class EventStream {

    private static final char BYTE_ORDER_MARK = '\uFEFF';
    private static final String DATA = "data";

    private final HeldBytes.Share held;
    private final Consumer<String> receiver;
    private Boolean document;
    private Buffer whole;
    /** The beginning of a line whose end has not come. */
    private Buffer line;
    private boolean first = true;
    private StringBuilder data;

    /** @param held bounds what is kept until it is complete */
    EventStream(HeldBytes.Share held, Consumer<String> receiver) {
        this.held = held;
        this.receiver = receiver;
    }

    void accept(Buffer bytes) {
        if (document == null) {
            document = isDocument(bytes);
        }
        if (document == null) {
            return; // only white space so far
        }
        if (document) {
            whole = append(whole, bytes);
        } else {
            acceptLines(bytes);
        }
        hold();
    }

    /** Passes on what is left: a document, or an event whose final empty line is missing. */
    void end() {
        if (whole != null) {
            String complete = whole.toString(StandardCharsets.UTF_8);
            whole = null;
            receiver.accept(complete);
        } else if (document != null) {
            acceptLines(Buffer.buffer("\n\n"));
        }
    }

    /** Gives up what is not complete. */
    void close() {
        whole = null;
        line = null;
        data = null;
        hold();
    }

    private void hold() {
        held.set(length(whole) + length(line) + (data == null ? 0 : data.length()));
    }

    private static long length(Buffer buffer) {
        return buffer == null ? 0 : buffer.length();
    }

    private static Buffer append(Buffer begun, Buffer bytes) {
        return (begun == null ? Buffer.buffer() : begun).appendBuffer(bytes);
    }

    private void acceptLines(Buffer bytes) {
        ByteBuf found = bytes.getByteBuf();
        int from = 0;
        for (int end; (end = found.indexOf(from, bytes.length(), (byte) '\n')) >= 0; from = end + 1) {
            Buffer rest = bytes.slice(from, end);
            Buffer complete = line == null ? rest : line.appendBuffer(rest);
            line = null;
            line(complete);
        }
        if (from < bytes.length()) {
            line = append(line, bytes.slice(from, bytes.length()));
        }
    }

    /** Whether the body is a JSON document, or null if that is not known yet. No field and no comment starts with a brace. */
    private static Boolean isDocument(Buffer bytes) {
        for (int i = 0; i < bytes.length(); i++) {
            byte b = bytes.getByte(i);
            if (b != ' ' && b != '\n' && b != '\r' && b != '\t') {
                return b == '{' || b == '[';
            }
        }
        return null;
    }

    private void line(Buffer bytes) {
        int length = bytes.length();
        if (length > 0 && bytes.getByte(length - 1) == '\r') {
            length--;
        }
        if (length == 0) {
            dispatch();
            return;
        }
        String text = bytes.getString(0, length, StandardCharsets.UTF_8.name());
        if (first && text.charAt(0) == BYTE_ORDER_MARK) {
            text = text.substring(1);
        }
        first = false;
        int colon = text.indexOf(':');
        if (DATA.equals(colon < 0 ? text : text.substring(0, colon))) {
            int value = colon < 0 ? text.length() : colon + (text.startsWith(" ", colon + 1) ? 2 : 1);
            data = data == null ? new StringBuilder(text.length() - value) : data.append('\n');
            data.append(text, value, text.length());
            if (data.length() > held.most()) {
                throw ProviderFailure.of(Kind.TOO_LARGE);
            }
        }
    }

    private void dispatch() {
        if (data != null) {
            String event = data.toString();
            data = null;
            receiver.accept(event);
        }
    }
}

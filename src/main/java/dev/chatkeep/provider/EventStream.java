package dev.chatkeep.provider;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.parsetools.RecordParser;

/**
 * Splits a response body into the data of its server-sent events, at whatever boundaries the bytes arrive (WHATWG HTML, section
 * 9.2; lines end with LF or CRLF). A body that is a JSON document is passed on as a whole.
 */
final class EventStream {

    private static final char BYTE_ORDER_MARK = '\uFEFF';
    private static final String DATA = "data";

    private final Consumer<String> receiver;
    private final RecordParser lines = RecordParser.newDelimited("\n", this::line);
    private Boolean document;
    private Buffer whole;
    private boolean first = true;
    private StringBuilder data;

    EventStream(Consumer<String> receiver) {
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
            whole = (whole == null ? Buffer.buffer() : whole).appendBuffer(bytes);
        } else {
            lines.handle(bytes);
        }
    }

    /** Passes on what is left: a document, or an event whose final empty line is missing. */
    void end() {
        if (whole != null) {
            receiver.accept(whole.toString(StandardCharsets.UTF_8));
        } else if (document != null) {
            lines.handle(Buffer.buffer("\n\n"));
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
        String line = bytes.getString(0, length, StandardCharsets.UTF_8.name());
        if (first && line.charAt(0) == BYTE_ORDER_MARK) {
            line = line.substring(1);
        }
        first = false;
        int colon = line.indexOf(':');
        if (DATA.equals(colon < 0 ? line : line.substring(0, colon))) {
            int value = colon < 0 ? line.length() : colon + (line.startsWith(" ", colon + 1) ? 2 : 1);
            data = data == null ? new StringBuilder(line.length() - value) : data.append('\n');
            data.append(line, value, line.length());
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

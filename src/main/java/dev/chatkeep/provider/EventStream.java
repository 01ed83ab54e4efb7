package dev.chatkeep.provider;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

import dev.chatkeep.provider.ProviderFailure.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.util.ByteProcessor;
import io.vertx.core.buffer.Buffer;

/**
 * Splits a response body into the data of its server-sent events, at whatever boundaries the bytes arrive (WHATWG HTML, section
 * 9.2). It differs in one point: an event at the end of the body counts without its empty line, which some providers leave out.
 * A body that is a JSON document is passed on as a whole. What is not complete yet takes memory, so events and documents are
 * bounded: one that is too large is a {@link ProviderFailure}.
 */
final class EventStream {

    private static final byte[] BYTE_ORDER_MARK = { (byte) 0xEF, (byte) 0xBB, (byte) 0xBF };
    private static final String DATA = "data";

    private final HeldBytes.Share held;
    private final Consumer<String> receiver;
    /** Null while there is nothing but white space, which begins documents and lines alike. */
    private Boolean document;
    /** While that is so: the bytes that may still matter. */
    private Buffer beginning = Buffer.buffer();
    private boolean marked;
    private Buffer whole;
    /** The beginning of a line whose end has not come. */
    private Buffer line;
    /** The last byte was a CR. An LF right after it belongs to it. */
    private boolean returned;
    private StringBuilder data;

    /** @param held bounds what is kept until it is complete */
    EventStream(HeldBytes.Share held, Consumer<String> receiver) {
        this.held = held;
        this.receiver = receiver;
    }

    void accept(Buffer bytes) {
        Buffer next = bytes;
        if (document == null) {
            beginning.appendBuffer(bytes);
            begin();
            next = beginning;
        }
        if (document != null) {
            beginning = null;
            if (document) {
                whole = append(whole, next);
            } else {
                acceptLines(next);
            }
        }
        hold();
    }

    /** Whether what has come is part of one document. */
    boolean isDocument() {
        return Boolean.TRUE.equals(document);
    }

    /** Passes on what is left: a document, or an event whose final empty line is missing. */
    void end() {
        if (whole != null) {
            String complete = whole.toString(StandardCharsets.UTF_8);
            whole = null;
            receiver.accept(complete);
        } else if (document != null) {
            returned = false;
            acceptLines(Buffer.buffer("\n\n"));
        }
    }

    /** Gives up what is not complete. */
    void close() {
        beginning = null;
        document = document != null && document;
        whole = null;
        line = null;
        data = null;
        hold();
    }

    private void hold() {
        held.set(length(beginning) + length(whole) + length(line) + (data == null ? 0 : data.length()));
    }

    private static long length(Buffer buffer) {
        return buffer == null ? 0 : buffer.length();
    }

    private static Buffer append(Buffer begun, Buffer bytes) {
        return (begun == null ? Buffer.buffer() : begun).appendBuffer(bytes);
    }

    /** Finds out what kind of body it is. No field and no comment starts with a brace. */
    private void begin() {
        if (!marked && !skipMark()) {
            return;
        }
        int blank = 0;
        for (int i = 0; i < beginning.length(); i++) {
            byte b = beginning.getByte(i);
            if (b == '\n' || b == '\r') {
                blank = i + 1;
            } else if (b != ' ' && b != '\t') {
                document = b == '{' || b == '[';
                break;
            }
        }
        // Blank lines mean nothing in either kind.
        beginning = beginning.getBuffer(blank, beginning.length());
    }

    /** Whether it is known that the beginning has no byte order mark, or has none any more. */
    private boolean skipMark() {
        for (int i = 0; i < BYTE_ORDER_MARK.length; i++) {
            if (i == beginning.length()) {
                return false;
            }
            if (beginning.getByte(i) != BYTE_ORDER_MARK[i]) {
                marked = true;
                return true;
            }
        }
        beginning = beginning.getBuffer(BYTE_ORDER_MARK.length, beginning.length());
        marked = true;
        return true;
    }

    /** Lines end with CR, LF or both. A line is complete with its CR, whatever comes after it. */
    private void acceptLines(Buffer bytes) {
        ByteBuf found = bytes.getByteBuf();
        int length = bytes.length();
        int from = 0;
        if (returned && length > 0) {
            returned = false;
            from = bytes.getByte(0) == '\n' ? 1 : 0;
        }
        for (int end; from < length
                && (end = found.forEachByte(from, length - from, ByteProcessor.FIND_CRLF)) >= 0;) {
            Buffer rest = bytes.slice(from, end);
            Buffer complete = line == null ? rest : line.appendBuffer(rest);
            line = null;
            line(complete);
            from = end + 1;
            if (bytes.getByte(end) == '\r') {
                if (from == length) {
                    returned = true;
                } else if (bytes.getByte(from) == '\n') {
                    from++;
                }
            }
        }
        if (from < length) {
            line = append(line, bytes.slice(from, length));
        }
    }

    private void line(Buffer bytes) {
        if (bytes.length() == 0) {
            dispatch();
            return;
        }
        String text = bytes.toString(StandardCharsets.UTF_8);
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

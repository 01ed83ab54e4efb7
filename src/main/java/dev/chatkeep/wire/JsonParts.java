package dev.chatkeep.wire;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;

/** One JSON document that is taken away in parts while it is written. */
public final class JsonParts {

    /** Something that writes, as the generator does. */
    @FunctionalInterface
    public interface Writing {
        void to(JsonGenerator generator) throws IOException;
    }

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final JsonGenerator generator;

    public JsonParts(ObjectMapper json) {
        try {
            generator = json.getFactory().createGenerator(written).setCodec(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public JsonParts write(Writing writing) {
        try {
            writing.to(generator);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return this;
    }

    /** The next items of the list that is being written. */
    public JsonParts writeAll(List<?> items) {
        return write(generator -> {
            for (Object item : items) {
                generator.writeObject(item);
            }
        });
    }

    /** What was written since the last time. */
    public byte[] take() {
        write(JsonGenerator::flush);
        byte[] part = written.toByteArray();
        written.reset();
        return part;
    }
}

package dev.chatkeep.wire;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;

/** Writes one JSON document and hands it out in parts. */
public final class JsonParts {

    /** Writes something with the generator. */
    @FunctionalInterface
    public interface Writing {
        void to(JsonGenerator generator) throws IOException;
    }

    private final SlicedOutput written = new SlicedOutput();
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

    /** Writes the next items of an array. */
    public JsonParts writeAll(List<?> items) {
        return write(generator -> {
            for (Object item : items) {
                generator.writeObject(item);
            }
        });
    }

    /** Returns what was written since the last call. */
    public List<byte[]> take() {
        write(JsonGenerator::flush);
        return written.take();
    }
}

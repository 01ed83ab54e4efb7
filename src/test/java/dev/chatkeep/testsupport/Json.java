package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.restassured.response.Response;

/** JSON as tests compare it: an answer, or what is expected of one. A field that is there twice is an error. */
public final class Json {

    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private static final ObjectMapper EXACT = MAPPER.copy().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

    private Json() {
    }

    /** @param text with the {@code %s} of {@link String#format} where values go */
    public static JsonNode of(String text, Object... values) {
        try {
            return MAPPER.readTree(values.length == 0 ? text : text.formatted(values));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The body as the bytes that it is, which must be UTF-8. */
    public static JsonNode of(Response response) {
        try {
            return MAPPER.readTree(response.asByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException(response.asString(), e);
        }
    }

    /** As {@link #of(Response)}, with all digits of its numbers. */
    public static JsonNode exactly(Response response) {
        return exactly(new String(response.asByteArray(), StandardCharsets.UTF_8));
    }

    public static JsonNode exactly(String text) {
        try {
            return EXACT.readTree(text);
        } catch (IOException e) {
            throw new UncheckedIOException(text, e);
        }
    }

    /** The object without what differs from run to run. */
    public static JsonNode without(JsonNode object, String... fields) {
        return ((ObjectNode) object.deepCopy()).remove(List.of(fields));
    }

    /** One text of each element of an array. */
    public static List<String> texts(JsonNode array, String field) {
        List<String> texts = new ArrayList<>();
        array.forEach(element -> texts.add(element.path(field).textValue()));
        return texts;
    }

    public static String write(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

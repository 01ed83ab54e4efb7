package dev.chatkeep.executable;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.testsupport.BesideOthers;

/** Ways in which a type comes to Jackson. None of these classes is ever run. */
@BesideOthers
class JacksonTypesTest {

    record Written(Part part, Map<String, List<Element>> elements) {
    }

    record Part(int size) {
    }

    record Element(String name) {
    }

    record Other(String text) {
    }

    abstract static class Base {

        Part inherited;
    }

    static final class Derived extends Base {
    }

    static final class Directly {

        String write(ObjectMapper json, Written value, Other other) throws JsonProcessingException {
            return other.text() + json.writeValueAsString(value);
        }
    }

    static final class ThroughAMethodOfAnyType {

        String write(ObjectMapper json) throws JsonProcessingException {
            return handOn(json, new Written(null, null));
        }

        private String handOn(ObjectMapper json, Object value) throws JsonProcessingException {
            Object same = value;
            return json.writeValueAsString(same);
        }
    }

    static final class ThroughALambda {

        Supplier<JsonNode> write(ObjectMapper json, Written value) {
            return later(json, value);
        }

        private Supplier<JsonNode> later(ObjectMapper json, Object value) {
            return () -> json.valueToTree(value);
        }
    }

    static final class InACollection {

        String write(ObjectMapper json, Written first) throws JsonProcessingException {
            Map<String, Written> values = new TreeMap<>();
            values.put("first", first);
            return json.writeValueAsString(new ArrayList<>(values.values()));
        }
    }

    static final class AsAFieldOfAnyType {

        private final List<Written> values = new ArrayList<>();

        String write(ObjectMapper json) throws JsonProcessingException {
            return json.writeValueAsString(values);
        }
    }

    static final class AsAClass {

        Written read(ObjectMapper json, String text) throws JsonProcessingException {
            return parse(json, text, Written.class);
        }

        private <T> T parse(ObjectMapper json, String text, Class<T> type) throws JsonProcessingException {
            return json.readerFor(type).readValue(text);
        }
    }

    static final class OneOfTwo {

        String write(ObjectMapper json, Written value, boolean really) throws JsonProcessingException {
            Object one = really ? value : "nothing";
            return json.writeValueAsString(one);
        }
    }

    static final class WithASuperclass {

        String write(ObjectMapper json, Derived value) throws JsonProcessingException {
            return json.writeValueAsString(value);
        }
    }

    static final class OnlyItsText {

        String write(ObjectMapper json, Other other) throws JsonProcessingException {
            return json.writeValueAsString(other.text());
        }
    }

    @ParameterizedTest
    @ValueSource(classes = { Directly.class, ThroughAMethodOfAnyType.class, ThroughALambda.class, InACollection.class,
            AsAFieldOfAnyType.class, AsAClass.class, OneOfTwo.class })
    void aTypeIsFoundWithAllThatItConsistsOf(Class<?> way) throws Exception {
        // When
        var found = typesIn(way);

        // Then
        assertThat(found).containsExactly(names(Element.class, Part.class, Written.class));
    }

    @ParameterizedTest
    @ValueSource(classes = WithASuperclass.class)
    void whatItInheritsIsFound(Class<?> way) throws Exception {
        // When
        var found = typesIn(way);

        // Then
        assertThat(found).containsExactly(names(Base.class, Derived.class, Part.class));
    }

    @ParameterizedTest
    @ValueSource(classes = OnlyItsText.class)
    void aTypeThatDoesNotGetThereIsNot(Class<?> way) throws Exception {
        // When
        var found = typesIn(way);

        // Then
        assertThat(found).isEmpty();
    }

    private static Set<String> typesIn(Class<?> way) throws IOException, URISyntaxException {
        Path directory = Path.of(JacksonTypesTest.class.getResource(".").toURI());
        try (Stream<Path> files = Files.list(directory)) {
            List<String> wanted = Stream
                    .of(way, Written.class, Part.class, Element.class, Other.class, Base.class, Derived.class)
                    .map(type -> "JacksonTypesTest$" + type.getSimpleName() + ".class").toList();
            return JacksonTypes.in(files.filter(file -> wanted.contains(file.getFileName().toString())).toList());
        }
    }

    private static String[] names(Class<?>... types) {
        return Stream.of(types).map(Class::getName).toArray(String[]::new);
    }
}

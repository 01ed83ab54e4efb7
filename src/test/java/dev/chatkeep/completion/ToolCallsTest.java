package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** The pieces of calls as providers send them, with the calls that are meant. */
class ToolCallsTest {

    private static final String GET = "{'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~:1}'}}";
    private static final String PUT = "{'id': 'c2', 'type': 'function', 'function': {'name': 'put', 'arguments': '{~b~:2}'}}";

    private final ObjectMapper json = new ObjectMapper();
    private final ToolCalls calls = new ToolCalls();

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            {'index': 1, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': ''}}; {'index': 1, 'function': {'arguments': '{~a~:'}}; {'index': 1, 'function': {'arguments': '1}'}}
            {'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': ''}}; {'function': {'arguments': '{~a~:1}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'arguments': ''}}; {'index': 0, 'function': {'name': 'get', 'arguments': '{~a~:1}'}}
            {'id': 'c1', 'type': 'function'}; {'function': {'name': 'get'}}; {'function': {'arguments': '{~a~:1}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~'}}; {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': ':1}'}}
            {'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~'}}; {'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': ':1}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~'}}; {'index': 0, 'id': '', 'type': null, 'function': {'name': '', 'arguments': ':1}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~'}}; {'index': 1, 'id': 'c1', 'function': {'arguments': ':1}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'g'}}; {'index': 0, 'function': {'name': 'et'}}; {'index': 0, 'function': {'arguments': '{~a~:1}'}}
            {'index': 0, 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~'}}; {'index': 0, 'id': 'c1', 'function': {'arguments': ':1}'}}
            {'index': '0', 'id': 'c1', 'type': 'function', 'function': {'name': 'get'}}; {'index': '0', 'function': {'arguments': '{~a~:1}'}}
            {'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': {'a': 1}}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': {}}}; {'index': 0, 'function': {'arguments': '{~a~:1}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': null}}; {'index': 0, 'function': {'arguments': {'a': 1}}}
            """)
    void oneCallIsJoined(String pieces) {
        // When
        add(pieces);

        // Then
        assertThat(calls.joined()).containsExactlyElementsOf(List.of(object(GET)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~:1}'}}; {'index': 0, 'id': 'c2', 'type': 'function', 'function': {'name': 'put', 'arguments': '{~b~:2}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~'}}; {'index': 0, 'function': {'arguments': ':1}'}}; {'index': 0, 'id': 'c2', 'type': 'function', 'function': {'name': 'put'}}; {'index': 0, 'function': {'arguments': '{~b~:2}'}}
            {'index': 0, 'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~'}}; {'index': 0, 'id': 'c2', 'type': 'function', 'function': {'name': 'put', 'arguments': '{~b~'}}; {'index': 0, 'id': 'c1', 'function': {'arguments': ':1}'}}; {'index': 0, 'id': 'c2', 'function': {'arguments': ':2}'}}
            {'index': 1, 'id': 'c1', 'type': 'function', 'function': {'name': 'get'}}; {'index': 2, 'id': 'c2', 'type': 'function', 'function': {'name': 'put'}}; {'index': 2, 'function': {'arguments': '{~b~:2}'}}; {'index': 1, 'function': {'arguments': '{~a~:1}'}}
            {'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': '{~a~:1}'}}; {'id': 'c2', 'type': 'function', 'function': {'name': 'put', 'arguments': '{~b~:2}'}}
            {'id': 'c1', 'type': 'function', 'function': {'name': 'get'}}; {'function': {'arguments': '{~a~:1}'}}; {'id': 'c2', 'type': 'function', 'function': {'name': 'put'}}; {'function': {'arguments': '{~b~:2}'}}
            {'id': 'c1', 'type': 'function', 'function': {'name': 'get', 'arguments': {'a': 1}}}; {'id': 'c2', 'type': 'function', 'function': {'name': 'put', 'arguments': {'b': 2}}}
            """)
    void twoCallsAreToldApart(String pieces) {
        // When
        add(pieces);

        // Then
        assertThat(calls.joined()).containsExactlyElementsOf(List.of(object(GET), object(PUT)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            {'function': {'name': 'f', 'arguments': {'a': 1}}}; {'function': {'name': 'f', 'arguments': {'b': 2}}}
            {'index': 0, 'function': {'name': 'f', 'arguments': {'a': 1}}}; {'index': 0, 'function': {'name': 'f', 'arguments': {'b': 2}}}
            """)
    void callsWithoutIdsAreToldApartByTheirArguments(String pieces) {
        // When
        add(pieces);

        // Then
        assertThat(calls.joined()).containsExactly(
                object("{'function': {'name': 'f', 'arguments': '{~a~:1}'}}"),
                object("{'function': {'name': 'f', 'arguments': '{~b~:2}'}}"));
    }

    @Test
    void theCallsOfAMessageAreWholeAlready() {
        // When
        calls.addWhole(
                parse("[{'id': 'c', 'function': {'name': 'f', 'arguments': [1]}}, {'id': 'c', 'function': {'name': 'f'}}]"));

        // Then
        assertThat(calls.joined()).containsExactly(object("{'id': 'c', 'function': {'name': 'f', 'arguments': '[1]'}}"),
                object("{'id': 'c', 'function': {'name': 'f'}}"));
    }

    @Test
    void whatElseACallHasIsKept() {
        // When
        add("{'index': 0, 'id': 'c', 'type': 'custom', 'custom': {'name': 'sql', 'input': 'sel'}, 'extra': {'s': 1}}; {'index': 0, 'custom': {'input': 'ect'}, 'late': 2}");

        // Then
        assertThat(calls.joined()).containsExactly(
                object("{'id': 'c', 'type': 'custom', 'custom': {'name': 'sql', 'input': 'select'}, 'extra': {'s': 1}, 'late': 2}"));
    }

    @Test
    void anIdMayBeOfAnyLength() {
        // Given
        String id = "c".repeat(100_000);

        // When
        add("{'index': 0, 'id': '%s', 'function': {'name': 'f'}}".formatted(id));

        // Then
        assertThat(calls.joined().get(0).path("id").textValue()).isEqualTo(id);
    }

    @Test
    void membersThatComeWithEachPieceAreBoundedToo() {
        // When
        for (int i = 0; i < 100; i++) {
            add("{'index': 0, 'm%d': '%s'}".formatted(i, "a".repeat(100_000)));
        }

        // Then
        assertThat(calls.isTooLarge()).isTrue();
        assertThat(calls.joined().toString()).hasSizeLessThan(5 << 20);
    }

    private void add(String pieces) {
        for (String piece : pieces.split("; ")) {
            calls.addPieces(parse("[" + piece + "]"));
        }
    }

    private ObjectNode object(String text) {
        return (ObjectNode) parse(text);
    }

    /** A tilde is a quotation mark within a text. */
    private JsonNode parse(String text) {
        try {
            return json.readTree(text.replace("'", "\"").replace("~", "\\\""));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

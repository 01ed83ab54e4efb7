package dev.chatkeep.profile;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.UUID;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;

/** Preferences are measured as a client would write them, and not as PostgreSQL does. */
@BesideOthers
class JsonBytesTest {

    private static MigratedDatabase database;
    private static SqlCaller user;

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
        user = database.user(UUID.randomUUID());
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "null", "true", "false", "0", "-12.50", "''", "'a'", "{}", "[]", "[[]]", "[{}]", "{'a': {}}", "{'': ''}",
            "[1, 2, 3]", "[null, true, 'a b', {'c  d': [ ]}]", "{'a': 1, 'b': [1, {'c': 'd'}], 'e': {'f': {'g': []}}}",
            "'Größe'", "'日本語'", "'\uD83D\uDE00 smile'", "{'ключ': 'значение', '鍵': ['值', 'é']}",
            "'\\\"\\\\/'", "'\\b\\f\\n\\r\\t'", "'\\u0001\\u001f\\u007f\\u0080\\u2028'", "{'\\\"': '\\\\', 'a\\nb': '\\t'}",
            "'a : b, c'", "{'a, b': 'c: d'}" })
    void countsTheBytesOfTheSameJsonWithoutWhiteSpace(String text) {
        // Given
        String compact = json(text).toString();

        // When
        long bytes = user.value("select chatkeep.json_bytes(?::jsonb)", json(text).toPrettyString());

        // Then
        assertThat(bytes).isEqualTo(compact.getBytes(StandardCharsets.UTF_8).length);
    }

    @ParameterizedTest
    @CsvSource({ "100, 100", "1000, 100" })
    void countsWhatIsLargeAndWhatIsDeep(int width, int depth) {
        // Given
        String wide = "[" + "{\"k\": \"é\"}, ".repeat(width - 1) + "{\"k\": \"é\"}]";
        String deep = "[".repeat(depth) + wide + "]".repeat(depth);

        // When
        long bytes = user.value("select chatkeep.json_bytes(?::jsonb)", deep);

        // Then
        assertThat(bytes).isEqualTo(json(deep).toString().getBytes(StandardCharsets.UTF_8).length);
    }

    @ParameterizedTest
    @CsvSource({ "16384, 00000", "16385, PT422" })
    void preferencesHaveAtMost16KibibytesTogether(int bytes, String state) {
        // Given
        UUID id = database.newUser();
        JsonNode stored = json("{'ui': {'a': 'é'}}");
        database.user(id).rows("select chatkeep.put_user_data(?, ?::jsonb)", id, stored.toString());
        String rest = "x".repeat(bytes - "{\"a\":\"..\",\"b\":\"\"}".length());

        // When
        String actual = database.user(id).state("select chatkeep.put_user_data(?, ?::jsonb)", id,
                json("{'ui': {'b': '" + rest + "'}}").toString());

        // Then
        assertThat(actual).isEqualTo(state);
    }
}

package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ContentTypeTest {

    /** A few times the square of the 4,000 characters that are looked at. It takes milliseconds to read so many. */
    private static final long MAX_READ = 100_000_000;

    @ParameterizedTest
    @ValueSource(strings = {
            "# Title", "Text\n\n###### Deep", "- one\n- two", "* one", "+ one", "   - indented", "1. one", "12) twelve",
            "> quoted",
            "```java\nint i;\n```", "~~~\ncode\n~~~", "| a | b |\n|---|---|", "That is **important**.", "Call `run()` first.",
            "See [the page](https://example.org).", "Text\r\n\r\n## Title" })
    void markdownIsRecognized(String text) {
        // When
        String type = ContentType.of(text);

        // Then
        assertThat(type).isEqualTo("markdown");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "", "Because.", "#hashtag", "2 * 3 * 4 = 24", "a ** b", "-5 degrees", "1.5 metres", "In 2026. Then", "a > b",
            "f(x) [1]",
            "####### seven", "    - code, not a list", "either|or", "`unfinished", "**across\nlines**", "Tom's 5 o'clock" })
    void theRestIsText(String text) {
        // When
        String type = ContentType.of(text);

        // Then
        assertThat(type).isEqualTo("text");
    }

    @ParameterizedTest
    @CsvSource({ "3990, markdown", "4000, text" })
    void onlyTheBeginningIsLookedAt(int characters, String expected) {
        // Given
        String text = "a".repeat(characters) + "\n# Title";

        // When
        String type = ContentType.of(text);

        // Then
        assertThat(type).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = { "*", "**", "`", "[", "[a](", "|", "| a ", "**a", " ", "\n", "1", "[[", "](" })
    void noTextTakesLong(String repeated) {
        // Given
        Read text = new Read(repeated.repeat(20_000), new AtomicLong());

        // When
        ContentType.of(text);

        // Then
        assertThat(text.characters()).hasPositiveValue().hasValueLessThan(MAX_READ);
    }

    /** A text that counts how often one of its characters is read. */
    private record Read(CharSequence text, AtomicLong characters) implements CharSequence {

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public char charAt(int index) {
            characters.incrementAndGet();
            return text.charAt(index);
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return new Read(text.subSequence(start, end), characters);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}

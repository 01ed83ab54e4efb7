package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ContentTypeTest {

    @ParameterizedTest
    @ValueSource(strings = {
            "# Title", "Text\n\n###### Deep", "- one\n- two", "* one", "+ one", "   - indented", "1. one", "12) twelve",
            "> quoted",
            "```java\nint i;\n```", "~~~\ncode\n~~~", "| a | b |\n|---|---|", "That is **important**.", "Call `run()` first.",
            "See [the page](https://example.org).", "Text\r\n\r\n## Title" })
    void markdownGivesItselfAway(String text) {
        assertThat(ContentType.of(text)).isEqualTo("markdown");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "", "Because.", "#hashtag", "2 * 3 * 4 = 24", "a ** b", "-5 degrees", "1.5 metres", "In 2026. Then", "a > b",
            "f(x) [1]",
            "####### seven", "    - code, not a list", "either|or", "`unfinished", "**across\nlines**", "Tom's 5 o'clock" })
    void theRestIsText(String text) {
        assertThat(ContentType.of(text)).isEqualTo("text");
    }

    @Test
    void onlyTheBeginningIsLookedAt() {
        assertThat(ContentType.of("a".repeat(3_990) + "\n# Title")).isEqualTo("markdown");
        assertThat(ContentType.of("a".repeat(4_000) + "\n# Title")).isEqualTo("text");
    }

    @ParameterizedTest
    @ValueSource(strings = { "*", "**", "`", "[", "[a](", "|", "| a ", "**a", " ", "\n", "1", "[[", "](" })
    void noTextTakesLong(String repeated) {
        String text = repeated.repeat(20_000);

        assertTimeout(Duration.ofSeconds(2), () -> ContentType.of(text));
    }
}

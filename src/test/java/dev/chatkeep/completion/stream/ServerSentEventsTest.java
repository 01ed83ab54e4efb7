package dev.chatkeep.completion.stream;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ServerSentEventsTest {

    @ParameterizedTest
    @ValueSource(strings = { "a\nb", "a\rb", "a\r\nb" })
    void eachLineOfAnEventIsALineOfItsOwn(String data) {
        // When
        String event = ServerSentEvents.data(data).toString();

        // Then
        assertThat(event).isEqualTo("data: a\ndata: b\n\n");
    }
}

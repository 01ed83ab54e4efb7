package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.List;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.ModelRequest.Conversation;
import dev.chatkeep.completion.ModelRequest.Document;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;

class ProviderRequestWriterTest {

    private static final ContextMessage QUESTION = new ContextMessage(ContextMessage.USER, "Why?");
    private static final Admission ADMISSION = new Admission(null, List.of(), "gpt-a", 1_000, "Be brief", new BigDecimal("0.5"),
            "conv_1", "msg_q", List.of(new Admission.StoredMessage("msg_q", ContextMessage.USER, "Stored?", null)));

    private final ObjectMapper json = new ObjectMapper();
    private final ProviderRequestWriter writer = new ProviderRequestWriter(json);

    @Test
    void aConversationGetsTheInstructionsAndTheTemperatureOfItsUser() throws Exception {
        // When
        ProviderRequest request = write(new Conversation(List.of(QUESTION), null, null, 50, ModelOptions.NONE));

        // Then
        assertThat(read(request)).isEqualTo(parse("""
                {'model': 'gpt-a', 'messages': [{'role': 'system', 'content': 'Be brief'}, {'role': 'user', 'content': 'Why?'}],
                 'temperature': 0.5, 'max_tokens': 50, 'stream': true, 'stream_options': {'include_usage': true}}
                """));
        assertThat(request.prompt()).isEqualTo("Be brief\nWhy?");
    }

    @Test
    void whatTheRequestSaysComesBeforeWhatTheUserHasSet() throws Exception {
        // When
        ProviderRequest request = write(
                new Conversation(List.of(QUESTION), "Be verbose", BigDecimal.ONE, null, ModelOptions.NONE));

        // Then
        assertThat(read(request)).isEqualTo(
                parse("""
                        {'model': 'gpt-a', 'messages': [{'role': 'system', 'content': 'Be verbose'}, {'role': 'user', 'content': 'Why?'}],
                         'temperature': 1, 'stream': true, 'stream_options': {'include_usage': true}}
                        """));
    }

    @Test
    void aConversationWithInstructionsGetsNoOthers() throws Exception {
        // When
        ProviderRequest request = write(
                new Conversation(List.of(new ContextMessage(ContextMessage.SYSTEM, "Sing"), QUESTION), null, null, null,
                        ModelOptions.NONE));

        // Then
        assertThat(request.prompt()).isEqualTo("Sing\nWhy?");
    }

    @Test
    void emptyInstructionsAreLeftOut() throws Exception {
        // When
        ProviderRequest request = write(new Conversation(List.of(QUESTION), " ", null, null, ModelOptions.NONE));

        // Then
        assertThat(request.prompt()).isEqualTo("Why?");
    }

    @Test
    void aConversationWithoutMessagesIsTheStoredOne() throws Exception {
        // When
        ProviderRequest request = write(new Conversation(null, null, null, null, ModelOptions.NONE));

        // Then
        assertThat(request.prompt()).isEqualTo("Be brief\nStored?");
    }

    @Test
    void aDocumentKeepsAllButItsModel() throws Exception {
        // Given
        ObjectNode document = (ObjectNode) parse("{'model': 'mine', 'messages': [], 'seed': 7}");

        // When
        ProviderRequest request = write(new Document(document, false, "Why?"));

        // Then
        assertThat(new String(request.json(), StandardCharsets.UTF_8))
                .isEqualTo("{\"model\":\"gpt-a\",\"messages\":[],\"seed\":7}");
        assertThat(request.prompt()).isEqualTo("Why?");
    }

    @Test
    void aStreamedDocumentAsksForUsage() throws Exception {
        // Given
        ObjectNode document = (ObjectNode) parse("{'messages': [], 'stream': true, 'stream_options': {'x': 1}}");

        // When
        ProviderRequest request = write(new Document(document, true, "Why?"));

        // Then
        assertThat(read(request)).isEqualTo(parse(
                "{'messages': [], 'stream': true, 'stream_options': {'x': 1, 'include_usage': true}, 'model': 'gpt-a'}"));
    }

    @Test
    void optionsOfAStreamThatAreNullAreMade() throws IOException {
        // Given
        ObjectNode document = (ObjectNode) parse("{'messages': [], 'stream': true, 'stream_options': null}");

        // When
        ProviderRequest request = write(new Document(document, true, "Why?"));

        // Then
        assertThat(read(request).path("stream_options")).isEqualTo(parse("{'include_usage': true}"));
    }

    private ProviderRequest write(ModelRequest request) {
        return writer.write(request, ADMISSION).subscribe().withSubscriber(UniAssertSubscriber.create()).awaitItem().getItem();
    }

    private JsonNode read(ProviderRequest request) throws IOException {
        return json.readTree(request.json());
    }

    private JsonNode parse(String text) throws IOException {
        return json.readTree(text.replace('\'', '"'));
    }
}

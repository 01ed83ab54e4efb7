package dev.chatkeep.testsupport;

import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import com.fasterxml.jackson.databind.JsonNode;

/** What a provider is asked. */
public record CompletionRequest(JsonNode body) {

    public String model() {
        return body.path("model").asText("none");
    }

    public boolean isStreamed() {
        return body.path("stream").asBoolean();
    }

    public boolean wantsUsage() {
        return body.path("stream_options").path("include_usage").asBoolean();
    }

    /** The texts of all messages. */
    public Stream<String> texts() {
        return messages().map(CompletionRequest::text);
    }

    /** What the user said last. */
    public String question() {
        return last(messages().filter(message -> message.path("role").asText().equals("user")).map(CompletionRequest::text));
    }

    /** The text of the last message, whoever said it. */
    public String lastText() {
        return last(texts());
    }

    private Stream<JsonNode> messages() {
        return StreamSupport.stream(body.path("messages").spliterator(), false);
    }

    /** Of a content in parts, those that are text. */
    private static String text(JsonNode message) {
        JsonNode content = message.path("content");
        return content.isTextual() ? content.textValue()
                : StreamSupport.stream(content.spliterator(), false).map(part -> part.path("text").asText())
                        .collect(Collectors.joining("\n"));
    }

    private static String last(Stream<String> texts) {
        return texts.reduce("", (earlier, later) -> later);
    }
}

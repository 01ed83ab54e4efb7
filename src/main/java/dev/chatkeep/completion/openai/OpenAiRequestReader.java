package dev.chatkeep.completion.openai;

import java.io.IOException;
import java.time.Duration;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

import jakarta.enterprise.context.ApplicationScoped;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.CompletionCall;
import dev.chatkeep.completion.CompletionCall.Question;
import dev.chatkeep.completion.ModelRequest.Document;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.JsonRules;
import dev.chatkeep.wire.OffEventLoop;
import dev.chatkeep.wire.Text;
import io.smallrye.mutiny.Uni;

/** Reads the requests of OpenAI's clients. Members that are not known here go to the provider as they are. */
@ApplicationScoped
class OpenAiRequestReader {

    /** What is read at once; more goes to a worker thread. */
    private static final int SMALL_BYTES = 64 << 10;
    private static final int BYTES_A_TOKEN = 4;
    private static final int MODEL_LENGTH = 100;

    /** @param wantsUsage whether the client asked a stream for usage */
    record ParsedRequest(CompletionCall call, boolean streamed, boolean wantsUsage) {
    }

    private final ObjectReader exact;

    OpenAiRequestReader(ObjectMapper json) {
        this.exact = json.reader().with(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
    }

    /** @param sessionId from a header; null: the request may say it */
    Uni<ParsedRequest> read(byte[] body, String sessionId) {
        return OffEventLoop.runIf(body.length > SMALL_BYTES, () -> call(body, sessionId));
    }

    private ParsedRequest call(byte[] body, String headerSessionId) {
        ObjectNode request = parse(body);
        JsonNode messages = request.path("messages");
        if (!messages.isArray() || messages.isEmpty()) {
            throw RequestProblems.ofField("messages", "must be a list of messages");
        }
        if (request.hasNonNull("model") && !isText(request.path("model"), MODEL_LENGTH)) {
            throw RequestProblems.ofField("model", "must have 1 to " + MODEL_LENGTH + " characters");
        }
        String sessionId = headerSessionId != null ? headerSessionId : sessionId(request);
        boolean streamed = request.path("stream").asBoolean(false);
        boolean wantsUsage = request.path("stream_options").path("include_usage").asBoolean(false);
        JsonNode last = messages.get(messages.size() - 1);
        // A request that brings the result of a tool has no new question.
        Question question = !last.path("role").asText().equals("user") ? null
                : new Question(sessionId == null ? CompletionCall.newMessageId() : null,
                        text(last.path("content")).replace('\0', '\uFFFD'), null);
        String prompt = StreamSupport.stream(messages.spliterator(), false).map(message -> text(message.path("content")))
                .collect(Collectors.joining("\n"));
        CompletionCall call = new CompletionCall(CompletionCall.newMessageId(),
                request.path("model").textValue(), sessionId, question, prompt.length() / BYTES_A_TOKEN, Duration.ZERO,
                new Document(request, streamed, prompt));
        return new ParsedRequest(call, streamed, wantsUsage);
    }

    private ObjectNode parse(byte[] body) {
        try {
            JsonNode tree = body.length == 0 ? null : exact.readTree(body);
            if (tree == null || tree.isMissingNode()) {
                throw RequestProblems.ofMissingBody();
            }
            if (tree instanceof ObjectNode object) {
                return object;
            }
            throw RequestProblems.malformed();
        } catch (IOException e) {
            throw RequestProblems.malformed();
        }
    }

    /** Takes the id out of the request: providers refuse metadata that they do not know. */
    private static String sessionId(ObjectNode request) {
        if (!(request.path("metadata") instanceof ObjectNode metadata) || !metadata.has("session_id")) {
            return null;
        }
        JsonNode id = metadata.remove("session_id");
        if (metadata.isEmpty()) {
            request.remove("metadata");
        }
        if (!isText(id, Text.ID_LENGTH)) {
            throw RequestProblems.ofField("metadata.session_id", "must have 1 to " + Text.ID_LENGTH + " characters");
        }
        return id.textValue();
    }

    private static boolean isText(JsonNode node, int max) {
        String text = node.textValue();
        return text != null && !text.isEmpty() && text.codePointCount(0, text.length()) <= max && text.indexOf('\0') < 0;
    }

    /** If the content has several parts, the text of those that have any. */
    private static String text(JsonNode content) {
        String text = content.isTextual() ? content.textValue()
                : StreamSupport.stream(content.spliterator(), false).filter(part -> part.path("text").isTextual())
                        .map(part -> part.path("text").textValue()).collect(Collectors.joining("\n"));
        return JsonRules.wellFormed(text);
    }
}

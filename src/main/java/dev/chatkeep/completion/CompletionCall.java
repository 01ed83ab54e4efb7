package dev.chatkeep.completion;

import java.time.Duration;
import java.util.UUID;

/**
 * What a client asks for, whichever API it speaks.
 *
 * @param streamId of the stream, and of the message that will hold the answer
 * @param model null: the user's, or the default
 * @param sessionId null: nothing is stored
 * @param question null where the request goes on after a call of a tool
 * @param promptTokens a rough estimate, in case the provider's figures never arrive
 * @param grace how long the answer goes on without a reader
 * @param request null once it was sent
 */
public record CompletionCall(String streamId, String model, String sessionId, Question question, int promptTokens,
        Duration grace, ModelRequest request) {

    /** An id as clients make them for messages, of a question or of an answer. */
    public static String newMessageId() {
        return "msg_" + UUID.randomUUID().toString().replace("-", "");
    }

    /** Whether the stored session is what the model is to see. */
    boolean wantsContext() {
        return request instanceof ModelRequest.Conversation conversation && conversation.wantsContext();
    }

    /** The same without what is not needed after the call. */
    CompletionCall withoutRequest() {
        return new CompletionCall(streamId, model, sessionId, null, promptTokens, grace, null);
    }

    /** @param id null: the database finds one; timestamp null: now */
    public record Question(String id, String content, String timestamp) {
    }
}

package dev.chatkeep.completion;

import java.time.Duration;
import java.util.UUID;

import io.quarkus.runtime.util.HashUtil;

/**
 * What a client asks for, whichever API it speaks.
 *
 * @param streamId of the stream, and of the message that will hold the answer
 * @param model null: the user's, or the default
 * @param sessionId null: nothing is stored
 * @param question null where the request goes on after a call of a tool
 * @param choices how many answers it asks for: limits count each
 * @param promptTokens a rough estimate, in case the provider's figures never arrive
 * @param oneAtATime whether a question may have no other call at the same time
 * @param requestHash of a request with an Idempotency-Key, of which the stream's id is made; else null
 * @param grace how long the answer goes on without a reader
 * @param request null once it was sent
 */
public record CompletionCall(String streamId, String model, String sessionId, Question question, int choices,
        int promptTokens, boolean oneAtATime, String requestHash, Duration grace, ModelRequest request) {

    /** An id as clients make them for messages, of a question or of an answer. */
    public static String newMessageId() {
        return "msg_" + UUID.randomUUID().toString().replace("-", "");
    }

    /** The id that goes with the Idempotency-Key of a request. */
    public static String messageIdOf(String idempotencyKey) {
        return "msg_" + HashUtil.sha256(idempotencyKey).substring(0, 32);
    }

    /** Whether the stored session is what the model is to see. */
    boolean wantsContext() {
        return request instanceof ModelRequest.Conversation conversation && conversation.wantsContext();
    }

    /** What the model is asked for besides; what a request that is written already has of it is the concern of its API. */
    ModelOptions options() {
        return request instanceof ModelRequest.Conversation conversation ? conversation.options() : ModelOptions.NONE;
    }

    /** The same without what is not needed after the call. */
    CompletionCall withoutRequest() {
        return new CompletionCall(streamId, model, sessionId, null, choices, promptTokens, oneAtATime, null, grace, null);
    }

    /** @param id null: the database finds one; timestamp null: now */
    public record Question(String id, String content, String timestamp) {
    }
}

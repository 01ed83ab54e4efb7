package dev.chatkeep.completion;

import java.time.Duration;
import java.util.UUID;

import io.smallrye.mutiny.Uni;

/**
 * What a client asks for, whichever API it speaks.
 *
 * @param id of the stream, and of the message that will hold the answer
 * @param model null: the user's, or the default
 * @param sessionId null: nothing is stored
 * @param question null where the request goes on after a call of a tool
 * @param wantsContext whether the stored session is what the model is to see
 * @param promptTokens a rough estimate, in case the provider's figures never arrive
 * @param grace how long the answer goes on without a reader
 * @param body makes the request to the provider
 */
record CompletionCall(String id, String model, String sessionId, Question question, boolean wantsContext, int promptTokens,
        Duration grace, Body body) {

    /** An id as clients make them for messages, of a question or of an answer. */
    static String newMessageId() {
        return "msg_" + UUID.randomUUID().toString().replace("-", "");
    }

    /** The same when it has been made. */
    CompletionCall withoutBody() {
        return new CompletionCall(id, model, sessionId, null, wantsContext, promptTokens, grace, null);
    }

    /** @param id null: the database finds one; timestamp null: now */
    record Question(String id, String content, String timestamp) {
    }

    /** What is sent to the provider. */
    @FunctionalInterface
    interface Body {

        Uni<ProviderRequest> of(Admission admission);
    }

    /**
     * @param json of OpenAI's chat completions
     * @param prompt the text that the model gets to read, for an estimate of its tokens
     */
    record ProviderRequest(byte[] json, String prompt) {
    }
}

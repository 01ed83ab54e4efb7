package dev.chatkeep.completion;

import java.math.BigDecimal;
import java.util.List;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** What the model is to see. What only the admission knows, such as the name of the model, is filled in after it. */
public sealed interface ModelRequest {

    /**
     * Messages, of which the model sees as many as it can hold.
     *
     * @param messages oldest first; null: the stored session
     * @param systemPrompt null: the user's own
     * @param temperature null: the user's own
     * @param maxTokens of the answer; null: the provider decides
     * @param options what it is asked for besides
     */
    record Conversation(List<ContextMessage> messages, String systemPrompt, BigDecimal temperature,
            Integer maxTokens, ModelOptions options) implements ModelRequest {

        boolean wantsContext() {
            return messages == null;
        }
    }

    /**
     * A request that is written already. It goes to the provider word for word, with the model that was admitted.
     *
     * @param document as the provider's API has it; changed when it is sent
     * @param streamed whether the provider is to answer with a stream
     * @param prompt the text that the model gets to read, for an estimate of its tokens
     */
    record Document(ObjectNode document, boolean streamed, String prompt) implements ModelRequest {
    }
}

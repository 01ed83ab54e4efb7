package dev.chatkeep.completion;

import java.time.Duration;

/** What came of a call, whichever API it was made by. */
public sealed interface CompletionResult {

    /**
     * The answer is complete, and stored if its session is.
     *
     * @param contentType how front ends show the text
     * @param completionId the provider's id of the answer
     * @param questionId the message that holds the question
     * @param sessionId null: nothing was stored
     * @param messageId the message that holds the answer; null: nothing was stored
     * @param timestamp when it was stored, as clients read it
     * @param refusal why the model does not answer; null if it does. Without any other text it is the text, too
     * @param extras what there is beside the text
     */
    record Answered(String text, String contentType, Usage usage, String streamId, String completionId, String model,
            String questionId, String sessionId, String messageId, String timestamp,
            Duration elapsed, String refusal, AnswerExtras extras) implements CompletionResult {
    }

    /** There is no answer, or only part of one. */
    record Failed(CompletionFailure failure) implements CompletionResult {
    }
}

package dev.chatkeep.completion;

import java.time.Duration;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.completion.CompletionResult.Answered;
import dev.chatkeep.completion.CompletionResult.Failed;
import dev.chatkeep.provider.ProviderFailure.Kind;

/**
 * A call as the database holds it.
 *
 * @param text null: none of the answer is kept
 * @param result as a reader would have got it at the end of the call; null while it runs
 */
public record StoredCompletion(String text, CompletionResult result) {

    public boolean isRunning() {
        return result == null;
    }

    static StoredCompletion of(JsonNode call) {
        return new StoredCompletion(call.path("content").textValue(), result(call));
    }

    private static CompletionResult result(JsonNode call) {
        return switch (call.path("state").asText()) {
            case "running" -> null;
            case "complete" -> answered(call);
            case "interrupted" -> new Failed(CompletionFailure.interrupted());
            default -> new Failed(CompletionFailure.of(Kind.BROKEN_OFF));
        };
    }

    private static Answered answered(JsonNode call) {
        int prompt = call.path("metadata").path("usage").path("prompt_tokens").asInt(call.path("input_tokens").asInt());
        int completion = call.path("output_tokens").asInt();
        return new Answered(call.path("content").textValue(), call.path("content_type").textValue(),
                new Usage(prompt, completion, prompt + completion, null, null, false, null), call.path("id").textValue(),
                call.path("completion_id").textValue(), call.path("model").textValue(),
                call.path("question_id").textValue(), call.path("session_id").textValue(),
                call.path("message_id").textValue(), call.path("timestamp").textValue(),
                Duration.ofMillis(call.path("elapsed_ms").asLong()), call.path("metadata").path("refusal").textValue(),
                AnswerExtras.of(call.path("extras")));
    }
}

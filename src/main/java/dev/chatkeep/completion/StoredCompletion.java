package dev.chatkeep.completion;

import java.math.BigDecimal;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.provider.ProviderFailure;
import dev.chatkeep.provider.ProviderFailure.Kind;
import io.quarkiverse.resteasy.problem.HttpProblem;

/** An answer as the database holds it, in the shape in which its reader would have had it at its end. */
final class StoredCompletion {

    private StoredCompletion() {
    }

    static boolean isComplete(JsonNode call) {
        return call.path("state").asText().equals("complete");
    }

    static AnswerView of(JsonNode call) {
        int prompt = call.path("metadata").path("usage").path("prompt_tokens").asInt(call.path("input_tokens").asInt());
        int completion = call.path("output_tokens").asInt();
        return new AnswerView(call.path("content").textValue(),
                new Usage(prompt, completion, prompt + completion, null, null, false),
                call.path("question_id").textValue(), call.path("timestamp").textValue(),
                BigDecimal.valueOf(call.path("elapsed_ms").asLong(), 3), call.path("content_type").textValue(),
                call.path("completion_id").textValue(), call.path("model").textValue(), call.path("id").textValue(),
                call.path("session_id").textValue(), call.path("message_id").textValue());
    }

    static HttpProblem problem(JsonNode call) {
        return call.path("state").asText().equals("interrupted") ? CompletionResult.interrupted()
                : ProviderFailure.of(Kind.BROKEN_OFF).toProblem();
    }
}

package dev.chatkeep.testsupport;

import java.time.Instant;

/** One chat completion as a provider sends it: whole, or as the chunks of a stream. */
public record Completion(String id, String model, long created) {

    public static Completion of(String id, String model) {
        return new Completion(id, model, Instant.now().getEpochSecond());
    }

    /** The figures of a completion, for {@link #whole} and {@link #usage}. */
    public static String usageOf(int promptTokens, int completionTokens) {
        return "{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}".formatted(promptTokens, completionTokens,
                promptTokens + completionTokens);
    }

    public String delta(String content) {
        return chunk("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":%s},\"finish_reason\":null}]"
                .formatted(Json.write(content)));
    }

    public String finish(String reason) {
        return chunk("[{\"index\":0,\"delta\":{},\"finish_reason\":%s}]".formatted(Json.write(reason)));
    }

    /** @param usage a JSON object */
    public String usage(String usage) {
        return chunk("[],\"usage\":" + usage);
    }

    /** @param usage a JSON object, or null for none */
    public String whole(String content, String finishReason, String usage) {
        return document("chat.completion",
                "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":%s},\"finish_reason\":%s}]%s".formatted(
                        Json.write(content), Json.write(finishReason), usage == null ? "" : ",\"usage\":" + usage));
    }

    private String chunk(String choices) {
        return document("chat.completion.chunk", choices);
    }

    private String document(String object, String choices) {
        return "{\"id\":%s,\"object\":\"%s\",\"created\":%d,\"model\":%s,\"choices\":%s}".formatted(Json.write(id), object,
                created, Json.write(model), choices);
    }
}

package dev.chatkeep.testsupport;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;

import io.restassured.response.Response;

/** Questions and answers that cost something, and what they cost. */
public final class Chat {

    /** Not long ago, or else the messages would be history, which does not count today. */
    private static final String TIME = Instant.now().truncatedTo(ChronoUnit.MILLIS).toString();

    private Chat() {
    }

    /** A new user with the session {@code s1}. */
    public static Caller started() {
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");
        return caller;
    }

    /** @param model may be null: many front ends name it with the answer only */
    public static Map<String, Object> question(String id, String model, int inputTokens) {
        Map<String, Object> message = message(id, "user", model);
        message.put("input_tokens", inputTokens);
        return message;
    }

    /** @param question may be null */
    public static Map<String, Object> answer(String id, String question, String model, int outputTokens) {
        Map<String, Object> message = message(id, "assistant", model);
        message.put("output_tokens", outputTokens);
        if (question != null) {
            message.put("user_message_id", question);
        }
        return message;
    }

    /** An answer that the service itself got from a model, as far as usage and limits know of it. */
    public static void called(Caller caller, String stream, String model) {
        Sql.rows("""
                insert into chatkeep.charges (user_id, message_id, stream_id, usage_date, model, messages_received)
                values (?, ?, ?, (now() at time zone 'UTC')::date, ?, 1)
                """, caller.id(), stream, stream, model);
    }

    public static Map<String, Object> failed(Map<String, Object> message) {
        Map<String, Object> failed = new LinkedHashMap<>(message);
        failed.put("error", true);
        return failed;
    }

    /** Stores a message in {@code s1}. */
    public static void store(Caller caller, Map<String, Object> message) {
        caller.hasMessage("s1", message);
    }

    /** The conversation {@code s1} as a device uploads it. */
    @SafeVarargs
    public static Response upload(Caller caller, Map<String, Object>... messages) {
        return caller.upload(List.of(Map.of("id", "s1", "title", "A title", "messages", List.of(messages))));
    }

    /** What all that the user did so far comes to: to the user, day by day. */
    public static BigDecimal cost(Caller caller) {
        return usage(caller, "daily").at("/total/estimated_cost").decimalValue();
    }

    /** The exact cost of one model. */
    public static BigDecimal cost(Caller caller, String model) {
        for (JsonNode used : usage(caller, "models").path("models")) {
            if (used.path("model").textValue().equals(model)) {
                return used.path("estimated_cost").decimalValue();
            }
        }
        throw new AssertionError("The model was not used: " + model);
    }

    public static JsonNode usage(Caller caller, String what) {
        Response answer = caller.request().get("/api/usage/" + what);
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        return Json.of(answer);
    }

    private static Map<String, Object> message(String id, String role, String model) {
        Map<String, Object> message = new LinkedHashMap<>(
                Map.of("id", id, "role", role, "content", "Message " + id, "timestamp", TIME));
        if (model != null) {
            message.put("model", model);
        }
        return message;
    }
}

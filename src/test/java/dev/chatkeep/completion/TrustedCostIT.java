package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.WithinOneDay;
import io.restassured.response.Response;

/** A service that trusts what its provider says that a call cost. */
@WithinOneDay
@BesideOthers
class TrustedCostIT {

    private static final String MODEL = "test/priced";
    private static final String CHARGED = "select trim_scale(cost)::text as cost from chatkeep.charges"
            + " where user_id = ? and messages_received = 1";

    private static PackagedService service;

    @BeforeAll
    static void start() throws Exception {
        service = new PackagedService(Map.of("CHATKEEP_PROVIDER_TRUST_COST", "true"));
        service.start();
        service.rows("insert into public.model_access (model_id, tier, input_cost_per_token, output_cost_per_token)"
                + " values (?, 'free', 0.001, 0.002)", MODEL);
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
    }

    private final Caller ann = service.newCaller();
    private final String marker = "marker-" + UUID.randomUUID();

    @ParameterizedTest
    @CsvSource({ "/api/chat, 0.25", "/api/chat, 0", "/v1/chat/completions, 0.25" })
    void whatTheProviderSaysIsTheCost(String path, String told) {
        // Given
        service.provider().on(marker, Script.streamed().delta("Lisbon").usageJson(
                "{\"prompt_tokens\": 9, \"completion_tokens\": 4, \"cost\": %s}".formatted(told)).done());

        // When
        Response answer = ann.request().body(body(path)).post(path);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(Chat.cost(ann)).isEqualByComparingTo(told);
        assertThat(Chat.cost(ann, MODEL)).isEqualByComparingTo(told);
        assertThat(charged()).containsExactly(told);
        assertThat(noted("assistant", "cost")).isEqualByComparingTo(told);
        assertThat(noted("assistant", "provider_cost")).isEqualByComparingTo(told);
        assertThat(noted("assistant", "question_cost")).isZero();
        assertThat(noted("user", "cost")).isZero();
    }

    @Test
    void itCountsDigitForDigit() {
        // Given
        String told = "0.000012345678901234567";
        service.provider().on(marker, Script.streamed().delta("Lisbon").usageJson(
                "{\"prompt_tokens\": 9, \"completion_tokens\": 4, \"cost\": %s}".formatted(told)).done());

        // When
        Response answer = ann.request().body(body("/api/chat")).post("/api/chat");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(charged()).containsExactly(told);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"prompt_tokens": 9, "completion_tokens": 4}
            {"prompt_tokens": 9, "completion_tokens": 4, "cost": -1}
            {"prompt_tokens": 9, "completion_tokens": 4, "cost": "0.25"}
            {"prompt_tokens": 9, "completion_tokens": 4, "cost": 1e99}
            {"prompt_tokens": 9, "completion_tokens": 4, "cost": null, "cost_details": {"upstream_inference_cost": 19}}
            """)
    void whereItSaysNoneTokensCostTheirPrices(String usage) {
        // Given
        service.provider().on(marker, Script.streamed().delta("Lisbon").usageJson(usage).done());

        // When
        Response answer = ann.request().body(body("/api/chat")).post("/api/chat");

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(charged()).containsExactly("0.017");
        assertThat(Chat.cost(ann)).isEqualByComparingTo("0.017");
        assertThat(noted("assistant", "cost").add(noted("assistant", "question_cost"))).isEqualByComparingTo("0.017");
    }

    private Map<String, Object> body(String path) {
        return path.equals("/api/chat") ? Map.of("message", marker, "model", MODEL, "sessionId", "s")
                : Map.of("model", MODEL, "messages", List.of(Map.of("role", "user", "content", marker)), "metadata",
                        Map.of("session_id", "s"));
    }

    private List<String> charged() {
        return service.rows(CHARGED, ann.id()).stream().map(row -> (String) row.get("cost")).toList();
    }

    private BigDecimal noted(String role, String figure) {
        return new BigDecimal(service.text("select metadata ->> ? from public.chat_messages where user_id = ? and role = ?",
                figure, ann.id(), role));
    }
}

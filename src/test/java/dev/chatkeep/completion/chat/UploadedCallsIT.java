package dev.chatkeep.completion.chat;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.ProviderResource;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/** Calls without a session, whose clients upload question and answer afterwards under ids of their own. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithTestResource(value = ProviderResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class UploadedCallsIT {

    enum Way {
        ONE_BY_ONE,
        TOGETHER,
        SYNC
    }

    private static String model;

    ScriptedProvider provider;

    private final Caller ann = Caller.fresh();
    private final String marker = "marker-" + UUID.randomUUID();

    @BeforeEach
    void openAModel() {
        model = model == null ? Models.open("free", "0.001", "0.002") : model;
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void anExchangeCountsOnce(Way way) {
        // Given
        ask(ann, "gen-1");

        // When
        upload(ann, way, question("q1"), answer("a1", "q1", "gen-1"));

        // Then
        assertThat(usage(ann)).isEqualTo("1 1 7 3 0.013");
        assertThat(stored(ann)).containsExactly("q1 7 null", "a1 3 q1");
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void anExchangeCountsOnceWhereTheAnswerComesFirst(Way way) {
        // Given
        ask(ann, "gen-1");

        // When
        upload(ann, way, answer("a1", "q1", "gen-1"), question("q1"));

        // Then
        assertThat(usage(ann)).isEqualTo("1 1 7 3 0.013");
    }

    @Test
    void aQuestionWithoutItsAnswerCountsOnce() {
        // Given
        ask(ann, "gen-1");

        // When
        upload(ann, Way.ONE_BY_ONE, question("q1"));

        // Then
        assertThat(usage(ann)).isEqualTo("1 1 7 3 0.013");
        assertThat(stored(ann)).containsExactly("q1 7 null");
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void aQuestionWithAnotherTextIsKnownByItsAnswer(Way way) {
        // Given
        ask(ann, "gen-1");
        Map<String, Object> question = question("q1");
        question.put("content", "As the client shows it");

        // When
        upload(ann, way, answer("a1", "q1", "gen-1"), question);

        // Then
        assertThat(usage(ann)).isEqualTo("1 1 7 3 0.013");
    }

    @Test
    void aQuestionThatWasUploadedBeforeTheCallCountsOnce() {
        // Given
        upload(ann, Way.ONE_BY_ONE, question("q1"));
        ask(ann, "gen-1");

        // When
        upload(ann, Way.ONE_BY_ONE, answer("a1", "q1", "gen-1"));

        // Then
        assertThat(usage(ann)).isEqualTo("1 1 7 3 0.013");
        assertThat(stored(ann)).containsExactly("q1 7 null", "a1 3 q1");
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void theSameTextAskedTwiceCountsTwice(Way way) {
        // Given
        ask(ann, "gen-1");
        ask(ann, "gen-2");

        // When
        upload(ann, way, question("q2"), answer("a2", "q2", "gen-2"), question("q1"), answer("a1", "q1", "gen-1"));

        // Then
        assertThat(usage(ann)).isEqualTo("2 2 14 6 0.026");
    }

    @Test
    void theSameTextUploadedTwiceIsOneCallAndOneMessageMore() {
        // Given
        ask(ann, "gen-1");

        // When
        upload(ann, Way.TOGETHER, question("q1"), question("q2"));

        // Then
        assertThat(usage(ann)).isEqualTo("2 1 14 3 0.02");
    }

    @Test
    void theCallOfAnotherUserIsNobodyElses() {
        // Given
        Caller bob = Caller.fresh();
        ask(ann, "gen-1");

        // When
        upload(bob, Way.TOGETHER, question("q1"), answer("a1", "q1", "gen-1"));

        // Then
        assertThat(usage(bob)).isEqualTo("1 1 7 3 0.013");
        assertThat(usage(ann)).isEqualTo("1 1 7 3 0.013");
        assertThat(Sql.<Boolean> value("select question_named from chatkeep.completions where user_id = ?", ann.id()))
                .isFalse();
    }

    @Test
    void aCallOfTheDayBeforeYesterdayIsNotMeant() {
        // Given
        ask(ann, "gen-1");
        Sql.rows("update chatkeep.completions set started_at = started_at - interval '25 hours' where user_id = ?", ann.id());

        // When
        upload(ann, Way.ONE_BY_ONE, question("q1"));

        // Then
        assertThat(usage(ann)).isEqualTo("2 1 14 3 0.02");
    }

    @Test
    void theTextItselfIsNotKept() {
        // When
        ask(ann, "gen-1");

        // Then
        assertThat(Sql.<String> value("select c::text from chatkeep.completions c where user_id = ?", ann.id()))
                .doesNotContain(marker);
        assertThat(
                Sql.<Integer> value("select octet_length(question_hash) from chatkeep.completions where user_id = ?", ann.id()))
                .isEqualTo(32);
    }

    private void ask(Caller caller, String completionId) {
        provider.on(marker, Script.streamed().id(completionId).delta("Alfama").usage(7, 3).done());
        Response answer = caller.request().body(Map.of("message", " " + marker + "\n", "model", model)).post("/api/chat");
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
    }

    private Map<String, Object> question(String id) {
        return new HashMap<>(Map.of("id", id, "role", "user", "content", marker, "input_tokens", 7, "model", model));
    }

    private Map<String, Object> answer(String id, String question, String completionId) {
        return Map.of("id", id, "role", "assistant", "content", "Alfama", "user_message_id", question, "completion_id",
                completionId, "model", model, "output_tokens", 3);
    }

    @SafeVarargs
    private static void upload(Caller caller, Way way, Map<String, Object>... messages) {
        switch (way) {
            case ONE_BY_ONE -> List.of(messages).forEach(message -> stored(
                    caller.request().body(Map.of("sessionId", "s", "message", message)).post("/api/chat/messages")));
            case TOGETHER -> stored(
                    caller.request().body(Map.of("sessionId", "s", "messages", messages)).post("/api/chat/messages"));
            case SYNC -> stored(caller.upload(List.of(Map.of("id", "s", "title", "Trip", "messages", messages))));
        }
    }

    private static void stored(Response response) {
        assertThat(response.statusCode()).as(response.asString()).isLessThan(300);
        assertThat(response.asString()).doesNotContain("\"error\":");
    }

    private static List<String> stored(Caller caller) {
        List<String> messages = new ArrayList<>();
        Json.of(caller.messages("s")).path("messages").forEach(message -> messages.add("%s %s %s".formatted(
                message.path("id").textValue(), message.path("total_tokens"), message.path("user_message_id").textValue())));
        return messages;
    }

    private static String usage(Caller caller) {
        assertThat(Sql.rows("select * from chatkeep.check_usage(?)", caller.id())).isEmpty();
        JsonNode total = Chat.usage(caller, "daily").path("total");
        return "%s %s %s %s %s".formatted(total.path("messages_sent"), total.path("messages_received"),
                total.path("input_tokens"), total.path("output_tokens"), total.path("estimated_cost").asText());
    }
}

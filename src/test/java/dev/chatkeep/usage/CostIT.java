package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Chat.usage;
import static dev.chatkeep.usage.CostIT.History.history;
import static dev.chatkeep.usage.PricedChat.Message.answer;
import static dev.chatkeep.usage.PricedChat.Message.question;
import static dev.chatkeep.usage.PricedChat.Model.CHEAP;
import static dev.chatkeep.usage.PricedChat.Model.DEAR;
import static dev.chatkeep.usage.PricedChat.Model.SMALL;
import static dev.chatkeep.usage.PricedChat.Model.SMALLEST;
import static dev.chatkeep.usage.PricedChat.Model.UNLISTED;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import dev.chatkeep.usage.PricedChat.Message;
import dev.chatkeep.usage.PricedChat.Model;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;

/** What messages cost: prices are those of model access, in no particular currency. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class CostIT {

    @ParameterizedTest(name = "{0}")
    @MethodSource({ "questionsAndAnswers", "repetitions", "corrections", "failures", "prices" })
    void messagesCostThePriceOfTheirTime(History history) {
        // Given
        PricedChat chat = new PricedChat();
        history.given().accept(chat);

        // When
        history.when().accept(chat);

        // Then
        assertThat(chat.cost()).isEqualByComparingTo(history.cost());
        history.costs().forEach((model, cost) -> assertThat(chat.cost(model)).as("%s", model).isEqualByComparingTo(cost));
    }

    static Stream<History> questionsAndAnswers() {
        return Stream.of(
                history("a question costs its input tokens and an answer its output tokens")
                        .given(chat -> chat.stores(question(100).naming(SMALL)))
                        .when(chat -> chat.stores(answer(200).naming(SMALL)))
                        .costs("0.00035").ofWhich(SMALL, "0.00035"),
                history("a model without a price costs nothing")
                        .given(chat -> chat.stores(question(100).naming(UNLISTED)))
                        .when(chat -> chat.stores(answer(200).naming(UNLISTED)))
                        .costs("0").ofWhich(UNLISTED, "0"),
                history("a question that names no model is priced at the model of its answer")
                        .given(chat -> chat.stores(question(3)))
                        .when(chat -> chat.stores(answer(5)))
                        .costs("0.53").ofWhich(CHEAP, "0.53"),
                history("a question that names another model than its answer is priced at its own")
                        .given(chat -> chat.stores(question(3).naming(CHEAP)))
                        .when(chat -> chat.stores(answer(5).naming(DEAR)))
                        .costs("10.03").ofWhich(CHEAP, "0.03").ofWhich(DEAR, "10"),
                history("each answer to a question that names no model charges the question")
                        .given(chat -> chat.stores(question(3)).stores(answer(5)))
                        .when(chat -> chat.stores(answer(5).withId("a2").naming(DEAR)))
                        .costs("13.53").ofWhich(CHEAP, "0.53").ofWhich(DEAR, "13"),
                history("a question that names no model is priced in an upload as well")
                        .when(chat -> chat.uploads(question(3), answer(5)))
                        .costs("0.53"),
                history("the order of an upload does not matter to the price of a question")
                        .when(chat -> chat.uploads(answer(5), question(3)))
                        .costs("0.53"),
                history("an answer that is uploaded after its question was stored charges the question")
                        .given(chat -> chat.stores(question(3)))
                        .when(chat -> chat.uploads(question(3), answer(5)))
                        .costs("0.53"),
                history("a question that arrives after its answer is priced at the model of the answer")
                        .given(chat -> chat.stores(answer(5)))
                        .when(chat -> chat.stores(question(3)))
                        .costs("0.53"),
                history("a question that arrives after its answer costs the price at which the answer was recorded")
                        .given(chat -> chat.stores(answer(5)).changesInput(CHEAP, "1"))
                        .when(chat -> chat.uploads(question(3), answer(5)))
                        .costs("0.53"),
                history("an answer that names its model later is priced then")
                        .given(chat -> chat.stores(answer(5).toNothing().namingNoModel()))
                        .when(chat -> chat.stores(answer(5).toNothing()))
                        .costs("0.5"),
                history("an answer to an answer charges the first one once")
                        .given(chat -> chat.stores(answer(5).toNothing()))
                        .when(chat -> chat.stores(answer(5).withId("a2").to("a1")))
                        .costs("1"));
    }

    static Stream<History> repetitions() {
        return Stream.of(
                history("the same upload again costs nothing, even at another price")
                        .given(chat -> chat.uploads(question(3), answer(5)).changes(CHEAP, "1", "1"))
                        .when(chat -> chat.uploads(question(3), answer(5)))
                        .costs("0.53"),
                history("a conversation that was deleted and comes back costs nothing again")
                        .given(chat -> chat.uploads(question(3), answer(5)).deletesTheConversation().changes(CHEAP, "1", "1"))
                        .when(chat -> chat.uploads(question(3), answer(5)))
                        .costs("0.53").ofWhich(CHEAP, "0.53"),
                history("messages that were deleted and come back one by one cost nothing again")
                        .given(chat -> chat.stores(question(3)).stores(answer(5)).deletesEverything().stores(question(3)))
                        .when(chat -> chat.stores(answer(5)))
                        .costs("0.53"),
                history("deleting gives nothing back")
                        .given(chat -> chat.stores(answer(5).toNothing()))
                        .when(PricedChat::deletesEverything)
                        .costs("0.5").ofWhich(CHEAP, "0.5"));
    }

    static Stream<History> corrections() {
        return Stream.of(
                history("a correction to more tokens costs the price at which the answer was recorded")
                        .given(chat -> chat.stores(answer(5).toNothing()).changesOutput(CHEAP, "2"))
                        .when(chat -> chat.stores(answer(9).toNothing()))
                        .costs("0.9").ofWhich(CHEAP, "0.9"),
                history("a correction to fewer tokens costs the price at which the answer was recorded")
                        .given(chat -> chat.stores(answer(5).toNothing()).changesOutput(CHEAP, "2"))
                        .when(chat -> chat.stores(answer(2).toNothing()))
                        .costs("0.2").ofWhich(CHEAP, "0.2"),
                history("a correction to no tokens costs nothing")
                        .given(chat -> chat.stores(answer(5).toNothing()).changesOutput(CHEAP, "2"))
                        .when(chat -> chat.stores(answer(0).toNothing()))
                        .costs("0").ofWhich(CHEAP, "0"),
                history("a correction costs the price at which the answer was recorded, even when its model is gone")
                        .given(chat -> chat.stores(answer(5).toNothing()).closes(CHEAP))
                        .when(chat -> chat.stores(answer(9).toNothing()))
                        .costs("0.9"),
                history("a correction in an upload costs the price at which the messages were recorded")
                        .given(chat -> chat.uploads(question(3).naming(CHEAP), answer(5)).changes(CHEAP, "1", "2"))
                        .when(chat -> chat.uploads(question(4).naming(CHEAP), answer(6)))
                        .costs("0.64"),
                history("a correction of a question that names no model costs the price of its answer")
                        .given(chat -> chat.stores(question(3)).stores(answer(5)).changesInput(CHEAP, "1"))
                        .when(chat -> chat.stores(question(7)))
                        .costs("0.57"),
                history("a correction of a question and its next answer in one upload are charged once")
                        .given(chat -> chat.stores(question(3)).stores(answer(5)))
                        .when(chat -> chat.uploads(question(7), answer(5), answer(1).withId("a2").naming(DEAR)))
                        .costs("9.57").ofWhich(CHEAP, "0.57").ofWhich(DEAR, "9"),
                history("a question that names its model after it was answered is charged once")
                        .given(chat -> chat.stores(question(3)).stores(answer(5)))
                        .when(chat -> chat.stores(question(3).naming(CHEAP)))
                        .costs("0.53"),
                history("another model is charged instead of the one that was named before")
                        .given(chat -> chat.stores(answer(5).toNothing()))
                        .when(chat -> chat.stores(answer(5).toNothing().naming(DEAR)))
                        .costs("10"));
    }

    static Stream<History> failures() {
        return Stream.of(
                history("messages that failed cost nothing")
                        .given(chat -> chat.stores(question(3).naming(CHEAP).failed()))
                        .when(chat -> chat.stores(answer(5).failed()))
                        .costs("0"),
                history("messages that failed cost nothing in an upload")
                        .when(chat -> chat.uploads(question(3).failed(), answer(5), answer(5).withId("a2").failed()))
                        .costs("0.5"),
                history("a question that arrives after an answer that failed is not charged")
                        .given(chat -> chat.stores(answer(5).failed()))
                        .when(chat -> chat.stores(question(3)))
                        .costs("0"),
                history("an answer to a question that failed costs its own tokens only")
                        .given(chat -> chat.stores(question(3).failed()))
                        .when(chat -> chat.stores(answer(5)))
                        .costs("0.5"),
                history("an answer that succeeds at the second attempt charges its question")
                        .given(chat -> chat.stores(question(3)).stores(answer(0).failed()))
                        .when(chat -> chat.stores(answer(5)))
                        .costs("0.53"),
                history("an answer that succeeds at the second attempt in an upload charges its question once")
                        .given(chat -> chat.uploads(question(3), answer(0).failed()))
                        .when(chat -> chat.uploads(question(4), answer(5)))
                        .costs("0.54"),
                history("a message that succeeds at the second attempt is charged once")
                        .given(chat -> chat.stores(answer(5).toNothing().failed()).stores(answer(5).toNothing()))
                        .when(chat -> chat.stores(answer(5).toNothing()))
                        .costs("0.5"),
                history("a message that is said to have failed and then not to have failed is charged once")
                        .given(chat -> chat.stores(answer(5).toNothing()).stores(answer(5).toNothing().failed()))
                        .when(chat -> chat.stores(answer(5).toNothing()))
                        .costs("0.5"));
    }

    static Stream<History> prices() {
        return Stream.of(
                history("a later price does not rewrite history")
                        .given(chat -> chat.stores(answer(5).toNothing()))
                        .when(chat -> chat.changesOutput(CHEAP, "2"))
                        .costs("0.5").ofWhich(CHEAP, "0.5"),
                history("the next answer costs the new price")
                        .given(chat -> chat.stores(answer(5).toNothing()).changesOutput(CHEAP, "2"))
                        .when(chat -> chat.stores(answer(5).withId("a2").toNothing()))
                        .costs("10.5"),
                history("a model that is no longer active costs what it did")
                        .given(chat -> chat.closes(CHEAP))
                        .when(chat -> chat.stores(answer(5).toNothing()))
                        .costs("0.5"),
                history("a model that the user's tier does not open costs what it does in the next tier that opens it")
                        .given(chat -> chat.opens("admin", UNLISTED, "0", "0.01").opens("pro", UNLISTED, "0", "0.1"))
                        .when(chat -> chat.stores(answer(5).toNothing().naming(UNLISTED)))
                        .costs("0.5"),
                history("a move to another tier does not rewrite history")
                        .given(chat -> chat.opens("free", UNLISTED, "0", "0.6").opens("pro", UNLISTED, "0", "0.1")
                                .stores(answer(5).toNothing().naming(UNLISTED)))
                        .when(chat -> chat.movesTo("pro"))
                        .costs("3"),
                history("the smallest price counts")
                        .when(chat -> chat.stores(answer(1).toNothing().naming(SMALLEST)))
                        .costs("0").ofWhich(SMALLEST, "0.000000000001"));
    }

    @ParameterizedTest
    @CsvSource({ "free, 3", "pro, 0.5", "enterprise, 0.5", "admin, 0.05" })
    void aModelCostsWhatItDoesInTheHighestTierThatTheUserReaches(String tier, String cost) {
        // Given
        PricedChat chat = new PricedChat()
                .opens("free", UNLISTED, "0", "0.6")
                .opens("pro", UNLISTED, "0", "0.1")
                .opens("admin", UNLISTED, "0", "0.01")
                .movesTo(tier);

        // When
        chat.stores(answer(5).toNothing().naming(UNLISTED));

        // Then
        assertThat(chat.cost()).isEqualByComparingTo(cost);
    }

    @Test
    void theCostIsTheSameWhereverItIsRead() {
        // Given
        PricedChat chat = new PricedChat().stores(question(100).naming(SMALL));

        // When
        chat.stores(answer(200).naming(SMALL));

        // Then
        JsonNode summary = usage(chat.caller(), "summary");
        for (String span : new String[] { "today", "last_7_days", "last_30_days", "all_time" }) {
            assertThat(summary.path(span).path("estimated_cost").decimalValue()).as(span).isEqualByComparingTo("0.00035");
        }
        assertThat(Sql.<BigDecimal> value("select sum(estimated_cost) from user_usage_daily where user_id = ?",
                chat.caller().id())).isEqualByComparingTo("0.00035");
        JsonNode seen = Json.of(Administrator.service().request().get("/api/admin/users/" + chat.caller().id()));
        assertThat(seen.at("/usage/all_time/estimated_cost").decimalValue()).isEqualByComparingTo("0.00035");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "none", textBlock = """
            none | {"unit_cost": 0.0000015, "cost": 0.0003}
            q1   | {"unit_cost": 0.0000015, "cost": 0.0003, "question_unit_cost": 5.0E-7}
            """)
    void anAnswerKeepsWhatItCostAndThePriceOfItsQuestion(String question, String metadata) {
        // Given
        PricedChat chat = new PricedChat();

        // When
        chat.stores(answer(200).to(question).naming(SMALL));

        // Then
        assertThat(
                Json.of(Sql.<String> value("select metadata::text from chat_messages where user_id = ?", chat.caller().id())))
                .isEqualTo(Json.of(metadata));
    }

    @ParameterizedTest
    @CsvSource({ "user, 7, 9, 0.07", "assistant, 7, 9, 0.9", "system, 7, 9, 0", "tool, 7, 9, 0" })
    void aQuestionCostsNoOutputAndAnAnswerNoInput(String role, int input, int output, String cost) {
        // Given
        PricedChat chat = new PricedChat();
        Map<String, Object> message = Map.of("id", "m1", "role", role, "content", "x", "model", chat.id(CHEAP),
                "input_tokens", input, "output_tokens", output);

        // When
        chat.stores(message);

        // Then
        assertThat(chat.cost()).isEqualByComparingTo(cost);
    }

    @Test
    void aQuestionThatNamesNoModelAndHasNoAnswerCostsNothing() {
        // Given
        PricedChat chat = new PricedChat();

        // When
        chat.stores(question(100));

        // Then
        assertThat(chat.cost()).isEqualByComparingTo("0");
        assertThat(usage(chat.caller(), "models").path("models")).isEmpty();
    }

    @Test
    void theSameMessagesAgainCostNothingAndWriteNothing() {
        // Given
        PricedChat chat = new PricedChat().stores(question(3)).stores(answer(5));
        String before = Stored.versions(chat.caller());

        // When
        chat.stores(answer(5));

        // Then
        assertThat(chat.cost()).isEqualByComparingTo("0.53");
        assertThat(Stored.versions(chat.caller())).isEqualTo(before);
    }

    @Test
    void aQuestionOfSomebodyElseIsNotCharged() {
        // Given
        PricedChat ada = new PricedChat().stores(question(3));
        PricedChat bob = ada.ofAnotherUser();

        // When
        bob.stores(answer(5));

        // Then
        assertThat(bob.cost()).isEqualByComparingTo("0.5");
        assertThat(ada.cost()).isEqualByComparingTo("0");
    }

    @Test
    void usersPayForThemselvesAlone() {
        // Given
        PricedChat ada = new PricedChat();
        PricedChat bob = ada.ofAnotherUser().stores(answer(5).toNothing());

        // When
        ada.stores(answer(7).toNothing());

        // Then
        assertThat(ada.cost()).isEqualByComparingTo("0.7");
        assertThat(bob.cost()).isEqualByComparingTo("0.5");
    }

    @Test
    void manyTinyAmountsAddUpExactly() {
        // Given
        PricedChat chat = new PricedChat().opens("free", UNLISTED, "0", "0.00000015");

        // When
        for (int i = 0; i < 300; i++) {
            chat.stores(answer(1).withId("a" + i).toNothing().naming(UNLISTED));
        }

        // Then
        assertThat(chat.cost()).isEqualByComparingTo("0.000045");
        assertThat(chat.cost(UNLISTED)).isEqualByComparingTo("0.000045");
        assertThat(ofAllTime(chat)).isEqualByComparingTo("0.000045");
    }

    @Test
    void theCostOfADayIsTheExactSumRoundedOnce() {
        // Given
        PricedChat chat = new PricedChat().changesOutput(CHEAP, "0.0000004").changesOutput(DEAR, "0.0000003")
                .stores(answer(1).toNothing());

        // When
        chat.stores(answer(1).withId("a2").toNothing().naming(DEAR));

        // Then
        assertThat(chat.cost()).isEqualByComparingTo("0.000001");
        assertThat(chat.cost(CHEAP)).isEqualByComparingTo("0.0000004");
        assertThat(chat.cost(DEAR)).isEqualByComparingTo("0.0000003");
        assertThat(ofAllTime(chat)).isEqualByComparingTo("0.0000007");
    }

    @Test
    void anAbsurdlyHighCostIsStillStored() {
        // Given
        PricedChat chat = new PricedChat().opens("free", UNLISTED, "0", "1000");

        // When
        chat.stores(answer(Integer.MAX_VALUE).toNothing().naming(UNLISTED));

        // Then
        assertThat(chat.cost(UNLISTED)).isEqualByComparingTo("2147483647000");
    }

    @Test
    void manyAnswersOfTwoModelsAtOnceAddUpExactly() throws Exception {
        // Given
        PricedChat chat = new PricedChat().changesOutput(CHEAP, "0.0000001").changesOutput(DEAR, "0.00000003").starts();
        List<Callable<Integer>> calls = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            Message message = answer(10 + i).withId("a" + i).toNothing().naming(i % 2 == 0 ? CHEAP : DEAR);
            calls.add(() -> chat.caller().post("s1", chat.body(message)).statusCode());
        }

        // When
        List<Integer> answers = allAtOnce(16, calls);

        // Then
        assertThat(answers).containsOnly(201);
        // 10 + 12 + .. + 40 = 400 and 11 + 13 + .. + 41 = 416 tokens
        assertThat(chat.cost(CHEAP)).isEqualByComparingTo("0.00004");
        assertThat(chat.cost(DEAR)).isEqualByComparingTo("0.00001248");
        assertThat(chat.cost()).isEqualByComparingTo("0.000052");
        assertThat(ofAllTime(chat)).isEqualByComparingTo("0.00005248");
    }

    @Test
    void theSameAnswerFromManyDevicesAtOnceIsChargedOnce() throws Exception {
        // Given
        PricedChat chat = new PricedChat().stores(question(3));
        Map<String, Object> question = chat.body(question(3));
        Map<String, Object> answer = chat.body(answer(5));
        List<Callable<Integer>> calls = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            calls.add(i % 2 == 0 ? () -> chat.caller().post("s1", answer).statusCode()
                    : () -> Chat.upload(chat.caller(), question, answer).statusCode());
        }

        // When
        List<Integer> answers = allAtOnce(16, calls);

        // Then
        assertThat(answers).containsOnly(200, 201);
        assertThat(chat.cost()).isEqualByComparingTo("0.53");
    }

    private static BigDecimal ofAllTime(PricedChat chat) {
        return usage(chat.caller(), "summary").at("/all_time/estimated_cost").decimalValue();
    }

    /** What happened in a chat before, what happens now, and what all of it costs then, also by model. */
    record History(String name, Consumer<PricedChat> given, Consumer<PricedChat> when, String cost, Map<Model, String> costs) {

        static History history(String name) {
            return new History(name, chat -> {
            }, null, null, Map.of());
        }

        History given(Consumer<PricedChat> before) {
            return new History(name, before, when, cost, costs);
        }

        History when(Consumer<PricedChat> now) {
            return new History(name, given, now, cost, costs);
        }

        History costs(String total) {
            return new History(name, given, when, total, costs);
        }

        History ofWhich(Model model, String ofTheModel) {
            Map<Model, String> all = new EnumMap<>(Model.class);
            all.putAll(costs);
            all.put(model, ofTheModel);
            return new History(name, given, when, cost, all);
        }

        @Override
        public String toString() {
            return name;
        }
    }
}

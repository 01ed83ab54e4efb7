package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.Chat.answer;
import static dev.chatkeep.testsupport.Chat.cost;
import static dev.chatkeep.testsupport.Chat.failed;
import static dev.chatkeep.testsupport.Chat.question;
import static dev.chatkeep.testsupport.Chat.started;
import static dev.chatkeep.testsupport.Chat.store;
import static dev.chatkeep.testsupport.Chat.upload;
import static dev.chatkeep.testsupport.Chat.usage;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/** What messages cost: prices are those of model access, in no particular currency. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class CostIT {

    @Test
    void aQuestionCostsItsInputTokensAndAnAnswerItsOutputTokens() {
        Caller caller = started();
        String model = Models.open("free", "0.0000005", "0.0000015");
        store(caller, question("q1", model, 100));

        store(caller, answer("a1", "q1", model, 200));

        assertThat(cost(caller)).isEqualByComparingTo("0.00035");
        assertThat(cost(caller, model)).isEqualByComparingTo("0.00035");
    }

    @Test
    void theCostIsTheSameWhereverItIsRead() {
        Caller caller = started();
        String model = Models.open("free", "0.0000005", "0.0000015");
        store(caller, question("q1", model, 100));

        store(caller, answer("a1", "q1", model, 200));

        JsonNode summary = usage(caller, "summary");
        for (String span : new String[] { "today", "last_7_days", "last_30_days", "all_time" }) {
            assertThat(summary.path(span).path("estimated_cost").decimalValue()).as(span).isEqualByComparingTo("0.00035");
        }
        assertThat(Sql.<BigDecimal> value("select sum(estimated_cost) from user_usage_daily where user_id = ?", caller.id()))
                .isEqualByComparingTo("0.00035");
        JsonNode seen = Json.of(Administrator.service().request().get("/api/admin/users/" + caller.id()));
        assertThat(seen.at("/usage/all_time/estimated_cost").decimalValue()).isEqualByComparingTo("0.00035");
    }

    @Test
    void aMessageKeepsWhatItCost() {
        Caller caller = started();
        String model = Models.open("free", "0.0000005", "0.0000015");

        store(caller, answer("a1", null, model, 200));

        assertThat(Json.of(Sql.<String> value("select metadata::text from chat_messages where user_id = ?", caller.id())))
                .isEqualTo(Json.of("{\"unit_cost\": 0.0000015, \"cost\": 0.0003}"));
    }

    @ParameterizedTest
    @CsvSource({ "user, 7, 9, 0.07", "assistant, 7, 9, 0.9", "system, 7, 9, 0", "tool, 7, 9, 0" })
    void aQuestionCostsNoOutputAndAnAnswerNoInput(String role, int input, int output, String cost) {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");

        store(caller, Map.of("id", "m1", "role", role, "content", "x", "model", model, "input_tokens", input,
                "output_tokens", output));

        assertThat(cost(caller)).isEqualByComparingTo(cost);
    }

    @Test
    void whatNamesAModelWithoutAPriceCostsNothing() {
        Caller caller = started();
        String model = Models.freshId();
        store(caller, question("q1", model, 100));

        store(caller, answer("a1", "q1", model, 200));

        assertThat(cost(caller)).isEqualByComparingTo("0");
        assertThat(cost(caller, model)).isEqualByComparingTo("0");
    }

    @Test
    void whatNamesNoModelAndHasNoAnswerCostsNothing() {
        Caller caller = started();

        store(caller, question("q1", null, 100));

        assertThat(cost(caller)).isEqualByComparingTo("0");
        assertThat(usage(caller, "models").path("models")).isEmpty();
    }

    @Test
    void aQuestionThatNamesNoModelIsPricedAtTheModelOfItsAnswer() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, question("q1", null, 3));

        store(caller, answer("a1", "q1", model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
        assertThat(cost(caller, model)).isEqualByComparingTo("0.53");
    }

    @Test
    void aQuestionThatNamesAnotherModelThanItsAnswerIsPricedAtItsOwn() {
        Caller caller = started();
        String asked = Models.open("free", "0.01", "0.1");
        String answering = Models.open("free", "1", "2");
        store(caller, question("q1", asked, 3));

        store(caller, answer("a1", "q1", answering, 5));

        assertThat(cost(caller, asked)).isEqualByComparingTo("0.03");
        assertThat(cost(caller, answering)).isEqualByComparingTo("10");
    }

    @Test
    void eachAnswerToAQuestionThatNamesNoModelChargesIt() {
        Caller caller = started();
        String first = Models.open("free", "0.01", "0.1");
        String second = Models.open("free", "1", "2");
        store(caller, question("q1", null, 3));
        store(caller, answer("a1", "q1", first, 5));

        store(caller, answer("a2", "q1", second, 5));

        assertThat(cost(caller, first)).isEqualByComparingTo("0.53");
        assertThat(cost(caller, second)).isEqualByComparingTo("13");
    }

    @Test
    void aQuestionThatNamesNoModelIsPricedInAnUploadAsWell() {
        Caller caller = Caller.fresh();
        String model = Models.open("free", "0.01", "0.1");

        upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void theOrderOfAnUploadDoesNotMatterToThePriceOfAQuestion() {
        Caller caller = Caller.fresh();
        String model = Models.open("free", "0.01", "0.1");

        upload(caller, answer("a1", "q1", model, 5), question("q1", null, 3)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void anAnswerThatIsUploadedAfterItsQuestionWasStoredChargesIt() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, question("q1", null, 3));

        upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void aQuestionThatArrivesAfterItsAnswerIsPricedAtTheModelOfTheAnswer() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, answer("a1", "q1", model, 5));

        store(caller, question("q1", null, 3));

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void anAnswerThatSucceedsAtTheSecondAttemptChargesItsQuestion() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, question("q1", null, 3));
        store(caller, failed(answer("a1", "q1", model, 0)));

        store(caller, answer("a1", "q1", model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void anAnswerThatNamesItsModelLaterIsPricedThen() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, answer("a1", null, null, 5));

        store(caller, answer("a1", null, model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
    }

    @Test
    void aQuestionOfSomebodyElseIsNotCharged() {
        Caller ada = started();
        Caller bob = started();
        String model = Models.open("free", "0.01", "0.1");
        store(ada, question("q1", null, 3));

        store(bob, answer("a1", "q1", model, 5));

        assertThat(cost(bob)).isEqualByComparingTo("0.5");
        assertThat(cost(ada)).isEqualByComparingTo("0");
    }

    @Test
    void anAnswerToAnAnswerChargesTheAnswerOnce() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, answer("a1", null, model, 5));

        store(caller, answer("a2", "a1", model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("1");
    }

    @Test
    void theSameMessagesAgainCostNothing() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, question("q1", null, 3));
        store(caller, answer("a1", "q1", model, 5));
        String before = Stored.versions(caller);

        store(caller, answer("a1", "q1", model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void theSameUploadAgainCostsNothingEvenAtAnotherPrice() {
        Caller caller = Caller.fresh();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).then().statusCode(200);
        Models.change(row, "{\"input_cost_per_token\": 1, \"output_cost_per_token\": 1}");

        upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void whatIsDeletedAndBroughtBackCostsNothingAgain() {
        Caller caller = Caller.fresh();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).then().statusCode(200);
        caller.delete("s1").then().statusCode(200);
        Models.change(row, "{\"input_cost_per_token\": 1, \"output_cost_per_token\": 1}");

        upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
        assertThat(cost(caller, model)).isEqualByComparingTo("0.53");
    }

    @Test
    void whatIsBroughtBackOneByOneCostsNothingAgain() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, question("q1", null, 3));
        store(caller, answer("a1", "q1", model, 5));
        caller.clearAll().then().statusCode(200);
        caller.createSession("s1", "A title").then().statusCode(201);
        store(caller, question("q1", null, 3));

        store(caller, answer("a1", "q1", model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void deletingGivesNothingBack() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, answer("a1", null, model, 5));

        Response deleted = caller.clearAll();

        assertThat(deleted.statusCode()).isEqualTo(200);
        assertThat(cost(caller)).isEqualByComparingTo("0.5");
        assertThat(cost(caller, model)).isEqualByComparingTo("0.5");
    }

    @Test
    void aLaterPriceDoesNotRewriteHistory() {
        Caller caller = started();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        store(caller, answer("a1", null, model, 5));

        Models.change(row, "{\"output_cost_per_token\": 2}");

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
        assertThat(cost(caller, model)).isEqualByComparingTo("0.5");
    }

    @Test
    void theNextAnswerCostsTheNewPrice() {
        Caller caller = started();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        store(caller, answer("a1", null, model, 5));
        Models.change(row, "{\"output_cost_per_token\": 2}");

        store(caller, answer("a2", null, model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("10.5");
    }

    @ParameterizedTest
    @CsvSource({ "9, 0.9", "2, 0.2", "0, 0" })
    void aCorrectionIsChargedAtThePriceOfTheRecording(int corrected, String cost) {
        Caller caller = started();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        store(caller, answer("a1", null, model, 5));
        Models.change(row, "{\"output_cost_per_token\": 2}");

        store(caller, answer("a1", null, model, corrected));

        assertThat(cost(caller)).isEqualByComparingTo(cost);
        assertThat(cost(caller, model)).isEqualByComparingTo(cost);
    }

    @Test
    void aCorrectionOfAModelThatIsGoneIsChargedAtThePriceOfTheRecording() {
        Caller caller = started();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        store(caller, answer("a1", null, model, 5));
        Administrator.service().request().delete("/api/admin/models/" + row).then().statusCode(200);

        store(caller, answer("a1", null, model, 9));

        assertThat(cost(caller)).isEqualByComparingTo("0.9");
    }

    @Test
    void aCorrectionInAnUploadIsChargedAtThePriceOfTheRecording() {
        Caller caller = Caller.fresh();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        upload(caller, question("q1", model, 3), answer("a1", "q1", model, 5)).then().statusCode(200);
        Models.change(row, "{\"input_cost_per_token\": 1, \"output_cost_per_token\": 2}");

        upload(caller, question("q1", model, 4), answer("a1", "q1", model, 6)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.64");
    }

    @Test
    void aCorrectionOfAQuestionThatNamesNoModelIsChargedAtThePriceOfItsAnswer() {
        Caller caller = started();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        store(caller, question("q1", null, 3));
        store(caller, answer("a1", "q1", model, 5));
        Models.change(row, "{\"input_cost_per_token\": 1}");

        store(caller, question("q1", null, 7));

        assertThat(cost(caller)).isEqualByComparingTo("0.57");
    }

    @Test
    void aCorrectionOfAQuestionAndItsNextAnswerInOneUploadAreChargedOnce() {
        Caller caller = started();
        String first = Models.open("free", "0.01", "0.1");
        String second = Models.open("free", "1", "2");
        store(caller, question("q1", null, 3));
        store(caller, answer("a1", "q1", first, 5));

        upload(caller, question("q1", null, 7), answer("a1", "q1", first, 5), answer("a2", "q1", second, 1)).then()
                .statusCode(200);

        assertThat(cost(caller, first)).isEqualByComparingTo("0.57");
        assertThat(cost(caller, second)).isEqualByComparingTo("9");
        assertThat(cost(caller)).isEqualByComparingTo("9.57");
    }

    @Test
    void aQuestionThatNamesItsModelAfterItsAnswerIsChargedOnce() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, question("q1", null, 3));
        store(caller, answer("a1", "q1", model, 5));

        store(caller, question("q1", model, 3));

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void aQuestionThatArrivesAfterItsAnswerIsPricedAsItWasWhenTheAnswerWasRecorded() {
        Caller caller = started();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        store(caller, answer("a1", "q1", model, 5));
        Models.change(row, "{\"input_cost_per_token\": 1}");

        upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void aQuestionThatArrivesAfterAnAnswerThatFailedIsNotCharged() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, failed(answer("a1", "q1", model, 5)));

        store(caller, question("q1", null, 3));

        assertThat(cost(caller)).isEqualByComparingTo("0");
    }

    @Test
    void anAnswerThatSucceedsAtTheSecondAttemptInAnUploadChargesItsQuestionOnce() {
        Caller caller = Caller.fresh();
        String model = Models.open("free", "0.01", "0.1");
        upload(caller, question("q1", null, 3), failed(answer("a1", "q1", model, 0))).then().statusCode(200);

        upload(caller, question("q1", null, 4), answer("a1", "q1", model, 5)).then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.54");
    }

    @Test
    void aMessageOfAnAnswerNotesThePriceOfItsQuestion() {
        Caller caller = started();
        String model = Models.open("free", "0.0000005", "0.0000015");

        store(caller, answer("a1", "q1", model, 200));

        assertThat(Json.of(Sql.<String> value("select metadata::text from chat_messages where user_id = ?", caller.id())))
                .isEqualTo(Json.of("{\"unit_cost\": 0.0000015, \"cost\": 0.0003, \"question_unit_cost\": 5.0E-7}"));
    }

    @Test
    void anotherModelIsChargedInsteadOfTheOneThatWasNamedBefore() {
        Caller caller = started();
        String wrong = Models.open("free", "0.01", "0.1");
        String right = Models.open("free", "1", "2");
        store(caller, answer("a1", null, wrong, 5));

        store(caller, answer("a1", null, right, 5));

        assertThat(cost(caller)).isEqualByComparingTo("10");
    }

    @Test
    void aMessageThatFailedCostsNothing() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, failed(question("q1", model, 3)));

        store(caller, failed(answer("a1", "q1", model, 5)));

        assertThat(cost(caller)).isEqualByComparingTo("0");
    }

    @Test
    void aMessageThatFailedInAnUploadCostsNothing() {
        Caller caller = Caller.fresh();
        String model = Models.open("free", "0.01", "0.1");

        upload(caller, failed(question("q1", null, 3)), answer("a1", "q1", model, 5), failed(answer("a2", "q1", model, 5)))
                .then().statusCode(200);

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
    }

    @Test
    void anAnswerToAQuestionThatFailedCostsItsOwnTokensOnly() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, failed(question("q1", null, 3)));

        store(caller, answer("a1", "q1", model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
    }

    @Test
    void aMessageThatSucceedsAtTheSecondAttemptIsChargedOnce() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, failed(answer("a1", null, model, 5)));
        store(caller, answer("a1", null, model, 5));

        store(caller, answer("a1", null, model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
    }

    @Test
    void aMessageThatIsSaidToHaveFailedAndThenNotIsChargedOnce() {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, answer("a1", null, model, 5));
        store(caller, failed(answer("a1", null, model, 5)));

        store(caller, answer("a1", null, model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
    }

    @Test
    void aModelThatIsNotActiveAnyMoreCostsWhatItDid() {
        Caller caller = started();
        String model = Models.freshId();
        String row = Models.open(model, "free", "0.01", "0.1");
        Administrator.service().request().delete("/api/admin/models/" + row).then().statusCode(200);

        store(caller, answer("a1", null, model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
    }

    @ParameterizedTest
    @CsvSource({ "free, 3", "pro, 0.5", "enterprise, 0.5", "admin, 0.05" })
    void aModelCostsWhatItDoesInTheHighestTierThatTheUserReaches(String tier, String cost) {
        Caller caller = started();
        String model = Models.freshId();
        Models.open(model, "free", "0", "0.6");
        Models.open(model, "pro", "0", "0.1");
        Models.open(model, "admin", "0", "0.01");
        Administrator.service().setTier(caller, tier);

        store(caller, answer("a1", null, model, 5));

        assertThat(cost(caller)).isEqualByComparingTo(cost);
    }

    @Test
    void aModelThatTheTierDoesNotOpenCostsWhatItDoesInTheNextOne() {
        Caller caller = started();
        String model = Models.freshId();
        Models.open(model, "admin", "0", "0.01");
        Models.open(model, "pro", "0", "0.1");

        store(caller, answer("a1", null, model, 5));

        assertThat(cost(caller)).isEqualByComparingTo("0.5");
    }

    @Test
    void anotherTierDoesNotRewriteHistory() {
        Caller caller = started();
        String model = Models.freshId();
        Models.open(model, "free", "0", "0.6");
        Models.open(model, "pro", "0", "0.1");
        store(caller, answer("a1", null, model, 5));

        Administrator.service().setTier(caller, "pro");

        assertThat(cost(caller)).isEqualByComparingTo("3");
    }

    @Test
    void manyTinyAmountsAddUpExactly() {
        Caller caller = started();
        String model = Models.open("free", "0", "0.00000015");

        for (int i = 0; i < 300; i++) {
            store(caller, answer("a" + i, null, model, 1));
        }

        assertThat(cost(caller)).isEqualByComparingTo("0.000045");
        assertThat(cost(caller, model)).isEqualByComparingTo("0.000045");
        assertThat(usage(caller, "summary").at("/all_time/estimated_cost").decimalValue()).isEqualByComparingTo("0.000045");
    }

    @Test
    void theCostOfADayIsTheExactSumRoundedOnce() {
        Caller caller = started();
        String first = Models.open("free", "0", "0.0000004");
        String second = Models.open("free", "0", "0.0000003");
        store(caller, answer("a1", null, first, 1));

        store(caller, answer("a2", null, second, 1));

        assertThat(cost(caller)).isEqualByComparingTo("0.000001");
        assertThat(cost(caller, first)).isEqualByComparingTo("0.0000004");
        assertThat(cost(caller, second)).isEqualByComparingTo("0.0000003");
        assertThat(usage(caller, "summary").at("/all_time/estimated_cost").decimalValue()).isEqualByComparingTo("0.0000007");
    }

    @Test
    void theSmallestPriceCounts() {
        Caller caller = started();
        String model = Models.open("free", "0", "0.000000000001");

        store(caller, answer("a1", null, model, 1));

        assertThat(cost(caller)).isEqualByComparingTo("0");
        assertThat(cost(caller, model)).isEqualByComparingTo("0.000000000001");
    }

    @Test
    void aCostThatNobodyHasIsStillStored() {
        Caller caller = started();
        String model = Models.open("free", "0", "1000");

        Response answer = caller.post("s1", answer("a1", null, model, Integer.MAX_VALUE));

        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(201);
        assertThat(cost(caller, model)).isEqualByComparingTo("2147483647000");
    }

    @Test
    void manyAnswersOfTwoModelsAtOnceAddUpExactly() throws Exception {
        Caller caller = started();
        String first = Models.open("free", "0", "0.0000001");
        String second = Models.open("free", "0", "0.00000003");
        List<Callable<Integer>> calls = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            Map<String, Object> message = answer("a" + i, null, i % 2 == 0 ? first : second, 10 + i);
            calls.add(() -> caller.post("s1", message).statusCode());
        }

        List<Integer> answers = allAtOnce(16, calls);

        assertThat(answers).containsOnly(201);
        // 10 + 12 + .. + 40 = 400 and 11 + 13 + .. + 41 = 416 tokens
        assertThat(cost(caller, first)).isEqualByComparingTo("0.00004");
        assertThat(cost(caller, second)).isEqualByComparingTo("0.00001248");
        assertThat(cost(caller)).isEqualByComparingTo("0.000052");
        assertThat(usage(caller, "summary").at("/all_time/estimated_cost").decimalValue()).isEqualByComparingTo("0.00005248");
    }

    @Test
    void theSameAnswerFromManyDevicesAtOnceIsChargedOnce() throws Exception {
        Caller caller = started();
        String model = Models.open("free", "0.01", "0.1");
        store(caller, question("q1", null, 3));
        List<Callable<Integer>> calls = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            calls.add(i % 2 == 0 ? () -> caller.post("s1", answer("a1", "q1", model, 5)).statusCode()
                    : () -> upload(caller, question("q1", null, 3), answer("a1", "q1", model, 5)).statusCode());
        }

        List<Integer> answers = allAtOnce(16, calls);

        assertThat(answers).containsOnly(200, 201);
        assertThat(cost(caller)).isEqualByComparingTo("0.53");
    }

    @Test
    void usersPayForThemselvesAlone() {
        Caller ada = started();
        Caller bob = started();
        String model = Models.open("free", "0.01", "0.1");
        store(bob, answer("a1", null, model, 5));

        store(ada, answer("a1", null, model, 7));

        assertThat(cost(ada)).isEqualByComparingTo("0.7");
        assertThat(cost(bob)).isEqualByComparingTo("0.5");
    }

    private static <T> List<T> allAtOnce(int threads, List<Callable<T>> calls) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<T> results = new ArrayList<>();
            for (Future<T> result : executor.invokeAll(calls)) {
                results.add(result.get());
            }
            return results;
        } finally {
            executor.shutdownNow();
        }
    }
}

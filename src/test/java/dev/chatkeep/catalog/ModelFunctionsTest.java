package dev.chatkeep.catalog;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlTest;

/** Which models the functions open for whom. */
@BesideOthers
class ModelFunctionsTest extends SqlTest {

    @BeforeEach
    void severalModels() {
        superuser.rows("delete from public.model_access");
        superuser.rows("""
                insert into public.model_access (model_id, tier, is_active, model_name, model_description, model_tags,
                                                 input_cost_per_token, output_cost_per_token, daily_limit, monthly_limit)
                values ('for-all', 'free', true, 'For all', 'Small', '{fast,cheap}', 0.000001, 0.000002, 10, 100),
                       ('for-all', 'pro', true, 'For all', 'Small', '{fast,cheap}', 0.000001, 0.000002, null, null),
                       ('for-all', 'admin', false, 'For all', 'Small', '{}', 0, 0, 1, 1),
                       ('for-pro', 'pro', true, 'For pro', null, '{}', 0, 0, null, null),
                       ('for-enterprise', 'enterprise', true, null, null, '{}', 0, 0, null, null),
                       ('for-admin', 'admin', true, null, null, '{}', 0, 0, null, null),
                       ('gone', 'free', false, null, null, '{}', 0, 0, null, null)
                """);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            free       | for-all
            pro        | for-all,for-pro
            enterprise | for-all,for-enterprise,for-pro
            admin      | for-admin,for-all,for-enterprise,for-pro
            """)
    void aTierSeesWhatIsBelowItTooButNothingThatIsGone(String tier, String expected) {
        // Given
        UUID member = database.newUser(tier);

        // When
        List<String> models = database.user(member)
                .column("select model_id from public.get_user_allowed_models(?) order by model_id", member);

        // Then
        assertThat(models).containsExactly(expected.split(","));
    }

    @Test
    void aModelOfTwoTiersIsOneRowWithTheLimitsOfTheHigherOne() {
        // Given
        UUID pro = database.newUser("pro");

        // When
        List<JsonNode> rows = database.user(pro).column(
                "select to_jsonb(m) from public.get_user_allowed_models(?) m where model_id = 'for-all'", pro);

        // Then
        assertThat(rows).containsExactly(
                json("""
                        {'model_id': 'for-all', 'model_name': 'For all', 'model_description': 'Small', 'model_tags': ['fast', 'cheap'],
                         'input_cost_per_token': 0.000001000000, 'output_cost_per_token': 0.000002000000,
                         'daily_limit': null, 'monthly_limit': null}
                        """));
    }

    @Test
    void thePriceOfCachedTokensIsThatOfTheTier() {
        // Given
        superuser.rows("update public.model_access set cached_input_cost_per_token = 0.000000100000"
                + " where model_id = 'for-all' and tier = 'free'");
        UUID pro = database.newUser("pro");

        // When
        List<BigDecimal> prices = Stream.of(id, pro).flatMap(member -> database.user(member).<BigDecimal> column(
                "select cached_input_cost_per_token from chatkeep.models_of_user(?) where id = 'for-all'", member).stream())
                .toList();

        // Then
        assertThat(prices).containsExactly(new BigDecimal("0.0000001"), null);
    }

    @ParameterizedTest
    @CsvSource({ "input", "output", "cached_input" })
    void noPriceIsNegative(String price) {
        // When
        String state = database.service().state("update public.model_access set %s_cost_per_token = -0.000000000001"
                .formatted(price));

        // Then
        assertThat(state).isEqualTo("23514");
    }

    @Test
    void aModelHasTheLimitsOfTheTier() {
        // When
        List<Map<String, Object>> rows = user
                .rows("select daily_limit, monthly_limit from public.get_user_allowed_models(?)", id);

        // Then
        assertThat(rows).containsExactly(Map.of("daily_limit", 10, "monthly_limit", 100));
    }

    @Test
    void anUnknownUserCountsAsFree() {
        // When
        List<String> models = database.service().column("select model_id from public.get_user_allowed_models(?)",
                UUID.randomUUID());

        // Then
        assertThat(models).containsExactly("for-all");
    }

    @ParameterizedTest
    @CsvSource({
            "free, for-all, true", "free, for-pro, false", "free, for-admin, false", "free, gone, false",
            "free, unheard-of, false", "pro, for-pro, true", "pro, for-enterprise, false", "enterprise, for-pro, true",
            "enterprise, for-enterprise, true", "enterprise, for-admin, false", "admin, for-admin, true",
            "admin, for-all, true", "admin, gone, false" })
    void aUserMayUseTheModelsOfTheTier(String tier, String model, boolean expected) {
        // Given
        UUID member = database.newUser(tier);

        // When
        boolean may = database.user(member).value("select public.can_user_use_model(?, ?)", member, model);

        // Then
        assertThat(may).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({ "for-all, true", "for-pro, false" })
    void anUnknownUserMayUseWhatIsFree(String model, boolean expected) {
        // When
        boolean may = database.service().value("select public.can_user_use_model(?, ?)", UUID.randomUUID(), model);

        // Then
        assertThat(may).isEqualTo(expected);
    }
}

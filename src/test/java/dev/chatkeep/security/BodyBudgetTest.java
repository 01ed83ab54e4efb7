package dev.chatkeep.security;

import static dev.chatkeep.security.BodyBudget.Outcome.ALL_HAVE_TOO_MANY;
import static dev.chatkeep.security.BodyBudget.Outcome.RESERVED;
import static dev.chatkeep.security.BodyBudget.Outcome.USER_HAS_TOO_MANY;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;

import org.junit.jupiter.api.Test;

import dev.chatkeep.security.BodyBudget.Outcome;
import dev.chatkeep.testsupport.BesideOthers;

@BesideOthers
class BodyBudgetTest {

    private final UUID ann = UUID.randomUUID();
    private final BodyBudget budget = new BodyBudget(100, 40);

    @Test
    void aUserHasAShare() {
        // Given
        budget.reserve(ann, 30);

        // When
        Outcome outcome = budget.reserve(ann, 11);

        // Then
        assertThat(outcome).isEqualTo(USER_HAS_TOO_MANY);
        assertThat(budget.reserved()).isEqualTo(30);
    }

    @Test
    void aShareMayBeUsedToItsLastByte() {
        // Given
        budget.reserve(ann, 30);

        // When
        Outcome outcome = budget.reserve(ann, 10);

        // Then
        assertThat(outcome).isEqualTo(RESERVED);
    }

    @Test
    void allUsersTogetherHaveABudget() {
        // Given
        budget.reserve(UUID.randomUUID(), 40);
        budget.reserve(UUID.randomUUID(), 40);

        // When
        Outcome outcome = budget.reserve(ann, 21);

        // Then
        assertThat(outcome).isEqualTo(ALL_HAVE_TOO_MANY);
        assertThat(budget.reserved()).isEqualTo(80);
        assertThat(budget.users()).isEqualTo(2);
    }

    @Test
    void aServiceHasNoShare() {
        // When
        Outcome outcome = budget.reserve(null, 100);

        // Then
        assertThat(outcome).isEqualTo(RESERVED);
    }

    @Test
    void nothingIsKeptOfWhatWasGivenBack() {
        // Given
        budget.reserve(ann, 30);
        budget.reserve(ann, 5);

        // When
        budget.release(ann, 30);
        budget.release(ann, 5);

        // Then
        assertThat(budget.reserved()).isZero();
        assertThat(budget.users()).isZero();
    }
}

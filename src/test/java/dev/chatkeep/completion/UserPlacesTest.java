package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;

import org.junit.jupiter.api.Test;

class UserPlacesTest {

    private static final UUID ANN = new UUID(0, 1);
    private static final UUID BEN = new UUID(0, 2);

    private final UserPlaces places = new UserPlaces(2);

    @Test
    void aUserHasSoManyPlaces() {
        // Given
        places.take(ANN);
        places.take(ANN);

        // When
        boolean third = places.take(ANN);

        // Then
        assertThat(third).isFalse();
    }

    @Test
    void othersHaveTheirOwn() {
        // Given
        places.take(ANN);
        places.take(ANN);

        // When
        boolean ofAnother = places.take(BEN);

        // Then
        assertThat(ofAnother).isTrue();
    }

    @Test
    void aPlaceThatIsGivenBackCanBeTaken() {
        // Given
        places.take(ANN);
        places.take(ANN);
        places.take(ANN);
        places.giveBack(ANN);

        // When
        boolean again = places.take(ANN);

        // Then
        assertThat(again).isTrue();
    }

    @Test
    void nothingIsKeptOfUsersWithoutCalls() {
        // Given
        places.take(ANN);
        places.take(ANN);

        // When
        places.giveBack(ANN);
        places.giveBack(ANN);

        // Then
        assertThat(places.users()).isZero();
    }
}

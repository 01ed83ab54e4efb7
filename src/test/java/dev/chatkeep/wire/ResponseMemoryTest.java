package dev.chatkeep.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.time.Duration;
import java.util.UUID;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;

@BesideOthers
class ResponseMemoryTest {

    private final UUID ann = UUID.randomUUID();
    private final UUID bob = UUID.randomUUID();
    private final ResponseMemory memory = new ResponseMemory(null, 100, 40, Duration.ofMinutes(5));

    @Test
    void aUserHasAShare() {
        // Given
        memory.forUser(ann).takeNow(30);

        // When
        HttpProblem problem = refusal(ann, 11);

        // Then
        assertThat(problem.getStatusCode()).isEqualTo(429);
        assertThat(problem.getParameters()).containsEntry("code", "too_many_downloads");
        assertThat(memory.held()).isEqualTo(30);
    }

    @Test
    void aShareMayBeUsedToItsLastByte() {
        // Given
        memory.forUser(ann).takeNow(30);

        // When
        memory.forUser(ann).takeNow(10);

        // Then
        assertThat(memory.held()).isEqualTo(40);
    }

    @Test
    void allUsersTogetherHaveABudget() {
        // Given
        memory.forUser(UUID.randomUUID()).takeNow(40);
        memory.forUser(bob).takeNow(40);

        // When
        HttpProblem problem = refusal(ann, 21);

        // Then
        assertThat(problem.getStatusCode()).isEqualTo(503);
        assertThat(problem.getHeaders()).containsEntry("Retry-After", 2L);
        assertThat(memory.held()).isEqualTo(80);
        assertThat(memory.users()).isEqualTo(2);
    }

    @Test
    void whatIsLargerThanAShareTakesTheShare() {
        // When
        memory.forUser(ann).takeNow(1_000);

        // Then
        assertThat(memory.held()).isEqualTo(40);
    }

    @Test
    void nothingIsKeptOfWhatWasGivenBackTwice() {
        // Given
        PartMemory held = memory.forUser(ann);
        held.takeNow(30);
        held.hold(12);

        // When
        held.end();
        held.end();
        held.hold(12);

        // Then
        assertThat(memory.held()).isZero();
        assertThat(memory.users()).isZero();
    }

    @Test
    void whoHasBegunWaitsUntilAnotherPartIsTaken() {
        // Given
        PartMemory first = memory.forUser(ann);
        first.takeNow(40);
        UniAssertSubscriber<Void> second = take(memory.forUser(ann), 20);
        second.assertNotTerminated();

        // When
        first.hold(20);

        // Then
        second.assertCompleted();
        assertThat(memory.held()).isEqualTo(40);
    }

    @Test
    void whoWaitsForTheShareOfAUserKeepsNobodyElseWaiting() {
        // Given
        PartMemory first = memory.forUser(ann);
        first.takeNow(40);
        PartMemory ofBob = memory.forUser(bob);
        ofBob.takeNow(40);
        UniAssertSubscriber<Void> ofAnn = take(memory.forUser(ann), 40);
        UniAssertSubscriber<Void> another = take(memory.forUser(UUID.randomUUID()), 30);

        // When
        ofBob.end();

        // Then
        ofAnn.assertNotTerminated();
        another.assertCompleted();
    }

    @Test
    void whoWaitsForTheShareOfAUserKeepsNobodyFromBeginning() {
        // Given
        memory.forUser(ann).takeNow(40);
        UniAssertSubscriber<Void> ofAnn = take(memory.forUser(ann), 40);

        // When
        memory.forUser(bob).takeNow(40);
        UniAssertSubscriber<Void> another = take(memory.forUser(UUID.randomUUID()), 20);

        // Then
        ofAnn.assertNotTerminated();
        another.assertCompleted();
        assertThat(memory.held()).isEqualTo(100);
    }

    @Test
    void whoGoesAwayWhileWaitingWaitsNoLonger() {
        // Given
        memory.forUser(ann).takeNow(40);
        PartMemory waiting = memory.forUser(ann);
        UniAssertSubscriber<Void> part = take(waiting, 20);

        // When
        waiting.end();

        // Then
        part.assertFailed();
        assertThat(memory.held()).isEqualTo(40);
    }

    @Test
    void aPartThatIsLargerThanItsRoomIsHeldAllTheSame() {
        // Given
        PartMemory held = memory.forUser(ann);
        held.takeNow(40);

        // When
        held.hold(90);

        // Then
        assertThat(memory.held()).isEqualTo(90);
    }

    private HttpProblem refusal(UUID user, long bytes) {
        return catchThrowableOfType(HttpProblem.class, () -> memory.forUser(user).takeNow(bytes));
    }

    private static UniAssertSubscriber<Void> take(PartMemory memory, long bytes) {
        return memory.take(bytes).subscribe().withSubscriber(UniAssertSubscriber.create());
    }
}

package dev.chatkeep.database;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.problem.DatabaseProblems;
import dev.chatkeep.testsupport.BesideOthers;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import io.vertx.core.Vertx;

@BesideOthers
class TurnsTest {

    private static final Vertx VERTX = Vertx.vertx();
    private static final UUID ANN = UUID.randomUUID();

    private final Turns<UUID> turns = new Turns<>(VERTX, 1, 2, DatabaseProblems::tooManyWrites, PATIENCE);
    private final CompletableFuture<Integer> first = new CompletableFuture<>();
    private final List<Integer> begun = new CopyOnWriteArrayList<>();

    @AfterAll
    static void close() {
        VERTX.close();
    }

    @Test
    void aWriteWaitsForTheOneBeforeIt() {
        // Given
        CompletableFuture<Integer> one = write(ANN, 1, first);
        CompletableFuture<Integer> two = write(ANN, 2, CompletableFuture.completedFuture(2));
        await("the first one").until(() -> !begun.isEmpty());
        List<Integer> before = List.copyOf(begun);

        // When
        first.complete(1);

        // Then
        assertThat(before).containsExactly(1);
        assertThat(List.of(one.join(), two.join())).containsExactly(1, 2);
        assertThat(begun).containsExactly(1, 2);
    }

    @Test
    void usersDoNotWaitForEachOther() {
        // Given
        write(ANN, 1, first);

        // When
        int other = write(UUID.randomUUID(), 2, CompletableFuture.completedFuture(2)).join();

        // Then
        assertThat(other).isEqualTo(2);
    }

    @Test
    void noMoreWaitThanMay() {
        // Given
        write(ANN, 1, first);
        write(ANN, 2, CompletableFuture.completedFuture(2));
        write(ANN, 3, CompletableFuture.completedFuture(3));

        // When
        Throwable failure = catchThrowable(() -> write(ANN, 4, CompletableFuture.completedFuture(4)).join());

        // Then
        assertThat(failure.getCause()).isInstanceOfSatisfying(HttpProblem.class,
                problem -> assertThat(problem.getStatusCode()).isEqualTo(429));
    }

    @Test
    void theTurnPassesOnWhenAWriteFails() {
        // Given
        write(ANN, 1, first);
        CompletableFuture<Integer> two = write(ANN, 2, CompletableFuture.completedFuture(2));

        // When
        first.completeExceptionally(new IllegalStateException("It failed"));

        // Then
        assertThat(two.join()).isEqualTo(2);
    }

    @Test
    void theTurnPassesOnWhenAWriteDoesNotEvenBegin() {
        // Given
        CompletableFuture<Object> one = turns.inTurn(ANN, () -> {
            throw new IllegalStateException("It did not begin");
        }).subscribeAsCompletionStage();

        // When
        int two = write(ANN, 2, CompletableFuture.completedFuture(2)).join();

        // Then
        assertThat(two).isEqualTo(2);
        assertThat(one).isCompletedExceptionally();
    }

    @Test
    void whoeverWaitsForTooLongIsRefusedAndHoldsUpNobody() {
        // Given
        Turns<UUID> impatient = new Turns<>(VERTX, 1, 1, DatabaseProblems::tooManyWrites, Duration.ofMillis(20));
        CompletableFuture<Integer> one = impatient.inTurn(ANN, () -> Uni.createFrom().completionStage(first))
                .subscribeAsCompletionStage();

        // When
        Throwable failure = catchThrowable(
                () -> impatient.inTurn(ANN, () -> Uni.createFrom().item(2)).subscribeAsCompletionStage().join());

        // Then
        assertThat(failure.getCause()).isInstanceOfSatisfying(HttpProblem.class,
                problem -> assertThat(problem.getStatusCode()).isEqualTo(503));
        first.complete(1);
        assertThat(one.join()).isEqualTo(1);
        assertThat(impatient.inTurn(ANN, () -> Uni.createFrom().item(3)).subscribeAsCompletionStage().join()).isEqualTo(3);
    }

    @Test
    void whatNobodyWaitsForAnyMoreIsNotBegun() {
        // Given
        List<Runnable> whenGone = new ArrayList<>();
        CompletableFuture<Integer> one = turns.inTurn(ANN, () -> work(1, first), whenGone::add).subscribeAsCompletionStage();
        CompletableFuture<Integer> two = turns.inTurn(ANN, () -> work(2, first), whenGone::add).subscribeAsCompletionStage();
        CompletableFuture<Integer> three = write(ANN, 3, CompletableFuture.completedFuture(3));

        // When
        whenGone.forEach(Runnable::run);
        int waiting = turns.waiting();
        first.complete(1);

        // Then
        assertThat(waiting).isEqualTo(1);
        assertThat(List.of(one.join(), three.join())).containsExactly(1, 3);
        assertThat(two).isCompletedExceptionally();
        assertThat(begun).containsExactly(1, 3);
    }

    @Test
    void whoeverNoLongerWaitsMakesRoomForThoseWhoWould() {
        // Given
        write(ANN, 1, first);
        Cancellable two = turns.inTurn(ANN, () -> work(2, new CompletableFuture<>())).subscribe().with(ignored -> {
        });
        CompletableFuture<Integer> three = write(ANN, 3, CompletableFuture.completedFuture(3));

        // When
        two.cancel();
        CompletableFuture<Integer> four = write(ANN, 4, CompletableFuture.completedFuture(4));

        // Then
        first.complete(1);
        assertThat(List.of(three.join(), four.join())).containsExactly(3, 4);
        assertThat(begun).containsExactly(1, 3, 4);
    }

    @Test
    void asManyRunAtOnceAsMayAndTheOthersInTheOrderInWhichTheyCame() {
        // Given
        Turns<UUID> wide = new Turns<>(VERTX, 2, 3, DatabaseProblems::tooBusy, PATIENCE);
        List<CompletableFuture<Integer>> results = IntStream.range(0, 5).mapToObj(number -> new CompletableFuture<Integer>())
                .toList();
        List<CompletableFuture<Integer>> writes = IntStream.range(0, 5)
                .mapToObj(number -> wide.inTurn(ANN, () -> work(number, results.get(number))).subscribeAsCompletionStage())
                .toList();
        await("the first ones").until(() -> begun.size() == 2);
        List<Integer> atFirst = List.copyOf(begun);

        // When
        results.get(1).completeExceptionally(new IllegalStateException("It failed"));
        await("the one that waited longest").until(() -> begun.size() == 3);
        results.get(0).complete(0);
        await("the next one").until(() -> begun.size() == 4);
        List<Integer> afterwards = List.copyOf(begun);
        results.forEach(result -> result.complete(0));

        // Then
        await("all writes").until(() -> writes.stream().allMatch(CompletableFuture::isDone));
        assertThat(atFirst).containsExactlyInAnyOrder(0, 1);
        assertThat(afterwards).hasSize(4).endsWith(2, 3);
        assertThat(begun).hasSize(5).endsWith(2, 3, 4);
    }

    @ParameterizedTest
    @ValueSource(ints = { 1, 3 })
    void manyWritesRunAsManyAtOnceAsMay(int atOnce) {
        // Given
        Turns<UUID> wide = new Turns<>(VERTX, atOnce, 1_000, DatabaseProblems::tooManyWrites, PATIENCE);
        AtomicInteger running = new AtomicInteger();
        List<Integer> together = new CopyOnWriteArrayList<>();

        // When
        List<CompletableFuture<Integer>> writes = IntStream.range(0, 500).parallel()
                .mapToObj(number -> wide.inTurn(ANN, () -> {
                    together.add(running.incrementAndGet());
                    CompletableFuture<Integer> done = new CompletableFuture<>();
                    VERTX.runOnContext(ignored -> {
                        running.decrementAndGet();
                        done.complete(number);
                    });
                    return Uni.createFrom().completionStage(done);
                }).subscribeAsCompletionStage()).toList();

        // Then
        await("all writes").until(() -> writes.stream().allMatch(CompletableFuture::isDone));
        assertThat(together).hasSize(500).allMatch(count -> count <= atOnce);
    }

    private CompletableFuture<Integer> write(UUID user, int number, CompletableFuture<Integer> result) {
        return turns.inTurn(user, () -> work(number, result)).subscribeAsCompletionStage();
    }

    private Uni<Integer> work(int number, CompletableFuture<Integer> result) {
        begun.add(number);
        return Uni.createFrom().completionStage(result);
    }
}

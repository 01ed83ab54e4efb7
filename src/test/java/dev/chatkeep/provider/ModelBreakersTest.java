package dev.chatkeep.provider;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import dev.chatkeep.provider.ProviderFailure.Kind;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;

class ModelBreakersTest {

    private static final int CALLS = 4;
    private static final Duration DELAY = Duration.ofSeconds(5);

    private final AtomicLong now = new AtomicLong();
    private final AtomicInteger spared = new AtomicInteger();
    private final AtomicInteger attempts = new AtomicInteger();
    private final ModelBreakers breakers = new ModelBreakers(new ProviderConfig.Breaker() {

        @Override
        public int calls() {
            return CALLS;
        }

        @Override
        public double failureRatio() {
            return 0.5;
        }

        @Override
        public Duration delay() {
            return DELAY;
        }
    }, now::get, spared::incrementAndGet);

    @Test
    void aModelThatIsDownIsSpared() {
        // Given
        down("bad");

        // When
        String outcome = attempt("bad", null);

        // Then
        assertThat(outcome).isEqualTo("SPARED");
        assertThat(spared).hasValue(1);
        assertThat(attempts).hasValue(CALLS);
    }

    @Test
    void otherModelsAreNotSparedWithIt() {
        // Given
        down("bad");

        // When
        String outcome = attempt("good", null);

        // Then
        assertThat(outcome).isEqualTo("began");
    }

    @Test
    void fewerFailuresThanTheRatioSpareNothing() {
        // Given
        attempt("model", Kind.UNREACHABLE);
        attempt("model", null);
        attempt("model", null);
        attempt("model", null);
        attempt("model", null);
        attempt("model", Kind.UNREACHABLE);

        // When
        String outcome = attempt("model", null);

        // Then
        assertThat(outcome).isEqualTo("began");
    }

    @ParameterizedTest
    @EnumSource(names = { "REJECTED", "RATE_LIMITED", "BROKEN_OFF" })
    void whatIsNoOutageSparesNothing(Kind kind) {
        // Given
        for (int i = 0; i < 3 * CALLS; i++) {
            attempt("model", kind);
        }

        // When
        String outcome = attempt("model", null);

        // Then
        assertThat(outcome).isEqualTo("began");
    }

    @Test
    void oneAttemptFindsOutWhetherTheModelIsBack() {
        // Given
        down("bad");
        now.addAndGet(DELAY.toNanos());
        UniAssertSubscriber<Void> trial = breakers.guard("bad", () -> Uni.createFrom().nothing()).subscribe()
                .withSubscriber(UniAssertSubscriber.create());

        // When
        String meanwhile = attempt("bad", null);

        // Then
        trial.assertNotTerminated();
        assertThat(meanwhile).isEqualTo("SPARED");
    }

    @Test
    void aTrialThatTakesItsTimeDoesNotKeepOthersFromTheModel() {
        // Given
        down("bad");
        now.addAndGet(DELAY.toNanos());
        breakers.guard("bad", () -> Uni.createFrom().nothing()).subscribe().withSubscriber(UniAssertSubscriber.create());
        now.addAndGet(ModelBreakers.TRIAL.toNanos());

        // When
        String next = attempt("bad", null);

        // Then
        assertThat(next).isEqualTo("began");
    }

    @Test
    void aModelThatIsBackIsCalledAsBefore() {
        // Given
        down("bad");
        now.addAndGet(DELAY.toNanos());
        attempt("bad", null);

        // When
        String outcome = attempt("bad", Kind.UNREACHABLE);

        // Then
        assertThat(outcome).isEqualTo("UNREACHABLE");
    }

    @Test
    void aModelThatIsStillDownIsSparedAgain() {
        // Given
        down("bad");
        now.addAndGet(DELAY.toNanos());
        attempt("bad", Kind.TIMED_OUT);

        // When
        String outcome = attempt("bad", null);

        // Then
        assertThat(outcome).isEqualTo("SPARED");
    }

    @Test
    void anAttemptThatIsGivenUpLeavesTheTrialToTheNext() {
        // Given
        down("bad");
        now.addAndGet(DELAY.toNanos());
        breakers.guard("bad", () -> Uni.createFrom().nothing()).subscribe().withSubscriber(UniAssertSubscriber.create())
                .cancel();

        // When
        String outcome = attempt("bad", null);

        // Then
        assertThat(outcome).isEqualTo("began");
    }

    @Test
    void modelsThatAreIdleAreForgotten() {
        // Given
        attempt("old", null);
        now.addAndGet(ModelBreakers.IDLE.toNanos() + 1);

        // When
        attempt("new", null);

        // Then
        assertThat(breakers.size()).isEqualTo(1);
    }

    @Test
    void neverMoreModelsAreKnownThanTheBound() {
        // When
        for (int i = 0; i < ModelBreakers.MOST_MODELS + 50; i++) {
            attempt("model " + i, null);
        }

        // Then
        assertThat(breakers.size()).isEqualTo(ModelBreakers.MOST_MODELS);
    }

    private void down(String model) {
        for (int i = 0; i < CALLS; i++) {
            attempt(model, Kind.UNAVAILABLE);
        }
    }

    /** @param failure null: the answer begins */
    private String attempt(String model, Kind failure) {
        UniAssertSubscriber<Void> attempt = breakers.guard(model, () -> {
            attempts.incrementAndGet();
            return failure == null ? Uni.createFrom().voidItem() : Uni.createFrom().failure(ProviderFailure.of(failure));
        }).subscribe().withSubscriber(UniAssertSubscriber.create());
        return attempt.getFailure() instanceof ProviderFailure reason ? reason.kind().name() : "began";
    }
}

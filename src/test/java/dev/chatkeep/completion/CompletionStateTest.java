package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.completion.CompletionState.Admitting;
import dev.chatkeep.completion.CompletionState.Answering;
import dev.chatkeep.completion.CompletionState.Calling;
import dev.chatkeep.completion.CompletionState.Refused;
import dev.chatkeep.completion.CompletionState.Running;
import dev.chatkeep.completion.CompletionState.Settled;
import dev.chatkeep.completion.CompletionState.Settling;
import io.smallrye.mutiny.subscription.UniEmitter;

class CompletionStateTest {

    private static final long TIMER = 7;
    private static final Admission ADMISSION = new Admission(null, List.of(new RateLimit("daily", 10, 86_400, 9, 1)), "gpt-a",
            1_000, "Be brief", BigDecimal.ONE, "conv_1", "msg_q",
            List.of(new Admission.StoredMessage("msg_q", ContextMessage.USER, "Why?", null)));
    private static final ProviderRequest REQUEST = new ProviderRequest(new byte[] { '{', '}' }, true, "Why?");

    private final UniEmitter<Void> client = new SilentEmitter();
    private final Settlement settlement = new Settlement(new ObjectMapper(),
            new Settlement.Call("msg_1", "gpt-a", "Why?", Ending.INTERRUPTED, CompletionFailure.interrupted(), Duration.ZERO,
                    false),
            new Transcript(new ObjectMapper()));

    @Test
    void aCallBeginsWithoutAnAdmission() {
        // When
        Admitting admitting = new Admitting(client, false);

        // Then
        assertThat(admitting.admission()).isNull();
        assertThat(admitting.provider()).isNull();
        assertThat(admitting.ending()).isNull();
        assertThat(admitting.usage()).isNull();
        assertThat(admitting.isEntered()).isFalse();
    }

    @Test
    void anAbandonedCallStillWaitsForItsAdmission() {
        // Given
        Admitting admitting = new Admitting(client, false);

        // When
        Admitting abandoned = admitting.abandon();

        // Then
        assertThat(abandoned).isEqualTo(new Admitting(client, true));
    }

    @Test
    void anAdmittedCallHasARowAndNoRequest() {
        // Given
        Admitting admitting = new Admitting(client, false);

        // When
        Calling calling = admitting.admit(ADMISSION);

        // Then
        assertThat(calling).isEqualTo(new Calling(client, ADMISSION, null, null));
        assertThat(calling).isInstanceOf(Running.class);
        assertThat(calling.isEntered()).isTrue();
    }

    @Test
    void aRefusedCallHasNoRow() {
        // Given
        Admitting admitting = new Admitting(client, false);

        // When
        Refused refused = admitting.refuse();

        // Then
        assertThat(refused.isEntered()).isFalse();
        assertThat(refused).isNotInstanceOf(Running.class);
    }

    @Test
    void aCallKeepsItsClientWhenTheRequestIsSent() {
        // Given
        Calling calling = new Calling(client, ADMISSION, null, null);

        // When
        Calling sent = calling.send(REQUEST, null);

        // Then
        assertThat(sent).isEqualTo(new Calling(client, ADMISSION, REQUEST, null));
    }

    @Test
    void theFirstByteBeginsTheAnswer() {
        // Given
        Calling calling = new Calling(client, ADMISSION, REQUEST, null);

        // When
        Answering answering = calling.open();

        // Then
        assertThat(answering).isEqualTo(new Answering(ADMISSION, REQUEST, null));
        assertThat(answering.isEntered()).isTrue();
        assertThat(answering.ending()).isNull();
    }

    @Test
    void aClientThatWaitsForAnAnswerWaitsForTheEndOfItsCall() {
        // Given
        Running calling = new Calling(client, ADMISSION, REQUEST, null);

        // When
        Settling settling = calling.settle(settlement, TIMER);

        // Then
        assertThat(settling).isEqualTo(new Settling(client, ADMISSION, null, settlement, TIMER));
    }

    @Test
    void nobodyWaitsForTheBeginningOfAnAnswerThatHasBegun() {
        // Given
        Running answering = new Answering(ADMISSION, REQUEST, null);

        // When
        Settling settling = answering.settle(settlement, TIMER);

        // Then
        assertThat(settling.client()).isNull();
        assertThat(settling.ending()).isEqualTo(Ending.INTERRUPTED);
        assertThat(settling.isEntered()).isTrue();
    }

    /** Whatever ends a call looks for a running one first. */
    @Test
    void aCallThatIsSettlingCannotEndAgain() {
        // Given
        Running answering = new Answering(ADMISSION, REQUEST, null);

        // When
        CompletionState settling = answering.settle(settlement, TIMER);

        // Then
        assertThat(settling).isNotInstanceOf(Running.class);
    }

    @Test
    void aSettledCallKeepsItsLimitsAndForgetsItsConversation() {
        // Given
        Settling settling = new Settling(client, ADMISSION, null, settlement, TIMER);

        // When
        Settled settled = settling.settled();

        // Then
        assertThat(settled.admission()).isEqualTo(ADMISSION.withoutContext());
        assertThat(settled.admission().policies()).isEqualTo(ADMISSION.policies());
        assertThat(settled.admission().context()).isNull();
        assertThat(settled.ending()).isEqualTo(Ending.INTERRUPTED);
        assertThat(settled.usage()).isNull();
        assertThat(settled.isEntered()).isFalse();
    }

    private static final class SilentEmitter implements UniEmitter<Void> {

        @Override
        public void complete(Void item) {
            // nobody listens
        }

        @Override
        public void fail(Throwable failure) {
            // nobody listens
        }

        @Override
        public UniEmitter<Void> onTermination(Runnable onTermination) {
            return this;
        }
    }
}

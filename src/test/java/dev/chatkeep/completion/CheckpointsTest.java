package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;

import dev.chatkeep.problem.DatabaseProblems;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import io.vertx.pgclient.PgException;

class CheckpointsTest {

    private final ObjectMapper json = new ObjectMapper();
    private final List<List<String>> statements = new ArrayList<>();
    private final List<String> confirmed = new ArrayList<>();
    private final List<String> refused = new ArrayList<>();
    private final List<String> busy = new ArrayList<>();
    private boolean away;
    private final Checkpoints checkpoints = new Checkpoints(json, this::store);

    @Test
    void partsOfManyCallsAreKeptTogether() {
        // When
        keep(part("a", 1), part("b", 1));

        // Then
        assertThat(statements).containsExactly(List.of("a", "b"));
        assertThat(confirmed).containsExactly("a", "b");
    }

    @Test
    void aStatementIsBounded() {
        // Given
        Checkpoints.Part[] parts = IntStream.range(0, 9).mapToObj(i -> part("p" + i, Checkpoints.MAX_STATEMENT / 4))
                .toArray(Checkpoints.Part[]::new);

        // When
        keep(parts);

        // Then
        assertThat(statements).extracting(List::size).containsExactly(4, 4, 1);
        assertThat(confirmed).hasSize(9);
    }

    @Test
    void aPartThatIsRefusedKeepsNobodyElseWaiting() {
        // Given
        refused.add("bad");

        // When
        keep(part("a", 1), part("bad", 1), part("b", 1));

        // Then
        assertThat(confirmed).containsExactly("a", "b");
    }

    @Test
    void whatFailsIsNotConfirmed() {
        // Given
        away = true;

        // When
        keep(part("a", 1), part("b", 1));

        // Then
        assertThat(statements).hasSize(1);
        assertThat(confirmed).isEmpty();
    }

    @Test
    void whatFailedIsKeptTheNextTime() {
        // Given
        away = true;
        keep(part("a", 1));
        away = false;

        // When
        keep(part("a", 1));

        // Then
        assertThat(confirmed).containsExactly("a");
    }

    @Test
    void whatIsLeftForTheNextTimeIsNotConfirmed() {
        // Given
        busy.add("a");

        // When
        keep(part("a", 1), part("b", 1));

        // Then
        assertThat(confirmed).containsExactly("b");
    }

    private void keep(Checkpoints.Part... parts) {
        checkpoints.keep(List.of(parts)).subscribe().withSubscriber(UniAssertSubscriber.create()).awaitItem();
    }

    private Checkpoints.Part part(String id, int length) {
        return new Checkpoints.Part(json.createObjectNode().put("id", id).put("content", "a".repeat(length)),
                () -> confirmed.add(id));
    }

    private Uni<Set<String>> store(ArrayNode parts) {
        List<String> ids = parts.findValuesAsText("id");
        statements.add(ids);
        if (away) {
            return Uni.createFrom().failure(DatabaseProblems.unavailable());
        }
        return ids.stream().anyMatch(refused::contains)
                ? Uni.createFrom().failure(new PgException("invalid", "ERROR", "22021", null))
                : Uni.createFrom().item(Set.copyOf(busy));
    }
}

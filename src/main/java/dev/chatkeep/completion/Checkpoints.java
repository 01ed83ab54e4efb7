package dev.chatkeep.completion;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.problem.DatabaseProblems;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;

/**
 * Keeps what has come of running answers, those of many calls in one statement. What fails is sent again the next time. A part
 * that the database refuses, for whatever reason, must not keep it from taking those of other calls, so they are then sent one
 * by one.
 */
final class Checkpoints {

    private static final Logger LOG = Logger.getLogger(Checkpoints.class);

    /** The most that one statement has of answers, in UTF-16 units, unless a single part has more. */
    static final int MAX_STATEMENT = 4 << 20;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** @param confirm runs when the database has the part */
    record Part(ObjectNode entry, Runnable confirm) {

        String streamId() {
            return entry.path("id").textValue();
        }

        int length() {
            return entry.path("content").asText("").length();
        }
    }

    private final ObjectMapper json;
    private final Function<ArrayNode, Uni<Set<String>>> store;

    /** @param store writes parts, and returns the ids of calls that were left for the next time */
    Checkpoints(ObjectMapper json, Function<ArrayNode, Uni<Set<String>>> store) {
        this.json = json;
        this.store = store;
    }

    /** Never fails. */
    Uni<Void> keep(List<Part> parts) {
        return Multi.createFrom().iterable(statements(parts)).onItem().transformToUniAndConcatenate(this::keepTogether)
                .collect().last().replaceWithVoid()
                .onFailure().invoke(failure -> LOG.warnf("Running answers could not be kept: %s",
                        DatabaseProblems.describe(failure)))
                .onFailure().recoverWithNull();
    }

    private static List<List<Part>> statements(List<Part> parts) {
        List<List<Part>> statements = new ArrayList<>();
        long length = 0;
        for (Part part : parts) {
            if (statements.isEmpty() || length + part.length() > MAX_STATEMENT) {
                statements.add(new ArrayList<>());
                length = 0;
            }
            length += part.length();
            statements.get(statements.size() - 1).add(part);
        }
        return statements;
    }

    /** Fails if the database is away: then there is no use in going on. */
    private Uni<Void> keepTogether(List<Part> parts) {
        return send(parts).onFailure(failure -> !DatabaseProblems.isUnavailable(failure)).recoverWithUni(failure -> {
            LOG.warnf("The database refused what has come of %d answers: %s", parts.size(), DatabaseProblems.describe(failure));
            return parts.size() == 1 ? Uni.createFrom().voidItem() : keepOneByOne(parts);
        });
    }

    private Uni<Void> keepOneByOne(List<Part> parts) {
        return Multi.createFrom().iterable(parts).onItem().transformToUniAndConcatenate(part -> keepTogether(List.of(part)))
                .collect().last().replaceWithVoid();
    }

    private Uni<Void> send(List<Part> parts) {
        return Uni.createFrom().deferred(() -> {
            ArrayNode array = json.createArrayNode();
            parts.forEach(part -> array.add(part.entry()));
            return store.apply(array);
        }).ifNoItem().after(PATIENCE).failWith(TimeoutException::new)
                .invoke(busy -> parts.stream().filter(part -> !busy.contains(part.streamId()))
                        .forEach(part -> part.confirm().run()))
                .replaceWithVoid();
    }
}

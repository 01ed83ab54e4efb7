package dev.chatkeep.sync;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.ConstraintViolation;
import jakarta.validation.Validator;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Database;
import dev.chatkeep.problem.Problem.FieldError;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.sync.SyncResponses.Detail;
import dev.chatkeep.sync.SyncResponses.Results;
import dev.chatkeep.wire.OffEventLoop;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;

/** Stores uploaded conversations. An error in one conversation is reported in its entry and does not affect the others. */
@ApplicationScoped
public class SyncUpload {

    /** The maximum number of conversations in an upload. */
    private static final int MAX = 10_000;

    private static final String SYNC = "select public.sync_user_conversations($1, $2::text::jsonb)::text";

    /** The conversations are read one by one, so that one of the wrong type is an error of that conversation only. */
    @Schema(name = "SyncRequest")
    @RegisterForReflection // Jackson reads it from the body, not as the parameter of a resource
    record Request(
            @Schema(implementation = ConversationInput[].class) @NotNull @Size(max = MAX, message = "must be at most "
                    + MAX) List<JsonNode> conversations) {
    }

    /**
     * @param details one entry per conversation; null if the database decides
     * @param accepted the conversations for the database as JSON, or null if there are none
     */
    private record Checked(List<Detail> details, String accepted) {
    }

    private final Database database;
    private final ObjectMapper json;
    private final Validator validator;

    SyncUpload(Database database, ObjectMapper json, Validator validator) {
        this.database = database;
        this.json = json;
        this.validator = validator;
    }

    /** Reads off the event loop, because the body may have 16 MiB, and in the user's turn, because that takes long. */
    Uni<Results> store(byte[] body) {
        return database.asCallerWith(body).writeInTurn(writing -> OffEventLoop.run(() -> check(body))
                .chain(checked -> store(checked, accepted -> writing.document(SYNC, accepted).map(Buffer::toString))));
    }

    /**
     * Stores conversations of a user as the service, without a request. It must not run on the event loop, because it validates
     * first.
     */
    public Uni<Results> storeAsService(UUID userId, List<JsonNode> conversations) {
        Checked checked = check(conversations);
        return store(checked,
                accepted -> database.asService().write().row(SYNC, userId, accepted).map(row -> row.getString(0)));
    }

    private Checked check(byte[] body) throws IOException {
        Request request = RequestProblems.requireValid(validator,
                body.length == 0 ? null : json.readValue(body, Request.class));
        return check(request.conversations());
    }

    private Checked check(List<JsonNode> conversations) {
        try {
            List<Detail> details = new ArrayList<>(conversations.size());
            List<ConversationInput> accepted = new ArrayList<>(conversations.size());
            for (JsonNode conversation : conversations) {
                details.add(read(conversation, accepted));
            }
            return new Checked(details, accepted.isEmpty() ? null : json.writeValueAsString(accepted));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("What was read as JSON cannot be written", e);
        }
    }

    private Uni<Results> store(Checked upload, Function<String, Uni<String>> statement) {
        if (upload.accepted() == null) {
            return Uni.createFrom().item(results(upload.details(), List.of()));
        }
        return statement.apply(upload.accepted())
                .map(stored -> results(upload.details(), parse(stored).details()));
    }

    private Detail read(JsonNode node, List<ConversationInput> accepted) throws JsonProcessingException {
        try {
            ConversationInput conversation = json.treeToValue(node, ConversationInput.class);
            if (conversation == null) {
                return refused(node, List.of(new FieldError("", "must be an object")));
            }
            Set<ConstraintViolation<ConversationInput>> violations = validator.validate(conversation);
            if (violations.isEmpty()) {
                accepted.add(conversation);
                return null;
            }
            return refused(node, violations.stream()
                    .map(violation -> new FieldError(RequestProblems.field(violation.getPropertyPath()),
                            violation.getMessage()))
                    .sorted(Comparator.comparing(FieldError::field))
                    .toList());
        } catch (JsonMappingException e) {
            return refused(node, List.of(RequestProblems.field(e)));
        }
    }

    private static Detail refused(JsonNode node, List<FieldError> errors) {
        FieldError first = errors.get(0);
        String more = errors.size() == 1 ? "" : " (and " + (errors.size() - 1) + " more)";
        return new Detail(node.path("id").isTextual() ? node.path("id").textValue() : null, null, null,
                (first.field().isEmpty() ? "The conversation" : first.field()) + " " + first.message() + more + ".");
    }

    private Results parse(String stored) {
        try {
            return json.readValue(stored, Results.class);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("sync_user_conversations did not return its results", e);
        }
    }

    private static Results results(List<Detail> details, List<Detail> stored) {
        var next = stored.iterator();
        details.replaceAll(detail -> detail == null ? next.next() : detail);
        int errors = (int) details.stream().filter(detail -> detail.error() != null).count();
        return new Results(details.size() - errors, errors, details);
    }
}

package dev.chatkeep.completion.chat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.ConstraintViolation;
import jakarta.validation.Validator;
import jakarta.ws.rs.core.Response.Status;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;

import dev.chatkeep.completion.CompletionCall;
import dev.chatkeep.completion.CompletionCall.Question;
import dev.chatkeep.completion.CompletionConfig;
import dev.chatkeep.completion.ContextMessage;
import dev.chatkeep.completion.ModelOptions;
import dev.chatkeep.completion.ModelRequest.Conversation;
import dev.chatkeep.completion.chat.ChatRequest.RequestMessage;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.Problem.FieldError;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.OffEventLoop;
import io.quarkus.runtime.util.HashUtil;
import io.smallrye.mutiny.Uni;

/** Reads the requests of front ends. */
@ApplicationScoped
class ChatRequestReader {

    /** What is read at once; more goes to a worker thread. */
    private static final int SMALL_BYTES = 64 << 10;
    private static final int BYTES_A_TOKEN = 4;

    /** @param streamed whether the client asks for events */
    record ParsedRequest(CompletionCall call, boolean streamed) {
    }

    private final ObjectMapper json;
    private final Validator validator;
    private final CompletionConfig config;

    ChatRequestReader(ObjectMapper json, Validator validator, CompletionConfig config) {
        this.json = json;
        this.validator = validator;
        this.config = config;
    }

    /** @param idempotencyKey null where the request has none */
    Uni<ParsedRequest> read(byte[] body, String idempotencyKey) {
        return OffEventLoop.runIf(body.length > SMALL_BYTES, () -> call(body, idempotencyKey));
    }

    private ParsedRequest call(byte[] body, String idempotencyKey) {
        try {
            ChatRequest request = RequestProblems.requireValid(validator,
                    body.length == 0 ? null : json.readValue(body, ChatRequest.class));
            requireTypes(request);
            requireNoAttachments(request);
            return call(request,
                    idempotencyKey == null ? CompletionCall.newMessageId() : CompletionCall.messageIdOf(idempotencyKey),
                    idempotencyKey == null ? null : HashUtil.sha256(body));
        } catch (MismatchedInputException e) {
            throw RequestProblems.of(e);
        } catch (IOException e) {
            throw RequestProblems.malformed();
        }
    }

    private static void requireTypes(ChatRequest request) {
        requireType("stream_options", request.streamOptions(), JsonNode::isObject, "must be an object");
        requireType("metadata", request.metadata(), JsonNode::isObject, "must be an object");
        requireType("tools", request.tools(), JsonNode::isArray, "must be a list of tools");
    }

    private static void requireNoAttachments(ChatRequest request) {
        if (request.attachmentIds() != null && !request.attachmentIds().isEmpty()) {
            List<FieldError> errors = List.of(new FieldError("attachmentIds", "must be empty: attachments are not supported"));
            throw Problem.ofFields(Problem.UNPROCESSABLE_CONTENT, "attachments_not_supported", RequestProblems.sentence(errors),
                    errors);
        }
    }

    private static void requireType(String field, JsonNode value, Predicate<JsonNode> type, String message) {
        if (value != null && !value.isNull() && !type.test(value)) {
            throw RequestProblems.ofField(field, message);
        }
    }

    private ParsedRequest call(ChatRequest request, String streamId, String requestHash) throws JsonProcessingException {
        List<RequestMessage> messages = request.messages() == null ? List.of() : request.messages();
        int asked = indexOfQuestion(messages, request.currentMessageId());
        RequestMessage question = asked >= 0 ? messages.get(asked) : question(request.message());
        boolean wantsContext = messages.isEmpty() && request.sessionId() != null;
        String questionId = request.currentMessageId() != null ? request.currentMessageId() : question.id();
        List<ContextMessage> seen = new ArrayList<>();
        messages.subList(0, asked >= 0 ? asked : messages.size()).stream().filter(RequestMessage::isSeen)
                .forEach(message -> seen.add(new ContextMessage(message.role(), message.content())));
        // Asked again it is no failure any more, as the client may still have it.
        seen.add(new ContextMessage(ContextMessage.USER, question.content()));
        int characters = seen.stream().mapToInt(message -> message.content().length()).sum();
        CompletionCall call = new CompletionCall(streamId, request.model(), request.sessionId(),
                new Question(questionId, question.content(), question.timestamp()), 1, characters / BYTES_A_TOKEN,
                true, requestHash, config.resumeGrace(), new Conversation(wantsContext ? null : seen, request.systemPrompt(),
                        request.temperature(), request.maxTokens(), options(request)));
        return new ParsedRequest(call, Boolean.TRUE.equals(request.stream()));
    }

    /** The user's message that has the id, or else the last of all if it is the user's; -1 if neither is there. */
    private static int indexOfQuestion(List<RequestMessage> messages, String id) {
        for (int i = messages.size() - 1; id != null && i >= 0; i--) {
            if (messages.get(i).isQuestion() && id.equals(messages.get(i).id())) {
                return i;
            }
        }
        int last = messages.size() - 1;
        return last >= 0 && messages.get(last).isQuestion() ? last : -1;
    }

    private static ModelOptions options(ChatRequest request) {
        boolean searches = Boolean.TRUE.equals(request.webSearch());
        return new ModelOptions(request.reasoning() == null ? null : request.reasoning().effort(), searches,
                searches ? request.webMaxResults() : null, Boolean.TRUE.equals(request.imageOutput()));
    }

    private RequestMessage given(JsonNode message) throws JsonProcessingException {
        try {
            return json.treeToValue(message, RequestMessage.class);
        } catch (MismatchedInputException e) {
            e.prependPath(ChatRequest.class, "message");
            throw e;
        }
    }

    /** Text, or a message as in {@code messages}. */
    private RequestMessage question(JsonNode message) throws JsonProcessingException {
        if (message == null || message.isNull()) {
            List<FieldError> errors = List.of(new FieldError("message", "is missing"));
            throw Problem.ofFields(Status.BAD_REQUEST, "missing_field", RequestProblems.sentence(errors), errors);
        }
        RequestMessage question;
        if (message.isTextual()) {
            question = new RequestMessage(null, ContextMessage.USER, json.treeToValue(message, String.class), null, null);
        } else if (message.isObject()) {
            RequestMessage given = given(message);
            question = new RequestMessage(given.id(), ContextMessage.USER, given.content(), given.timestamp(), null);
        } else {
            throw RequestProblems.ofField("message", "must be text or a message");
        }
        Set<ConstraintViolation<RequestMessage>> violations = validator.validate(question);
        if (!violations.isEmpty()) {
            ConstraintViolation<RequestMessage> first = violations.iterator().next();
            throw RequestProblems.ofField(message.isTextual() ? "message" : "message." + first.getPropertyPath(),
                    first.getMessage());
        }
        if (question.content().isBlank()) {
            throw RequestProblems.ofField(message.isTextual() ? "message" : "message.content", "must not be empty");
        }
        return question;
    }
}

package dev.chatkeep.completion;

import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.ConstraintViolation;
import jakarta.validation.Validator;
import jakarta.ws.rs.core.Response.Status;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;

import dev.chatkeep.completion.Admission.ContextMessage;
import dev.chatkeep.completion.ChatRequest.RequestMessage;
import dev.chatkeep.completion.CompletionCall.ProviderRequest;
import dev.chatkeep.completion.CompletionCall.Question;
import dev.chatkeep.problem.Problem;
import dev.chatkeep.problem.Problem.FieldError;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.OffEventLoop;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;

/** Makes calls of what front ends ask. */
@ApplicationScoped
class ChatRequestReader {

    /** What is read at once; more goes to a worker thread. */
    private static final int SMALL_BYTES = 64 << 10;
    private static final int BYTES_A_TOKEN = 4;
    private static final String SYSTEM = "system";

    /** @param streamed whether the client asks for events */
    record Read(CompletionCall call, boolean streamed) {
    }

    /** What providers are asked; usage is always wanted. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @RegisterForReflection // written to the provider
    record ChatCompletionRequest(String model, List<ContextMessage> messages, BigDecimal temperature,
            @JsonProperty("max_tokens") Integer maxTokens, boolean stream,
            @JsonProperty("stream_options") StreamOptions streamOptions) {

        @RegisterForReflection // as above
        record StreamOptions(@JsonProperty("include_usage") boolean includeUsage) {
        }
    }

    private final ObjectMapper json;
    private final Validator validator;
    private final CompletionConfig config;

    ChatRequestReader(ObjectMapper json, Validator validator, CompletionConfig config) {
        this.json = json;
        this.validator = validator;
        this.config = config;
    }

    Uni<Read> read(byte[] body) {
        return OffEventLoop.runIf(body.length > SMALL_BYTES, () -> call(body));
    }

    private Read call(byte[] body) {
        try {
            ChatRequest request = RequestProblems.requireValid(validator,
                    body.length == 0 ? null : json.readValue(body, ChatRequest.class));
            return call(request);
        } catch (MismatchedInputException e) {
            throw RequestProblems.of(e);
        } catch (IOException e) {
            throw RequestProblems.malformed();
        }
    }

    private Read call(ChatRequest request) throws JsonProcessingException {
        String id = CompletionCall.newMessageId();
        List<RequestMessage> messages = request.messages() == null ? List.of() : request.messages();
        RequestMessage last = messages.isEmpty() ? null : messages.get(messages.size() - 1);
        RequestMessage asked = last != null && last.isQuestion() ? last : question(request.message());
        boolean wantsContext = messages.isEmpty() && request.sessionId() != null;
        // A question that is stored nowhere gets its id here; for a stored one the database looks whether it has it already.
        String questionId = asked.id() != null || request.sessionId() != null ? asked.id()
                : CompletionCall.newMessageId();
        List<ContextMessage> seen = new ArrayList<>();
        messages.stream().filter(RequestMessage::isSeen)
                .forEach(said -> seen.add(new ContextMessage(said.role(), said.content())));
        if (asked != last) {
            seen.add(new ContextMessage("user", asked.content()));
        }
        int characters = seen.stream().mapToInt(message -> message.content().length()).sum();
        CompletionCall call = new CompletionCall(id, request.model(), request.sessionId(),
                new Question(questionId, asked.content(), asked.timestamp()), wantsContext, characters / BYTES_A_TOKEN,
                config.resumeGrace(), admission -> body(request, wantsContext ? admission.context() : seen, admission));
        return new Read(call, Boolean.TRUE.equals(request.stream()));
    }

    /** Text, or a message as in {@code messages}. */
    private RequestMessage question(JsonNode message) throws JsonProcessingException {
        if (message == null || message.isNull()) {
            List<FieldError> errors = List.of(new FieldError("message", "is missing"));
            throw Problem.ofFields(Status.BAD_REQUEST, "missing_field", RequestProblems.sentence(errors), errors);
        }
        RequestMessage said;
        if (message.isTextual()) {
            said = new RequestMessage(null, "user", json.treeToValue(message, String.class), null, null);
        } else if (message.isObject()) {
            RequestMessage given = json.treeToValue(message, RequestMessage.class);
            said = new RequestMessage(given.id(), "user", given.content(), given.timestamp(), null);
        } else {
            throw RequestProblems.ofField("message", "must be text or a message");
        }
        Set<ConstraintViolation<RequestMessage>> violations = validator.validate(said);
        if (!violations.isEmpty()) {
            ConstraintViolation<RequestMessage> first = violations.iterator().next();
            throw RequestProblems.ofField(message.isTextual() ? "message" : "message." + first.getPropertyPath(),
                    first.getMessage());
        }
        if (said.content().isBlank()) {
            throw RequestProblems.ofField(message.isTextual() ? "message" : "message.content", "must not be empty");
        }
        return said;
    }

    private Uni<ProviderRequest> body(ChatRequest request, List<ContextMessage> messages, Admission admission) {
        List<ContextMessage> all = new ArrayList<>();
        String instructions = request.systemPrompt() != null ? request.systemPrompt() : admission.systemPrompt();
        boolean instructed = request.systemPrompt() == null
                && messages.stream().anyMatch(message -> message.role().equals(SYSTEM));
        if (instructions != null && !instructions.isBlank() && !instructed) {
            all.add(new ContextMessage(SYSTEM, instructions));
        }
        all.addAll(messages);
        BigDecimal temperature = request.temperature() != null ? request.temperature() : admission.temperature();
        return ContextWindow.fit(all, admission.contextLength(), request.maxTokens()).map(fitting -> {
            try {
                return new ProviderRequest(
                        json.writeValueAsBytes(new ChatCompletionRequest(admission.model(), fitting, temperature,
                                request.maxTokens(), true, new ChatCompletionRequest.StreamOptions(true))),
                        fitting.stream().map(ContextMessage::content).collect(Collectors.joining("\n")));
            } catch (JsonProcessingException e) {
                throw new IllegalStateException("What was read as JSON cannot be written", e);
            }
        });
    }
}

package dev.chatkeep.completion;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

import jakarta.enterprise.context.ApplicationScoped;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.completion.ModelRequest.Conversation;
import dev.chatkeep.completion.ModelRequest.Document;
import dev.chatkeep.wire.JsonRules;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;

/** Writes what the provider is asked, once the call is admitted. */
@ApplicationScoped
class ProviderRequestWriter {

    /** Usage is always asked for. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @RegisterForReflection // written to the provider
    record ChatCompletionRequest(String model, List<ContextMessage> messages, BigDecimal temperature,
            @JsonProperty("max_tokens") Integer maxTokens, boolean stream,
            @JsonProperty("stream_options") StreamOptions streamOptions, Reasoning reasoning, List<Plugin> plugins,
            List<String> modalities) {

        @RegisterForReflection // as above
        record StreamOptions(@JsonProperty("include_usage") boolean includeUsage) {
        }

        @RegisterForReflection // as above
        record Reasoning(String effort) {
        }

        @JsonInclude(JsonInclude.Include.NON_NULL)
        @RegisterForReflection // as above
        record Plugin(String id, @JsonProperty("max_results") Integer maxResults) {
        }
    }

    private final ObjectMapper json;

    ProviderRequestWriter(ObjectMapper json) {
        this.json = json;
    }

    Uni<ProviderRequest> write(ModelRequest request, Admission admission) {
        if (request instanceof Document document) {
            return Uni.createFrom().item(() -> write(document, admission));
        }
        return write((Conversation) request, admission);
    }

    private Uni<ProviderRequest> write(Conversation conversation, Admission admission) {
        List<ContextMessage> messages = withInstructions(conversation, admission);
        return ContextWindow.fit(messages, admission.contextLength(), conversation.maxTokens()).map(fitting -> {
            try {
                return new ProviderRequest(json.writeValueAsBytes(request(conversation, admission, fitting)), true,
                        fitting.stream().map(ContextMessage::content).collect(Collectors.joining("\n")));
            } catch (JsonProcessingException e) {
                throw new IllegalStateException("What was read as JSON cannot be written", e);
            }
        });
    }

    /** Options are named as OpenRouter names them. */
    private static ChatCompletionRequest request(Conversation conversation, Admission admission,
            List<ContextMessage> messages) {
        BigDecimal temperature = conversation.temperature() != null ? conversation.temperature() : admission.temperature();
        ModelOptions options = conversation.options();
        return new ChatCompletionRequest(admission.model(), messages, temperature, conversation.maxTokens(), true,
                new ChatCompletionRequest.StreamOptions(true),
                options.reasoningEffort() == null ? null : new ChatCompletionRequest.Reasoning(options.reasoningEffort()),
                options.webSearch() ? List.of(new ChatCompletionRequest.Plugin("web", options.webResults())) : null,
                options.imageOutput() ? List.of("image", "text") : null);
    }

    /** The user's own instructions give way to any that the conversation brings along. */
    private static List<ContextMessage> withInstructions(Conversation conversation, Admission admission) {
        List<ContextMessage> messages = conversation.wantsContext() ? StoredContext.of(admission.context())
                : conversation.messages();
        List<ContextMessage> all = new ArrayList<>();
        String instructions = conversation.systemPrompt() != null ? conversation.systemPrompt() : admission.systemPrompt();
        boolean instructed = conversation.systemPrompt() == null
                && messages.stream().anyMatch(message -> message.role().equals(ContextMessage.SYSTEM));
        if (instructions != null && !instructions.isBlank() && !instructed) {
            all.add(new ContextMessage(ContextMessage.SYSTEM, instructions));
        }
        all.addAll(messages);
        return all;
    }

    private static ProviderRequest write(Document request, Admission admission) {
        ObjectNode document = request.document();
        document.put("model", admission.model());
        if (request.streamed()) {
            ObjectNode options = document.path("stream_options") instanceof ObjectNode given ? given
                    : document.putObject("stream_options");
            options.put("include_usage", true);
        }
        return new ProviderRequest(JsonRules.wellFormed(document.toString()).getBytes(StandardCharsets.UTF_8),
                request.streamed(), request.prompt());
    }
}

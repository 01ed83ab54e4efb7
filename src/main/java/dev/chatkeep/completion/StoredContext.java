package dev.chatkeep.completion;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import dev.chatkeep.completion.Admission.StoredMessage;

/**
 * A stored session as models read it: each answer follows its question. Of a question that was asked more than once only the
 * newest answer is there, since it stands for the others.
 */
final class StoredContext {

    private StoredContext() {
    }

    /** @param messages oldest first */
    static List<ContextMessage> of(List<StoredMessage> messages) {
        Set<String> questions = new HashSet<>();
        messages.stream().filter(message -> message.role().equals(ContextMessage.USER))
                .forEach(question -> questions.add(question.id()));
        Map<String, ContextMessage> answers = new HashMap<>();
        messages.stream().filter(message -> isAnswer(message, questions))
                .forEach(answer -> answers.put(answer.userMessageId(), of(answer)));
        List<ContextMessage> context = new ArrayList<>(messages.size());
        for (StoredMessage message : messages) {
            if (isAnswer(message, questions)) {
                continue;
            }
            context.add(of(message));
            if (message.role().equals(ContextMessage.USER) && answers.containsKey(message.id())) {
                context.add(answers.get(message.id()));
            }
        }
        return context;
    }

    private static boolean isAnswer(StoredMessage message, Set<String> questions) {
        return message.role().equals(ContextMessage.ASSISTANT) && questions.contains(message.userMessageId());
    }

    private static ContextMessage of(StoredMessage message) {
        return new ContextMessage(message.role(), message.content());
    }
}

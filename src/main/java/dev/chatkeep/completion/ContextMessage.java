package dev.chatkeep.completion;

import io.quarkus.runtime.annotations.RegisterForReflection;

/** A message as models read it. */
@RegisterForReflection // written to the provider
public record ContextMessage(String role, String content) {

    public static final String SYSTEM = "system";
    public static final String USER = "user";
    public static final String ASSISTANT = "assistant";
}

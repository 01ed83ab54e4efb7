package dev.chatkeep.message;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.List;

import jakarta.validation.Constraint;
import jakarta.validation.ConstraintValidator;
import jakarta.validation.ConstraintValidatorContext;
import jakarta.validation.Payload;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.Text;
import io.quarkus.runtime.annotations.RegisterForReflection;

/** Messages to store, one or several of a session. */
@Schema(name = "NewMessage", description = "Either `message` or `messages`")
@RegisterForReflection // read by JsonBody
@NewMessages.Some(payload = RequestProblems.Missing.class)
record NewMessages(@Valid MessageInput message,
        @Schema(description = "Stored together, or none of them. The last of two with one id counts") @Size(min = 1, max = MAX, message = "must have 1 to "
                + MAX + " messages") List<@NotNull @Valid MessageInput> messages,
        @Schema(examples = "conv_1752734987703_j9spjufk8") @NotNull @Text(min = 1, max = Text.ID_LENGTH) String sessionId,
        @Schema(description = "Of a session that is made now; without one it is how the first question begins", examples = "A week in Lisbon") @Text(max = 255) String sessionTitle) {

    static final int MAX = 1_000;

    private static final String APPEND_ONE = "select " + MessageRow.COLUMNS
            + " from chatkeep.append_message($1, $2, $3::text::jsonb, $4) m";
    private static final String APPEND_ALL = "select " + MessageRow.COLUMNS
            + " from chatkeep.append_messages($1, $2, $3::text::jsonb, $4) m";

    /** The statement that stores them and returns their rows. */
    record Storing(boolean isOne, String sql, Object... parameters) {
    }

    Storing storing(ObjectMapper json) throws JsonProcessingException {
        if (message != null && messages != null) {
            throw RequestProblems.ofField("messages", "must not be there beside message");
        }
        return message != null ? new Storing(true, APPEND_ONE, sessionId, json.writeValueAsString(message), sessionTitle)
                : new Storing(false, APPEND_ALL, sessionId, json.writeValueAsString(messages), sessionTitle);
    }

    /** There is a message at least. */
    @Target(ElementType.TYPE)
    @Retention(RetentionPolicy.RUNTIME)
    @Constraint(validatedBy = Some.Validator.class)
    @interface Some {

        String message() default "is missing";

        Class<?>[] groups() default {};

        Class<? extends Payload>[] payload() default {};

        final class Validator implements ConstraintValidator<Some, NewMessages> {

            @Override
            public boolean isValid(NewMessages request, ConstraintValidatorContext context) {
                if (request.message() != null || request.messages() != null) {
                    return true;
                }
                context.disableDefaultConstraintViolation();
                context.buildConstraintViolationWithTemplate(context.getDefaultConstraintMessageTemplate())
                        .addPropertyNode("message").addConstraintViolation();
                return false;
            }
        }
    }
}

package dev.chatkeep.wire;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.charset.StandardCharsets;

import jakarta.validation.Constraint;
import jakarta.validation.ConstraintValidator;
import jakarta.validation.ConstraintValidatorContext;
import jakarta.validation.Payload;

/**
 * Text that PostgreSQL can store (no NUL), within limits that are counted as PostgreSQL counts: characters are code points,
 * bytes are those of UTF-8.
 */
@Target({ ElementType.FIELD, ElementType.PARAMETER, ElementType.TYPE_USE })
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = Text.Validator.class)
public @interface Text {

    int ID_LENGTH = 255;

    int min() default 0;

    /** In characters. */
    int max() default Integer.MAX_VALUE;

    /** In bytes of UTF-8. */
    int maxBytes() default Integer.MAX_VALUE;

    String message() default "is not valid text";

    Class<?>[] groups() default {};

    Class<? extends Payload>[] payload() default {};

    final class Validator implements ConstraintValidator<Text, String> {

        private Text rule;

        @Override
        public void initialize(Text rule) {
            this.rule = rule;
        }

        @Override
        public boolean isValid(String text, ConstraintValidatorContext context) {
            String complaint = text == null ? null : complaint(text);
            if (complaint != null) {
                context.disableDefaultConstraintViolation();
                context.buildConstraintViolationWithTemplate(complaint).addConstraintViolation();
            }
            return complaint == null;
        }

        private String complaint(String text) {
            if (text.indexOf('\0') >= 0) {
                return "must not hold the character NUL";
            }
            if (text.length() < rule.min()) {
                return "must not be empty";
            }
            if (text.length() > rule.max() && text.codePointCount(0, text.length()) > rule.max()) {
                return "must have at most " + rule.max() + " characters";
            }
            // A UTF-16 unit takes at most three bytes in UTF-8, so short texts need not be encoded.
            if (text.length() > rule.maxBytes() / 3 && text.getBytes(StandardCharsets.UTF_8).length > rule.maxBytes()) {
                return "must have at most " + rule.maxBytes() + " bytes";
            }
            return null;
        }
    }
}

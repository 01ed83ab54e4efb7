package dev.chatkeep.wire;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.List;
import java.util.Map;

import jakarta.validation.Constraint;
import jakarta.validation.ConstraintValidator;
import jakarta.validation.ConstraintValidatorContext;
import jakarta.validation.Payload;

/** Any JSON, read as maps, lists and values, that PostgreSQL can store: no name or text of it holds NUL. */
@Target({ ElementType.FIELD, ElementType.PARAMETER })
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = StorableJson.Validator.class)
public @interface StorableJson {

    String message() default "must not hold the character NUL";

    Class<?>[] groups() default {};

    Class<? extends Payload>[] payload() default {};

    final class Validator implements ConstraintValidator<StorableJson, Object> {

        @Override
        public boolean isValid(Object value, ConstraintValidatorContext context) {
            if (value instanceof Map<?, ?> members) {
                return members.entrySet().stream()
                        .allMatch(member -> isValid(member.getKey(), context) && isValid(member.getValue(), context));
            }
            if (value instanceof List<?> items) {
                return items.stream().allMatch(item -> isValid(item, context));
            }
            return !(value instanceof String text) || text.indexOf('\0') < 0;
        }
    }
}

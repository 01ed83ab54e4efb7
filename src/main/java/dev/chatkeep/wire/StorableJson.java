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

/**
 * Any JSON, read as maps, lists and values, that can be stored and given back: no name or text of it holds NUL, its numbers are
 * those of a double, and it is not so deep that what it is a part of could not be read any more.
 */
@Target({ ElementType.FIELD, ElementType.PARAMETER })
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = StorableJson.Validator.class)
public @interface StorableJson {

    int MAX_DEPTH = 100;

    String message() default "must not hold the character NUL, numbers out of range or more than " + MAX_DEPTH + " levels";

    Class<?>[] groups() default {};

    Class<? extends Payload>[] payload() default {};

    final class Validator implements ConstraintValidator<StorableJson, Object> {

        @Override
        public boolean isValid(Object value, ConstraintValidatorContext context) {
            return isStorable(value, MAX_DEPTH);
        }

        /** @param levels of lists and maps that there may be: they bound how deep this goes as well */
        private static boolean isStorable(Object value, int levels) {
            if (value instanceof Map<?, ?> members) {
                return levels > 0 && members.entrySet().stream()
                        .allMatch(member -> isStorable(member.getKey(), levels) && isStorable(member.getValue(), levels - 1));
            }
            if (value instanceof List<?> items) {
                return levels > 0 && items.stream().allMatch(item -> isStorable(item, levels - 1));
            }
            return value instanceof String text ? text.indexOf('\0') < 0
                    : !(value instanceof Double number) || Double.isFinite(number);
        }
    }
}

package dev.chatkeep.wire;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

import jakarta.validation.Constraint;
import jakarta.validation.Payload;
import jakarta.validation.ReportAsSingleViolation;
import jakarta.validation.constraints.Pattern;

/** A subscription tier. */
@Target({ ElementType.FIELD, ElementType.PARAMETER, ElementType.TYPE_USE })
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = {})
@Pattern(regexp = "free|pro|enterprise|admin")
@ReportAsSingleViolation
public @interface Tier {

    String message() default "must be free, pro, enterprise or admin";

    Class<?>[] groups() default {};

    Class<? extends Payload>[] payload() default {};
}

package dev.chatkeep.testsupport;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.List;
import java.util.Set;

import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.ResourceLocksProvider;

/** A class that may run beside other classes. Its own tests run one after the other, as they share what it has. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(providers = BesideOthers.OfTheClass.class)
public @interface BesideOthers {

    /**
     * By itself {@link Execution} would let the methods of a class run at once, too; one that holds a lock has its own thread.
     */
    final class OfTheClass implements ResourceLocksProvider {

        @Override
        public Set<Lock> provideForClass(Class<?> testClass) {
            return Set.of(new Lock(testClass.getName()));
        }

        @Override
        public Set<Lock> provideForNestedClass(List<Class<?>> enclosingTypes, Class<?> testClass) {
            return Set.of();
        }

        @Override
        public Set<Lock> provideForMethod(List<Class<?>> enclosingTypes, Class<?> testClass,
                java.lang.reflect.Method testMethod) {
            return Set.of();
        }
    }
}

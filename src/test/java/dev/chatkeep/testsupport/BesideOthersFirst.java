package dev.chatkeep.testsupport;

import java.util.Comparator;

import org.junit.jupiter.api.ClassDescriptor;
import org.junit.jupiter.api.ClassOrderer;
import org.junit.jupiter.api.ClassOrdererContext;

/** Classes that run beside others first, as they can do so only while there are others, then those that share a service. */
public final class BesideOthersFirst implements ClassOrderer {

    @Override
    public void orderClasses(ClassOrdererContext context) {
        context.getClassDescriptors().sort(Comparator
                .comparing((ClassDescriptor type) -> !type.isAnnotated(BesideOthers.class))
                .thenComparing(type -> type.getTestClass().getName()));
    }
}

package dev.chatkeep.testsupport;

import java.util.Comparator;

import org.junit.jupiter.api.ClassDescriptor;
import org.junit.jupiter.api.ClassOrderer;
import org.junit.jupiter.api.ClassOrdererContext;

import io.quarkus.test.junit.TestProfile;

/**
 * Classes that run beside others first, then those that share a service, then those with a service of their own: so none is
 * started twice. Quarkus' own order puts the classes of a profile together only where they run within the test's JVM.
 */
public final class ByProfile implements ClassOrderer {

    @Override
    public void orderClasses(ClassOrdererContext context) {
        context.getClassDescriptors().sort(Comparator
                .comparing((ClassDescriptor type) -> !type.isAnnotated(BesideOthers.class))
                .thenComparing(ByProfile::profile)
                .thenComparing(type -> type.getTestClass().getName()));
    }

    private static String profile(ClassDescriptor type) {
        return type.findAnnotation(TestProfile.class).map(profile -> profile.value().getName()).orElse("");
    }
}

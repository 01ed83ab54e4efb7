package dev.chatkeep.executable;

import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.importer.ClassFileImporter;

/** Finds the classes of a program that picocli reads: whatever carries one of its annotations, in a superclass too. */
final class PicocliTypes {

    private static final String ANNOTATIONS = "picocli.CommandLine$";

    private PicocliTypes() {
    }

    static Set<String> in(Path directory) {
        Set<String> names = new TreeSet<>();
        for (JavaClass type : new ClassFileImporter().importPath(directory)) {
            if (type.getAnnotations().stream().anyMatch(annotation -> isPicocli(annotation.getRawType()))
                    || type.getMembers().stream().anyMatch(PicocliTypes::isRead)) {
                names.add(type.getName());
            }
        }
        return names;
    }

    private static boolean isRead(JavaMember member) {
        return member.getAnnotations().stream().anyMatch(annotation -> isPicocli(annotation.getRawType()));
    }

    private static boolean isPicocli(JavaClass annotation) {
        return annotation.getName().startsWith(ANNOTATIONS);
    }
}

package dev.chatkeep.executable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

import dev.chatkeep.testsupport.BesideOthers;

/**
 * The problem library was built for another Quarkus. The JVM minds a member that is not there when it gets to it, the
 * compiler of the executable minds it at once: whatever asks for one has to be substituted.
 */
@BesideOthers
class LibraryLinksTest {

    private static final String LIBRARY = "io.quarkiverse.resteasy.problem";
    private static final String PROGRAM = "dev.chatkeep";
    /** Optional neighbours of the library, which are not in the program. */
    private static final Set<String> OPTIONAL = Set.of("jsonb", "MicroprofileMetricsCollector", "ZalandoProblemMapper");

    @Test
    void whateverAsksForAMemberThatIsNotThereIsSubstituted() {
        // Given
        JavaClasses library = new ClassFileImporter().importPackages(LIBRARY);
        Set<String> broken = new TreeSet<>();

        // When
        for (JavaClass type : library) {
            if (OPTIONAL.stream().noneMatch(type.getName()::contains)) {
                type.getAccessesFromSelf().stream().filter(access -> !isThere(access))
                        .forEach(access -> broken.add(type.getName()));
            }
        }

        // Then
        assertThat(broken).containsExactly("io.quarkiverse.resteasy.problem.security.HttpUnauthorizedUtils");
        assertThat(substitutions().map(LibraryLinksTest::target)).containsAll(broken);
    }

    /** Otherwise only the compiler of the executable would say so. */
    @Test
    void whatIsSubstitutedIsThere() {
        // When
        List<JavaMethod> methods = substitutions().flatMap(type -> type.getMethods().stream())
                .filter(method -> method.isAnnotatedWith(Substitute.class) || method.isAnnotatedWith(Alias.class)).toList();

        // Then
        assertThat(methods).isNotEmpty().allSatisfy(method -> assertThatCode(() -> Class.forName(target(method.getOwner()))
                .getDeclaredMethod(method.getName(), method.reflect().getParameterTypes())).doesNotThrowAnyException());
    }

    private static boolean isThere(JavaAccess<?> access) {
        return access.getTargetOwner().isArray() || access.getTarget().resolveMember().isPresent();
    }

    private static Stream<JavaClass> substitutions() {
        return new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages(PROGRAM).stream()
                .filter(type -> type.isAnnotatedWith(TargetClass.class));
    }

    private static String target(JavaClass substitution) {
        return substitution.getAnnotationOfType(TargetClass.class).className();
    }
}

package dev.chatkeep;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import jakarta.annotation.security.RolesAllowed;
import jakarta.persistence.Entity;
import jakarta.ws.rs.Path;

import org.hibernate.reactive.mutiny.Mutiny;
import org.junit.jupiter.api.Test;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

import dev.chatkeep.security.CallerTransaction;
import dev.chatkeep.security.ConnectionPool;
import io.quarkus.hibernate.reactive.panache.Panache;
import io.quarkus.hibernate.reactive.panache.common.WithTransaction;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.groups.UniAwait;
import io.vertx.sqlclient.Pool;

class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.chatkeep");

    @Test
    void packagesHaveNoCycle() {
        slices().matching("dev.chatkeep.(*)..").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void whatAllFeaturesShareKnowsNoFeature() {
        noClasses().that().resideInAnyPackage("..problem..", "..security..", "..wire..")
                .should().dependOnClassesThat().resideInAnyPackage("..session..", "..message..", "..sync..", "..profile..",
                        "..usage..", "..catalog..", "..maintenance..", "..command..")
                .check(CLASSES);
    }

    @Test
    void onlyOneClassReachesTheDatabaseByThePoolThatAnotherMakes() {
        noClasses().that().doNotBelongToAnyOf(CallerTransaction.class, ConnectionPool.class)
                .should().dependOnClassesThat().belongToAnyOf(Pool.class, Mutiny.SessionFactory.class, WithTransaction.class)
                .orShould().callMethodWhere(DescribedPredicate.describe("it opens a transaction",
                        call -> call.getTargetOwner().isEquivalentTo(Panache.class) && call.getName().startsWith("with")))
                .check(CLASSES);
    }

    @Test
    void everyResourceAsksForAToken() {
        classes().that().areAnnotatedWith(Path.class).should().beAnnotatedWith(Authenticated.class)
                .orShould().beAnnotatedWith(RolesAllowed.class).check(CLASSES);
    }

    @Test
    void noResourceAnswersWithAnEntity() {
        noMethods().that().areDeclaredInClassesThat().areAnnotatedWith(Path.class)
                .should().haveRawReturnType(DescribedPredicate.describe("an entity",
                        (JavaClass type) -> type.isAnnotatedWith(Entity.class)))
                .check(CLASSES);
    }

    @Test
    void nothingWaitsForAResult() {
        noClasses().should().dependOnClassesThat().belongToAnyOf(UniAwait.class, Thread.class).check(CLASSES);
    }
}

package dev.chatkeep;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import jakarta.persistence.Entity;
import jakarta.ws.rs.Path;

import org.hibernate.reactive.mutiny.Mutiny;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

import dev.chatkeep.security.CallerTransaction;
import io.quarkus.hibernate.reactive.panache.Panache;
import io.quarkus.hibernate.reactive.panache.common.WithTransaction;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.groups.UniAwait;
import io.vertx.sqlclient.Pool;

@AnalyzeClasses(packages = "dev.chatkeep", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

    @ArchTest
    static final ArchRule packagesHaveNoCycle = slices().matching("dev.chatkeep.(*)..").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule whatAllFeaturesShareKnowsNoFeature = noClasses()
            .that().resideInAnyPackage("..problem..", "..security..", "..wire..")
            .should().dependOnClassesThat().resideInAnyPackage("..session..", "..message..", "..sync..", "..profile..",
                    "..usage..", "..maintenance..");

    @ArchTest
    static final ArchRule onlyOneClassReachesTheDatabase = noClasses()
            .that().doNotBelongToAnyOf(CallerTransaction.class)
            .should().dependOnClassesThat().belongToAnyOf(Pool.class, Mutiny.SessionFactory.class, WithTransaction.class)
            .orShould().callMethodWhere(DescribedPredicate.describe("it opens a transaction",
                    call -> call.getTargetOwner().isEquivalentTo(Panache.class) && call.getName().startsWith("with")));

    @ArchTest
    static final ArchRule everyResourceAsksForAToken = classes()
            .that().areAnnotatedWith(Path.class).should().beAnnotatedWith(Authenticated.class);

    @ArchTest
    static final ArchRule noResourceAnswersWithAnEntity = noMethods()
            .that().areDeclaredInClassesThat().areAnnotatedWith(Path.class)
            .should().haveRawReturnType(DescribedPredicate.describe("an entity",
                    (JavaClass type) -> type.isAnnotatedWith(Entity.class)));

    @ArchTest
    static final ArchRule nothingWaitsForAResult = noClasses().should().dependOnClassesThat().belongToAnyOf(UniAwait.class,
            Thread.class);
}

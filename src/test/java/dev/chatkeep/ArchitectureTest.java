package dev.chatkeep;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noFields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.Closeable;
import java.io.File;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.Timer;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import jakarta.annotation.security.RolesAllowed;
import jakarta.persistence.Entity;

import org.eclipse.microprofile.config.ConfigProvider;
import org.hibernate.reactive.mutiny.Mutiny;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

import dev.chatkeep.provider.ModelProvider;
import dev.chatkeep.testsupport.BesideOthers;
import io.netty.buffer.ByteBuf;
import io.quarkus.hibernate.reactive.panache.Panache;
import io.quarkus.hibernate.reactive.panache.common.WithTransaction;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.groups.UniAwait;
import io.smallrye.mutiny.helpers.BlockingIterable;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.sqlclient.Pool;

@BesideOthers
class ArchitectureTest {

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.chatkeep");

    private static final Set<String> BLOCKING = Set.of("get", "join", "resultNow");

    private static final DescribedPredicate<JavaClass> OF_A_RUN = DescribedPredicate.describe("of one run",
            type -> Stream.of(Buffer.class, ByteBuf.class, java.nio.Buffer.class, Random.class, Executor.class, Timer.class,
                    ServerSocket.class, HttpClient.class, Vertx.class, Closeable.class, File.class, Path.class)
                    .anyMatch(type::isAssignableTo) || type.isAssignableTo("java.lang.Thread"));

    @Test
    void packagesHaveNoCycle() {
        slices().matching("dev.chatkeep.(*)..").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void whatAllFeaturesShareKnowsNoFeature() {
        noClasses().that().resideInAnyPackage("..problem..", "..security..", "..database..", "..wire..")
                .should().dependOnClassesThat().resideInAnyPackage("..session..", "..message..", "..sync..", "..profile..",
                        "..usage..", "..catalog..", "..maintenance..", "..command..", "..completion..")
                .check(CLASSES);
    }

    @Test
    void theCoreOfCompletionsKnowsNoApi() {
        noClasses().that().resideInAPackage("dev.chatkeep.completion")
                .should().dependOnClassesThat().resideInAPackage("dev.chatkeep.completion.*..")
                .check(CLASSES);
    }

    @Test
    void theCoreOfCompletionsKnowsNoHttp() {
        noClasses().that().resideInAPackage("dev.chatkeep.completion")
                .should().dependOnClassesThat().resideInAnyPackage("jakarta.ws.rs..", "io.quarkiverse.resteasy.problem..",
                        "org.jboss.resteasy..", "io.vertx.core.http..")
                .check(CLASSES);
    }

    @Test
    void theApisOfCompletionsKnowNothingOfEachOther() {
        slices().matching("dev.chatkeep.completion.(chat|openai)..").should().notDependOnEachOther().check(CLASSES);
    }

    @Test
    void streamsOfCompletionsKnowNoApi() {
        noClasses().that().resideInAPackage("..completion.stream..")
                .should().dependOnClassesThat().resideInAnyPackage("..completion.chat..", "..completion.openai..")
                .check(CLASSES);
    }

    @Test
    void onlyTheCoreOfCompletionsCallsTheProvider() {
        noClasses().that().resideOutsideOfPackages("dev.chatkeep.completion", "dev.chatkeep.provider..")
                .should().dependOnClassesThat().belongToAnyOf(ModelProvider.class).check(CLASSES);
    }

    @Test
    void onlyOnePackageReachesTheDatabase() {
        noClasses().that().resideOutsideOfPackage("dev.chatkeep.database")
                .should().dependOnClassesThat().belongToAnyOf(Pool.class, Mutiny.SessionFactory.class, WithTransaction.class)
                .orShould().callMethodWhere(DescribedPredicate.describe("it opens a transaction",
                        call -> call.getTargetOwner().isEquivalentTo(Panache.class) && call.getName().startsWith("with")))
                .check(CLASSES);
    }

    @Test
    void everyResourceAsksForAToken() {
        classes().that().areAnnotatedWith(jakarta.ws.rs.Path.class).should().beAnnotatedWith(Authenticated.class)
                .orShould().beAnnotatedWith(RolesAllowed.class).check(CLASSES);
    }

    /** What cannot be read is reported by the name that the annotation says. */
    @Test
    void aParameterThatIsNoTextSaysItsName() {
        // When
        List<String> unnamed = CLASSES.stream().filter(type -> type.isAnnotatedWith(jakarta.ws.rs.Path.class))
                .flatMap(type -> type.getMethods().stream()).flatMap(method -> method.getParameters().stream())
                .filter(parameter -> !parameter.getRawType().isEquivalentTo(String.class))
                .filter(parameter -> parameter.tryGetAnnotationOfType(RestQuery.class).filter(query -> query.value().isEmpty())
                        .isPresent()
                        || parameter.tryGetAnnotationOfType(RestPath.class).filter(path -> path.value().isEmpty()).isPresent())
                .map(parameter -> parameter.getOwner().getFullName()).toList();

        // Then
        assertThat(unnamed).isEmpty();
    }

    @Test
    void noResourceAnswersWithAnEntity() {
        noMethods().that().areDeclaredInClassesThat().areAnnotatedWith(jakarta.ws.rs.Path.class)
                .should().haveRawReturnType(DescribedPredicate.describe("an entity",
                        (JavaClass type) -> type.isAnnotatedWith(Entity.class)))
                .check(CLASSES);
    }

    /** A task of the command line is alone in its process and waits for what it has begun, as does a service that ends. */
    @Test
    void nothingThatServesRequestsWaitsForAResult() {
        noClasses().that().resideOutsideOfPackage("..command..")
                .should().dependOnClassesThat().belongToAnyOf(UniAwait.class, Thread.class, InterruptedException.class,
                        BlockingIterable.class, CountDownLatch.class, BlockingQueue.class)
                .orShould().callMethodWhere(DescribedPredicate.describe("it waits",
                        call -> call.getTargetOwner().isAssignableTo(Future.class) && BLOCKING.contains(call.getName())
                                && call.getOrigin().getRawParameterTypes().stream()
                                        .noneMatch(type -> type.isEquivalentTo(ShutdownEvent.class))))
                .check(CLASSES);
    }

    /** The packages that the rules above speak of are all there are. */
    @Test
    void everyPackageHasAPlaceInTheseRules() {
        // When
        Set<String> packages = CLASSES.stream().map(JavaClass::getPackageName).collect(Collectors.toCollection(TreeSet::new));

        // Then
        assertThat(packages).containsExactly("dev.chatkeep", "dev.chatkeep.catalog", "dev.chatkeep.command",
                "dev.chatkeep.completion", "dev.chatkeep.completion.chat", "dev.chatkeep.completion.openai",
                "dev.chatkeep.completion.stream", "dev.chatkeep.database", "dev.chatkeep.maintenance", "dev.chatkeep.message",
                "dev.chatkeep.problem", "dev.chatkeep.profile", "dev.chatkeep.provider", "dev.chatkeep.security",
                "dev.chatkeep.session", "dev.chatkeep.sync", "dev.chatkeep.telemetry", "dev.chatkeep.usage",
                "dev.chatkeep.wire");
    }

    /** Before the start it would be that of an executable's build, and afterwards there is injection. */
    @Test
    void nothingAsksForTheConfigurationThatEverybodyShares() {
        noClasses().should().dependOnClassesThat().belongToAnyOf(ConfigProvider.class).check(CLASSES);
    }

    /** An executable would hold them as they were in its build, or could not be built. */
    @Test
    void noStaticFieldHoldsWhatBelongsToARun() {
        noFields().that().areStatic().should().haveRawType(OF_A_RUN).check(CLASSES);
    }

    @ParameterizedTest
    @ValueSource(classes = { Buffer.class, ByteBuffer.class, SecureRandom.class, Thread.class, ScheduledExecutorService.class,
            Socket.class, FileChannel.class })
    void suchFieldsAreFoundByTheirType(Class<?> type) {
        assertThat(OF_A_RUN.test(new ClassFileImporter().importClass(type))).isTrue();
    }
}

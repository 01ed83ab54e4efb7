package dev.chatkeep.executable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.PackagedProgram;

/** The executable has what it needs and nothing that it does not, as far as that shows without compiling it. */
@BesideOthers
class NativeSourcesIT {

    private static final Path CLASSES = Path.of("target", "classes");

    @BeforeEach
    void thereAreSources() throws IOException {
        assumeTrue(PackagedProgram.isJar(), "The executable itself was built");
    }

    @Test
    void everyTypeThatIsReadOrWrittenAsJsonIsRegistered() throws Exception {
        Set<String> types = new TreeSet<>(JacksonTypes.in(CLASSES));
        types.removeIf(NativeSourcesIT::isNotAskedForMembers);

        assertThat(types).contains("dev.chatkeep.completion.chat.ChatEvents$Delta", "dev.chatkeep.sync.ConversationInput",
                "dev.chatkeep.catalog.CatalogImport$Row");
        assertThat(NativeSources.registered()).containsAll(types);
    }

    @Test
    void everyClassOfATaskIsRegistered() throws Exception {
        // When
        Set<String> commands = PicocliTypes.in(CLASSES);

        // Then
        assertThat(commands).contains("dev.chatkeep.command.Task", "dev.chatkeep.command.ImportTask");
        assertThat(NativeSources.registered()).containsAll(commands);
    }

    @Test
    void whatLoadsALibraryDoesSoOnlyInTheExecutable() throws Exception {
        // When
        List<String> late = late();

        // Then
        assertThat(NativeSources.calledFromC()).isNotEmpty()
                .allMatch(type -> late.stream().anyMatch(type::startsWith), "initialized at run time, as in " + late);
    }

    @Test
    void tokenTablesAreReadWhenTheyAreNeeded() throws Exception {
        assertThat(late()).contains("com.knuddels.jtokkit", "dev.chatkeep.completion.TokenEstimate$Tables");
        assertThat(NativeSources.resources()).filteredOn(pattern -> pattern.contains("tiktoken"))
                .singleElement().satisfies(pattern -> assertThat("com/knuddels/jtokkit/o200k_base.tiktoken").matches(pattern));
    }

    @Test
    void itHoldsNothingThatIsOnlyForDebuggingAPage() throws Exception {
        // When
        List<Pattern> excluded = NativeSources.excludedResources().stream().map(Pattern::compile).toList();

        // Then
        assertThat(NativeSources.resources()).filteredOn(pattern -> pattern.contains(".map"))
                .map(pattern -> pattern.replace("\\Q", "").replace("\\E", ""))
                .allMatch(name -> excluded.stream().anyMatch(pattern -> pattern.matcher(name).matches()));
    }

    private static List<String> late() throws IOException {
        String option = "--initialize-at-run-time=";
        return NativeSources.arguments().stream().filter(argument -> argument.startsWith(option))
                .map(argument -> argument.substring(option.length())).toList();
    }

    /** Interfaces have no members of their own values, and of an enum only the names are written. */
    private static boolean isNotAskedForMembers(String name) {
        try {
            Class<?> type = Class.forName(name, false, NativeSourcesIT.class.getClassLoader());
            return type.isInterface() || type.isEnum() || Modifier.isAbstract(type.getModifiers());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }
}

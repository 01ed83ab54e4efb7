package dev.chatkeep.maintenance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.SqlTest;

class RepeatableMigrationsTest extends SqlTest {

    private static final String MISSING = "select cardinality(chatkeep.missing_migrations(?)) as missing";

    @Test
    void theScriptsAreThoseThatAreShipped() throws IOException {
        // Given
        Path migrations = Path.of("src/main/resources/db/migration");

        // When
        List<String> shipped;
        try (Stream<Path> files = Files.list(migrations)) {
            shipped = files.map(file -> file.getFileName().toString()).filter(name -> name.startsWith("R")).sorted().toList();
        }

        // Then
        assertThat(RepeatableMigrations.SCRIPTS).isEqualTo(shipped);
    }

    @Test
    void aDatabaseThatHasBeenMigratedLacksNone() {
        // Given
        Object known = RepeatableMigrations.read();

        // When
        List<?> missing = superuser.rows(MISSING, known);

        // Then
        assertThat(missing.toString()).isEqualTo("[{missing=0}]");
    }

    @Test
    void aFunctionOfAnotherVersionIsMissing() {
        // Given
        String[] known = RepeatableMigrations.read();
        known[3] = known[3].replaceFirst(":.*", ":1");

        // When
        List<?> missing = superuser.rows(MISSING, (Object) known);

        // Then
        assertThat(missing.toString()).isEqualTo("[{missing=1}]");
    }
}

package dev.chatkeep.maintenance;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;

/** The functions that this version brings along, as Flyway records them. */
final class RepeatableMigrations {

    static final List<String> SCRIPTS = List.of("R__01_callers.sql", "R__02_models.sql", "R__03_profiles.sql",
            "R__04_usage.sql", "R__05_limits.sql", "R__06_session_stats.sql", "R__07_messages.sql", "R__08_sync.sql",
            "R__09_completions.sql", "R__10_retention.sql", "R__11_data_rights.sql", "R__12_administration.sql");

    private RepeatableMigrations() {
    }

    /** Each script with its checksum, {@code R__01_callers.sql:-123}. Reads files. */
    static String[] read() {
        return SCRIPTS.stream().map(script -> script + ":" + checksum(script)).toArray(String[]::new);
    }

    /** Flyway's: of the lines without their ends. */
    private static int checksum(String script) {
        CRC32 checksum = new CRC32();
        try (InputStream file = RepeatableMigrations.class.getResourceAsStream("/db/migration/" + script);
                BufferedReader lines = new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))) {
            lines.lines().forEach(line -> checksum.update(line.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new IllegalStateException(script + " cannot be read", e);
        }
        return (int) checksum.getValue();
    }
}

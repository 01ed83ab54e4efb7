package dev.chatkeep.testsupport;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import io.zonky.test.db.postgres.embedded.PgBinaryResolver;

/**
 * PostgreSQL of a major version that is not on the class path: the build copies the binaries of the platform to
 * {@code target/postgres}.
 */
public record OlderPostgres(int majorVersion) implements PgBinaryResolver {

    /** The version on the class path. */
    public static final int NEWEST = 18;

    /** Starts a server of that major version, which may be the newest too. */
    public static PostgresServer start(int majorVersion) {
        return majorVersion == NEWEST ? PostgresServer.start()
                : PostgresServer.start(EmbeddedPostgres.builder().setPgBinaryResolver(new OlderPostgres(majorVersion)),
                        PostgresServer.PASSWORD);
    }

    /** The jar holds one archive, that of the platform which the build has chosen. */
    @Override
    public InputStream getPgBinary(String system, String machineHardware) throws IOException {
        Path jar = Path.of("target", "postgres", "postgres-" + majorVersion + ".jar");
        ZipInputStream entries = new ZipInputStream(jar.toUri().toURL().openStream());
        for (ZipEntry entry = entries.getNextEntry(); entry != null; entry = entries.getNextEntry()) {
            if (entry.getName().endsWith(".txz")) {
                return entries;
            }
        }
        entries.close();
        throw new FileNotFoundException("No PostgreSQL in " + jar);
    }
}

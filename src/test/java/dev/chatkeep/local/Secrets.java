package dev.chatkeep.local;

import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Properties;

/** The secrets of one installation, made up at its first run and readable by nobody else. */
record Secrets(String password, String jwtSecret) {

    private static final int BYTES = 32;

    static Secrets in(Path directory) throws IOException {
        Path file = directory.resolve("secrets.properties");
        Properties properties = new Properties();
        if (Files.exists(file)) {
            try (Reader reader = Files.newBufferedReader(file)) {
                properties.load(reader);
            }
        } else {
            properties.setProperty("password", random());
            properties.setProperty("jwt-secret", random());
            createPrivate(file);
            try (Writer writer = Files.newBufferedWriter(file)) {
                properties.store(writer, "Made up for this directory; delete the directory to start afresh");
            }
        }
        return new Secrets(properties.getProperty("password"), properties.getProperty("jwt-secret"));
    }

    private static void createPrivate(Path file) throws IOException {
        if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } else {
            Files.createFile(file);
        }
    }

    private static String random() {
        byte[] bytes = new byte[BYTES];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}

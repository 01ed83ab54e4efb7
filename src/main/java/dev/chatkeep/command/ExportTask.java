package dev.chatkeep.command;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.UUID;

import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Database;
import dev.chatkeep.profile.ExportFormat;
import dev.chatkeep.profile.UserExport;
import dev.chatkeep.wire.PartMemory;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/** Writes everything about a user into a file. */
@Command(name = "export", description = "Write everything that is stored about a user into a file, as"
        + " GET /api/user/export does.")
final class ExportTask extends Task {

    private static final String RECORD = "select chatkeep.record_export($1)::text";

    @Option(names = "--user", paramLabel = "ID", required = true, description = "The user's id.")
    private UUID user;

    @Option(names = "--out", paramLabel = "FILE", required = true, description = "Where to; an existing file is replaced once"
            + " all is there.")
    private Path out;

    @Option(names = "--format", paramLabel = "FORMAT", defaultValue = "json", description = "${COMPLETION-CANDIDATES};"
            + " ${DEFAULT-VALUE} by default.")
    private Format format;

    /** The names of {@link ExportFormat} as they are typed. */
    private enum Format {
        json(ExportFormat.JSON),
        ndjson(ExportFormat.NDJSON);

        private final ExportFormat value;

        Format(ExportFormat value) {
            this.value = value;
        }
    }

    @Override
    int run() throws IOException {
        Path target = out.toAbsolutePath();
        if (!Files.isDirectory(target.getParent())) {
            throw new TaskFailure("There is no directory " + target.getParent() + ".");
        }
        Database database = bean(Database.class);
        result(database.asService().write().row(RECORD, user));
        Path part = Files.createTempFile(target.getParent(), ".chatkeep-export", ".part");
        try {
            try (OutputStream output = Files.newOutputStream(part); ProgressBar progress = Progress.ofBytes("Export")) {
                UserExport.of(database.asServiceFor(user).read(), PartMemory.UNBOUNDED, format.value, bean(ObjectMapper.class))
                        .subscribe().asStream().flatMap(List::stream).forEach(bytes -> write(output, bytes, progress));
            }
            Files.move(part, target, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
        System.out.println(target + " has " + Files.size(target) + " bytes.");
        return ExitCode.OK;
    }

    private static void write(OutputStream output, byte[] bytes, ProgressBar progress) {
        try {
            output.write(bytes);
            progress.stepBy(bytes.length);
        } catch (IOException e) {
            throw new TaskFailure("The file cannot be written: " + e.getMessage());
        }
    }
}

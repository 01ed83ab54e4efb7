package dev.chatkeep.command;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;

import dev.chatkeep.sync.SyncResponses.Results;
import dev.chatkeep.sync.SyncUpload;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Stores conversations from a file, part by part. */
@Command(name = "import", description = "Store the conversations of a file for a user. They have the shape of"
        + " POST /api/chat/sync, one a line or as one array. Those that are stored already change nothing, so an import that"
        + " was cut off can be run again. The status is 1 if one of them was refused.")
final class ImportTask extends Task {

    /** A part is stored in one transaction, which blocks the user's own writes. */
    private static final int MAX_CONVERSATIONS = 200;
    private static final long MAX_BYTES = 4 << 20;

    @Parameters(paramLabel = "FILE", description = "The conversations, as JSON in UTF-8.")
    private Path file;

    @Option(names = "--user", paramLabel = "ID", required = true, description = "The user's id; they have signed in before.")
    private UUID user;

    private final List<String> refused = new ArrayList<>();
    private int stored;

    @Override
    int run() throws IOException {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new TaskFailure("There is no file " + file + " that can be read.");
        }
        try (InputStream input = Files.newInputStream(file);
                JsonParser parser = bean(ObjectMapper.class).getFactory().createParser(input);
                ProgressBar progress = Progress.ofBytes("Import", Files.size(file))) {
            read(parser, progress);
            progress.stepTo(Files.size(file));
        } catch (JsonProcessingException e) {
            throw new TaskFailure(file + ", line " + e.getLocation().getLineNr() + ", is not JSON. " + summary());
        }
        refused.forEach(System.err::println);
        System.out.println(summary());
        return refused.isEmpty() ? ExitCode.OK : ExitCode.SOFTWARE;
    }

    private String summary() {
        return "Stored " + stored + " and refused " + refused.size() + " conversations.";
    }

    private void read(JsonParser parser, ProgressBar progress) throws IOException {
        // A value that follows is the next conversation and no error.
        ObjectReader conversation = bean(ObjectMapper.class).reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
        List<JsonNode> part = new ArrayList<>();
        long begun = 0;
        boolean first = true;
        for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
            boolean bracket = first && token == JsonToken.START_ARRAY || token == JsonToken.END_ARRAY;
            first = false;
            if (bracket) {
                continue;
            }
            part.add(conversation.readTree(parser));
            long reached = parser.currentLocation().getByteOffset();
            if (part.size() == MAX_CONVERSATIONS || reached - begun >= MAX_BYTES) {
                store(part);
                begun = reached;
                progress.stepTo(reached);
            }
        }
        store(part);
    }

    private void store(List<JsonNode> part) {
        if (part.isEmpty()) {
            return;
        }
        Results results = result(bean(SyncUpload.class).storeAsService(user, part));
        results.details().stream().filter(detail -> detail.error() != null)
                .map(detail -> (detail.conversationId() == null ? "Without an id" : detail.conversationId()) + ": "
                        + detail.error())
                .forEach(refused::add);
        stored += results.synced();
        part.clear();
    }
}

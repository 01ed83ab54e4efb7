package dev.chatkeep.profile;

import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.database.Statements;
import dev.chatkeep.profile.ExportQueries.Section;
import dev.chatkeep.wire.JsonParts;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
import dev.chatkeep.wire.RowMembers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;

/**
 * Everything that is stored about a user, as it is read: page by page, so that it needs no more memory for ten thousand
 * conversations than for one, and holds no connection while a slow client takes its time. The content is that of the
 * function {@code export_user_data}.
 */
public final class UserExport {

    /** Rows a page. */
    private static final int ROWS = 1_000;
    /** Bytes of content a page. A row that is larger is a page by itself, which is read once there is room for it. */
    private static final long BYTES = 1 << 20;

    private final Statements reading;
    private final PartMemory memory;
    private final ExportFormat.Document document;
    private final JsonParts json;
    /** Where the reading has got to: a section and the key of the last row in it, empty before the first. */
    private int section;
    private List<Object> key = List.of();

    private UserExport(Statements reading, PartMemory memory, ExportFormat format, ObjectMapper mapper) {
        this.reading = reading;
        this.memory = memory;
        this.document = format.open();
        this.json = new JsonParts(mapper);
    }

    /** The room that the export takes before it begins. */
    public static long firstBytes() {
        return ResponseMemory.expanded(BYTES);
    }

    /** One document in pieces; none where there is no such user. */
    public static Multi<List<byte[]>> of(Statements reading, PartMemory memory, ExportFormat format, ObjectMapper mapper) {
        UserExport export = new UserExport(reading, memory, format, mapper);
        return reading.row(ExportQueries.HEAD).onItem().ifNotNull()
                .transformToMulti(head -> Multi.createBy().concatenating().streams(
                        Multi.createFrom().item(() -> export.begin(head)),
                        Multi.createBy().repeating().uni(export::next)
                                .whilst(piece -> export.section < ExportQueries.SECTIONS.size()),
                        Multi.createFrom().item(export::end)));
    }

    private List<byte[]> begin(Row head) {
        return json.write(generator -> document.begin(generator, members -> {
            RowMembers.write(members, head, 0, ExportQueries.HEAD_MEMBERS);
            members.writeObjectFieldStart("profile");
            RowMembers.write(members, head, ExportQueries.HEAD_MEMBERS, head.size());
            members.writeEndObject();
        })).take();
    }

    private List<byte[]> end() {
        return json.write(document::end).take();
    }

    private Uni<List<byte[]>> next() {
        return memory.take(firstBytes()).chain(() -> page(BYTES));
    }

    /** Reads a page, and moves on to where it ended. */
    private Uni<List<byte[]>> page(long bytes) {
        Section current = ExportQueries.SECTIONS.get(section);
        Object[] parameters = Stream.concat(Stream.of(ROWS, bytes), key.stream()).toArray();
        return reading.run(key.isEmpty() ? current.first() : current.next(), parameters).chain(rows -> {
            long first = rows.size() == 0 ? 0 : rows.iterator().next().getLong(current.keys());
            return first > bytes ? memory.take(ResponseMemory.expanded(first)).chain(() -> page(first))
                    : Uni.createFrom().item(() -> json.write(generator -> write(generator, current, rows)).take());
        });
    }

    private void write(JsonGenerator generator, Section current, RowSet<Row> rows) throws IOException {
        if (key.isEmpty()) {
            document.beginList(generator, current.name());
        }
        Row last = null;
        for (Row row : rows) {
            write(generator, current, row);
            last = row;
        }
        if (last == null) {
            document.endList(generator);
            section++;
            key = List.of();
        } else {
            key = IntStream.range(0, current.keys()).mapToObj(last::getValue).toList();
        }
    }

    private void write(JsonGenerator generator, Section current, Row row) throws IOException {
        int from = current.keys() + 1;
        int messages = current.kind().equals(ExportQueries.CONVERSATION) ? row.getColumnIndex(ExportQueries.MESSAGES)
                : row.size();
        if (row.getValue(from) != null) {
            document.item(generator, current.kind(), members -> RowMembers.write(members, row, from, messages));
        } else {
            document.item(generator, ExportQueries.MESSAGE,
                    members -> RowMembers.write(members, row, messages + 1, row.size()));
        }
    }
}

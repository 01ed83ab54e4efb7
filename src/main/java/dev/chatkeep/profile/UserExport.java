package dev.chatkeep.profile;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

import dev.chatkeep.database.Statements;
import dev.chatkeep.wire.PartMemory;
import dev.chatkeep.wire.ResponseMemory;
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
    /** What is read is put together as text before it is written. */
    private static final int COPIES = 2;
    private static final int TOTAL = 3;

    private static final String HEAD = "select jsonb_build_object('exported_at', now(), 'account', chatkeep.account(p.id),"
            + " 'profile', to_jsonb(p))::text from public.profiles p where p.id = $1";

    /**
     * Conversations by id, each followed by its messages in time order. The key is where the page before ended: session,
     * time and id of the message. Sessions are taken for a page by what they count, so that few messages are sorted in vain.
     */
    private static final String CONVERSATIONS = """
            with reached as (
                select k.key ->> 0 as session_id, (k.key ->> 1)::timestamptz as at, (k.key ->> 2)::bigint as ordinal
                  from (select $2::text::jsonb as key) k
            ), sessions as (
                select s.id
                  from (select s.id, sum(s.rows) over (order by s.id) - s.rows as rows_before
                          from (select s.id, case when s.id = r.session_id then 0 else s.message_count + 1 end as rows
                                  from public.chat_sessions s, reached r
                                 where s.user_id = $1 and s.id >= r.session_id
                                 order by s.id
                                 limit $3) s) s
                 where s.rows_before <= $3
            ), entries as (
                select s.id as session_id, '-infinity'::timestamptz as at, 0::bigint as ordinal, '' as message_id, 0 as bytes
                  from sessions s, reached r
                 where s.id > r.session_id
                union all
                select s.id, m.message_timestamp, m.ordinal, m.id, m.bytes
                  from sessions s
                 cross join reached r
                 cross join lateral (
                       -- Of metadata that are small it is not worth knowing more.
                       select m.message_timestamp, m.ordinal, m.id,
                              m.stored_bytes + case when pg_column_size(m.metadata) < 1000 then 0
                                                    else octet_length(m.metadata::text) end as bytes
                         from public.chat_messages m
                        where m.user_id = $1 and m.session_id = s.id
                          and (s.id > r.session_id or (m.message_timestamp, m.ordinal) > (r.at, r.ordinal))
                        order by m.message_timestamp, m.ordinal
                        limit $3) m
            ), page as (
                select e.*, sum(e.bytes) over place as total, row_number() over place as position
                  from entries e
                window place as (order by e.session_id, e.at, e.ordinal)
                 order by e.session_id, e.at, e.ordinal
                 limit $3
            )
            select case when p.ordinal = 0 then 'conversation' else 'message' end,
                   case when p.total <= $4 then i.item::text end,
                   json_build_array(p.session_id, p.at, p.ordinal)::text, p.total::bigint
              from page p
             cross join lateral (
                   select to_jsonb(s) as item from public.chat_sessions s
                    where p.ordinal = 0 and s.user_id = $1 and s.id = p.session_id
                   union all
                   select to_jsonb(m) from public.chat_messages m
                    where p.ordinal <> 0 and m.user_id = $1 and m.id = p.message_id) i
             where p.total <= $4 or p.position = 1
             order by p.position""";

    /** A list in the document: its name, the statement that reads a page of it after a key, and where it starts. */
    private record Section(String name, String sql, String start) {
    }

    private static final List<Section> SECTIONS = List.of(
            new Section("conversations", CONVERSATIONS, "[\"\", \"-infinity\", 0]"),
            section("activity_log", "activity", "public.user_activity_log", "[\"-infinity\","
                    + " \"00000000-0000-0000-0000-000000000000\"]", "timestamp timestamptz", "id uuid"),
            section("usage", "usage", "public.user_usage_daily", "[\"-infinity\"]", "usage_date date"),
            section("usage_by_model", "usage_by_model", "chatkeep.usage_by_model", "[\"-infinity\", \"\"]",
                    "usage_date date", "model text"),
            section("counted_sessions", "counted_session", "chatkeep.counted_sessions", "[\"\"]", "session_id text"),
            section("charges", "charge", "chatkeep.charges", "[\"\"]", "message_id text"),
            section("completions", "completion", "chatkeep.completions", "[\"\"]", "id text"),
            // Who comes back after an erasure: what limits still count.
            sectionOf("calls_before_erasure", "call_before_erasure", "chatkeep.calls_before_erasure($1) t where true",
                    "[\"-infinity\", \"\"]", "usage_date date", "model text"),
            sectionOf("requests_before_erasure", "request_before_erasure",
                    "chatkeep.requests_before_erasure($1) t where true", "[\"-infinity\"]", "started_at timestamptz"));

    /** Where the reading has got to: a section and the key of the last row in it. */
    private record Position(int section, String key) {
    }

    private UserExport() {
    }

    /** The room that the export takes before it begins. */
    public static long firstBytes() {
        return COPIES * ResponseMemory.expanded(BYTES);
    }

    /** One document in pieces, to be joined by line breaks; none where there is no such user. */
    public static Multi<String> of(Statements reading, PartMemory memory, ExportFormat format) {
        ExportFormat.Document document = format.open();
        AtomicReference<Position> position = new AtomicReference<>(new Position(0, SECTIONS.get(0).start()));
        Multi<String> sections = Multi.createBy().repeating()
                .uni(() -> position, reached -> memory.take(firstBytes())
                        .chain(() -> next(reading, memory, reached, document, BYTES)))
                .whilst(piece -> position.get().section() < SECTIONS.size());
        return reading.run(HEAD).onItem().transformToMulti(rows -> rows.size() == 0 ? Multi.createFrom().empty()
                : Multi.createBy().concatenating().streams(
                        Multi.createFrom().item(document.head(rows.iterator().next().getString(0))), sections,
                        Multi.createFrom().item(document::end)))
                .select().where(piece -> !piece.isEmpty());
    }

    /** Reads a page, and moves on to where it ended. */
    private static Uni<String> next(Statements reading, PartMemory memory, AtomicReference<Position> position,
            ExportFormat.Document document, long bytes) {
        Position reached = position.get();
        Section section = SECTIONS.get(reached.section());
        return reading.run(section.sql(), reached.key(), ROWS, bytes).chain(rows -> {
            Row first = rows.size() == 0 ? null : rows.iterator().next();
            if (first == null || first.getString(1) != null) {
                return Uni.createFrom().item(page(rows, position, document));
            }
            long size = first.getLong(TOTAL);
            return memory.take(COPIES * ResponseMemory.expanded(size))
                    .chain(() -> next(reading, memory, position, document, size));
        });
    }

    private static String page(RowSet<Row> rows, AtomicReference<Position> position, ExportFormat.Document document) {
        Position reached = position.get();
        Section section = SECTIONS.get(reached.section());
        StringBuilder piece = new StringBuilder();
        if (reached.key().equals(section.start())) {
            document.beginList(piece, section.name());
        }
        String key = null;
        for (Row row : rows) {
            document.item(piece, row.getString(0), row.getString(1));
            key = row.getString(2);
        }
        if (key == null) {
            document.endList(piece);
            int following = reached.section() + 1;
            position.set(new Position(following, following < SECTIONS.size() ? SECTIONS.get(following).start() : null));
        } else {
            position.set(new Position(reached.section(), key));
        }
        return piece.toString();
    }

    private static Section section(String name, String kind, String table, String start, String... key) {
        return sectionOf(name, kind, table + " t where t.user_id = $1", start, key);
    }

    /**
     * @param rows where the rows come from, as {@code t}, with a condition
     * @param key the columns that a page is ordered by and goes on after, with their types
     */
    private static Section sectionOf(String name, String kind, String rows, String start, String... key) {
        List<String> columns = Arrays.stream(key).map(column -> "t." + column.substring(0, column.indexOf(' '))).toList();
        StringBuilder after = new StringBuilder();
        for (int i = 0; i < key.length; i++) {
            after.append(i == 0 ? "" : ", ").append("($2::text::jsonb ->> ").append(i).append(")::")
                    .append(key[i].substring(key[i].indexOf(' ') + 1));
        }
        String order = String.join(", ", columns);
        return new Section(name, "select '" + kind + "', case when p.total <= $4 then p.item end, p.key, p.total from ("
                + "select p.*, sum(octet_length(p.item)) over place as total from ("
                + "select to_jsonb(t)::text as item, json_build_array(" + order + ")::text as key,"
                + " row_number() over (order by " + order + ") as position"
                + " from " + rows + " and (" + order + ") > (" + after + ")"
                + " order by " + order + " limit $3) p window place as (order by p.position)) p"
                + " where p.total <= $4 or p.position = 1 order by p.position", start);
    }
}

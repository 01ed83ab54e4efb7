package dev.chatkeep.profile;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

import dev.chatkeep.database.Statements;
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
    /** Bytes of content a page; a message is never too large for one. */
    private static final long BYTES = 2 << 20;

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
                select s.id, m.message_timestamp, m.ordinal, m.id, octet_length(m.content)
                  from sessions s
                 cross join reached r
                 cross join lateral (
                       select m.message_timestamp, m.ordinal, m.id, m.content
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
            select case when p.ordinal = 0 then 'conversation' else 'message' end, i.item::text,
                   json_build_array(p.session_id, p.at, p.ordinal)::text
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
            section("completions", "completion", "chatkeep.completions", "[\"\"]", "id text"));

    /** Where the reading has got to: a section and the key of the last row in it. */
    private record Position(int section, String key) {
    }

    private UserExport() {
    }

    /** One document in pieces, to be joined by line breaks; none where there is no such user. */
    public static Multi<String> of(Statements reading, ExportFormat format) {
        ExportFormat.Document document = format.open();
        AtomicReference<Position> position = new AtomicReference<>(new Position(0, SECTIONS.get(0).start()));
        Multi<String> sections = Multi.createBy().repeating()
                .uni(() -> position, reached -> next(reading, reached, document))
                .whilst(piece -> position.get().section() < SECTIONS.size());
        return reading.run(HEAD).onItem().transformToMulti(rows -> rows.size() == 0 ? Multi.createFrom().empty()
                : Multi.createBy().concatenating().streams(
                        Multi.createFrom().item(document.head(rows.iterator().next().getString(0))), sections,
                        Multi.createFrom().item(document::end)))
                .select().where(piece -> !piece.isEmpty());
    }

    /** Reads a page, and moves on to where it ended. */
    private static Uni<String> next(Statements reading, AtomicReference<Position> position, ExportFormat.Document document) {
        Position reached = position.get();
        Section section = SECTIONS.get(reached.section());
        Uni<RowSet<Row>> page = section.sql() == CONVERSATIONS ? reading.run(section.sql(), reached.key(), ROWS, BYTES)
                : reading.run(section.sql(), reached.key(), ROWS);
        return page.map(rows -> {
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
        });
    }

    /** @param key the columns that a page is ordered by and goes on after, with their types */
    private static Section section(String name, String kind, String table, String start, String... key) {
        List<String> columns = Arrays.stream(key).map(column -> "t." + column.substring(0, column.indexOf(' '))).toList();
        StringBuilder after = new StringBuilder();
        for (int i = 0; i < key.length; i++) {
            after.append(i == 0 ? "" : ", ").append("($2::text::jsonb ->> ").append(i).append(")::")
                    .append(key[i].substring(key[i].indexOf(' ') + 1));
        }
        String order = String.join(", ", columns);
        return new Section(name, "select '" + kind + "', to_jsonb(t)::text, json_build_array(" + order + ")::text"
                + " from " + table + " t where t.user_id = $1 and (" + order + ") > (" + after + ")"
                + " order by " + order + " limit $3", start);
    }
}

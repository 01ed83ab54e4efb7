package dev.chatkeep.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.SqlTest;

/** What a session says of its messages equals what a recount says, whatever happened to them. */
@BesideOthers
class SessionStatsTest extends SqlTest {

    private static final Set<String> LOST_AGAINST_ANOTHER = Set.of("40P01", "40001");

    private static final String STORED = """
            select id, message_count, total_tokens, last_model, last_message_preview, last_message_timestamp
              from public.chat_sessions
             where user_id = ?
             order by id
            """;
    private static final String RECOUNTED = """
            select s.id, count(m.id)::int as message_count, coalesce(sum(m.total_tokens), 0)::bigint as total_tokens,
                   (array_agg(m.model order by m.message_timestamp desc, m.ordinal desc) filter (where m.model is not null))[1]
                       as last_model,
                   left((array_agg(m.content order by m.message_timestamp desc, m.ordinal desc))[1], 200) as last_message_preview,
                   max(m.message_timestamp) as last_message_timestamp
              from public.chat_sessions s
              left join public.chat_messages m
                on m.user_id = s.user_id and m.session_id = s.id and m.error_message is null
             where s.user_id = ?
             group by s.id
             order by s.id
            """;

    /** What a session says of its messages. */
    private record Stats(int count, long tokens, String model, String preview, Instant newest) {

        static final Stats EMPTY = new Stats(0, 0, null, null, null);
    }

    /** Users may not write the figures of a message. The triggers must be exact whoever writes. */
    @BeforeAll
    void usersMayWriteAllOfAMessage() {
        superuser.rows("grant insert, update on public.chat_messages to authenticated");
    }

    @BeforeAll
    void deadlocksAreFoundSoon() {
        superuser.rows("alter database " + database.name() + " set deadlock_timeout = '20ms'");
    }

    @BeforeEach
    void aUserWithSessions() {
        user.rows("insert into public.chat_sessions (user_id, id) select auth.uid(), 's' || i from generate_series(1, 5) i");
    }

    @Test
    void aSessionWithoutMessagesIsEmpty() {
        // When
        Stats stats = stats("s1");

        // Then
        assertThat(stats).isEqualTo(Stats.EMPTY);
    }

    @Test
    void theMessagesOfABulkInsertAreCountedUnlessTheyFailed() {
        // Given
        threeMessages();

        // When
        Stats stats = stats("s1");

        // Then
        assertThat(stats).isEqualTo(new Stats(2, 12, "a", "second", Instant.parse("2026-01-01T10:02:00Z")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            set content = 'edited' where id = 'm2'                          | 2 | 12  | a | edited | 10:02
            set content = 'edited' where id = 'm1'                          | 2 | 12  | a | second | 10:02
            set content = 'edited' where id = 'm3'                          | 2 | 12  | a | second | 10:02
            set content = 'edited'                                          | 2 | 12  | a | edited | 10:02
            set total_tokens = 100 where id = 'm1'                          | 2 | 107 | a | second | 10:02
            set total_tokens = null where id = 'm2'                         | 2 | 5   | a | second | 10:02
            set total_tokens = 100 where id = 'm3'                          | 2 | 12  | a | second | 10:02
            set total_tokens = total_tokens + 1                             | 2 | 14  | a | second | 10:02
            set message_timestamp = '2026-01-01 10:05Z' where id = 'm1'     | 2 | 12  | a | first  | 10:05
            set message_timestamp = '2026-01-01 10:00Z' where id = 'm2'     | 2 | 12  | a | first  | 10:01
            set message_timestamp = '2026-01-01 10:09Z' where id = 'm3'     | 2 | 12  | a | second | 10:02
            set message_timestamp = '2026-01-01 10:01Z' where id = 'm2'     | 2 | 12  | a | second | 10:01
            set message_timestamp = '2026-01-01 10:02Z' where id = 'm1'     | 2 | 12  | a | second | 10:02
            set message_timestamp = '2026-01-01 10:07Z'                     | 2 | 12  | a | second | 10:07
            set model = 'c' where id = 'm2'                                 | 2 | 12  | c | second | 10:02
            set model = 'c' where id = 'm1'                                 | 2 | 12  | c | second | 10:02
            set model = 'c' where id = 'm3'                                 | 2 | 12  | a | second | 10:02
            set model = null where id = 'm1'                                | 2 | 12  | - | second | 10:02
            set error_message = 'failed' where id = 'm2'                    | 1 | 5   | a | first  | 10:01
            set error_message = 'failed' where id = 'm1'                    | 1 | 7   | - | second | 10:02
            set error_message = 'failed'                                    | 0 | 0   | - | -      | -
            set error_message = 'again' where id = 'm3'                     | 2 | 12  | a | second | 10:02
            set error_message = null where id = 'm3'                        | 3 | 23  | b | third  | 10:03
            set error_message = case when id <> 'm3' then 'failed' end      | 1 | 11  | b | third  | 10:03
            set session_id = 's2' where id = 'm1'                           | 1 | 7   | - | second | 10:02
            set session_id = 's2' where id = 'm2'                           | 1 | 5   | a | first  | 10:01
            set session_id = 's2' where id = 'm3'                           | 2 | 12  | a | second | 10:02
            set session_id = 's2'                                           | 0 | 0   | - | -      | -
            set id = 'm0' where id = 'm2'                                   | 2 | 12  | a | second | 10:02
            set content = 'edited' where id = 'm9'                          | 2 | 12  | a | second | 10:02
            """)
    void updatesLeaveExactStats(String change, int count, long tokens, String model, String preview, String newest) {
        // Given
        threeMessages();

        // When
        user.rows("update public.chat_messages " + change);

        // Then
        assertThat(stats("s1")).isEqualTo(new Stats(count, tokens, model, preview, at(newest)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            set session_id = 's2' where id = 'm1'                              | 1 | 5  | a | first  | 10:01
            set session_id = 's2' where id = 'm2'                              | 1 | 7  | - | second | 10:02
            set session_id = 's2' where id = 'm3'                              | 0 | 0  | - | -      | -
            set session_id = 's2'                                              | 2 | 12 | a | second | 10:02
            set session_id = 's2', error_message = null, total_tokens = 1      | 3 | 3  | b | third  | 10:03
            set session_id = 's2', error_message = 'failed'                    | 0 | 0  | - | -      | -
            """)
    void movedMessagesCountInTheirNewSession(String change, int count, long tokens, String model, String preview,
            String newest) {
        // Given
        threeMessages();

        // When
        user.rows("update public.chat_messages " + change);

        // Then
        assertThat(stats("s2")).isEqualTo(new Stats(count, tokens, model, preview, at(newest)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            id = 'm1'          | 1 | 7  | - | second | 10:02
            id = 'm2'          | 1 | 5  | a | first  | 10:01
            id = 'm3'          | 2 | 12 | a | second | 10:02
            id in ('m1', 'm3') | 1 | 7  | - | second | 10:02
            id in ('m2', 'm3') | 1 | 5  | a | first  | 10:01
            true               | 0 | 0  | - | -      | -
            false              | 2 | 12 | a | second | 10:02
            """)
    void deletesLeaveExactStats(String which, int count, long tokens, String model, String preview, String newest) {
        // Given
        threeMessages();

        // When
        user.rows("delete from public.chat_messages where " + which);

        // Then
        assertThat(stats("s1")).isEqualTo(new Stats(count, tokens, model, preview, at(newest)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '"', textBlock = """
            'm4', 'older', '2026-01-01 10:00Z', 1, 'd', null    | 3 | 13 | a | second | 10:02
            'm4', 'newer', '2026-01-01 10:09Z', 1, 'd', null    | 3 | 13 | d | newer  | 10:09
            'm4', 'newer', '2026-01-01 10:09Z', 1, null, null   | 3 | 13 | a | newer  | 10:09
            'm4', 'newer', '2026-01-01 10:09Z', null, 'd', null | 3 | 12 | d | newer  | 10:09
            'm4', 'newer', '2026-01-01 10:09Z', 1, 'd', 'lost'  | 2 | 12 | a | second | 10:02
            'm4', '', '2026-01-01 10:09Z', 0, null, null        | 3 | 12 | a | ""     | 10:09
            'm4', 'tie', '2026-01-01 10:02Z', 1, 'd', null      | 3 | 13 | d | tie    | 10:02
            'm10', 'tie', '2026-01-01 10:02Z', 1, 'd', null     | 3 | 13 | d | tie    | 10:02
            'M9', 'tie', '2026-01-01 10:01Z', 1, 'd', null      | 3 | 13 | d | second | 10:02
            'm1', 'again', '2026-01-01 10:09Z', 1, 'd', null    | 2 | 8  | d | again  | 10:09
            'm2', 'again', '2026-01-01 10:00Z', 1, 'd', null    | 2 | 6  | a | first  | 10:01
            'm2', 'again', '2026-01-01 10:02Z', 1, 'd', 'lost'  | 1 | 5  | a | first  | 10:01
            'm3', 'again', '2026-01-01 10:04Z', 1, 'd', null    | 3 | 13 | d | again  | 10:04
            """)
    void insertsAndUpsertsLeaveExactStats(String row, int count, long tokens, String model, String preview, String newest) {
        // Given
        threeMessages();

        // When
        user.rows("""
                insert into public.chat_messages
                       (user_id, session_id, role, id, content, message_timestamp, total_tokens, model, error_message)
                values (auth.uid(), 's1', 'assistant', %s)
                on conflict (user_id, id) do update
                    set content = excluded.content, message_timestamp = excluded.message_timestamp, model = excluded.model,
                        total_tokens = excluded.total_tokens, error_message = excluded.error_message
                """.formatted(row));

        // Then
        assertThat(stats("s1")).isEqualTo(new Stats(count, tokens, model, preview, at(newest)));
    }

    @Test
    void aStatementThatDeletesAndInsertsLeavesExactStats() {
        // Given
        threeMessages();

        // When
        user.rows("""
                with gone as (delete from public.chat_messages where id = 'm2' returning *)
                insert into public.chat_messages (user_id, session_id, id, role, content, message_timestamp, total_tokens)
                select user_id, session_id, 'm4', role, 'instead', message_timestamp - interval '30 seconds', 1 from gone
                """);

        // Then
        assertThat(stats("s1")).isEqualTo(new Stats(2, 6, "a", "instead", Instant.parse("2026-01-01T10:01:30Z")));
    }

    @Test
    void aMergeLeavesExactStats() {
        // Given
        threeMessages();

        // When
        user.rows("""
                merge into public.chat_messages m
                using (values ('m1', 100), ('m2', null), ('m4', 1)) as n (id, tokens) on m.id = n.id
                when matched and n.tokens is null then delete
                when matched then update set total_tokens = n.tokens
                when not matched then
                    insert (user_id, session_id, id, role, content, message_timestamp, total_tokens)
                    values (auth.uid(), 's1', n.id, 'user', 'merged', '2026-01-01 10:04Z', n.tokens)
                """);

        // Then
        assertThat(stats("s1")).isEqualTo(new Stats(2, 101, "a", "merged", Instant.parse("2026-01-01T10:04:00Z")));
    }

    @Test
    void aBulkInsertIntoSeveralSessionsLeavesExactStatsInEach() {
        // When
        user.rows("""
                insert into public.chat_messages
                       (user_id, session_id, id, role, content, message_timestamp, total_tokens, model)
                select auth.uid(), 's' || 1 + i % 2, 'm' || i, 'assistant', 'content ' || i,
                       '2026-01-01 10:00Z'::timestamptz + i * interval '1 minute', i, 'model ' || i
                  from generate_series(1, 10) i
                """);

        // Then
        assertThat(stats("s1")).isEqualTo(new Stats(5, 30, "model 10", "content 10", Instant.parse("2026-01-01T10:10:00Z")));
        assertThat(stats("s2")).isEqualTo(new Stats(5, 25, "model 9", "content 9", Instant.parse("2026-01-01T10:09:00Z")));
    }

    @Test
    void aMessageThatIsRolledBackWasNeverThere() throws SQLException {
        // Given
        threeMessages();

        // When
        try (Connection connection = user.begin()) {
            Sql.rows(connection, "delete from public.chat_messages");
            connection.rollback();
        }

        // Then
        assertThat(stats("s1")).isEqualTo(new Stats(2, 12, "a", "second", Instant.parse("2026-01-01T10:02:00Z")));
    }

    @Test
    void thePreviewHasTwoHundredCharactersWhateverTheyAre() {
        // Given
        String content = "😀é".repeat(150);

        // When
        user.rows("insert into public.chat_messages (user_id, session_id, id, role, content) values (?, 's1', 'm1', 'user', ?)",
                id, content);

        // Then
        assertThat(stats("s1").preview()).isEqualTo("😀é".repeat(100));
    }

    @Test
    void deletingASessionDeletesItsMessages() {
        // Given
        threeMessages();

        // When
        user.rows("delete from public.chat_sessions where id = 's1'");

        // Then
        assertThat(user.rows("select from public.chat_messages")).isEmpty();
        assertThat(stored()).isEqualTo(recounted()).hasSize(4);
    }

    @Test
    void theSameSessionOfAnotherUserIsLeftAlone() {
        // Given
        UUID otherId = database.newUser();
        SqlCaller other = database.user(otherId);
        other.rows("insert into public.chat_sessions (user_id, id) values (auth.uid(), 's1')");

        // When
        threeMessages();

        // Then
        assertThat(other.rows("select message_count, total_tokens from public.chat_sessions"))
                .containsExactly(Map.of("message_count", 0, "total_tokens", 0L));
    }

    @Test
    void aBulkLoadTouchesEachSessionOnce() throws SQLException {
        // Given
        Object updated;

        // When
        try (Connection connection = superuser.begin()) {
            Sql.rows(connection, """
                    insert into public.chat_messages (user_id, session_id, id, role, content)
                    select ?, 's' || 1 + i % 2, 'm' || i, 'user', 'a' from generate_series(1, 500) i
                    """, id);
            updated = only(connection, "select n_tup_upd from pg_stat_xact_user_tables where relname = 'chat_sessions'");
        }

        // Then
        assertThat(updated).isEqualTo(2L);
    }

    @Test
    void appendingReadsNoMoreInALongSessionThanInAShortOne() throws SQLException {
        // Given
        fill("s1", 10);
        fill("s2", 10_000);

        // When
        List<Long> read = List.of(readByAppendingTo("s1"), readByAppendingTo("s2"));

        // Then
        assertThat(read.get(1)).isEqualTo(read.get(0)).isLessThan(10);
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 20, 300, 4_000, 50_000 })
    void anyHistoryOfChangesLeavesExactStats(long seed) throws SQLException {
        Random random = new Random(seed);

        try (Connection connection = user.begin()) {
            for (int i = 0; i < 300; i++) {
                String statement = i % 50 == 49 ? replacementOf("s" + (1 + random.nextInt(3))) : change(random);
                connection.createStatement().execute(statement);
                assertThat(SqlCaller.read(connection, STORED, id)).as("after change %s: %s", i, statement)
                        .isEqualTo(SqlCaller.read(connection, RECOUNTED, id));
                connection.commit();
                takeOnAgain(connection);
            }
        }

        assertThat(stored()).isEqualTo(recounted()).anyMatch(session -> (int) session.get("message_count") > 0);
    }

    @Test
    void changesOfTwelveConnectionsLeaveExactStats() throws Exception {
        // When
        List<Integer> committed = MigratedDatabase.together(12, thread -> () -> {
            Random random = new Random(thread);
            int transactions = 0;
            try (Connection connection = user.begin()) {
                while (transactions < 40) {
                    List<String> changes = IntStream.rangeClosed(0, random.nextInt(5) / 4).mapToObj(i -> change(random))
                            .toList();
                    repeatUntilCommitted(connection, changes);
                    transactions++;
                }
            }
            return transactions;
        });

        // Then
        assertThat(committed).containsOnly(40);
        assertThat(stored()).isEqualTo(recounted()).anyMatch(session -> (int) session.get("message_count") > 0);
    }

    @Test
    void bulkLoadsIntoTheSameSessionsNeverDeadlock() throws Exception {
        // When
        List<String> states = MigratedDatabase.together(12, thread -> () -> {
            List<String> sessions = IntStream.range(0, 200).mapToObj(i -> "s" + (1 + i % 5)).collect(Collectors.toList());
            Collections.shuffle(sessions, new Random(thread));
            return user.state("""
                    insert into public.chat_messages (user_id, session_id, id, role, content, total_tokens)
                    select auth.uid(), session_id, ? || '-' || i, 'user', 'a', 1
                      from unnest(string_to_array(?, ',')) with ordinality as s (session_id, i)
                    """, "thread" + thread, String.join(",", sessions));
        });

        // Then
        assertThat(states).containsOnly(SqlCaller.SUCCESS);
        assertThat(stored()).isEqualTo(recounted()).extracting(session -> session.get("message_count")).containsOnly(480);
    }

    /** Messages m1 and m2 count, m3 has failed. */
    private void threeMessages() {
        user.rows("""
                insert into public.chat_messages
                       (user_id, session_id, id, role, content, message_timestamp, total_tokens, model, error_message)
                values (auth.uid(), 's1', 'm1', 'assistant', 'first', '2026-01-01 10:01Z', 5, 'a', null),
                       (auth.uid(), 's1', 'm2', 'user', 'second', '2026-01-01 10:02Z', 7, null, null),
                       (auth.uid(), 's1', 'm3', 'assistant', 'third', '2026-01-01 10:03Z', 11, 'b', 'failed')
                """);
    }

    private void fill(String session, int messages) {
        user.rows("""
                insert into public.chat_messages (user_id, session_id, id, role, content, message_timestamp, model)
                select auth.uid(), ?, ? || i, 'user', 'a', '2026-01-01Z'::timestamptz + i * interval '1 second', 'gpt'
                  from generate_series(1, ?) i
                """, session, session, messages);
    }

    /** How many messages the append of one more reads. */
    private long readByAppendingTo(String session) throws SQLException {
        try (Connection connection = superuser.begin()) {
            Sql.rows(connection, """
                    insert into public.chat_messages (user_id, session_id, id, role, content, model)
                    values (?, ?, 'new', 'user', 'a', 'gpt')
                    """, id, session);
            return (Long) only(connection, """
                    select seq_tup_read + coalesce(idx_tup_fetch, 0)
                      from pg_stat_xact_user_tables where relname = 'chat_messages'
                    """);
        }
    }

    /** A statement that inserts, updates, moves or deletes some of forty messages in three sessions. */
    private static String change(Random random) {
        String message = "'m" + random.nextInt(40) + "'";
        String session = "'s" + (1 + random.nextInt(3)) + "'";
        String time = "'2026-01-01 10:0" + random.nextInt(10) + "Z'";
        String tokens = random.nextInt(5) == 0 ? "null" : "" + random.nextInt(50);
        String model = List.of("null", "'a'", "'b'", "'c'").get(random.nextInt(4));
        String one = "update public.chat_messages set %s where id = " + message;
        return switch (random.nextInt(16)) {
            case 0, 1, 2, 3, 4 -> insert(random, 1);
            case 5, 6 -> insert(random, 2 + random.nextInt(8));
            case 7 -> one.formatted("content = 'edited ' || " + random.nextInt(100));
            case 8 -> one.formatted("total_tokens = " + tokens);
            case 9 -> one.formatted("message_timestamp = " + time);
            case 10 -> one.formatted("error_message = case when error_message is null then 'failed' end");
            case 11 -> one.formatted("model = " + model);
            case 12 -> one.formatted("session_id = " + session);
            case 13 -> "update public.chat_messages set total_tokens = total_tokens + 1, message_timestamp = message_timestamp"
                    + " + interval '1 minute' where session_id = " + session;
            case 14 -> "delete from public.chat_messages where id = " + message;
            default -> random.nextInt(4) > 0 ? "delete from public.chat_messages where id = " + message
                    : "delete from public.chat_messages where session_id = " + session + " and message_timestamp > " + time;
        };
    }

    private static String insert(Random random, int rows) {
        String values = random.ints(0, 40).distinct().limit(rows).mapToObj(i -> {
            String tokens = random.nextInt(5) == 0 ? "null" : "" + random.nextInt(50);
            String model = List.of("null", "'a'", "'b'", "'c'").get(random.nextInt(4));
            String error = random.nextInt(5) == 0 ? "'failed'" : "null";
            return "(auth.uid(), 's%d', 'm%d', 'assistant', 'content %d', timestamptz '2026-01-01 10:0%dZ', %s::int, %s, %s)"
                    .formatted(1 + random.nextInt(3), i, random.nextInt(1000), random.nextInt(10), tokens, model, error);
        }).collect(Collectors.joining(", "));
        return "insert into public.chat_messages"
                + " (user_id, session_id, id, role, content, message_timestamp, total_tokens, model, error_message) values "
                + values
                + " on conflict (user_id, id) do update set session_id = excluded.session_id, content = excluded.content,"
                + " message_timestamp = excluded.message_timestamp, total_tokens = excluded.total_tokens,"
                + " model = excluded.model, error_message = excluded.error_message";
    }

    /** Deletes a session with its messages and makes it anew. */
    private static String replacementOf(String session) {
        return "delete from public.chat_sessions where id = '" + session + "';"
                + " insert into public.chat_sessions (user_id, id) values (auth.uid(), '" + session + "')";
    }

    private void repeatUntilCommitted(Connection connection, List<String> changes) throws SQLException {
        while (true) {
            try {
                for (String change : changes) {
                    connection.createStatement().execute(change);
                }
                connection.commit();
                takeOnAgain(connection);
                return;
            } catch (SQLException e) {
                if (!LOST_AGAINST_ANOTHER.contains(e.getSQLState())) {
                    throw e;
                }
                connection.rollback();
                takeOnAgain(connection);
            }
        }
    }

    /** The role and the claims have ended with the transaction before. */
    private void takeOnAgain(Connection connection) throws SQLException {
        Sql.rows(connection, "select set_config('role', ?, true), set_config('request.jwt.claims', ?, true)", user.role(),
                user.claims());
    }

    private List<Map<String, Object>> stored() {
        return superuser.rows(STORED, id);
    }

    private List<Map<String, Object>> recounted() {
        return superuser.rows(RECOUNTED, id);
    }

    private Stats stats(String session) {
        Map<String, Object> row = stored().stream().filter(stored -> stored.get("id").equals(session)).findFirst()
                .orElseThrow();
        return new Stats((Integer) row.get("message_count"), (Long) row.get("total_tokens"), (String) row.get("last_model"),
                (String) row.get("last_message_preview"), (Instant) row.get("last_message_timestamp"));
    }

    private static Object only(Connection connection, String sql) throws SQLException {
        return SqlCaller.read(connection, sql).get(0).values().iterator().next();
    }

    private static Instant at(String time) {
        return time == null ? null : Instant.parse("2026-01-01T" + time + ":00Z");
    }
}

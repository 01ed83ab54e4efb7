package dev.chatkeep.command;

import static dev.chatkeep.command.FirstSystem.ADA;
import static dev.chatkeep.command.FirstSystem.BOB;
import static dev.chatkeep.command.FirstSystem.CLEO;
import static dev.chatkeep.command.FirstSystem.DORA;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.command.Adoption.Line;
import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.SqlCaller;

/** A database of the first system is moved over as it was, of either age, and back. */
@BesideOthers
class AdoptionTest {

    private static final PostgresServer SERVER = PostgresServer.shared();

    private static final String[] OF_2025 = { "2025" };
    private static final String[] OF_2026 = { "2025", "2026" };

    @BeforeAll
    static void makeRoles() {
        SERVER.createMigratedDatabase();
    }

    @Test
    void profilesAreAsTheyWere() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2025);

        // When
        adopt(database);

        // Then
        assertThat(database.superuser()
                .rows("""
                        select id, full_name, subscription_tier, credits, temperature, system_prompt, default_model, allowed_models::text,
                               ui_preferences::text, created_at::text, updated_at::text, last_active::text, banned_until
                          from public.profiles where email = 'ada@example.org'"""))
                .singleElement().satisfies(ada -> assertThat(ada).containsAllEntriesOf(Map.ofEntries(
                        Map.entry("id", ADA), Map.entry("full_name", "Ada"), Map.entry("subscription_tier", "pro"),
                        Map.entry("credits", 12), Map.entry("temperature", new BigDecimal("0.30")),
                        Map.entry("system_prompt", "Be brief."), Map.entry("default_model", "house/fast"),
                        Map.entry("allowed_models", "{house/fast}"),
                        Map.entry("ui_preferences", "{\"theme\": \"light\", \"sidebar_width\": 300}"))));
        assertThat(database.superuser().column("""
                select p.id::text from public.profiles p join legacy.profiles l on l.id = p.id
                 where (p.created_at, p.updated_at, p.last_active) = (l.created_at, l.updated_at, l.last_active) order by 1"""))
                .containsExactly(ADA.toString(), BOB.toString());
    }

    @Test
    void conversationsAreAsTheyWere() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2025);

        // When
        adopt(database);

        // Then
        assertThat(database.user(ADA).rows("""
                select id, title, message_count, total_tokens, last_model, last_message_preview, stored_messages
                  from public.chat_sessions order by id""")).extracting(Map::toString).containsExactly(
                "{id=conv_1, title=Größe, message_count=2, total_tokens=21, last_model=house/fast, last_message_preview=**So** groß., stored_messages=3}",
                "{id=conv_2, title=Empty, message_count=0, total_tokens=0, last_model=null, last_message_preview=null, stored_messages=0}");
        assertThat(database.superuser()
                .column("""
                        select s.id from public.chat_sessions s join legacy.chat_sessions l on l.id = s.id
                         where (s.created_at, s.updated_at, s.last_activity) = (l.created_at, l.updated_at, l.last_activity) order by 1"""))
                .containsExactly("conv_1", "conv_2");
        assertThat(database.user(ADA)
                .rows("""
                        select id, role, content, model, total_tokens, input_tokens, output_tokens, user_message_id, content_type, elapsed_ms,
                               completion_id, error_message, metadata::text, extras
                          from public.chat_messages order by message_timestamp"""))
                .extracting(Map::toString).containsExactly(
                        "{id=msg_1, role=user, content=Wie groß?, model=null, total_tokens=9, input_tokens=9, output_tokens=0, user_message_id=null, content_type=text, elapsed_ms=0, completion_id=null, error_message=null, metadata={}, extras=null}",
                        "{id=msg_2, role=assistant, content=**So** groß., model=house/fast, total_tokens=12, input_tokens=0, output_tokens=12, user_message_id=msg_1, content_type=markdown, elapsed_ms=3000, completion_id=gen-1, error_message=null, metadata={\"legacy\": {\"requested\": true}}, extras=null}",
                        "{id=msg_3, role=user, content=And?, model=null, total_tokens=0, input_tokens=null, output_tokens=0, user_message_id=null, content_type=text, elapsed_ms=null, completion_id=null, error_message=Message failed, metadata={}, extras=null}");
        assertThat(database.superuser().column("""
                select m.id from public.chat_messages m join legacy.chat_messages l on l.id = m.id
                 where m.message_timestamp = l.message_timestamp order by 1""")).containsExactly("msg_1", "msg_2", "msg_3");
    }

    @Test
    void usageIsWhatItWas() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);

        // When
        adopt(database);

        // Then
        assertThat(database.superuser().rows("""
                select l.usage_date, l.messages_sent, l.messages_received, l.input_tokens, l.output_tokens, l.total_tokens,
                       l.models_used::text, l.sessions_created, l.estimated_cost
                  from legacy.user_usage_daily l
                except
                select u.usage_date, u.messages_sent, u.messages_received, u.input_tokens, u.output_tokens, u.total_tokens,
                       u.models_used::text, u.sessions_created, u.estimated_cost
                  from public.user_usage_daily u""")).isEmpty();
        assertThat(database.superuser().<Object> column("select usage_stats from public.profiles where id = ?", ADA))
                .containsExactly(json("{'total_messages': 40, 'total_tokens': 900, 'sessions_created': 4,"
                        + " 'last_reset': '2025-06-01T10:00:00+00:00', 'total_cost': 0.521085}"));
        assertThat(checks(database)).isEmpty();
    }

    @Test
    void answersCostWhatTheyDid() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);

        // When
        adopt(database);

        // Then
        assertThat(database.user(ADA).rows("""
                select message_id, question_id, model, question_tokens, output_tokens, cost::text from chatkeep.charges
                 where told_cost is not null and messages_received > 0 order by message_id""")).extracting(Map::toString)
                .containsExactly(
                        "{message_id=msg_6, question_id=msg_5, model=house/deep, question_tokens=100, output_tokens=50, cost=0.021050}",
                        "{message_id=msg_gone, question_id=msg_gone_q, model=house/fast, question_tokens=10, output_tokens=20, cost=0.000035}");
    }

    @Test
    void whatIsKeptWithAnAnswerComesAlong() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);

        // When
        adopt(database);

        // Then
        assertThat(database.user(ADA).<Object> column("select extras from public.chat_messages where id = 'msg_6'"))
                .containsExactly(
                        json("""
                                {'reasoning': 'Let me look.', 'has_websearch': true, 'websearch_result_count': 2,
                                 'reasoning_details': [{'type': 'reasoning.text', 'text': 'Let me look.', 'signature': null}],
                                 'annotations': [{'type': 'url_citation', 'url': 'https://example.org/a', 'title': 'A', 'start_index': 0, 'end_index': 4},
                                                 {'type': 'url_citation', 'url': 'https://example.org/b'}]}"""));
        assertThat(database.user(ADA).<Object> column("select metadata from public.chat_messages where id = 'msg_6'"))
                .containsExactly(json("{'cost': 0.02105}"));
        assertThat(database.user(ADA)
                .column("select id from public.chat_messages where session_id = 'conv_3' order by message_timestamp, ordinal"))
                .containsExactly("msg_5", "msg_6");
    }

    @Test
    void modelsOpenToTheLowestTierThatOpenedThem() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);

        // When
        adopt(database);

        // Then
        assertThat(database.superuser()
                .rows("""
                        select model_id, tier, is_active, trim_scale(input_cost_per_token)::text as input, trim_scale(output_cost_per_token)::text as output,
                               trim_scale(cached_input_cost_per_token)::text as cached, context_length, other_prices::text as others,
                               input_modalities::text as takes, supported_parameters::text as parameters,
                               extract(epoch from released_at)::bigint as released
                          from public.model_access order by model_id"""))
                .extracting(Map::toString).containsExactly(
                        "{model_id=house/auto, tier=admin, is_active=false, input=0, output=0, cached=null, context_length=8192, others={}, takes={text}, parameters={}, released=null}",
                        "{model_id=house/deep, tier=pro, is_active=true, input=0.000003, output=0.000015, cached=null, context_length=null, others={}, takes={text}, parameters={}, released=null}",
                        "{model_id=house/fast, tier=free, is_active=true, input=0.0000005, output=0.0000015, cached=0.00000005, context_length=32000, others={\"web_search\": \"0.004\"}, takes={text,image}, parameters={temperature,tools}, released=1735689600}");
    }

    @Test
    void theReportSaysWhatWasNotCopiedAndWhy() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);

        // When
        List<Line> report = adopt(database);

        // Then
        assertThat(report).contains(new Line("profiles", "copied", 3),
                new Line("profiles", "left in legacy with all that is theirs: no row in auth.users", 1),
                new Line("profiles", "banned, and stay so", 1),
                new Line("profiles", "administrators, who need app_metadata.role = \"admin\" from the issuer", 1),
                new Line("sessions", "copied", 3), new Line("sessions", "left in legacy: their user was not copied", 1),
                new Line("sessions", "left in legacy: their id is empty or too long", 1),
                new Line("messages", "copied", 5), new Line("messages", "left in legacy: their session was not copied", 1),
                new Line("messages", "changed: tokens or times taken were negative, and are unknown now", 1),
                new Line("annotations", "copied", 2), new Line("costs of answers", "copied", 2),
                new Line("days of usage", "copied", 4), new Line("activity", "copied", 1),
                new Line("activity", "left in legacy: their user was not copied", 1), new Line("models", "copied", 3),
                new Line("models", "changed: a price that is no number of money became 0", 1),
                new Line("table moderation_actions", "left in legacy", 1));
    }

    @Test
    void whatClientsSendAgainCountsNothing() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2025);
        adopt(database);
        List<Map<String, Object>> usage = usage(database);
        database.user(ADA).rows("delete from public.chat_messages where id = 'msg_1'");

        // When
        List<Map<String, Object>> stored = database.user(ADA).rows(
                """
                        select m.id from chatkeep.append_messages(?, 'conv_1', '[
                            {"id": "msg_1", "role": "user", "content": "Wie groß?", "input_tokens": 9, "timestamp": "2025-07-01T08:00:01Z"},
                            {"id": "msg_2", "role": "assistant", "content": "**So** groß.", "model": "house/fast", "output_tokens": 12,
                             "total_tokens": 12, "user_message_id": "msg_1", "contentType": "text", "timestamp": "2025-07-01T08:00:05.500Z"}]') m""",
                ADA);

        // Then
        assertThat(stored).hasSize(2);
        assertThat(usage(database)).isEqualTo(usage);
        assertThat(checks(database)).isEmpty();
    }

    @Test
    void whatIsNewCountsBesideWhatWas() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);
        adopt(database);

        // When
        database.user(ADA).rows("select id from chatkeep.append_message(?, 'conv_2', '{\"id\": \"new\", \"role\": \"user\","
                + " \"content\": \"Hello\", \"input_tokens\": 3}')", ADA);

        // Then
        assertThat(database.user(ADA).column("select (usage_stats ->> 'total_messages') from public.profiles"))
                .containsExactly("41");
        assertThat(database.user(ADA).column("select message_count::text from public.chat_sessions where id = 'conv_2'"))
                .containsExactly("1");
        assertThat(checks(database)).isEmpty();
    }

    @Test
    void bansHold() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);

        // When
        adopt(database);

        // Then
        assertThat(database.user(BOB).state("select chatkeep.create_session(?, 'b', 'B')", BOB)).isEqualTo("PT403");
        assertThat(database.user(DORA).state("select chatkeep.create_session(?, 'd', 'D')", DORA)).isEqualTo(SUCCESS);
        assertThat(database.superuser().rows(
                "select banned_at::text, ban_reason, banned_until > '9999-12-31' as for_good from public.profiles where id = ?",
                BOB)).extracting(Map::toString)
                .containsExactly("{banned_at=2026-01-05 10:00:00+00, ban_reason=Spam, for_good=true}");
    }

    @Test
    void whoSignsInHasTheirProfile() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2025);
        adopt(database);

        // When
        database.login(PostgresServer.OWNER).rows("update auth.users set email = 'ada@example.net' where id = ?", ADA);

        // Then
        assertThat(database.user(ADA).column("select email from public.profiles")).containsExactly("ada@example.net");
        assertThat(database.superuser().column("select email from legacy.profiles where id = ?", ADA))
                .containsExactly("ada@example.org");
    }

    @Test
    void whoIsErasedIsErasedInTheOldTablesAsWell() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);
        adopt(database);

        // When
        database.user(ADA).rows("select chatkeep.erase_account(?)", ADA);

        // Then
        assertThat(database.superuser().column("""
                select p.id::text from legacy.profiles p union all select c.user_id::text from legacy.message_token_costs c
                union all select s.user_id::text from legacy.chat_sessions s where s.user_id = ?""", ADA))
                .containsExactlyInAnyOrder(BOB.toString(), CLEO.toString(), DORA.toString());
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void undoGivesTheOldDatabaseBack(boolean newest) throws SQLException {
        // Given
        MigratedDatabase database = first(newest ? OF_2026 : OF_2025);
        List<String> before = FirstSystem.snapshot(SERVER, database.name());
        adopt(database);

        // When
        inTransaction(database, adoption -> {
            assertThat(adoption.obstacleToUndo(false)).isEmpty();
            adoption.undo();
            return null;
        });

        // Then
        assertThat(FirstSystem.snapshot(SERVER, database.name())).isEqualTo(before);
    }

    @Test
    void canBeDoneAgainAfterItWasUndone() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);
        List<Line> report = adopt(database);
        inTransaction(database, adoption -> {
            adoption.undo();
            return null;
        });

        // When
        List<Line> again = adopt(database);

        // Then
        assertThat(again).isEqualTo(report);
    }

    @Test
    void leavesNothingBehindWhereItFails() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2025);
        database.login(PostgresServer.OWNER).rows("create schema chatkeep");
        database.login(PostgresServer.OWNER).rows("create table chatkeep.in_the_way (id int)");
        List<String> before = FirstSystem.snapshot(SERVER, database.name());

        // When
        Throwable failure = catchThrowable(() -> adopt(database));

        // Then
        assertThat(failure).isNotNull();
        assertThat(FirstSystem.snapshot(SERVER, database.name())).isEqualTo(before);
    }

    @Test
    void anEmptyDatabaseIsNotAdopted() throws SQLException {
        // Given
        MigratedDatabase database = MigratedDatabase.empty();

        // When
        Optional<String> obstacle = inTransaction(database, Adoption::obstacle);

        // Then
        assertThat(obstacle).hasValueSatisfying(
                sentence -> assertThat(sentence).startsWith("There is nothing to adopt: the schema public"));
    }

    @Test
    void aDatabaseOfItsOwnIsNotAdopted() throws SQLException {
        // Given
        MigratedDatabase database = MigratedDatabase.create();

        // When
        Optional<String> obstacle = inTransaction(database, Adoption::obstacle);

        // Then
        assertThat(obstacle).hasValue("There is nothing to adopt: this database is Chatkeep's own already.");
    }

    @Test
    void whatWasStoredSinceIsNotLostUnasked() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2025);
        adopt(database);
        database.user(ADA).rows("select chatkeep.create_session(?, 'since', 'Since')", ADA);

        // When
        Optional<String> obstacle = inTransaction(database, adoption -> adoption.obstacleToUndo(false));

        // Then
        assertThat(obstacle).hasValueSatisfying(
                sentence -> assertThat(sentence).contains("0 users, 1 sessions and 0 messages are new or have changed"));
        Optional<String> withDiscard = inTransaction(database, adoption -> adoption.obstacleToUndo(true));
        assertThat(withDiscard).isEmpty();
    }

    @Test
    void whatOthersPutIntoPublicIsNotDropped() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2025);
        adopt(database);
        database.login(PostgresServer.OWNER).rows("create table public.notes (id int)");

        // When
        Optional<String> obstacle = inTransaction(database, adoption -> adoption.obstacleToUndo(true));

        // Then
        assertThat(obstacle).hasValue("The schema public holds what Chatkeep did not make, and would lose it: notes.");
    }

    @Test
    void migratingItWithoutAdoptSaysWhatToRun() throws SQLException {
        // Given
        MigratedDatabase database = first(OF_2026);

        // When
        Throwable failure = catchThrowable(database::migrate);

        // Then
        assertThat(StartFailure.sentence(failure)).isEqualTo("This database holds the tables of the first system: run the task"
                + " adopt, which moves it over to Chatkeep and can be undone (adopt --dry-run shows what it would do). Nothing was changed.");
    }

    private interface Work<T> {

        T run(Adoption adoption) throws SQLException;
    }

    private static MigratedDatabase first(String... ages) throws SQLException {
        return new MigratedDatabase(SERVER, FirstSystem.create(SERVER, ages));
    }

    private static List<Line> adopt(MigratedDatabase database) throws SQLException {
        FluentConfiguration configuration = Flyway.configure().locations("classpath:db/migration").defaultSchema("chatkeep")
                .schemas("chatkeep").createSchemas(true).placeholderReplacement(false);
        return inTransaction(database, adoption -> {
            assertThat(adoption.obstacle()).isEmpty();
            return adoption.adopt(configuration, () -> {
            });
        });
    }

    private static <T> T inTransaction(MigratedDatabase database, Work<T> work) throws SQLException {
        try (Connection owner = SERVER.connect(database.name(), PostgresServer.OWNER)) {
            owner.setAutoCommit(false);
            T result = work.run(new Adoption(owner));
            owner.commit();
            return result;
        }
    }

    private static List<Map<String, Object>> usage(MigratedDatabase database) {
        return database.superuser()
                .rows("""
                        select u.usage_date, u.messages_sent, u.messages_received, u.input_tokens, u.output_tokens, u.estimated_cost, p.usage_stats::text
                          from public.profiles p left join public.user_usage_daily u on u.user_id = p.id order by p.id, u.usage_date""");
    }

    private static List<Map<String, Object>> checks(MigratedDatabase database) {
        SqlCaller service = database.service();
        return database.superuser().<Object> column("select id from public.profiles").stream()
                .flatMap(id -> service.rows("select * from chatkeep.check_usage(?)", id).stream()).toList();
    }
}

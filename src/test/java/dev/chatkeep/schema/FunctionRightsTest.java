package dev.chatkeep.schema;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.SqlCaller;

/** Who may call what of schema chatkeep, beyond what {@link RowLevelSecurityTest} has of conversations. */
@BesideOthers
class FunctionRightsTest {

    private static MigratedDatabase database;

    private UUID annId;
    private UUID bobId;
    private SqlCaller ann;

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
        database.superuser()
                .rows("insert into public.model_access (model_id, tier, input_cost_per_token) values ('gpt', 'pro', 2)");
    }

    @BeforeEach
    void twoUsers() {
        annId = database.newUser();
        bobId = database.newUser("pro");
        ann = database.user(annId);
        database.user(bobId).rows("select public.sync_user_conversations(?, ?::jsonb)", bobId, json("""
                [{'id': 's1', 'messages': [{'id': 'm1', 'role': 'assistant', 'content': 'a', 'model': 'gpt'}]}]
                """).toString());
    }

    /** Functions about one user, whose id is the parameter. */
    static List<String> functionsOfAUser() {
        return List.of(
                "select * from chatkeep.unit_costs(?, '{gpt}')",
                "select chatkeep.account(?)",
                "select chatkeep.record_export(?)",
                "select chatkeep.erase_account(?)",
                "select chatkeep.put_user_data(?, '{\"ui\": {\"theme\": \"dark\"}}')",
                "select chatkeep.models_of_user(?)",
                "select chatkeep.access_to_model(?, 'gpt')",
                "select chatkeep.usage_by_day(?, '2026-01-01', '2026-01-02')",
                "select chatkeep.usage_of_models(?, '2026-01-01', '2026-01-02')",
                "select chatkeep.usage_summary(?)",
                "select * from chatkeep.answers_used(?, 'gpt')",
                "select chatkeep.calls_before_erasure(?)",
                "select chatkeep.requests_before_erasure(?)",
                "select chatkeep.begin_completion(?, '{\"id\": \"r1\", \"model\": \"gpt\", \"lease_seconds\": 60, \"prompt_tokens\": 0}')",
                "select chatkeep.begin_write(?)",
                "select chatkeep.begin_removal(?)",
                "select chatkeep.create_session(?, 's9', null)",
                "select public.sync_user_conversations(?, '[]')");
    }

    /** Functions about others or about the system; a user's id stands in for %1$s. */
    static List<String> functionsOfAdministrators() {
        return List.of(
                "select chatkeep.admin_users(null, null, 10, null, null)",
                "select chatkeep.admin_user('%1$s')",
                "select chatkeep.admin_change_user('%1$s', 'enterprise', 5, false, null, null)",
                "select chatkeep.admin_models(null, null, 10, null, null)",
                "select chatkeep.admin_create_model(jsonb_build_object('model_id', gen_random_uuid(), 'tier', 'free'))",
                "select chatkeep.admin_change_model((select id from public.model_access where model_id = 'gpt'), '{\"daily_limit\": 3}')",
                "select chatkeep.admin_import_models('free', '[]')",
                "select chatkeep.admin_stats('2026-01-01', '2026-01-02')",
                "select chatkeep.admin_overview('2026-01-01', '2026-01-02')",
                "select chatkeep.admin_top_models('2026-01-01', '2026-01-02')",
                "select chatkeep.cleanup_activity_batch('-infinity', '-infinity', 1)",
                "select chatkeep.cleanup_usage_batch('-infinity', '-infinity', 1)",
                "select chatkeep.cleanup_conversations_batch('-infinity', '-infinity', 1)",
                "select chatkeep.claim_job('of %1$s', now())",
                "select chatkeep.check_usage('%1$s')",
                "select chatkeep.repair_usage('%1$s')",
                "select chatkeep.finish_job('of %1$s', now(), '{}')",
                "select chatkeep.log_system_event('tested', null, null, '{}')",
                "select public.log_user_activity(null, 'tested')");
    }

    /** Functions that others are built of. */
    static List<String> functionsOfNobody() {
        return List.of(
                "select chatkeep.account_hash('%1$s')",
                "select chatkeep.models_of_tier('free')",
                "select chatkeep.usage_by_model_kept_from(now())",
                "select chatkeep.is_charged_since('%1$s', '2026-01-01', now())",
                "select chatkeep.record_system_stats()",
                "select chatkeep.book_day(null, 0, 0)",
                "select chatkeep.book_model(null)",
                "select chatkeep.nothing_today('%1$s')",
                "select chatkeep.book_totals('%1$s', 1, 1, 1, 1)",
                "select chatkeep.charge_questions('%1$s', '{m1}')",
                "select chatkeep.booking_day(now())",
                "select chatkeep.unpriced_tokens(null)",
                "select chatkeep.change_session_stats(null)",
                "select chatkeep.change_sessions('{}')",
                "select chatkeep.change_stored('%1$s', 1, 1, 1)",
                "select chatkeep.count_stored_sessions()",
                "select chatkeep.update_message_timestamp()",
                "select chatkeep.repair_stored('%1$s')",
                "select chatkeep.require_room('%1$s', 1, 1, 1, 1, 1, 1)",
                "select chatkeep.require_more_room('%1$s', 1, 1)",
                "select chatkeep.conversations_without_room('%1$s', '{}', '{}')",
                "select chatkeep.model_json(null)",
                "select chatkeep.catalog_changed()",
                "select chatkeep.check_profile_sizes()",
                "select chatkeep.write_log('%1$s', 'tested', null, null, '{}')",
                "select chatkeep.keep_calls_of_erased('%1$s')",
                "select chatkeep.require_not_banned('%1$s')",
                "select chatkeep.count_sessions('%1$s', '{s9}')",
                "select chatkeep.charge_message('%1$s', null)",
                "select chatkeep.book(null)",
                "select chatkeep.charge_messages('%1$s', '{}')",
                "select chatkeep.charge_call('%1$s', null, null, 'm3', 1, 1, '{}')",
                "select chatkeep.is_unnamed(null)",
                "select chatkeep.admit_call('{}', null, 1, now())",
                "select chatkeep.move_charge('%1$s', 'r1', 'm2')",
                "select chatkeep.cost_note(null)",
                "select chatkeep.answer_cost(null)",
                "select chatkeep.read_messages(1, 's1', '[]')",
                "select chatkeep.read_message('s1', '{}')",
                "select chatkeep.merge_messages('%1$s', '{}')",
                "select chatkeep.store_messages('%1$s', '{}')",
                "select chatkeep.write_messages('%1$s', '{}')",
                "select chatkeep.before_message('%1$s', null)",
                "select chatkeep.insert_message('%1$s', null, false)",
                "select chatkeep.recognise_answers('%1$s', '{}')",
                "select chatkeep.check_conversations('%1$s', '{}')",
                "select chatkeep.messages_of_batch('{}', '{}')",
                "select chatkeep.refused_conversations('%1$s', '{}')",
                "select chatkeep.create_sessions_of_batch('%1$s', '{}', '{}')",
                "select chatkeep.retitle_sessions_of_batch('%1$s', '{}')",
                "select chatkeep.store_messages_of_batch('%1$s', '{}', '{}', false)",
                "select chatkeep.sync_batch('%1$s', '{}', '{}')",
                "select chatkeep.sync_isolating('%1$s', '{}', '{}')",
                "select chatkeep.refusals('{}', '{}', '{}', '')",
                "select chatkeep.last_of_each('{}')",
                "select chatkeep.is_faulty('{}')",
                "select chatkeep.policies_of_call('%1$s', null, 1, now())",
                "select chatkeep.refusal('[]', 1)",
                "select chatkeep.less_remaining('[]', 1, 1)",
                "select chatkeep.title_of('a')",
                "select chatkeep.store_question('%1$s', 's1', '{}', 'gpt', now())",
                "select chatkeep.context_of('%1$s', 's1', 'q1', 1)",
                "select chatkeep.question_id('%1$s', 's1', '{}')",
                "select chatkeep.is_behind_time('%1$s', null)",
                "select chatkeep.earlier_call('%1$s', '{}', 'q1')",
                "select chatkeep.in_order('%1$s', '{}')",
                "select chatkeep.enter_question('%1$s', 's1', '{}', 'gpt', now())",
                "select chatkeep.settle_question('%1$s', null, null, null)",
                "select chatkeep.uploaded_answer('%1$s', null, 'c', 'a')",
                "select chatkeep.store_answer('%1$s', null, 'm3', '{}', null)",
                "select chatkeep.storable_result('{}')",
                "select chatkeep.settle_completion('%1$s', null, '{}', true, null)",
                "select chatkeep.give_up_completion('%1$s', 'r1', true, null)");
    }

    static Stream<String> allFunctions() {
        return Stream.of(functionsOfAUser(), functionsOfAdministrators(), functionsOfNobody()).flatMap(List::stream);
    }

    static Stream<Arguments> allowedCalls() {
        return Stream.concat(
                calls(functionsOfAUser().stream(), Who.BOB, Who.ADMINISTRATOR, Who.SERVICE),
                calls(functionsOfAdministrators().stream(), Who.ADMINISTRATOR, Who.SERVICE));
    }

    static Stream<Arguments> internalCalls() {
        return calls(functionsOfNobody().stream(), Who.ANN, Who.ADMINISTRATOR, Who.SERVICE);
    }

    static Stream<Arguments> callsByNobody() {
        return calls(allFunctions(), Who.WITHOUT_CLAIMS, Who.WITHOUT_A_ROLE, Who.ANON);
    }

    /** What users may call besides: about nobody but the caller, or tested in {@link RowLevelSecurityTest}. */
    private static final Set<String> OTHERS = Set.of("claims", "caller_role", "is_service", "is_admin", "require_caller",
            "require_admin", "require_account", "actor", "iso", "tier_rank", "open_models", "schema_version",
            "missing_migrations", "json_bytes",
            "clean_json", "sign_in", "user_data", "quotas_of_tier", "begin_write", "create_session", "append_message",
            "append_messages",
            "completion");

    @ParameterizedTest
    @MethodSource("functionsOfAUser")
    void noUserActsForAnother(String sql) {
        // Given
        Map<String, Object> before = rowsOf(bobId);

        // When
        String state = ann.state(sql, bobId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(rowsOf(bobId)).isEqualTo(before);
    }

    @ParameterizedTest
    @MethodSource("functionsOfAUser")
    void aMissingUserIsNotTakenForTheCaller(String sql) {
        // Given
        SqlCaller nobody = database.as("authenticated", "{}");

        // When
        String state = nobody.state(sql, (Object) null);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @MethodSource("allowedCalls")
    void thoseWhomAFunctionIsForMayCallIt(Who who, String sql) {
        // When
        String state = state(who.caller(this), sql, bobId);

        // Then
        assertThat(state).isEqualTo(SUCCESS);
    }

    @ParameterizedTest
    @MethodSource("functionsOfAdministrators")
    void usersMayNotCallFunctionsOfAdministrators(String sql) {
        // Given
        Map<String, Object> before = rowsOf(annId);

        // When
        String state = ann.state(sql.formatted(annId));

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
        assertThat(rowsOf(annId)).isEqualTo(before);
    }

    @ParameterizedTest
    @MethodSource("functionsOfAdministrators")
    void theTierNamedAdminDoesNotMakeAnAdministrator(String sql) {
        // Given
        UUID id = database.newUser("admin");

        // When
        String state = database.user(id).state(sql.formatted(id));

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @MethodSource("internalCalls")
    void nobodyMayCallInternalFunctions(Who who, String sql) {
        // When
        String state = state(who.caller(this), sql, annId);

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @MethodSource("callsByNobody")
    void aCallerWithoutAnIdentityMayCallNothing(Who who, String sql) {
        // When
        String state = who.caller(this).state(with(sql, bobId));

        // Then
        assertThat(state).isEqualTo(INSUFFICIENT_PRIVILEGE);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "select chatkeep.cached('a')",
            "select chatkeep.cache('a', '1', null)",
            "select chatkeep.forget('')",
            "select chatkeep.checkpoint_completions('[]', 60)",
            "select chatkeep.finish_completion(gen_random_uuid(), '{\"id\": \"r1\", \"state\": \"released\"}')",
            "select chatkeep.recover_completions(1)" })
    void cacheAndRunningCallsAreForTheServiceAlone(String sql) {
        // Given
        List<SqlCaller> callers = List.of(ann, database.admin(annId), database.as("authenticated", ""), database.service());

        // When
        List<String> states = callers.stream().map(caller -> caller.state(sql)).toList();

        // Then
        assertThat(states).containsExactly(INSUFFICIENT_PRIVILEGE, INSUFFICIENT_PRIVILEGE, INSUFFICIENT_PRIVILEGE, SUCCESS);
    }

    @Test
    void nobodyIsShownTheDataOfAnother() {
        // When
        Object data = ann.value("select chatkeep.user_data(?)", bobId);

        // Then
        assertThat(data).isNull();
    }

    @Test
    void nobodyIsShownTheCallsOfAnother() {
        // Given
        database.service().rows("select chatkeep.begin_completion(?, '{\"id\": \"r1\", \"model\": \"gpt\","
                + " \"lease_seconds\": 60, \"prompt_tokens\": 0}')", bobId);

        // When
        Object call = ann.value("select chatkeep.completion(?, 'r1')", bobId);

        // Then
        assertThat(call).isNull();
    }

    @Test
    void usersCannotMakeThemselvesAdministratorsThroughPreferences() {
        // When
        JsonNode data = ann.value("""
                select chatkeep.put_user_data(?, '{"model": {"subscription_tier": "admin", "credits": 1000}}') -> 'profile'
                """, annId);

        // Then
        assertThat(data.get("subscription_tier")).isEqualTo(json("'free'"));
        assertThat(data.get("credits")).isEqualTo(json("0"));
    }

    @Test
    void everyFunctionThatUsersMayCallIsAmongThoseTestedHere() {
        // Given
        Set<String> tested = Stream.of(functionsOfAUser(), functionsOfAdministrators()).flatMap(List::stream)
                .filter(sql -> sql.contains("chatkeep.")).map(FunctionRightsTest::name)
                .collect(Collectors.toSet());
        tested.addAll(OTHERS);

        // When
        List<String> granted = database.superuser().column("""
                select distinct proname::text from pg_proc
                 where pronamespace = 'chatkeep'::regnamespace and has_function_privilege('authenticated', oid, 'execute')
                """);

        // Then
        assertThat(granted).containsExactlyInAnyOrderElementsOf(tested);
    }

    private static Stream<Arguments> calls(Stream<String> functions, Who... callers) {
        return functions.flatMap(sql -> Stream.of(callers).map(who -> Arguments.of(who, sql)));
    }

    /** How the call about the user ends. */
    private static String state(SqlCaller caller, String sql, UUID id) {
        return sql.contains("?") ? caller.state(sql, id) : caller.state(sql.formatted(id));
    }

    /** The name of the function that a statement calls. */
    private static String name(String sql) {
        Matcher call = Pattern.compile("chatkeep\\.([a-z_]+)\\(").matcher(sql);
        return call.find() ? call.group(1) : sql;
    }

    private static String with(String sql, UUID id) {
        return sql.replace("?", "'" + id + "'").replace("%1$s", id.toString());
    }

    private static Map<String, Object> rowsOf(UUID id) {
        return database.superuser()
                .rows("""
                        select to_jsonb(p) as profile,
                               (select jsonb_agg(to_jsonb(l) order by l.id) from public.user_activity_log l where l.user_id = p.id) as log,
                               (select jsonb_agg(to_jsonb(s)) from public.chat_sessions s where s.user_id = p.id) as sessions,
                               (select jsonb_agg(to_jsonb(m)) from public.chat_messages m where m.user_id = p.id) as messages,
                               (select jsonb_agg(to_jsonb(u)) from chatkeep.usage_by_model u where u.user_id = p.id) as usage,
                               (select jsonb_agg(to_jsonb(c)) from chatkeep.completions c where c.user_id = p.id) as calls,
                               (select jsonb_agg(to_jsonb(k)) from chatkeep.charges k where k.user_id = p.id) as charges,
                               (select count(*) from chatkeep.data_requests r where r.account = chatkeep.account_hash(p.id)) as requests
                          from public.profiles p
                         where p.id = ?
                        """,
                        id)
                .get(0);
    }

    /** Ann is a user, Bob the user whom the calls are about, and the last three are nobody. */
    private enum Who {

        ANN(test -> test.ann),
        BOB(test -> database.user(test.bobId)),
        ADMINISTRATOR(test -> database.admin(test.annId)),
        SERVICE(test -> database.service()),
        WITHOUT_CLAIMS(test -> database.as("authenticated", "")),
        WITHOUT_A_ROLE(test -> database.login(PostgresServer.LOGIN)),
        ANON(test -> new SqlCaller(database.server(), database.name(), "postgres", "anon", "{\"role\": \"anon\"}"));

        private final Function<FunctionRightsTest, SqlCaller> caller;

        Who(Function<FunctionRightsTest, SqlCaller> caller) {
            this.caller = caller;
        }

        SqlCaller caller(FunctionRightsTest test) {
            return caller.apply(test);
        }
    }
}

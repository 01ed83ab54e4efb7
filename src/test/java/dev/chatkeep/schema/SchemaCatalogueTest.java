package dev.chatkeep.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.SqlCaller;

/** What the catalogue of a migrated database must say: the names that others rely on, and who may do what. */
@BesideOthers
class SchemaCatalogueTest {

    private static final String OUR_TABLES = """
            select n.nspname || '.' || c.relname as name, c.*
              from pg_class c
              join pg_namespace n on n.oid = c.relnamespace
             where n.nspname in ('public', 'chatkeep', 'auth') and c.relkind in ('r', 'p', 'v', 'm')
            """;
    private static final String OUR_FUNCTIONS = """
            select n.nspname || '.' || p.proname as name, p.*
              from pg_proc p
              join pg_namespace n on n.oid = p.pronamespace
             where n.nspname in ('public', 'chatkeep', 'auth')
            """;
    /** Made by Flyway, not by the migrations; nobody but the owner has a right on it. */
    private static final String HISTORY = "chatkeep.flyway_schema_history";

    private static SqlCaller superuser;

    @BeforeAll
    static void migrate() {
        superuser = MigratedDatabase.create().superuser();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            auth.users               | id uuid, email varchar, raw_user_meta_data jsonb, raw_app_meta_data jsonb, last_sign_in_at timestamptz, created_at timestamptz, updated_at timestamptz
            public.profiles          | id uuid, email varchar(255), full_name varchar(255), avatar_url text, default_model varchar(100), temperature numeric(3,2), system_prompt text, subscription_tier varchar(20), credits int4, allowed_models _text, ui_preferences jsonb, session_preferences jsonb, usage_stats jsonb, created_at timestamptz, updated_at timestamptz, last_active timestamptz
            public.user_activity_log | id uuid, user_id uuid, action varchar(50), resource_type varchar(50), resource_id text, details jsonb, timestamp timestamptz, ip_address inet, user_agent text
            public.chat_sessions     | user_id uuid, id text, title varchar(255), message_count int4, total_tokens int8, last_model varchar(100), last_message_preview text, last_message_timestamp timestamptz, is_active bool, created_at timestamptz, updated_at timestamptz, last_activity timestamptz
            public.chat_messages     | user_id uuid, id text, session_id text, role text, content text, model varchar(100), total_tokens int4, input_tokens int4, output_tokens int4, user_message_id text, content_type text, elapsed_ms int4, completion_id varchar(255), message_timestamp timestamptz, error_message text, is_streaming bool, metadata jsonb, ordinal int8
            public.user_usage_daily  | id uuid, user_id uuid, usage_date date, messages_sent int8, messages_received int8, input_tokens int8, output_tokens int8, total_tokens int8, models_used jsonb, sessions_created int8, active_minutes int8, estimated_cost numeric(14,6), created_at timestamptz, updated_at timestamptz
            public.model_access      | id uuid, model_id varchar(100), tier varchar, is_active bool, input_cost_per_token numeric(20,12), output_cost_per_token numeric(20,12), daily_limit int4, monthly_limit int4, model_name varchar, model_description text, model_tags _text, created_at timestamptz, updated_at timestamptz
            public.system_cache      | cache_key varchar(255), cache_value jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz
            public.system_stats      | id uuid, stat_date date, total_users int8, active_users_today int8, new_users_today int8, total_conversations int8, total_messages int8, total_tokens int8, database_size_mb numeric, created_at timestamptz
            """)
    void tablesHaveTheColumnsThatTheSpecificationNames(String table, String columns) {
        // Given
        List<String> expected = List.of(columns.split(", (?=[a-z])"));

        // When
        List<String> actual = superuser.column(
                """
                        select a.attname || ' ' || t.typname || coalesce(substring(format_type(a.atttypid, a.atttypmod) from '\\(.*\\)'), '')
                          from pg_attribute a
                          join pg_type t on t.oid = a.atttypid
                         where a.attrelid = ?::regclass and a.attnum > 0 and not a.attisdropped
                        """,
                table);

        // Then
        assertThat(actual.stream().map(column -> withoutOpenLength(column, expected))).containsAll(expected);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            auth.users               | PRIMARY KEY (id)
            public.profiles          | PRIMARY KEY (id)
            public.profiles          | FOREIGN KEY (id) REFERENCES auth.users(id) ON DELETE CASCADE
            public.user_activity_log | PRIMARY KEY (id)
            public.user_activity_log | FOREIGN KEY (user_id) REFERENCES profiles(id) ON DELETE CASCADE
            public.chat_sessions     | PRIMARY KEY (user_id, id)
            public.chat_sessions     | FOREIGN KEY (user_id) REFERENCES profiles(id) ON DELETE CASCADE
            public.chat_messages     | PRIMARY KEY (user_id, id)
            public.chat_messages     | FOREIGN KEY (user_id, session_id) REFERENCES chat_sessions(user_id, id) ON DELETE CASCADE
            public.user_usage_daily  | PRIMARY KEY (id)
            public.user_usage_daily  | UNIQUE (user_id, usage_date)
            public.user_usage_daily  | FOREIGN KEY (user_id) REFERENCES profiles(id) ON DELETE CASCADE
            public.model_access      | PRIMARY KEY (id)
            public.model_access      | UNIQUE (model_id, tier)
            public.system_cache      | PRIMARY KEY (cache_key)
            public.system_stats      | PRIMARY KEY (id)
            public.system_stats      | UNIQUE (stat_date)
            """)
    void tablesHaveTheKeysThatTheSpecificationNames(String table, String key) {
        // When
        List<String> keys = superuser.column("""
                select pg_get_constraintdef(oid) from pg_constraint where conrelid = ?::regclass and contype in ('p', 'u', 'f')
                """, table);

        // Then
        assertThat(keys).contains(key);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "auth.uid() returns uuid",
            "auth.role() returns text",
            "auth.jwt() returns jsonb",
            "public.update_updated_at_column() returns trigger",
            "public.handle_user_profile_sync() returns trigger",
            "public.update_session_stats() returns trigger",
            "public.update_session_timestamp() returns trigger",
            "public.log_user_activity(p_user_id uuid, p_action character varying,"
                    + " p_resource_type character varying DEFAULT NULL::character varying,"
                    + " p_resource_id text DEFAULT NULL::text, p_details jsonb DEFAULT '{}'::jsonb) returns uuid",
            "public.sync_profile_from_auth(user_uuid uuid) returns jsonb",
            "public.get_user_recent_sessions(user_uuid uuid, session_limit integer DEFAULT 10)"
                    + " returns TABLE(id text, title character varying, message_count integer, total_tokens bigint,"
                    + " last_model character varying, last_message_preview text, last_message_timestamp timestamp with time zone,"
                    + " is_active boolean, created_at timestamp with time zone, updated_at timestamp with time zone,"
                    + " last_activity timestamp with time zone)",
            "public.get_session_with_messages(session_text_id text, requesting_user_uuid uuid) returns jsonb",
            "public.sync_user_conversations(user_uuid uuid, conversations_data jsonb) returns jsonb",
            "public.track_user_usage(p_user_id uuid, p_messages_sent integer DEFAULT 0, p_messages_received integer DEFAULT 0,"
                    + " p_input_tokens integer DEFAULT 0, p_output_tokens integer DEFAULT 0,"
                    + " p_model_used character varying DEFAULT NULL::character varying, p_session_created boolean DEFAULT false,"
                    + " p_active_minutes integer DEFAULT 0) returns void",
            "public.get_user_allowed_models(user_uuid uuid) returns TABLE(model_id character varying,"
                    + " model_name character varying, model_description text, model_tags text[], input_cost_per_token numeric,"
                    + " output_cost_per_token numeric, daily_limit integer, monthly_limit integer)",
            "public.can_user_use_model(user_uuid uuid, model_to_check character varying) returns boolean",
            "public.update_user_tier(user_uuid uuid, new_tier character varying) returns jsonb",
            "public.jsonb_deep_merge(a jsonb, b jsonb) returns jsonb",
            "public.update_user_preferences(user_uuid uuid, preference_type character varying, preferences jsonb) returns jsonb",
            "public.get_user_complete_profile(user_uuid uuid) returns jsonb",
            "public.cleanup_old_data(days_to_keep integer DEFAULT 90) returns jsonb",
            "public.export_user_data(user_uuid uuid) returns jsonb",
            "public.analyze_database_health() returns jsonb" })
    void functionsHaveTheNamesArgumentsAndResultsThatTheSpecificationGives(String signature) {
        // When
        List<String> signatures = superuser.column(
                "select name || '(' || pg_get_function_arguments(oid) || ') returns ' || pg_get_function_result(oid) from ("
                        + OUR_FUNCTIONS + ") f");

        // Then
        assertThat(signatures).contains(signature);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            update_profiles_updated_at | public.profiles      | BEFORE INSERT OR UPDATE | update_updated_at_column()
            on_auth_user_profile_sync  | auth.users           | AFTER INSERT OR UPDATE  | handle_user_profile_sync()
            on_session_updated         | public.chat_sessions | BEFORE UPDATE           | update_session_timestamp()
            on_message_change          | public.chat_messages | AFTER INSERT            | update_session_stats()
            """)
    void triggersCallTheFunctionsThatTheSpecificationNames(String trigger, String table, String event, String function) {
        // When
        String definition = superuser.value(
                "select pg_get_triggerdef(oid) from pg_trigger where tgname = ? and tgrelid = ?::regclass and tgenabled = 'O'",
                trigger, table);

        // Then
        assertThat(definition).contains(" " + event + " ON " + table + " ").endsWith(" EXECUTE FUNCTION " + function);
    }

    @Test
    void everyChangeOfAMessageUpdatesTheStatsOfItsSession() {
        // When
        List<String> events = superuser.column("""
                select event_manipulation
                  from information_schema.triggers
                 where event_object_schema = 'public' and event_object_table = 'chat_messages' and action_timing = 'AFTER'
                   and trigger_name like 'on\\_message\\_change%' and action_statement like '%update_session_stats()'
                """);

        // Then
        assertThat(events).containsExactlyInAnyOrder("INSERT", "UPDATE", "DELETE");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\'', textBlock = """
            idx_profiles_email                  | profiles USING btree (email)
            idx_profiles_last_active            | profiles USING btree (last_active)
            idx_profiles_subscription_tier      | profiles USING btree (subscription_tier)
            idx_activity_log_user_id            | user_activity_log USING btree (user_id)
            idx_activity_log_timestamp          | user_activity_log USING btree ("timestamp")
            idx_activity_log_action             | user_activity_log USING btree (action)
            idx_chat_sessions_user_id           | chat_sessions USING btree (user_id)
            idx_chat_sessions_updated_at        | chat_sessions USING btree (updated_at DESC)
            idx_chat_sessions_user_updated      | chat_sessions USING btree (user_id, updated_at DESC)
            idx_chat_messages_session_id        | chat_messages USING btree (session_id)
            idx_chat_messages_timestamp         | chat_messages USING btree (message_timestamp)
            idx_chat_messages_session_timestamp | chat_messages USING btree (session_id, message_timestamp)
            idx_chat_messages_completion_id     | chat_messages USING btree (completion_id)
            idx_chat_messages_user_message_id   | chat_messages USING btree (user_message_id) WHERE (user_message_id IS NOT NULL)
            idx_chat_messages_tokens_role       | chat_messages USING btree (role, input_tokens, output_tokens) WHERE ((input_tokens > 0) OR (output_tokens > 0))
            idx_usage_daily_user_date           | user_usage_daily USING btree (user_id, usage_date DESC)
            idx_usage_daily_date                | user_usage_daily USING btree (usage_date DESC)
            idx_model_access_tier               | model_access USING btree (tier, is_active)
            idx_model_access_model_id           | model_access USING btree (model_id, is_active)
            idx_system_cache_expires            | system_cache USING btree (expires_at) WHERE (expires_at IS NOT NULL)
            idx_system_stats_date               | system_stats USING btree (stat_date DESC)
            """)
    void indexesCoverTheColumnsThatTheSpecificationNames(String index, String columns) {
        // When
        String definition = superuser.value("select indexdef from pg_indexes where schemaname = 'public' and indexname = ?",
                index);

        // Then
        assertThat(definition).isEqualTo("CREATE INDEX " + index + " ON public." + columns);
    }

    @Test
    void theSummaryOfUsersReadsWithTheRightsOfWhoeverAsks() {
        // When
        List<String> options = superuser
                .value("select reloptions from pg_class where oid = 'public.api_user_summary'::regclass and relkind = 'v'");

        // Then
        assertThat(options).contains("security_invoker=true");
    }

    @Test
    void everyTableHasRowLevelSecurity() {
        // When
        List<String> open = superuser.column("select name from (" + OUR_TABLES
                + ") t where relkind in ('r', 'p') and not relrowsecurity and name <> ?", HISTORY);

        // Then
        assertThat(open).isEmpty();
    }

    @Test
    void nobodyButItsOwnerHasARightOnTheHistoryOfMigrations() {
        // When
        List<String> privileged = superuser.column("""
                select distinct grantee::regrole::text
                  from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner)))
                 where c.oid = ?::regclass
                """, HISTORY);

        // Then
        assertThat(privileged).containsExactly(PostgresServer.OWNER);
    }

    /**
     * Types are found in pg_temp first unless it is named, so it is named last. A body that is no text (prosqlbody) needs none:
     * what its names mean was settled when it was made.
     */
    @Test
    void everyFunctionHasAPinnedSearchPath() {
        // When
        List<String> unpinned = superuser.column("select name from (" + OUR_FUNCTIONS + """
                ) f where f.prosqlbody is null and not coalesce('search_path=pg_catalog, pg_temp' = any (f.proconfig), false)
                """);

        // Then
        assertThat(unpinned).isEmpty();
    }

    @Test
    void everyForeignKeyHasAnIndexThatBeginsWithItsColumns() {
        // When
        List<String> unindexed = superuser.column("""
                select f.conname
                  from pg_constraint f
                 where f.contype = 'f'
                   and not exists (
                       select from pg_index i
                        where i.indrelid = f.conrelid and i.indpred is null and i.indisvalid
                          and (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey)
                """);

        // Then
        assertThat(unindexed).isEmpty();
    }

    @Test
    void noIndexIsOnUnboundedText() {
        // When
        List<String> unbounded = superuser.column("""
                select i.indexrelid::regclass::text || ' (' || a.attname || ')'
                  from pg_index i
                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                 where i.indrelid in (select oid from (%s) t)
                   and a.atttypid = 'text'::regtype and i.indrelid <> 'chatkeep.flyway_schema_history'::regclass
                   and not exists (select from pg_constraint c
                                    where c.conrelid = i.indrelid and c.contype = 'c' and c.conkey = array [a.attnum]
                                      and pg_get_constraintdef(c.oid) ~ 'char_length|= ANY')
                   and not exists (select from pg_constraint c
                                    where c.conrelid = i.indrelid and c.contype = 'f' and a.attnum = any (c.conkey))
                """.formatted(OUR_TABLES));

        // Then
        assertThat(unbounded).containsExactlyInAnyOrder(
                // The names of jobs stand in the code.
                "chatkeep.job_runs_pkey (job)",
                // Filled by a trigger alone, from ids that are bounded.
                "chatkeep.counted_sessions_pkey (session_id)");
    }

    @Test
    void noFunctionIsOpenToThePublic() {
        // When
        List<String> open = superuser.column("select name from (" + OUR_FUNCTIONS + """
                ) f where exists (select from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
                                   where a.grantee = 0)
                """);

        // Then
        assertThat(open).isEmpty();
    }

    @Test
    void noFunctionButThoseThatReadItsOwnClaimsIsOpenToAnon() {
        // When
        List<String> open = superuser
                .column("select name from (" + OUR_FUNCTIONS + ") f where has_function_privilege('anon', oid, 'execute')");

        // Then
        assertThat(open).containsExactlyInAnyOrder("auth.jwt", "auth.role", "auth.uid");
    }

    @ParameterizedTest
    @ValueSource(strings = { "anon", "chatkeep_app" })
    void neitherAnonNorTheLoginOfTheServiceHasARightOnATable(String role) {
        // When
        List<String> open = superuser.column("select name from (" + OUR_TABLES + """
                ) t where has_any_column_privilege('%1$s', oid, 'select, insert, update, references')
                       or has_table_privilege('%1$s', oid, 'delete, truncate, trigger')
                """.formatted(role));

        // Then
        assertThat(open).isEmpty();
    }

    @Test
    void usersMayNeitherTruncateTablesNorPutTriggersOnThem() {
        // When
        List<String> open = superuser.column(
                "select name from (" + OUR_TABLES + ") t where has_table_privilege('authenticated', oid, 'truncate, trigger')");

        // Then
        assertThat(open).isEmpty();
    }

    @Test
    void policiesAskForTheCallerOnceAStatement() {
        // When
        List<String> conditions = superuser.column("""
                select concat_ws(' ', qual, with_check) from pg_policies where concat(qual, with_check) like '%uid()%'
                """);

        // Then
        assertThat(conditions).isNotEmpty()
                .allSatisfy(
                        condition -> assertThat(condition.replace("( SELECT auth.uid() AS uid)", "")).doesNotContain("uid()"));
    }

    @Test
    void everyTableOfAUserHasAPolicyThatShowsThemTheirRowsAlone() {
        // When
        List<Map<String, Object>> open = superuser.rows("select t.name from (" + OUR_TABLES
                + """
                        ) t
                         where t.relkind = 'r' and t.name not like 'auth.%'
                           and exists (select from pg_attribute a
                                        where a.attrelid = t.oid and a.attname = case t.relname when 'profiles' then 'id' else 'user_id' end)
                           and not exists (select from pg_policies p
                                            where p.schemaname || '.' || p.tablename = t.name and p.cmd in ('ALL', 'SELECT')
                                              and p.roles = '{authenticated}' and p.permissive = 'PERMISSIVE'
                                              and p.qual in ('(user_id = ( SELECT auth.uid() AS uid))', '(id = ( SELECT auth.uid() AS uid))'))
                        """);

        // Then
        assertThat(open).isEmpty();
    }

    @Test
    void noPolicyIsForEverybody() {
        // When
        List<String> everybody = superuser
                .column("""
                        select policyname::text from pg_policies where roles && '{public, anon}' and schemaname in ('public', 'chatkeep', 'auth')
                        """);

        // Then
        assertThat(everybody).isEmpty();
    }

    @Test
    void theLoginOfTheServiceIsUnderThePolicies() {
        // When
        Map<String, Object> login = superuser.rows("""
                select rolinherit, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin
                  from pg_roles where rolname = 'chatkeep_app'
                """).get(0);

        // Then
        assertThat(login)
                .isEqualTo(Map.of("rolinherit", false, "rolsuper", false, "rolbypassrls", false, "rolcreaterole", false,
                        "rolcreatedb", false, "rolreplication", false, "rolcanlogin", true));
    }

    @Test
    void theLoginOfTheServiceHasNoRightOnAFunction() {
        // When
        List<String> granted = superuser.column("select name from (" + OUR_FUNCTIONS
                + ") f where has_function_privilege('chatkeep_app', oid, 'execute')");

        // Then
        assertThat(granted).isEmpty();
    }

    @Test
    void everyTableAndFunctionBelongsToTheOwnerOfTheSchema() {
        // When
        List<String> owners = superuser.column("select pg_get_userbyid(relowner)::text from (" + OUR_TABLES
                + ") t union select pg_get_userbyid(proowner)::text from (" + OUR_FUNCTIONS + ") f");

        // Then
        assertThat(owners).containsExactly(PostgresServer.OWNER);
    }

    /** Where the specification gives no length, any will do. */
    private static String withoutOpenLength(String column, List<String> expected) {
        String open = column.replaceFirst("\\(.*", "");
        return expected.contains(open) ? open : column;
    }
}

package dev.chatkeep.profile;

import static dev.chatkeep.testsupport.SqlCaller.INSUFFICIENT_PRIVILEGE;
import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.SqlTest;
import dev.chatkeep.testsupport.WithinOneDay;

/** What the functions about one user answer: signing in, tier, preferences, profile, export and summary. */
@WithinOneDay
@BesideOthers
class UserFunctionsTest extends SqlTest {

    @Nested
    class LogUserActivity {

        @Test
        void saysWhereTheUserActedFrom() throws SQLException {
            // When
            try (Connection connection = user.begin()) {
                from(connection, "192.0.2.7");
                SqlCaller.read(connection, "select public.log_user_activity(?, 'exported')", id);
                connection.commit();
            }

            // Then
            assertThat(superuser.rows("select host(ip_address) as address, user_agent from public.user_activity_log"
                    + " where user_id = ? and action = 'exported'", id))
                    .containsExactly(Map.of("address", "192.0.2.7", "user_agent", "A browser"));
        }

        @ParameterizedTest
        @ValueSource(strings = {
                "select public.update_user_tier('%s', 'pro')",
                "select chatkeep.admin_change_user('%s', null, 5, false, null, null)",
                "select public.update_user_preferences('%s', 'ui', '{}')",
                "select public.log_user_activity('%s', 'a')" })
        void doesNotSayWhereAnAdministratorActedFrom(String sql) throws SQLException {
            // Given
            UUID adminId = database.newUser();

            // When
            try (Connection connection = database.admin(adminId).begin()) {
                from(connection, "192.0.2.7");
                SqlCaller.read(connection, sql.formatted(id));
                connection.commit();
            }

            // Then
            assertThat(superuser.rows("select from public.user_activity_log where user_id = ? or resource_id = ?", id,
                    id.toString())).hasSizeGreaterThan(1);
            assertThat(superuser.rows("select ip_address, user_agent from public.user_activity_log"
                    + " where (user_id = ? or resource_id = ?) and (ip_address is not null or user_agent is not null)", id,
                    id.toString())).isEmpty();
        }

        /** The way the service says where a request came from. */
        private void from(Connection connection, String address) throws SQLException {
            SqlCaller.read(connection, "select set_config('chatkeep.client_address', ?, true),"
                    + " set_config('chatkeep.user_agent', 'A browser', true)", address);
        }

        @Test
        void writesAnEntryAndReturnsItsId() {
            // When
            UUID entry = user.value("select public.log_user_activity(?, 'exported', 'profile', 'p1', '{\"format\": \"json\"}')",
                    id);

            // Then
            assertThat(user.rows("select user_id, action, resource_type, resource_id, details from public.user_activity_log"
                    + " where id = ?", entry))
                    .containsExactly(
                            Map.of("user_id", id, "action", "exported", "resource_type", "profile", "resource_id", "p1",
                                    "details", json("{'format': 'json'}")));
        }

        @Test
        void needsAnActionOnly() {
            // When
            UUID entry = user.value("select public.log_user_activity(?, 'exported')", id);

            // Then
            assertThat(user.<Object> column(
                    "select jsonb_build_array(resource_type, resource_id, details) from public.user_activity_log"
                            + " where id = ?",
                    entry)).containsExactly(json("[null, null, {}]"));
        }

        @Test
        void treatsMissingDetailsAsEmpty() {
            // When
            UUID entry = user.value("select public.log_user_activity(?, 'exported', null, null, null)", id);

            // Then
            assertThat(user.<Object> column("select details from public.user_activity_log where id = ?", entry))
                    .containsExactly(json("{}"));
        }
    }

    @Nested
    class SyncProfileFromAuth {

        @Test
        void saysWhenThereIsNothingToDo() {
            // When
            JsonNode result = user.value("select public.sync_profile_from_auth(?)", id);

            // Then
            assertThat(result).isEqualTo(json("{'success': true, 'updated': false, 'changes': {}}"));
        }

        @Test
        void bringsTheProfileToWhatTheUserIs() {
            // Given
            superuser.rows("update auth.users set raw_user_meta_data = '{\"full_name\": \"Ada\"}' where id = ?", id);
            superuser.rows("update public.profiles set full_name = 'Old', email = 'old@example.org' where id = ?", id);

            // When
            JsonNode result = user.value("select public.sync_profile_from_auth(?)", id);

            // Then
            assertThat(result).isEqualTo(json("""
                    {'success': true, 'updated': true, 'changes': {
                        'full_name': {'old': 'Old', 'new': 'Ada'},
                        'email': {'old': 'old@example.org', 'new': '%s@example.org'}}}
                    """.formatted(id)));
            assertThat(user.rows("select full_name, email from public.profiles"))
                    .containsExactly(Map.of("full_name", "Ada", "email", id + "@example.org"));
        }

        @Test
        void makesAProfileThatIsMissing() {
            // Given
            superuser.rows("delete from public.profiles where id = ?", id);

            // When
            JsonNode result = user.value("select public.sync_profile_from_auth(?)", id);

            // Then
            assertThat(result).isEqualTo(json("{'success': true, 'updated': true, 'changes': {}}"));
            assertThat(user.<String> column("select action from public.user_activity_log")).containsExactly("profile_created");
        }

        @Test
        void saysThatThereIsNoSuchUser() {
            // When
            JsonNode result = database.service().value("select public.sync_profile_from_auth(?)", UUID.randomUUID());

            // Then
            assertThat(result).isEqualTo(json("{'success': false, 'error': 'There is no such user.'}"));
        }
    }

    @Nested
    class SigningIn {

        @Test
        void makesTheUserFromTheClaims() {
            // Given
            UUID newId = UUID.randomUUID();
            SqlCaller newcomer = database.as("authenticated", json("""
                    {'sub': '%s', 'role': 'authenticated', 'email': 'new@example.org',
                     'user_metadata': {'full_name': 'New', 'avatar_url': 'https://example.org/new.png'}}
                    """.formatted(newId)).toString());

            // When
            newcomer.rows("select chatkeep.sign_in()");

            // Then
            assertThat(newcomer.rows("select id, email, full_name, avatar_url from public.profiles")).containsExactly(Map.of(
                    "id", newId, "email", "new@example.org", "full_name", "New", "avatar_url", "https://example.org/new.png"));
        }

        @Test
        void keepsWhatTheClaimsDoNotSay() {
            // Given
            UUID newId = UUID.randomUUID();
            database.as("authenticated", json("""
                    {'sub': '%s', 'role': 'authenticated', 'email': 'new@example.org', 'user_metadata': {'full_name': 'New'}}
                    """.formatted(newId)).toString()).rows("select chatkeep.sign_in()");
            SqlCaller newcomer = database.user(newId);

            // When
            newcomer.rows("select chatkeep.sign_in()");

            // Then
            assertThat(newcomer.rows("select email, full_name from public.profiles"))
                    .containsExactly(Map.of("email", "new@example.org", "full_name", "New"));
        }

        @Test
        void startsTheTotalsAtZero() {
            // When
            List<JsonNode> totals = user.column("select usage_stats from public.profiles");

            // Then
            assertThat(totals).containsExactly(superuser.<JsonNode> value(
                    """
                            select jsonb_build_object('total_messages', 0, 'total_tokens', 0, 'sessions_created', 0, 'last_reset', updated_at)
                              from public.profiles where id = ?
                            """,
                    id));
        }
    }

    @Nested
    class UpdateUserTier {

        @Test
        void answersWithTheTierBefore() {
            // Given
            UUID pro = database.newUser("pro");

            // When
            JsonNode result = database.service().value("select public.update_user_tier(?, 'enterprise')", pro);

            // Then
            assertThat(result).isEqualTo(superuser.value("select jsonb_build_object('success', true, 'old_tier', 'pro',"
                    + " 'new_tier', 'enterprise', 'updated_at', updated_at) from public.profiles where id = ?", pro));
            assertThat(database.user(pro).<String> value("select subscription_tier from public.profiles"))
                    .isEqualTo("enterprise");
        }

        @Test
        void isLogged() {
            // When
            database.service().rows("select public.update_user_tier(?, 'pro')", id);

            // Then
            assertThat(user.rows("select details from public.user_activity_log where action = 'tier_updated'"))
                    .containsExactly(Map.of("details", json("""
                            {'old_tier': 'free', 'new_tier': 'pro', 'actor': {'role': 'service_role', 'id': null}}
                            """)));
        }

        @Test
        void namesTheAdministratorInTheLog() {
            // Given
            UUID adminId = database.newUser();

            // When
            database.admin(adminId).rows("select public.update_user_tier(?, 'pro')", id);

            // Then
            assertThat(user.rows("select details from public.user_activity_log where action = 'tier_updated'"))
                    .containsExactly(Map.of("details", json("""
                            {'old_tier': 'free', 'new_tier': 'pro', 'actor': {'role': 'admin', 'id': '%s'}}
                            """.formatted(adminId))));
        }

        @Test
        void mayLeaveTheTierAsItIs() {
            // When
            JsonNode result = database.service().value("select public.update_user_tier(?, 'free') - 'updated_at'", id);

            // Then
            assertThat(result).isEqualTo(json("{'success': true, 'old_tier': 'free', 'new_tier': 'free'}"));
        }

        @ParameterizedTest
        @ValueSource(strings = { "gold", "", "Pro", "pro " })
        void refusesAnUnknownTier(String tier) {
            // When
            JsonNode result = database.service().value("select public.update_user_tier(?, ?)", id, tier);

            // Then
            assertThat(result).isEqualTo(json("{'success': false, 'error': 'There is no such tier.'}"));
            assertThat(user.<String> value("select subscription_tier from public.profiles")).isEqualTo("free");
        }

        @Test
        void refusesAMissingTier() {
            // When
            JsonNode result = database.service().value("select public.update_user_tier(?, null)", id);

            // Then
            assertThat(result).isEqualTo(json("{'success': false, 'error': 'There is no such tier.'}"));
        }

        @Test
        void refusesAnUnknownUser() {
            // When
            JsonNode result = database.service().value("select public.update_user_tier(?, 'pro')", UUID.randomUUID());

            // Then
            assertThat(result).isEqualTo(json("{'success': false, 'error': 'There is no such user.'}"));
        }

        @Test
        void showsEachOfTwelveConcurrentCallsTheTierBefore() throws Exception {
            // Given
            List<String> tiers = List.of("free", "pro", "enterprise");

            // When
            List<JsonNode> results = MigratedDatabase.together(12,
                    thread -> () -> database.service().value("select public.update_user_tier(?, ?)", id,
                            tiers.get(thread % 3)));

            // Then
            assertThat(results).extracting(result -> result.get("new_tier").textValue()).containsExactlyInAnyOrder(
                    "free", "free", "free", "free", "pro", "pro", "pro", "pro", "enterprise", "enterprise", "enterprise",
                    "enterprise");
            String last = user.value("select subscription_tier from public.profiles");
            List<String> seen = results.stream().map(result -> result.get("old_tier").textValue()).toList();
            assertThat(seen).filteredOn(tier -> tier.equals(last)).hasSize(last.equals("free") ? 4 : 3);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', nullValues = "null", textBlock = """
            {'a': 1}                  | {'b': 2}             | {'a': 1, 'b': 2}
            {'a': 1}                  | {'a': 2}             | {'a': 2}
            {'a': {'x': 1, 'y': 2}}   | {'a': {'y': 3}}      | {'a': {'x': 1, 'y': 3}}
            {'a': {'b': {'c': 1}}}    | {'a': {'b': {'d': 2}}} | {'a': {'b': {'c': 1, 'd': 2}}}
            {'a': {'b': {'c': 1}}}    | {'a': {'b': 5}}      | {'a': {'b': 5}}
            {'a': 5}                  | {'a': {'b': 1}}      | {'a': {'b': 1}}
            {'a': null}               | {'a': {'b': 1}}      | {'a': {'b': 1}}
            {'a': {'b': 1}}           | {'a': null}          | {'a': null}
            {'a': {'b': 1}}           | {'a': {}}            | {'a': {'b': 1}}
            {'a': [1, 2]}             | {'a': [3]}           | {'a': [3]}
            {'a': [{'b': 1}]}         | {'a': [{'c': 2}]}    | {'a': [{'c': 2}]}
            {'a': {'b': 1}}           | {'a': [1]}           | {'a': [1]}
            {'a': 1}                  | [1]                  | [1]
            [1, 2]                    | {'a': 1}             | {'a': 1}
            [1, 2]                    | [3]                  | [3]
            {'a': 1}                  | 5                    | 5
            {}                        | {}                   | {}
            null                      | {'a': 1}             | {'a': 1}
            {'a': 1}                  | null                 | {'a': 1}
            null                      | null                 | {}
            null                      | [1]                  | [1]
            """)
    void objectsMergeAndAnythingElseReplaces(String a, String b, String merged) {
        // When
        JsonNode result = user.value("select public.jsonb_deep_merge(?::jsonb, ?::jsonb)",
                a == null ? null : json(a).toString(), b == null ? null : json(b).toString());

        // Then
        assertThat(result).isEqualTo(json(merged));
    }

    @Nested
    class Preferences {

        @BeforeEach
        void aModelIsOpen() {
            superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free') on conflict do nothing");
        }

        @ParameterizedTest
        @CsvSource({ "ui, ui_preferences", "session, session_preferences" })
        void mergeIntoTheStoredOnes(String type, String column) {
            // Given
            update(type, "{'theme': {'name': 'dark', 'contrast': 'high'}, 'panes': [1, 2]}");

            // When
            JsonNode result = update(type, "{'theme': {'name': 'light'}, 'panes': [3], 'size': 12}");

            // Then
            JsonNode merged = json("{'theme': {'name': 'light', 'contrast': 'high'}, 'panes': [3], 'size': 12}");
            assertThat(result).isEqualTo(
                    json("{'success': true, 'preference_type': '%s', 'preferences': %s}".formatted(type, merged)));
            assertThat(user.<JsonNode> value("select " + column + " from public.profiles")).isEqualTo(merged);
        }

        @Test
        void ofOneTypeLeaveTheOtherAlone() {
            // Given
            update("ui", "{'a': 1}");

            // When
            update("session", "{'a': 2}");

            // Then
            assertThat(user.rows("select ui_preferences, session_preferences from public.profiles")).containsExactly(
                    Map.of("ui_preferences", json("{'a': 1}"), "session_preferences", json("{'a': 2}")));
        }

        @Test
        void ofTheModelAreColumns() {
            // When
            JsonNode result = update("model",
                    "{'default_model': 'gpt', 'temperature': 1.25, 'system_prompt': 'Be brief.', 'allowed_models': ['gpt', 'b']}");

            // Then
            assertThat(result).isEqualTo(
                    json("""
                            {'success': true, 'preference_type': 'model', 'preferences': {
                                'default_model': 'gpt', 'temperature': 1.25, 'system_prompt': 'Be brief.', 'allowed_models': ['gpt', 'b'],
                                'personality_preset': null}}
                            """));
            assertThat(user.rows("select default_model, temperature, system_prompt, allowed_models from public.profiles"))
                    .containsExactly(Map.of("default_model", "gpt", "temperature", new BigDecimal("1.25"),
                            "system_prompt", "Be brief.", "allowed_models", List.of("gpt", "b")));
        }

        @Test
        void ofTheModelThatAreLeftOutStay() {
            // Given
            update("model",
                    "{'default_model': 'gpt', 'temperature': 1.25, 'system_prompt': 'Be brief.', 'allowed_models': ['gpt']}");

            // When
            JsonNode result = update("model", "{'temperature': 0.5}");

            // Then
            assertThat(result.get("preferences")).isEqualTo(json("""
                    {'default_model': 'gpt', 'temperature': 0.50, 'system_prompt': 'Be brief.', 'allowed_models': ['gpt'],
                     'personality_preset': null}
                    """));
        }

        @Test
        void ofTheModelThatAreNullAreCleared() {
            // Given
            update("model",
                    "{'default_model': 'gpt', 'system_prompt': 'Be brief.', 'allowed_models': ['gpt'], 'personality_preset': 'x'}");

            // When
            JsonNode result = update("model",
                    "{'default_model': null, 'system_prompt': null, 'allowed_models': null, 'personality_preset': null}");

            // Then
            assertThat(result.get("preferences")).isEqualTo(json("""
                    {'default_model': null, 'temperature': 0.70, 'system_prompt': null, 'allowed_models': null,
                     'personality_preset': null}
                    """));
        }

        @ParameterizedTest
        @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
                {'temperature': 2.5}        | 23514
                {'temperature': -0.1}       | 23514
                {'temperature': 'hot'}      | 22P02
                {'allowed_models': 'gpt'}   | 22023
                """)
        void ofTheModelMustMakeSense(String preferences, String expected) {
            // When
            String state = user.state("select public.update_user_preferences(?, 'model', ?::jsonb)", id,
                    json(preferences).toString());

            // Then
            assertThat(state).isEqualTo(expected);
        }

        @Test
        void areLoggedByTheirNamesAlone() {
            // When
            update("ui", "{'theme': 'a secret', 'size': 12}");

            // Then
            assertThat(user.rows("select details from public.user_activity_log where action = 'preferences_updated'"))
                    .containsExactly(Map.of("details", json("{'preference_type': 'ui', 'keys': ['size', 'theme']}")));
        }

        @ParameterizedTest
        @ValueSource(strings = { "colour", "", "UI" })
        void areRefusedForAnUnknownType(String type) {
            // When
            JsonNode result = update(type, "{'a': 1}");

            // Then
            assertThat(result)
                    .isEqualTo(json("{'success': false, 'error': 'Preferences are of type ui, session or model.'}"));
        }

        @Test
        void areRefusedWithoutAType() {
            // When
            JsonNode result = update(null, "{'a': 1}");

            // Then
            assertThat(result)
                    .isEqualTo(json("{'success': false, 'error': 'Preferences are of type ui, session or model.'}"));
        }

        @ParameterizedTest
        @ValueSource(strings = { "[]", "5", "null", "'text'" })
        void mustBeAnObject(String preferences) {
            // When
            JsonNode result = update("ui", preferences);

            // Then
            assertThat(result).isEqualTo(json("{'success': false, 'error': 'Preferences must be an object.'}"));
        }

        @Test
        void areRefusedForAnUnknownUser() {
            // When
            JsonNode result = database.service().value("select public.update_user_preferences(?, 'ui', '{}')",
                    UUID.randomUUID());

            // Then
            assertThat(result).isEqualTo(json("{'success': false, 'error': 'There is no such user.'}"));
        }

        @Test
        void ofDifferentKeysFromTwelveConnectionsAreAllKept() throws Exception {
            // When
            List<String> states = MigratedDatabase.together(12, thread -> () -> {
                update("ui", "{'key%d': %d, 'deep': {'key%d': %d}}".formatted(thread, thread, thread, thread));
                return SUCCESS;
            });

            // Then
            assertThat(states).hasSize(12);
            assertThat(user.<JsonNode> value("select ui_preferences from public.profiles")).isEqualTo(user.value("""
                    select jsonb_object_agg('key' || i, i) || jsonb_build_object('deep', jsonb_object_agg('key' || i, i))
                      from generate_series(0, 11) i
                    """));
        }

        private JsonNode update(String type, String preferences) {
            return user.value("select public.update_user_preferences(?, ?, ?::jsonb)", id, type,
                    preferences == null ? null : json(preferences).toString());
        }
    }

    @Nested
    class CompleteProfile {

        @Test
        void saysWhoTheUserIsAndWhatTheyPrefer() {
            // Given
            superuser.rows("delete from public.model_access");
            superuser.rows("""
                    insert into public.model_access (model_id, tier, model_name, model_tags, daily_limit)
                    values ('gpt', 'pro', 'GPT', '{fast}', 5), ('secret', 'admin', 'Secret', '{}', null)
                    """);
            superuser.rows(
                    """
                            update public.profiles
                               set email = 'ada@example.org', full_name = 'Ada', avatar_url = 'https://example.org/ada.png', credits = 7,
                                   subscription_tier = 'pro', default_model = 'gpt', temperature = 1.5, system_prompt = 'Be brief.',
                                   allowed_models = '{gpt}', ui_preferences = '{"theme": "dark"}', session_preferences = '{"limit": 3}'
                             where id = ?
                            """,
                    id);

            // When
            JsonNode profile = user.value("select public.get_user_complete_profile(?) - 'usage_stats' - 'timestamps'", id);

            // Then
            assertThat(profile).isEqualTo(
                    json("""
                            {'id': '%s', 'email': 'ada@example.org', 'full_name': 'Ada', 'avatar_url': 'https://example.org/ada.png',
                             'subscription_tier': 'pro', 'credits': 7,
                             'preferences': {
                                 'model': {'default_model': 'gpt', 'temperature': 1.50, 'system_prompt': 'Be brief.', 'allowed_models': ['gpt'],
                                           'personality_preset': null},
                                 'ui': {'theme': 'dark'},
                                 'session': {'limit': 3}},
                             'available_models': [
                                 {'model_id': 'gpt', 'model_name': 'GPT', 'model_description': null, 'model_tags': ['fast'],
                                  'input_cost_per_token': 0.000000000000, 'output_cost_per_token': 0.000000000000,
                                  'daily_limit': 5, 'monthly_limit': null}]}
                            """
                            .formatted(id)));
        }

        @Test
        void saysWhatTheUserUsedTodayInSevenDaysAndInAll() {
            // Given
            usageOfDaysAgo(0, 100);
            usageOfDaysAgo(6, 106);
            usageOfDaysAgo(7, 107);

            // When
            JsonNode usage = user.value("select public.get_user_complete_profile(?) -> 'usage_stats'", id);

            // Then
            assertThat(usage.get("today").get("total_tokens").intValue()).isEqualTo(100);
            assertThat(usage.get("recent").findValuesAsText("total_tokens")).containsExactly("100", "106");
            assertThat(usage.get("total")).isEqualTo(user.value("select usage_stats from public.profiles"));
            assertThat(usage).hasSize(3);
        }

        @Test
        void saysSoWhenTheUserHasUsedNothing() {
            // When
            JsonNode usage = user.value("select public.get_user_complete_profile(?) -> 'usage_stats' #- '{total,last_reset}'",
                    id);

            // Then
            assertThat(usage).isEqualTo(json("""
                    {'today': null, 'recent': [], 'total': {'total_messages': 0, 'total_tokens': 0, 'sessions_created': 0}}
                    """));
        }

        @Test
        void saysWhenTheUserSignedUpAndWasActive() {
            // When
            JsonNode timestamps = user.value("select public.get_user_complete_profile(?) -> 'timestamps'", id);

            // Then
            assertThat(timestamps)
                    .isEqualTo(user.value("select jsonb_build_object('created_at', created_at, 'updated_at', updated_at,"
                            + " 'last_active', last_active) from public.profiles"));
        }

        @Test
        void isNullForAnUnknownUser() {
            // When
            Object profile = database.service().value("select public.get_user_complete_profile(?)", UUID.randomUUID());

            // Then
            assertThat(profile).isNull();
        }
    }

    @Nested
    class Export {

        @Test
        void holdsEverythingOfTheUser() {
            // Given
            storeConversation();
            deletedConversation(id, "mine");
            UUID otherId = database.newUser();
            database.user(otherId).rows("select chatkeep.create_session(?, 'other', 'Of somebody else')", otherId);
            deletedConversation(otherId, "theirs");
            JsonNode account = superuser.value("select to_jsonb(u) from auth.users u where u.id = ?", id);

            // When
            JsonNode export = user.value("select public.export_user_data(?) - 'exported_at'", id);

            // Then
            assertThat(export).isEqualTo(user.value(
                    """
                            select jsonb_build_object(
                                'account', ?::jsonb,
                                'profile', (select to_jsonb(p) from public.profiles p),
                                'conversations', (
                                    select jsonb_agg(to_jsonb(s) || jsonb_build_object('messages', (
                                               select jsonb_agg(to_jsonb(m) order by m.message_timestamp) from public.chat_messages m)))
                                      from public.chat_sessions s),
                                'activity_log', (select jsonb_agg(to_jsonb(l) order by l.timestamp) from public.user_activity_log l),
                                'usage', (select jsonb_agg(to_jsonb(u)) from public.user_usage_daily u),
                                'usage_by_model', (select jsonb_agg(to_jsonb(b) order by b.model) from chatkeep.usage_by_model b),
                                'counted_sessions', (select jsonb_agg(to_jsonb(c)) from chatkeep.counted_sessions c),
                                'charges', (select jsonb_agg(to_jsonb(c) order by c.message_id) from chatkeep.charges c),
                                'completions', '[]'::jsonb,
                                'calls_before_erasure', '[]'::jsonb,
                                'requests_before_erasure', '[]'::jsonb)
                            """,
                    account.toString()));
            assertThat(export.get("usage_by_model").findValuesAsText("model")).containsExactly("mine");
            assertThat(export.get("counted_sessions").findValuesAsText("session_id")).containsExactly("mine");
            assertThat(export.get("charges").findValuesAsText("message_id")).contains("mine").doesNotContain("theirs");
            assertThat(export.get("conversations").findValuesAsText("content")).containsExactly("first", "second", "third");
        }

        @Test
        void isNullForAnUnknownUser() {
            // When
            Object export = database.service().value("select public.export_user_data(?)", UUID.randomUUID());

            // Then
            assertThat(export).isNull();
        }

        /** It leaves usage of a model of that name, and the memory of what was counted. */
        private void deletedConversation(UUID owner, String name) {
            SqlCaller caller = database.user(owner);
            caller.rows("select public.sync_user_conversations(?, ?::jsonb)", owner, json("""
                    [{'id': 'NAME', 'messages': [{'id': 'NAME', 'role': 'assistant', 'content': 'a', 'model': 'NAME'}]}]
                    """.replace("NAME", name)).toString());
            caller.rows("delete from public.chat_sessions where id = ?", name);
        }
    }

    @Nested
    class Summary {

        @Test
        void addsUpSessionsAndUsage() {
            // Given
            storeConversation();
            superuser.rows("delete from public.user_usage_daily where user_id = ?", id);
            usageOfDaysAgo(0, 100);
            usageOfDaysAgo(6, 106);
            usageOfDaysAgo(7, 107);
            usageOfDaysAgo(29, 129);
            usageOfDaysAgo(30, 130);

            // When
            List<JsonNode> rows = user.column(
                    "select to_jsonb(s) - 'last_active' - 'last_session_at' from public.api_user_summary s");

            // Then
            assertThat(rows).containsExactly(json("""
                    {'user_id': '%s', 'email': '%s@example.org', 'full_name': null, 'subscription_tier': 'free', 'credits': 0,
                     'session_count': 1, 'message_count': 3, 'session_tokens': 12,
                     'messages_7_days': 6, 'tokens_7_days': 206, 'messages_30_days': 12, 'tokens_30_days': 442,
                     'cost_30_days': 1.000000}
                    """.formatted(id, id)));
        }

        @Test
        void saysWhenTheUserWasActiveLast() {
            // Given
            storeConversation();

            // When
            List<Map<String, Object>> rows = user.rows("select last_active, last_session_at from public.api_user_summary");

            // Then
            assertThat(rows).isEqualTo(user.rows("select p.last_active, s.updated_at as last_session_at"
                    + " from public.profiles p, public.chat_sessions s"));
        }

        @Test
        void isZeroForANewUser() {
            // When
            List<JsonNode> rows = user.column("""
                    select jsonb_build_array(session_count, message_count, session_tokens, last_session_at, messages_7_days,
                                             tokens_7_days, messages_30_days, tokens_30_days, cost_30_days)
                      from public.api_user_summary
                    """);

            // Then
            assertThat(rows).containsExactly(json("[0, 0, 0, null, 0, 0, 0, 0, 0]"));
        }

        @Test
        void showsUsersThemselvesAlone() {
            // Given
            database.newUser();

            // When
            List<UUID> users = user.column("select user_id from public.api_user_summary");

            // Then
            assertThat(users).containsExactly(id);
        }

        @Test
        void showsTheServiceEverybody() {
            // Given
            UUID otherId = database.newUser();

            // When
            List<UUID> users = database.service().column("select user_id from public.api_user_summary where user_id in (?, ?)",
                    id,
                    otherId);

            // Then
            assertThat(users).containsExactlyInAnyOrder(id, otherId);
        }

        @Test
        void isReadOnly() {
            // When
            String state = user.state("delete from public.api_user_summary");

            // Then
            assertThat(state).isIn("55000", INSUFFICIENT_PRIVILEGE);
        }
    }

    /** Three messages and a quarter of a unit on one day. */
    private void usageOfDaysAgo(int days, int tokens) {
        superuser.rows(
                """
                        insert into public.user_usage_daily (user_id, usage_date, messages_sent, messages_received, total_tokens, estimated_cost)
                        values (?, (now() at time zone 'UTC')::date - ?, 2, 1, ?, 0.25)
                        """,
                id, days, tokens);
    }
}

package dev.chatkeep.catalog;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.UUID;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;

/** What is kept in system_cache for a while, and the lists of models that are. */
@BesideOthers
class CacheTest {

    private static MigratedDatabase database;
    private static SqlCaller service;
    private static SqlCaller superuser;

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
        service = database.service();
        superuser = database.superuser();
    }

    @BeforeEach
    void nothingIsKept() {
        superuser.rows("delete from public.system_cache");
        superuser.rows("delete from public.model_access");
    }

    @Test
    void aCachedValueIsFound() {
        // Given
        cache("a", "{\"b\": [1]}", "1 hour");

        // When
        JsonNode value = cached("a");

        // Then
        assertThat(value).isEqualTo(json("{'b': [1]}"));
    }

    @Test
    void anUnknownKeyIsNotFound() {
        // When
        JsonNode value = cached("a");

        // Then
        assertThat(value).isNull();
    }

    @Test
    void aValueWithoutALifetimeNeverExpires() {
        // When
        cache("a", "1", null);

        // Then
        assertThat(superuser.column("select expires_at from public.system_cache")).containsExactly((Object) null);
        assertThat(cached("a")).isEqualTo(json("1"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "-1 microsecond", "-1 day", "0" })
    void anExpiredValueIsNotFound(String lifetime) throws SQLException {
        // Given
        JsonNode value;

        // When
        try (Connection connection = service.begin()) {
            SqlCaller.read(connection, "select chatkeep.cache('a', '1', ?::interval)", lifetime);
            value = (JsonNode) SqlCaller.read(connection, "select chatkeep.cached('a') as value").get(0).get("value");
        }

        // Then
        assertThat(value).isNull();
    }

    @Test
    void cachingAgainReplacesValueAndExpiry() {
        // Given
        cache("a", "1", "-1 hour");

        // When
        cache("a", "2", "1 hour");

        // Then
        assertThat(cached("a")).isEqualTo(json("2"));
        assertThat(keys()).containsExactly("a");
    }

    @Test
    void aReadOnlyTransactionCachesNothingAndDoesNotFail() throws SQLException {
        // When
        try (Connection connection = service.begin()) {
            SqlCaller.read(connection, "set transaction read only");
            SqlCaller.read(connection, "select chatkeep.cache('a', '1', null)");
            connection.commit();
        }

        // Then
        assertThat(keys()).isEmpty();
    }

    @Test
    void forgettingRemovesAllKeysWithThePrefix() {
        // Given
        List.of("models:free", "models:pro", "models", "a:models:free", "MODELS:free").forEach(key -> cache(key, "1", null));

        // When
        service.rows("select chatkeep.forget('models:')");

        // Then
        assertThat(keys()).containsExactly("MODELS:free", "a:models:free", "models");
    }

    @Test
    void aPrefixIsNotAPattern() {
        // Given
        List.of("a%b", "a_c", "axb").forEach(key -> cache(key, "1", null));

        // When
        service.rows("select chatkeep.forget('a%')");

        // Then
        assertThat(keys()).containsExactly("a_c", "axb");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "insert into public.model_access (model_id, tier) values ('new', 'free')",
            "update public.model_access set model_name = 'Other'",
            "delete from public.model_access",
            "truncate public.model_access" })
    void everyChangeOfAModelIsANewVersionOfTheCatalogueThatForgetsTheLists(String change) {
        // Given
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        long before = version();
        cache("models:free:" + before, "[]", null);
        cache("other", "1", null);

        // When
        superuser.rows(change);

        // Then
        assertThat(version()).isEqualTo(before + 1);
        assertThat(keys()).containsExactly("other");
    }

    @Test
    void theListOfATierIsCachedUnderTheVersionOfTheCatalogue() {
        // Given
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");

        // When
        database.user(id).rows("select chatkeep.models_of_user(?)", id);

        // Then
        assertThat(keys()).containsExactly("models:free:" + version());
        assertThat(cached("models:free:" + version()).findValuesAsText("id")).containsExactly("gpt");
    }

    @Test
    void aCachedListIsRead() {
        // Given
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        cache("models:free:" + version(), "[{\"id\": \"kept\"}]", "1 hour");

        // When
        List<Map<String, Object>> models = database.user(id).rows("select id from chatkeep.models_of_user(?)", id);

        // Then
        assertThat(models).containsExactly(Map.of("id", "kept"));
    }

    @Test
    void aListCachedBeforeAChangeIsNotUsedAfterIt() {
        // Given
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        long before = version();
        superuser.rows("update public.model_access set is_active = false");
        cache("models:free:" + before, "[{\"id\": \"gpt\"}]", "1 hour");

        // When
        List<Map<String, Object>> models = database.user(id).rows("select id from chatkeep.models_of_user(?)", id);

        // Then
        assertThat(models).isEmpty();
    }

    @Test
    void aReadOnlyTransactionGetsTheListWithoutTheCache() throws SQLException {
        // Given
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        List<Map<String, Object>> models;

        // When
        try (Connection connection = database.user(id).begin()) {
            SqlCaller.read(connection, "set transaction read only");
            models = SqlCaller.read(connection, "select id from chatkeep.models_of_user(?)", id);
        }

        // Then
        assertThat(models).containsExactly(Map.of("id", "gpt"));
        assertThat(keys()).isEmpty();
    }

    private static JsonNode cached(String key) {
        return service.value("select chatkeep.cached(?)", key);
    }

    private static void cache(String key, String value, String lifetime) {
        service.rows("select chatkeep.cache(?, ?::jsonb, ?::interval)", key, value, lifetime);
    }

    private static List<String> keys() {
        return superuser.column("select cache_key from public.system_cache order by cache_key");
    }

    private static long version() {
        return superuser.value("select version from chatkeep.catalog_version");
    }
}

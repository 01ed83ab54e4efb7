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
        cache("a", "{\"b\": [1]}", "1 hour");

        JsonNode value = cached("a");

        assertThat(value).isEqualTo(json("{'b': [1]}"));
    }

    @Test
    void anUnknownKeyIsNotFound() {
        JsonNode value = cached("a");

        assertThat(value).isNull();
    }

    @Test
    void aValueWithoutALifetimeNeverExpires() {
        cache("a", "1", null);

        assertThat(superuser.column("select expires_at from public.system_cache")).containsExactly((Object) null);
        assertThat(cached("a")).isEqualTo(json("1"));
    }

    @ParameterizedTest
    @ValueSource(strings = { "-1 microsecond", "-1 day", "0" })
    void anExpiredValueIsNotFound(String lifetime) throws SQLException {
        JsonNode value;

        try (Connection connection = service.begin()) {
            SqlCaller.read(connection, "select chatkeep.cache('a', '1', ?::interval)", lifetime);
            value = (JsonNode) SqlCaller.read(connection, "select chatkeep.cached('a') as value").get(0).get("value");
        }

        assertThat(value).isNull();
    }

    @Test
    void cachingAgainReplacesValueAndExpiry() {
        cache("a", "1", "-1 hour");

        cache("a", "2", "1 hour");

        assertThat(cached("a")).isEqualTo(json("2"));
        assertThat(keys()).containsExactly("a");
    }

    @Test
    void aReadOnlyTransactionCachesNothingAndDoesNotFail() throws SQLException {
        try (Connection connection = service.begin()) {
            SqlCaller.read(connection, "set transaction read only");
            SqlCaller.read(connection, "select chatkeep.cache('a', '1', null)");
            connection.commit();
        }

        assertThat(keys()).isEmpty();
    }

    @Test
    void forgettingRemovesAllKeysWithThePrefix() {
        List.of("models:free", "models:pro", "models", "a:models:free", "MODELS:free").forEach(key -> cache(key, "1", null));

        service.rows("select chatkeep.forget('models:')");

        assertThat(keys()).containsExactly("MODELS:free", "a:models:free", "models");
    }

    @Test
    void aPrefixIsNotAPattern() {
        List.of("a%b", "a_c", "axb").forEach(key -> cache(key, "1", null));

        service.rows("select chatkeep.forget('a%')");

        assertThat(keys()).containsExactly("a_c", "axb");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "insert into public.model_access (model_id, tier) values ('new', 'free')",
            "update public.model_access set model_name = 'Other'",
            "delete from public.model_access",
            "truncate public.model_access" })
    void everyChangeOfAModelIsANewVersionOfTheCatalogueThatForgetsTheLists(String change) {
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        long before = version();
        cache("models:free:" + before, "[]", null);
        cache("other", "1", null);

        superuser.rows(change);

        assertThat(version()).isEqualTo(before + 1);
        assertThat(keys()).containsExactly("other");
    }

    @Test
    void theListOfATierIsCachedUnderTheVersionOfTheCatalogue() {
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");

        database.user(id).rows("select chatkeep.models_of_user(?)", id);

        assertThat(keys()).containsExactly("models:free:" + version());
        assertThat(cached("models:free:" + version()).findValuesAsText("id")).containsExactly("gpt");
    }

    @Test
    void aCachedListIsRead() {
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        cache("models:free:" + version(), "[{\"id\": \"kept\"}]", "1 hour");

        List<Map<String, Object>> models = database.user(id).rows("select id from chatkeep.models_of_user(?)", id);

        assertThat(models).containsExactly(Map.of("id", "kept"));
    }

    @Test
    void aListCachedBeforeAChangeIsNotUsedAfterIt() {
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        long before = version();
        superuser.rows("update public.model_access set is_active = false");
        cache("models:free:" + before, "[{\"id\": \"gpt\"}]", "1 hour");

        List<Map<String, Object>> models = database.user(id).rows("select id from chatkeep.models_of_user(?)", id);

        assertThat(models).isEmpty();
    }

    @Test
    void aReadOnlyTransactionGetsTheListWithoutTheCache() throws SQLException {
        UUID id = database.newUser();
        superuser.rows("insert into public.model_access (model_id, tier) values ('gpt', 'free')");
        List<Map<String, Object>> models;

        try (Connection connection = database.user(id).begin()) {
            SqlCaller.read(connection, "set transaction read only");
            models = SqlCaller.read(connection, "select id from chatkeep.models_of_user(?)", id);
        }

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
